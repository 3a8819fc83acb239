"""``airseg dataset card``: tell what is in a dataset, with figures and pictures."""

from __future__ import annotations

import json
from pathlib import Path

import click

from airseg.cli.figures import figures_option, say_written
from airseg.cli.options import out_folder_option, publication_options


@click.command("card")
@click.argument("dataset", type=click.Path(path_type=Path))
@out_folder_option("The folder to write.")
@click.option(
    "--samples",
    default=12,
    show_default=True,
    type=click.IntRange(0, 200),
    help="Frames shown beside their labels, one a sequence.",
)
@publication_options
@figures_option
def command(
    dataset: Path,
    out: Path,
    samples: int,
    title: str,
    licence: str,
    url: str,
    figures: str | None,
) -> None:
    """Write the card of DATASET: Markdown, and one HTML page that needs nothing beside it.

    Splits, class shares, motion, how much changes from frame to frame, sample frames beside their
    labels, where it comes from, its licence. The same figures are in card.json.

    \b
    Example:
      airseg dataset card dataset.h5 --licence CC-BY-4.0 --out card
    """
    from airseg.cli.display import progress_bar
    from airseg.dataset.card.card_figures import figures_of
    from airseg.dataset.card.card_page import write_card
    from airseg.dataset.exporting.common import ExportOptions, facts_of
    from airseg.dataset.reading import Dataset

    with Dataset(dataset, check=True) as opened, progress_bar("frames") as update:
        facts = facts_of(opened, ExportOptions(title=title, licence=licence, url=url))
        counted = figures_of(opened, update)
        paths = write_card(opened, counted, facts, out, samples)
    click.echo(f"wrote {', '.join(str(p) for p in paths[:3])} and {len(paths) - 3} pictures")
    if figures:
        from airseg.dataset.card.pdf_plots import card_drawings

        say_written(card_drawings(json.loads((out / "card.json").read_text("utf-8"))), out)
