"""``airseg preview``: make an MP4 of a recording."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import click

from airseg.cli.names import FOLDER
from airseg.cli.options import every_option, map_option, recordings_argument


@click.command("preview")
@recordings_argument("recordings")
@click.option(
    "--out",
    type=FOLDER,
    help="Folder for the films.  [default: beside them]",
)
@map_option("Label map.  [default: that of the environment]")
@every_option("Take every Nth frame.")
def command(
    recordings: tuple[Path, ...], out: Path | None, map_name: str | None, every: int
) -> None:
    """Make an MP4 of each of RECORDINGS: frames beside labels, a legend, time and speed.

    \b
    Examples:
      airseg preview recordings/loop_walk
      airseg preview recordings --out films --every 2
    """
    from airseg.cli.display import progress_bar
    from airseg.cli.recorded_flights import open_flights
    from airseg.recording.stored.preview import PreviewArtist, frame_rate, write_preview
    from airseg.recording.stored.storage import find_recordings

    with progress_bar("frames") as update:
        for folder in find_recordings(recordings):
            (flight,) = open_flights([folder], map_name)
            target = (out or folder.parent) / f"{folder.name}.mp4"
            target.parent.mkdir(parents=True, exist_ok=True)
            shown = range(0, len(flight), every)
            told = partial(update, folder.name)
            write_preview(PreviewArtist(flight), shown, frame_rate(flight), target, told)
            click.echo(f"{folder.name}: {len(shown)} frames in {target}")
