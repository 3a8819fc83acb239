"""``airseg dataset push``: upload a dataset to the Hugging Face Hub."""

from __future__ import annotations

from pathlib import Path

import click

from airseg.cli.hub import hub_options, upload_folder
from airseg.cli.options import jpeg_option, overwrite_folder_option, publication_options


@click.command("push")
@click.argument("dataset", type=click.Path(path_type=Path))
@hub_options
@jpeg_option
@publication_options
@overwrite_folder_option
def command(
    dataset: Path,
    repository: str,
    out: Path | None,
    dry_run: bool,
    private: bool,
    jpeg_quality: int | None,
    title: str,
    licence: str,
    url: str,
    overwrite: bool,
) -> None:
    """Upload DATASET into a repository of the Hugging Face Hub.

    The Hub's viewer shows frames, labels and films; `datasets.load_dataset("USER/NAME")` reads the
    frames, and airseg its own file by hf://datasets/USER/NAME/dataset.h5. Log in by `hf auth login`
    first.

    \b
    Examples:
      airseg dataset push dataset.h5 me/flights --dry-run --out to_look_at
      airseg dataset push dataset.h5 me/flights --licence CC-BY-4.0 --private
    """
    from airseg.cli.display import progress_bar
    from airseg.dataset.exporting.common import ExportOptions
    from airseg.dataset.exporting.formats import export
    from airseg.dataset.exporting.hub import name_repository
    from airseg.dataset.reading.reader import Dataset

    def write(folder: Path) -> None:
        options = ExportOptions(jpeg_quality, title, licence, url, overwrite)
        with Dataset(dataset, check=True) as opened, progress_bar("frames") as update:
            export("hub", opened, folder, options, update)
        name_repository(folder, repository)

    upload_folder(repository, "dataset", write, out, dry_run=dry_run, private=private)
