"""``airseg dataset import``: make a dataset file of a published dataset or a folder."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import click

from airseg.cli.names import LAYOUT, CommandWithOldSpellings
from airseg.cli.options import (
    assign_option,
    codec_option,
    jobs_option,
    map_option,
    out_file_option,
    overwrite_option,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airseg.dataset.packing.writer import PackItem


@click.command("import", cls=CommandWithOldSpellings, old={"--split": ("--assign", "=")})
@click.argument("layout", type=LAYOUT)
@click.argument("folder", type=click.Path(path_type=Path))
@out_file_option
@map_option(
    "Label map.  [default: the dataset's published classes, where it has classes of its own "
    "that others compare on; else a map into the eleven]"
)
@click.option(
    "--before",
    default=6,
    show_default=True,
    type=click.IntRange(0, 10_000),
    help="Unlabelled frames kept before each labelled one.",
)
@click.option(
    "--after",
    default=0,
    show_default=True,
    type=click.IntRange(0, 10_000),
    help="Unlabelled frames kept after each labelled one.",
)
@assign_option("Put sequences into train, val or test; may be given several times.")
@click.option(
    "--palette",
    type=click.Path(path_type=Path),
    help="What label colours mean, for airsim and folders: AirSim's text form or a recording.json.",
)
@click.option(
    "--camera",
    default="",
    help="Which camera of tartanair2 and tartanground, such as lcam_bottom.  [default: lcam_front]",
)
@click.option(
    "--allow-unmapped", is_flag=True, help="Ignore pixels of objects that the map has no class for."
)
@codec_option("Compression of colour frames, as in airseg relabel.")
@jobs_option("Processes that read and pack.  [default: one a core, at most 8]")
@click.option("--strict", is_flag=True, help="Refuse what differs from what was published.")
@overwrite_option
def command(
    layout: str,
    folder: Path,
    out: Path,
    map_name: str | None,
    before: int,
    after: int,
    splits: tuple[str, ...],
    palette: Path | None,
    camera: str,
    allow_unmapped: bool,
    codec: str,
    jobs: int | None,
    strict: bool,
    overwrite: bool,
) -> None:
    """Make a dataset file of FOLDER, which holds LAYOUT as it was published.

    LAYOUT is one of those below. What the dataset's documentation promises is compared with what is
    there. Frames without labels (the neighbours of Cityscapes' labelled frames, the film between
    the stills of CamVid and UAVid) are kept as context: networks may remember them, and they are
    never supervised nor scored. Splits go by whole sequences, those of the publication where it has
    some.

    \b
    Layouts:
      cityscapes, camvid, vspw  keep their own classes
      uavid                     with images.mp4 the film between its stills
      tartanair2, tartanground  depth, poses; seg_label_map.json beside the data
      viper, midair             poses; Mid-Air needs its sensor_records.hdf5
      kitti-step                panoptic maps beside KITTI tracking's pictures
      tartanair                 the first version
      airsim                    what AirSim's own recorder writes (airsim_rec.txt)
      folders                   'images' and 'labels' with files of the same names

    \b
    Examples:
      airseg dataset import cityscapes /data/cityscapes --before 19 \\
          --after 10 --out city.h5
      airseg dataset import cityscapes /data/cityscapes --map cityscapes20 \\
          --out city20.h5
      airseg dataset import camvid /data/CamVid --out camvid.h5
      airseg dataset import vspw /data/VSPW_480p --out vspw.h5
      airseg dataset import uavid /data/uavid_v1.5_official_release \\
          --before 99 --out uavid.h5
      airseg dataset import tartanair2 /data/tartanair --camera lcam_bottom \\
          --out down.h5
      airseg dataset import midair /data/MidAir \\
          --assign val=Kite_training-sunny-trajectory_0008 \\
          --out midair.h5
    """
    from airseg.cli.display import progress_bar
    from airseg.dataset.importing.found import ImportOptions
    from airseg.dataset.importing.layouts import find, layout_named, prepare_import
    from airseg.dataset.packing.preparation import check_labels
    from airseg.dataset.packing.workers import usable_jobs
    from airseg.dataset.packing.writer import PackOptions, check_options, pack
    from airseg.errors import DatasetError
    from airseg.labels import load_label_map

    jobs = jobs or usable_jobs()
    options = PackOptions(
        codec=codec, allow_unmapped=allow_unmapped, overwrite=overwrite, jobs=jobs
    )
    check_options(out, options)
    found = find(layout, folder, ImportOptions(before, after, palette, camera))
    map_name = map_name or layout_named(layout).publication.label_map
    if not map_name:
        raise DatasetError(
            f"layout {layout} has no classes of its own; say which label map gives them with --map."
        )
    label_map = load_label_map(map_name)
    for promise in found.promises:
        click.echo(f"{'ok     ' if promise.is_kept else 'differs'}  {promise}")
    broken = [str(promise) for promise in found.promises if not promise.is_kept]
    if strict and broken:
        raise DatasetError(f"{folder}: {'; '.join(broken)}. Complete it, or leave out --strict.")
    for note in found.notes:  # first, since what is left out may be why the rest cannot be split
        click.echo(f"note: {note}", err=True)
    preparation = prepare_import(found, label_map, splits)
    for warning in _grouped(preparation.warnings):
        click.echo(f"note: {warning}", err=True)
    with progress_bar("frames") as update:
        check_labels(preparation.items, label_map, allow_unmapped=allow_unmapped, progress=update)
        packed = pack(out, preparation.items, label_map, options, update)
    for warning in packed.warnings:
        click.echo(f"note: {warning}", err=True)
    _print_splits(preparation.items)
    click.echo(
        f"wrote {packed.frames:,} frames of {len(preparation.items):,} sequences, "
        f"{packed.stored_bytes / 1e6:.1f} MB, to {out} (content {packed.content_hash[:12]})"
    )


def _print_splits(items: Sequence[PackItem]) -> None:
    from airseg.labels.label_map import SPLITS

    for split in SPLITS:
        sources = [item.source for item in items if item.split == split]
        frames = sum(source.length for source in sources)
        labelled = sum(
            source.length if source.labelled is None else int(source.labelled.sum())
            for source in sources
        )
        if sources:
            click.echo(
                f"{split}: {len(sources):,} sequences, {frames:,} frames, {labelled:,} of them "
                "with labels"
            )


def _grouped(warnings: list[str]) -> list[str]:
    """Return warnings that differ in their sequence only as one, with how many there are."""
    kinds = Counter(warning.partition(": ")[2] or warning for warning in warnings)
    return [
        next(w for w in warnings if w.endswith(text))
        if count == 1
        else f"{count} sequences: {text}"
        for text, count in kinds.items()
    ]
