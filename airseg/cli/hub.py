"""What the commands that upload to the Hugging Face Hub have in common."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal

import click

from airseg.cli.names import FOLDER
from airseg.cli.options import together

hub_options = together(
    click.argument("repository", metavar="USER/NAME"),
    click.option(
        "--out",
        type=FOLDER,
        help="The folder to write, which is kept.  [default: hub/USER--NAME]",
    ),
    click.option("--dry-run", is_flag=True, help="Write the folder and upload nothing."),
    click.option("--private", is_flag=True, help="Make a repository that only you see."),
)


def upload_folder(
    repository: str,
    kind: Literal["dataset", "model"],
    write: Callable[[Path], None],
    out: Path | None,
    *,
    dry_run: bool,
    private: bool,
) -> None:
    """Write a folder and upload it, unless that is only tried.

    Args:
        repository: USER/NAME.
        kind: ``dataset`` or ``model``.
        write: writes the folder.
        out: the folder; None: one named after the repository.
        dry_run: upload nothing.
        private: make a repository that only its owner sees.
    """
    from airseg.hub_repository import check_repository, upload

    check_repository(repository)
    folder = out or Path("hub") / repository.replace("/", "--")
    write(folder)
    if dry_run:
        click.echo(f"dry run: {folder} is what would be uploaded")
        return
    click.echo(f"uploaded to {upload(folder, repository, kind, private=private)}")
