"""``airseg dataset correct``: put labels that people corrected in CVAT into a dataset."""

from __future__ import annotations

from pathlib import Path

import click

from airseg.cli.options import codec_option, jobs_option, out_file_option, overwrite_option


@click.command("correct")
@click.argument("dataset", type=click.Path(path_type=Path))
@click.argument("corrected", type=click.Path(path_type=Path))
@out_file_option
@codec_option("Compression of colour frames, as in airseg relabel.")
@jobs_option("Processes that pack.  [default: one a core, at most 8]")
@overwrite_option
def command(
    dataset: Path, corrected: Path, out: Path, codec: str, jobs: int | None, overwrite: bool
) -> None:
    """Write DATASET with labels from CORRECTED into a new file.

    CORRECTED has a folder for each corrected sequence, named after it: what CVAT exported of its
    task as "Segmentation mask 1.1", unpacked. Sequences and frames that are not in it stay as they
    are; frames that were context become labelled where somebody labelled them.

    \b
    Examples:
      airseg dataset export cvat film.h5 --out to_correct
      airseg dataset correct film.h5 corrected --out film_corrected.h5
    """
    from airseg.cli.display import progress_bar
    from airseg.dataset.editing.correcting import corrected_sources
    from airseg.dataset.packing.preparation import prepare_sources
    from airseg.dataset.packing.workers import usable_jobs
    from airseg.dataset.packing.writer import PackOptions, check_options, pack
    from airseg.dataset.reading.reader import Dataset

    options = PackOptions(codec=codec, overwrite=overwrite, jobs=jobs or usable_jobs())
    check_options(out, options)
    with Dataset(dataset, check=True) as opened:
        sources, label_map, told = corrected_sources(opened, corrected)
        preparation = prepare_sources([*sources], label_map)
        for warning in preparation.warnings:
            click.echo(f"warning: {warning}", err=True)
        with progress_bar("frames") as update:
            packed = pack(out, preparation.items, label_map, options, update)
    for name, correction in told.items():
        click.echo(
            f"{name}: {correction.frames} frames, {correction.newly_labelled} of them new, "
            f"{correction.changed_pixels:,} pixels changed"
        )
    click.echo(f"wrote {packed.frames:,} frames to {out} (content {packed.content_hash[:12]})")
