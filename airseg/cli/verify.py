"""``airseg verify``: check recordings and datasets frame by frame."""

from __future__ import annotations

import json
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import click

from airseg.cli.options import recordings_argument
from airseg.cli.recorded_flights import DATASET_SUFFIXES, with_datasets_inside
from airseg.errors import DatasetError, RecordingError

_INDEX = ".json"


@click.command("verify")
@recordings_argument("paths")
@click.option("--repair", is_flag=True, help="Cut damaged recordings to their last good frame.")
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
def command(paths: tuple[Path, ...], repair: bool, as_json: bool) -> None:
    """Check every frame of PATHS: recordings, datasets (.h5), indexes (.json), folders of those.

    Recordings: checksums, sizes, ids against the object table, time steps, poses against the plan,
    counts. After --repair, `airseg record` with the same plan records what was cut off.

    Datasets: format version, layout, types, hashes of frames and attributes, classes, labels
    against raw ids and label map, poses, time steps, where they come from.

    \b
    Examples:
      airseg verify recordings
      airseg verify recordings/loop_walk --repair
      airseg verify dataset.h5
    """
    from airseg.cli.display import progress_bar
    from airseg.dataset.checking.dataset_verification import verify_dataset
    from airseg.recording.stored.recording_verification import repair_recording, verify_recording
    from airseg.recording.stored.storage import find_recordings, refuse_deeper_recordings

    indexed = _files_of_indexes(paths)
    paths = paths if repair else tuple(with_datasets_inside(paths))
    files = [path for path in paths if path.suffix in DATASET_SUFFIXES] + indexed
    if files and repair:
        raise DatasetError(
            f"{files[0]}: a dataset is not repaired: pack it again with 'airseg relabel'."
        )
    folders = [path for path in paths if path.suffix not in (*DATASET_SUFFIXES, _INDEX)]
    refuse_deeper_recordings(folders)
    reports: list[Any] = []
    with progress_bar("frames") as update:
        reports += [verify_dataset(file, partial(update, file.name)) for file in files]
        for folder in find_recordings(folders):
            name = folder.name
            reports.append(verify_recording(folder, partial(update, name)))
    if as_json:
        click.echo(json.dumps([_plain(r) for r in reports], indent=1))
    for report in reports:
        if not as_json:
            _tell(report)
        if repair and (report.findings or report.leftovers):
            left = repair_recording(report)
            click.echo(f"{report.folder.name}: cut to {left} sound frames", err=as_json)
    if not repair:
        _complain(reports)


def _files_of_indexes(paths: tuple[Path, ...]) -> list[Path]:
    """Return the files under indexes, once they are known to be those that are meant."""
    from airseg.dataset.reading import Dataset

    files = [
        file for path in paths if path.suffix == _INDEX for file in Dataset(path, check=True).files
    ]
    for file in files:
        file.compare_with_index()
    return [Path(file.path) for file in files]


def _complain(reports: list[Any]) -> None:
    """End with one line and exit code 2 where something is damaged."""
    recordings = [r for r in reports if hasattr(r, "folder")]
    files = [r for r in reports if not hasattr(r, "folder")]
    complaints = []
    if damaged := [r.folder.name for r in recordings if not r.is_sound]:
        as_a_whole = [r.folder.name for r in recordings if any(f.frame is None for f in r.findings)]
        remedy = "" if damaged == as_a_whole else " --repair cuts them to their last good frame."
        if as_a_whole:
            remedy += f" No frames can be cut to mend {', '.join(as_a_whole)}."
        complaints.append(
            f"{len(damaged)} of {len(recordings)} recordings are damaged: {', '.join(damaged)}."
            + remedy
        )
    if damaged := [r.path.name for r in files if not r.is_sound]:
        complaints.append(
            f"{len(damaged)} of {len(files)} datasets are damaged: {', '.join(damaged)}. Restore "
            "them, or pack them again with 'airseg relabel'."
        )
    if complaints:
        raise (RecordingError if damaged == [] else DatasetError)(" ".join(complaints))


def _path(report: Any) -> Path:
    return report.folder if hasattr(report, "folder") else report.path


def _plain(report: Any) -> dict[str, Any]:
    place = "folder" if hasattr(report, "folder") else "path"
    return {**asdict(report), place: str(_path(report)), "is_sound": report.is_sound}


def _tell(report: Any) -> None:
    if hasattr(report, "folder"):
        _tell_recording(report)
        return
    what = f"{report.path.name}: {report.frames} frames of {report.sequences} sequences"
    if report.is_sound:
        click.echo(f"{what}, all sound (content {report.content_hash[:12]})")
    else:
        click.echo(f"{what}, {len(report.findings)} findings")
    _tell_findings(report.findings)
    for note in report.notes:
        click.echo(f"  note: {note}")


def _tell_findings(findings: tuple[Any, ...]) -> None:
    for finding in findings[:20]:
        click.echo(f"  {finding.message}")
    if len(findings) > 20:
        click.echo(f"  and {len(findings) - 20} more")


def _tell_recording(report: Any) -> None:
    ended = report.status + (f" ({report.reason})" if report.reason else "")
    if report.is_sound:
        click.echo(f"{report.folder.name}: {report.frames} frames, all sound; {ended}")
    else:
        click.echo(
            f"{report.folder.name}: {report.good_frames} of {report.frames} frames are sound up "
            f"to the first damage; {ended}"
        )
    _tell_findings(report.findings)
    for note in report.notes:
        click.echo(f"  note: {note}")
    if report.leftovers:
        click.echo(f"  {report.leftovers} files belong to frames that were never finished")
