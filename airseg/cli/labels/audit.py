"""``airseg labels audit``: every raw label of recordings with pictures, on one page."""

from __future__ import annotations

from pathlib import Path

import click

from airseg.cli.options import map_option, out_folder_option, recordings_argument


@click.command("audit")
@recordings_argument("inputs")
@map_option("Label map to hold against them: a file or a shipped name.")
@out_folder_option("Folder for the page and JSON.")
@click.option(
    "--palette",
    type=click.Path(path_type=Path),
    help="What label colours mean: AirSim's text form, or a recording.json.",
)
@click.option("--jobs", default=2, show_default=True, type=click.IntRange(1, 64), help="Threads.")
def command(
    inputs: tuple[Path, ...], map_name: str | None, out: Path, palette: Path | None, jobs: int
) -> None:
    """Count every raw label of INPUTS in one pass, and show each on a page to choose classes on.

    INPUTS are what airseg relabel takes. The page tells what no rule takes, what is ignored, what
    looks unlike its class, and rules that take nothing; it works from disk and writes the edited
    label map for download.

    \b
    Example:
      airseg labels audit recordings --map neighborhood --out audit
    """
    from airseg.cli.display import progress_bar
    from airseg.dataset.packing.sources import open_sources
    from airseg.labels import load_label_map
    from airseg.labels.audit import join
    from airseg.labels.audit_page import write_audit
    from airseg.labels.judgement import add_remarks
    from airseg.labels.label_counts import count_sequences

    label_map = load_label_map(map_name) if map_name else None
    sources = open_sources(list(inputs), palette)
    with progress_bar("frames") as update:
        statistics = count_sequences(sources, update, jobs)
    report = join(sources, statistics, label_map)
    add_remarks(report.entries)
    for entry in report.entries:
        if entry.pixels and entry.state in ("unmapped", "conflicting") and label_map:
            click.echo(f"{entry.name}: {entry.remarks[0]} ({entry.pixels:,} pixels)")
    json_path, html_path = write_audit(out, report, sources, label_map)
    seen = sum(bool(entry.pixels) for entry in report.entries)
    remarked = sum(bool(entry.remarks) for entry in report.entries)
    click.echo(
        f"{report.frames} frames, {seen} labels seen, {remarked} with remarks; wrote {html_path} "
        f"({html_path.stat().st_size / 1e6:.1f} MB) and {json_path}"
    )
