"""``airseg info``: say what is in recordings and datasets."""

from __future__ import annotations

import json
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import click
import numpy as np

from airseg.cli.options import every_option, map_option, recordings_argument
from airseg.cli.recorded_flights import DATASET_SUFFIXES, with_datasets_inside


@click.command("info")
@recordings_argument("paths")
@map_option("Label map.  [default: that of the environment]")
@every_option("Count classes in every Nth frame.", 10)
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
def command(paths: tuple[Path, ...], map_name: str | None, every: int, as_json: bool) -> None:
    """Say what is in PATHS: frames, motion, and how much of each class is seen.

    PATHS are recordings, datasets (.h5) or their indexes (.json), or folders with recordings or
    datasets. With --json, names are those of the columns of `relabel --report` and of exports.

    \b
    Examples:
      airseg info recordings
      airseg info dataset.h5
      airseg info dataset.h5 \\
          --json | jq '.[] | {sequence, frames, sky: .classes.sky}'
    """
    rows: list[dict[str, Any]] = []
    for path in with_datasets_inside(paths):
        if path.suffix in (*DATASET_SUFFIXES, ".json"):
            rows += _dataset_rows(path, every)
        else:
            rows += _recording_rows(path, map_name, every)
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
    from airseg.recording.stored.storage import (
        Recording,
        find_recordings,
        refuse_deeper_recordings,
    )

    refuse_deeper_recordings([path])
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
    """Print facts and classes down, sequences across: as many beside each other as fit."""
    from rich.console import Console
    from rich.table import Table

    from airseg.cli.display import as_written

    console = Console()
    classes = list(dict.fromkeys(name for row in rows for name in row["classes"]))
    heads = [*_FACTS, "", "% of pixels", *classes]
    columns = [[row["sequence"], *_cells(row), "", "", *_percent(row, classes)] for row in rows]
    widest = max(map(len, heads))
    for block in _blocks(columns, console.width - widest):
        table = Table(box=None, header_style="bold", pad_edge=False)
        table.add_column("sequence", no_wrap=True)
        for column in block:
            table.add_column(*as_written(column[:1]), justify="right", no_wrap=True)
        for number, head in enumerate(heads, 1):
            table.add_row(*as_written([head, *(column[number] for column in block)]))
        console.print(table)
        console.print()
    total = sum(row["frames"] for row in rows)
    console.print(f"{total} frames in {len(rows)} sequences")


_FACTS = (
    *("frames", "status", "split", "size", "MB", "seconds", "metres"),
    *("m/s mean", "m/s top", "deg/s mean", "deg/s top", "lowest m", "highest m"),
)


def _cells(row: dict[str, Any]) -> list[str]:
    """Return what `_FACTS` are of a sequence."""
    size = f"{row['width']}x{row['height']}"
    weight = "" if row["megabytes"] is None else f"{row['megabytes']:.0f}"
    cells = [str(row["frames"]), row["status"], row["split"] or "-", size, weight]
    motion = row["motion"]
    numbers = (
        *("duration_s", "length_m", "mean_speed_mps", "top_speed_mps"),
        *("mean_yaw_rate_dps", "top_yaw_rate_dps", "lowest_m", "highest_m"),
    )
    return cells + [f"{motion[n]:.1f}" if motion else "" for n in numbers]


def _percent(row: dict[str, Any], classes: list[str]) -> list[str]:
    shares = row["classes"]
    return [f"{100 * shares[name]:.1f}" if name in shares else "" for name in classes]


def _blocks(columns: list[list[str]], width: int) -> list[list[list[str]]]:
    """Return columns in groups that fit side by side, at least one in each."""
    blocks: list[list[list[str]]] = []
    left = 0
    for column in columns:
        wanted = max(map(len, column)) + 2
        if not blocks or wanted > left:
            blocks.append([])
            left = width
        blocks[-1].append(column)
        left -= wanted
    return blocks
