"""``airseg relabel``: collapse mesh labels into classes and pack a dataset."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from airseg.cli.names import CommandWithOldSpellings
from airseg.cli.options import (
    assign_option,
    codec_option,
    jobs_option,
    map_option,
    out_file_option,
    overwrite_option,
    recordings_argument,
    without_streams_options,
)

if TYPE_CHECKING:
    import numpy as np

    from airseg.dataset.packing.label_folder import FolderOptions
    from airseg.dataset.packing.writer import PackItem, PackOptions
    from airseg.labels.label_map import LabelMap


@click.command("relabel", cls=CommandWithOldSpellings, old={"--split": ("--assign", "=")})
@recordings_argument("inputs")
@map_option("Label map: a YAML file or a shipped name.", required=True)
@out_file_option
@assign_option("Put sequences into train, val or test; may be given several times.")
@click.option(
    "--allow-unmapped", is_flag=True, help="Ignore meshes without a class instead of refusing them."
)
@codec_option(
    "Compression of colour frames: lz4 (fast), zstd (a quarter smaller), gzip (opens "
    "everywhere), lzf, or none (fastest to read)."
)
@without_streams_options
@click.option(
    "--as",
    "kind",
    type=click.Choice(["npy", "png"]),
    help="Write label images into the folder --out instead of packing a dataset.",
)
@jobs_option(
    "Processes that pack; with --as, sequences at a time.  [default: one a core, at most 8]"
)
@click.option(
    "--palette",
    type=click.Path(path_type=Path),
    help="What label colours mean: AirSim's text form, or a recording.json.",
)
@click.option(
    "--min-region",
    default=0,
    type=click.IntRange(min=0),
    help="Ignore connected regions of fewer pixels.  [default: off]",
)
@click.option(
    "--edge-band",
    default=0,
    type=click.IntRange(0, 32),
    help="Ignore pixels this near to another class.  [default: off]",
)
@click.option(
    "--report",
    type=click.Path(path_type=Path),
    help="Write class shares of each sequence and environment as CSV.",
)
@click.option(
    "--keep-suspect",
    is_flag=True,
    help="Take frames that their recording calls suspect; the dataset then says so.",
)
@overwrite_option
@click.option("--dry-run", is_flag=True, help="Count and check everything, write nothing.")
def command(
    inputs: tuple[Path, ...],
    map_name: str,
    out: Path,
    splits: tuple[str, ...],
    allow_unmapped: bool,
    codec: str,
    no_raw: bool,
    no_depth: bool,
    no_instances: bool,
    kind: str | None,
    jobs: int | None,
    palette: Path | None,
    min_region: int,
    edge_band: int,
    report: Path | None,
    keep_suspect: bool,
    overwrite: bool,
    dry_run: bool,
) -> None:
    """Collapse the mesh labels of INPUTS into classes and pack one dataset file.

    INPUTS are recordings, folders of recordings, one dataset that kept its raw labels, sequences in
    TartanAir v1 layout, recordings of AirSim's own recorder, or folders with 'images' and 'labels'.
    Every mesh that is seen must have a class in the label map; those that have none are named with
    their pixels. Interrupt or kill it: the same command goes on where it stopped.

    \b
    Examples:
      airseg relabel recordings --map neighborhood --out dataset.h5
      airseg relabel recordings --map my_map.yaml --assign test=roofs,p003 \\
          --out dataset.h5
      airseg relabel dataset.h5 --map other_map.yaml --out other.h5
      airseg relabel tartanair/neighborhood --map founding --as npy --out labels
    """
    from airseg.labels import load_label_map

    label_map = load_label_map(map_name)  # before anything large is loaded
    from airseg.dataset.packing.label_folder import FolderOptions
    from airseg.dataset.packing.pixel_counts import split_pixels
    from airseg.dataset.packing.preparation import prepare
    from airseg.dataset.packing.shares import missing_classes, shares_of, to_csv
    from airseg.dataset.packing.workers import usable_jobs
    from airseg.dataset.packing.writer import PackOptions, check_options
    from airseg.labels.boundaries import EdgeOptions

    jobs = jobs or usable_jobs()
    edges = EdgeOptions(min_region, edge_band)
    options = PackOptions(
        codec,
        not no_raw,
        not no_depth,
        overwrite,
        allow_unmapped,
        edges,
        jobs,
        keep_instance=not no_instances,
    )
    if not kind:
        check_options(out, options)
    preparation = prepare(inputs, label_map, splits, palette, keep_suspect=keep_suspect)
    items = preparation.items
    _warn(preparation.warnings)
    if dry_run:
        done = _count(out, items, label_map, allow_unmapped=allow_unmapped)
    elif kind:
        folder_options = FolderOptions(kind, edges, overwrite, allow_unmapped, jobs)
        done = _write_images(out, items, label_map, folder_options)
    else:
        done = _pack(out, items, label_map, options)
    _warn(done.warnings)
    pixels = split_pixels(items, done.id_pixels)
    frames = {s: sum(i.source.length for i in items if i.split == s) for s in pixels}
    _print_table(pixels, frames, label_map.class_names, before_edges=not edges.is_off)
    _warn(_missing_classes(pixels, label_map.class_names))
    shares = shares_of(items, done.id_pixels)
    _warn(missing_classes(shares, label_map.class_names))
    if report:
        report.write_text(to_csv(shares, label_map.class_names), encoding="utf-8")
        click.echo(f"wrote {report}")
    click.echo(done.sentence)


class _Done(NamedTuple):
    """What was done, in words; and of each sequence, (256,) pixels of each raw id."""

    sentence: str
    id_pixels: list[np.ndarray]
    warnings: list[str]


def _count(out: Path, items: list[PackItem], label_map: LabelMap, *, allow_unmapped: bool) -> _Done:
    """Count and check everything, and write nothing."""
    from airseg.cli.display import progress_bar
    from airseg.dataset.packing.pixel_counts import count_pixels
    from airseg.labels.resolution import check_seen

    with progress_bar("frames") as update:
        id_pixels = count_pixels(items, update)
    resolutions = [item.resolution for item in items]
    warnings = check_seen(label_map, resolutions, id_pixels, allow_unmapped=allow_unmapped)
    return _Done(f"dry run: {out} was not written", id_pixels, warnings)


def _write_images(
    out: Path, items: list[PackItem], label_map: LabelMap, options: FolderOptions
) -> _Done:
    """Write a label image of each frame."""
    from airseg.cli.display import progress_bar
    from airseg.dataset.packing.label_folder import write_labels

    with progress_bar("frames") as update:
        labels = write_labels(out, items, label_map, options, update)
    sentence = f"wrote {labels.frames} label images ({labels.new_frames} new) to {out}"
    return _Done(sentence, labels.id_pixels, labels.warnings)


def _pack(out: Path, items: list[PackItem], label_map: LabelMap, options: PackOptions) -> _Done:
    """Write a dataset."""
    from airseg.cli.display import progress_bar
    from airseg.dataset.packing.preparation import check_labels
    from airseg.dataset.packing.writer import pack

    with progress_bar("frames") as update:
        check_labels(items, label_map, allow_unmapped=options.allow_unmapped, progress=update)
        packed = pack(out, items, label_map, options, update)
    sentence = (
        f"wrote {packed.frames} frames of {len(items)} sequences, "
        f"{packed.stored_bytes / 1e6:.1f} MB, to {out} (content {packed.content_hash[:12]})"
    )
    if packed.kept_frames:
        sentence += f"; {packed.kept_frames} were kept of a run that was stopped"
    return _Done(sentence, packed.id_pixels, packed.warnings)


def _warn(warnings: list[str]) -> None:
    for warning in warnings:
        click.echo(f"warning: {warning}", err=True)


def _print_table(
    pixels: dict[str, np.ndarray],
    frames: dict[str, int],
    classes: tuple[str, ...],
    *,
    before_edges: bool,
) -> None:
    """Print each class's share of the pixels of each split."""
    from rich.console import Console
    from rich.table import Table

    from airseg.classes import IGNORE_INDEX
    from airseg.cli.display import as_written
    from airseg.labels.label_map import SPLITS

    present = [split for split in SPLITS if split in pixels]
    title = "share of pixels" + (", before edges are left out" if before_edges else "")
    table = Table("class", title=title, title_justify="left")
    for split in present:
        table.add_column(f"{split} ({frames[split]} frames)", justify="right")
    rows = [*((name, label) for label, name in enumerate(classes)), ("(ignored)", IGNORE_INDEX)]
    for name, label in rows:
        shares = [pixels[split][label] / max(1, pixels[split].sum()) for split in present]
        table.add_row(*as_written([name]), *(f"{share:.2%}" if share else "-" for share in shares))
    Console().print(table)


def _missing_classes(pixels: dict[str, np.ndarray], classes: tuple[str, ...]) -> list[str]:
    warnings = []
    for split, counts in pixels.items():
        missing = [name for label, name in enumerate(classes) if not counts[label]]
        if missing:
            warnings.append(f"{split} shows no {', '.join(missing)}")
    return warnings
