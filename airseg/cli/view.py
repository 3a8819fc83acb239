"""``airseg view``: look at recordings and datasets."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from airseg.cli.options import every_option, map_option

if TYPE_CHECKING:
    from airseg.dataset.exporting.rerun_log import FrameScores
    from airseg.dataset.reading import Dataset
    from airseg.recording.stored.shown_flight import ShownFlight


@click.command("view")
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--sequence", "name", help="Which sequence.  [default: the first]")
@map_option("Label map of a recording.  [default: its environment's]")
@click.option(
    "--predictions",
    type=click.Path(path_type=Path),
    help="Show what a network says of a dataset, too: a folder or file as for 'bench score'.",
)
@every_option("Take every Nth frame.")
@click.option(
    "--save",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write a file of Rerun's (.rrd) or a film (.mp4), and open nothing.",
)
@click.option("--web", is_flag=True, help="In a browser, instead of a window of its own.")
def command(
    path: Path,
    name: str | None,
    map_name: str | None,
    predictions: Path | None,
    every: int,
    save: Path | None,
    web: bool,
) -> None:
    """Look at a sequence of PATH, a recording, a folder of some, or a dataset.

    Rerun's viewer opens where rerun-sdk is installed (pip install 'airseg[view]'): frames, classes
    by name, depth, the way, and scores over time. Elsewhere a film is written, frames beside
    labels.

    \b
    Examples:
      airseg view recordings/loop_walk
      airseg view dataset.h5 --sequence roofs --predictions predictions --web
      airseg view dataset.h5 --save roofs.rrd
    """
    from airseg.dataset.exporting.rerun_log import has_rerun

    if save is not None and save.suffix not in (".rrd", ".mp4"):
        raise click.UsageError(f"--save {save}: expected a name that ends in .rrd or .mp4.")
    if path.is_dir():
        if predictions is not None:
            raise click.UsageError("--predictions are of a dataset; this is a folder.")
        _show(_recorded(path, name, map_name), every, save, None, web=web)
        return
    from airseg.dataset.reading import Dataset

    if map_name is not None:
        raise click.UsageError("--map is for recordings; a dataset has classes.")
    with Dataset(path, check=True) as dataset:
        flight, scores = _packed(dataset, name, predictions)
        _show(flight, every, save, scores, web=web and has_rerun())


def _recorded(path: Path, name: str | None, map_name: str | None) -> ShownFlight:
    """Return one recording of a folder."""
    from airseg.cli.recorded_flights import open_flights
    from airseg.errors import RecordingError, did_you_mean
    from airseg.recording.stored.storage import find_recordings, read_info

    names = {read_info(folder).sequence: folder for folder in find_recordings([path])}
    chosen = _first(name, list(names))
    if chosen not in names:
        hint = did_you_mean(chosen, names, "Sequences")
        raise RecordingError(f"{path}: there is no sequence '{chosen}'.{hint}")
    (flight,) = open_flights([names[chosen]], map_name)
    return flight


def _packed(
    dataset: Dataset, name: str | None, predictions: Path | None
) -> tuple[ShownFlight, FrameScores | None]:
    """Return one sequence of a dataset, and how to score its frames."""
    from airseg.dataset.reading.shown_sequence import shown_sequence
    from airseg.labels.label_map import parse_label_map

    view = dataset.sequence(_first(name, dataset.sequences))
    label_map = parse_label_map(dataset.label_map_text, f"{dataset.path}: label_map")
    flight = shown_sequence(view, label_map)
    if predictions is None:
        return flight, None
    from airseg.bench.scoring.submission import open_submission

    submission = open_submission(predictions, dataset, [view.name])
    from airseg.bench.scoring.frame_scores import frame_scores  # which loads PyTorch

    said = replace(flight, read_prediction=partial(submission.frame, view))
    scores = partial(
        frame_scores, num_classes=dataset.num_classes, ignore_index=dataset.ignore_index
    )
    return said, scores


def _first(name: str | None, names: list[str]) -> str:
    if name is not None:
        return name
    if len(names) > 1:
        click.echo(
            f"showing {names[0]}, the first of {len(names)} sequences; choose by --sequence.",
            err=True,
        )
    return names[0]


def _show(
    flight: ShownFlight, every: int, save: Path | None, scores: FrameScores | None, *, web: bool
) -> None:
    """Show a sequence in the viewer, or write what was asked for."""
    from airseg.cli.display import progress_bar
    from airseg.dataset.exporting.rerun_log import has_rerun, save_flight

    frames = range(0, len(flight), every)
    is_film = save.suffix == ".mp4" if save is not None else not has_rerun()
    if save is None and not is_film:
        _open_viewer(flight, frames, scores, web=web)
        return
    target = save or Path(f"{flight.name}.mp4")
    with progress_bar("frames") as update:
        if is_film:
            _write_film(flight, frames, target, partial(update, flight.name))
        else:
            save_flight(flight, target, frames, scores, update)
    click.echo(f"{flight.name}: {len(frames)} frames in {target}")
    if save is None:
        click.echo("a viewer comes with: pip install 'airseg[view]'", err=True)


def _write_film(flight: ShownFlight, frames: range, target: Path, progress: Any) -> None:
    from airseg.recording.stored.preview import PreviewArtist, frame_rate, write_preview

    target.parent.mkdir(parents=True, exist_ok=True)
    write_preview(PreviewArtist(flight), frames, frame_rate(flight), target, progress)


def _open_viewer(
    flight: ShownFlight, frames: range, scores: FrameScores | None, *, web: bool
) -> None:
    """Open Rerun's viewer, or serve it to browsers of this machine, until it is closed."""
    from airseg.cli.display import progress_bar
    from airseg.dataset.exporting.rerun_log import save_flight

    has_display = any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))
    if sys.platform.startswith("linux") and not web and not has_display:
        raise click.UsageError(
            "there is no display to open a window on. Pass --web to look from a browser, or --save."
        )
    with tempfile.TemporaryDirectory(prefix="airseg-view-") as folder:
        file = Path(folder) / f"{flight.name}.rrd"
        with progress_bar("frames") as update:
            save_flight(flight, file, frames, scores, update)
        # By itself Rerun listens to the whole network.
        command = [sys.executable, "-m", "rerun", str(file), "--bind", "127.0.0.1"]
        if web:
            command.append("--web-viewer" if has_display else "--serve-web")
            click.echo("serving the viewer until Ctrl-C", err=True)
        try:
            subprocess.run(command, check=False)
        except KeyboardInterrupt:
            return
