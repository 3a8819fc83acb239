"""``airseg preview``: make an MP4 of a recording."""

from __future__ import annotations

from fractions import Fraction
from functools import partial
from pathlib import Path

import click

from airseg.errors import RecordingError


@click.command("preview")
@click.argument("recordings", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--out", type=click.Path(path_type=Path), help="Folder for the films.  [default: beside them]"
)
@click.option("--map", "map_name", help="Label map.  [default: that of the environment]")
@click.option("--every", default=1, show_default=True, type=click.IntRange(min=1), help="Nth frame")
def command(
    recordings: tuple[Path, ...], out: Path | None, map_name: str | None, every: int
) -> None:
    """Make an MP4 of each of RECORDINGS: frames beside labels, a legend, time and speed.

    \b
    Example:
      airseg preview recordings/loop_walk
      airseg preview recordings --out films --every 2
    """
    from airseg.cli.display import progress_bar
    from airseg.labels.label_map import load_label_map
    from airseg.labels.resolution import resolve
    from airseg.recording.stored.preview import PreviewArtist, write_preview
    from airseg.recording.stored.storage import Recording, find_recordings

    with progress_bar("frames") as update:
        for folder in find_recordings(recordings):
            recording = Recording.open(folder)
            if not len(recording):
                raise RecordingError(f"{folder}: has no frames yet. Run `airseg record` first.")
            label_map = load_label_map(map_name or recording.info.environment)
            table = resolve(label_map, recording.object_table).table
            artist = PreviewArtist(recording, table, label_map.class_names, label_map.palette())
            target = (out or folder.parent) / f"{folder.name}.mp4"
            target.parent.mkdir(parents=True, exist_ok=True)
            rate = Fraction(recording.info.rate_hz).limit_denominator(1000)
            shown = range(0, len(recording), every)
            write_preview(artist, shown, rate, target, partial(update, folder.name))
            click.echo(f"{folder.name}: {len(shown)} frames in {target}")
