"""``airseg verify``: check recordings frame by frame, and repair them."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from airseg.errors import RecordingError


@click.command("verify")
@click.argument("recordings", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--repair", is_flag=True, help="Cut damaged recordings to their last good frame.")
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
def command(recordings: tuple[Path, ...], repair: bool, as_json: bool) -> None:
    """Check every frame of RECORDINGS, or of the recordings in a folder.

    Checksums, sizes, ids against the object table, time steps, poses against the plan, counts.
    After --repair, `airseg record` with the same plan records what was cut off.

    \b
    Examples:
      airseg verify recordings
      airseg verify recordings/loop_walk --repair
    """
    from airseg.cli.display import progress_bar
    from airseg.recording.storage import find_recordings
    from airseg.recording.verification import repair_recording, verify_recording

    reports = []
    with progress_bar("frames") as update:
        for folder in find_recordings(recordings):
            name = folder.name
            reports.append(verify_recording(folder, lambda d, t, name=name: update(name, d, t)))
    if as_json:
        click.echo(json.dumps([_plain(r) for r in reports], indent=1))
    for report in reports:
        if not as_json:
            _tell(report)
        if repair and (report.findings or report.leftovers):
            left = repair_recording(report)
            click.echo(f"{report.folder.name}: cut to {left} sound frames", err=as_json)
    damaged = [r.folder.name for r in reports if not r.is_sound]
    if damaged and not repair:
        raise RecordingError(
            f"{len(damaged)} of {len(reports)} recordings are damaged: {', '.join(damaged)}. "
            "--repair cuts them to their last good frame."
        )


def _plain(report: Any) -> dict[str, Any]:
    return {**asdict(report), "folder": str(report.folder), "is_sound": report.is_sound}


def _tell(report: Any) -> None:
    ended = report.status + (f" ({report.reason})" if report.reason else "")
    if report.is_sound:
        click.echo(f"{report.folder.name}: {report.frames} frames, all sound; {ended}")
    else:
        click.echo(
            f"{report.folder.name}: {report.good_frames} of {report.frames} frames are sound up "
            f"to the first damage; {ended}"
        )
    for finding in report.findings[:20]:
        click.echo(f"  {finding.message}")
    if len(report.findings) > 20:
        click.echo(f"  and {len(report.findings) - 20} more")
    if report.leftovers:
        click.echo(f"  {report.leftovers} files belong to frames that were never finished")
