"""`--figures pdf` of every command that writes a page: its figures as files for papers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from matplotlib.figure import Figure

figures_option = click.option(
    "--figures",
    type=click.Choice(["pdf"]),
    help="Write the page's figures for papers, too, into OUT/figures; needs matplotlib.",
)


def say_written(drawings: dict[str, Figure], out: Path) -> None:
    """Write figures beside a page, and say where.

    Raises:
        AirsegError: the folder cannot be written.
    """
    from airseg.pdf_figures import FOLDER, write_pdfs

    paths = write_pdfs(drawings, out / FOLDER)
    click.echo(f"wrote {len(paths)} figures into {(out / FOLDER).resolve()}")
