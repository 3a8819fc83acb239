"""``airseg info``: say what is in recordings and datasets."""

from __future__ import annotations

import json
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import click
import numpy as np


@click.command("info")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--map", "map_name", help="Label map.  [default: that of the environment]")
@click.option(
    "--every", default=10, show_default=True, help="Count classes in every Nth frame.", metavar="N"
)
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
def command(paths: tuple[Path, ...], map_name: str | None, every: int, as_json: bool) -> None:
    """Say what is in PATHS: frames, motion, and how much of each class is seen.

    PATHS are recordings, folders of recordings, datasets (.h5) or their indexes (.json). With
    --json, names are those of the columns of `relabel --report` and of exports.

    \b
    Examples:
      airseg info recordings
      airseg info dataset.h5
      airseg info dataset.h5 --json | jq '.[] | {sequence, frames, sky: .classes.sky}'
    """
    rows: list[dict[str, Any]] = []
    for path in paths:
        if path.suffix in (".h5", ".hdf5", ".json"):
            rows += _dataset_rows(path, max(every, 1))
        else:
            rows += _recording_rows(path, map_name, max(every, 1))
    if as_json:
        click.echo(json.dumps(rows, indent=1))
    else:
        _print_tables(rows)


def _recording_rows(path: Path, map_name: str | None, every: int) -> list[dict[str, Any]]:
    from airseg.cli.display import progress_bar
    from airseg.labels.label_map import load_label_map
    from airseg.labels.relabel import count_labels
    from airseg.labels.resolution import resolve
    from airseg.recording.stored.recording_figures import recording_id_pixels, recording_motion
    from airseg.recording.stored.storage import Recording, find_recordings

    rows = []
    with progress_bar("frames") as update:
        for folder in find_recordings([path]):
            recording = Recording.open(folder)
            label_map = load_label_map(map_name or recording.info.environment)
            pixels = recording_id_pixels(recording, every, partial(update, folder.name))
            table = resolve(label_map, recording.object_table).table
            labels = count_labels(pixels, table)
            rows.append(
                {
                    "sequence": recording.name,
                    "split": recording.info.split,
                    "environment": recording.info.environment,
                    "frames": len(recording),
                    "labelled_frames": len(recording),
                    "width": recording.info.camera["width"],
                    "height": recording.info.camera["height"],
                    "rate_hz": recording.info.rate_hz,
                    "status": recording.info.status,
                    "megabytes": _megabytes(folder),
                    "motion": _motion(recording_motion(recording)),
                    "classes": _shares(labels, label_map.class_names),
                }
            )
    return rows


def _dataset_rows(path: Path, every: int) -> list[dict[str, Any]]:
    from airseg.dataset.exporting.common import sequence_row
    from airseg.dataset.reading.reader import Dataset
    from airseg.recording.stored.recording_figures import motion_statistics

    rows = []
    with Dataset(path, check=True) as dataset:
        for view in dataset:
            labels = np.zeros(256, np.int64)
            labelled = np.flatnonzero(view.labelled)
            for start in labelled[::every].tolist():
                labels += np.bincount(view.label(start, start + 1).ravel(), minlength=256)
            rows.append(
                {
                    **sequence_row(view),
                    "status": "packed",
                    "megabytes": None,
                    "motion": _motion(motion_statistics(view.poses, view.timestamps_ns))
                    if np.isfinite(view.poses).all()
                    else None,
                    "classes": _shares(labels, tuple(dataset.class_names)),
                }
            )
    return rows


def _motion(motion: Any) -> dict[str, float] | None:
    return asdict(motion) if motion else None


def _shares(pixels: np.ndarray, names: tuple[str, ...]) -> dict[str, float]:
    """Return each class's share of the pixels; ``ignored`` is what has no class."""
    total = max(int(pixels.sum()), 1)
    shares = {name: float(pixels[label] / total) for label, name in enumerate(names)}
    shares["ignored"] = max(1.0 - sum(shares.values()), 0.0)
    return shares


def _megabytes(folder: Path) -> float:
    return sum(p.stat().st_size for p in folder.rglob("*") if p.is_file()) / 1e6


def _print_tables(rows: list[dict[str, Any]]) -> None:
    from rich.console import Console
    from rich.table import Table

    from airseg.cli.display import as_written

    what = Table(box=None, header_style="bold")
    heads = ("sequence", "frames", "status", "split", "size", "MB", "s", "m", "m/s mean", "m/s top")
    for head in (*heads, "deg/s mean", "deg/s top", "height m"):
        what.add_column(head, justify="left" if head in heads[:1] else "right")
    seen = Table(box=None, header_style="bold")
    classes = list(dict.fromkeys(name for row in rows for name in row["classes"]))
    for name in as_written(["% of pixels", *classes]):
        seen.add_column(name, justify="right" if seen.columns else "left")
    for row in rows:
        what.add_row(*as_written(_cells(row)))
        shares = row["classes"]
        percent = [f"{100 * shares[c]:.1f}" if c in shares else "" for c in classes]
        seen.add_row(*as_written([row["sequence"], *percent]))
    total = sum(row["frames"] for row in rows)
    console = Console(width=None if Console().is_terminal else 180)
    console.print(what)
    console.print()
    console.print(seen)
    console.print(f"\n{total} frames in {len(rows)} sequences")


def _cells(row: dict[str, Any]) -> list[str]:
    size = f"{row['width']}x{row['height']}"
    weight = "" if row["megabytes"] is None else f"{row['megabytes']:.0f}"
    cells = [row["sequence"], str(row["frames"]), row["status"], row["split"] or "-", size, weight]
    motion = row["motion"]
    if motion is None:
        return cells + [""] * 7
    numbers = ("duration_s", "length_m", "mean_speed_mps", "top_speed_mps")
    turns = ("mean_yaw_rate_dps", "top_yaw_rate_dps")
    cells += [f"{motion[n]:.1f}" for n in numbers + turns]
    return [*cells, f"{motion['lowest_m']:.1f} to {motion['highest_m']:.1f}"]
