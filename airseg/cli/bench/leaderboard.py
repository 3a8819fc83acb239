"""``airseg bench leaderboard``: results as a table, a spliced README, and a page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from airseg.cli.figures import figures_option, say_written
from airseg.cli.options import out_folder_option

if TYPE_CHECKING:
    from airseg.bench.results import Result


@click.command("leaderboard")
@click.argument("results", nargs=-1, required=True, type=click.Path(path_type=Path))
@out_folder_option("Folder to write into.")
@click.option(
    "--splice", type=click.Path(path_type=Path), help="Markdown file to put the table into."
)
@click.option(
    "--dataset",
    type=click.Path(path_type=Path),
    help="Refuse rows that were not scored on this file.",
)
@click.option(
    "--published",
    default="published",
    show_default=True,
    metavar="NAME|FILE|none",
    help="What the papers report, for rows of their own.",
)
@figures_option
def command(
    results: tuple[Path, ...],
    out: Path,
    splice: Path | None,
    dataset: Path | None,
    published: str,
    figures: str | None,
) -> None:
    """Turn RESULTS, files or folders, into CSV, Markdown and one HTML page.

    differences.csv has every row against every other, with intervals and corrected significance.

    Speeds that `airseg bench speed` wrote into the same folders as NAME.speed.json have a section
    of the page.

    Results of paper-table2, fair-table2, paper-fig7, -fig8 and -fig9 also make that table and those
    figures of the founding paper, with ours beside them.

    \b
    Example:
      airseg bench leaderboard results --out results --splice README.md
    """
    from airseg.bench.leaderboard import published_table as papers_table
    from airseg.bench.leaderboard import table as board
    from airseg.bench.leaderboard.comparison import difference_table
    from airseg.bench.leaderboard.figures import paper_figures
    from airseg.bench.leaderboard.line_plot import line_plot
    from airseg.bench.leaderboard.page import page
    from airseg.bench.results.published import load_published
    from airseg.bench.results.result import load_results
    from airseg.bench.results.seeds import merge_seeds
    from airseg.bench.speed.speed_study import load_studies

    rows = load_results(list(results))
    board.check_comparable([r for _, r in rows], _content_hash(dataset) if dataset else None)
    rows = merge_seeds(rows)
    only = [r for _, r in rows]
    papers = None if published == "none" else load_published(published)
    out.mkdir(parents=True, exist_ok=True)
    text = board.markdown(only)
    theirs = "\n" + papers_table.published_markdown(papers) if papers else ""
    papers_table.csv_table(only, papers).to_csv(out / "leaderboard.csv", index=False)
    difference_table(only).to_csv(out / "differences.csv", index=False)
    (out / "leaderboard.md").write_text(text + theirs, encoding="utf-8")
    (out / "leaderboard.html").write_text(
        page(rows, papers, load_studies(results)), encoding="utf-8"
    )
    for figure in paper_figures(only, papers):
        (out / f"{figure.name}.md").write_text(figure.markdown(), encoding="utf-8")
        for number, plot in enumerate(figure.plots, 1):
            (out / f"{figure.name}-{number}.svg").write_text(
                line_plot(plot) + "\n", encoding="utf-8"
            )
    if figures:
        from airseg.bench.leaderboard.pdf_plots import leaderboard_drawings

        say_written(leaderboard_drawings(only, papers), out)
    if splice:
        board.splice(splice, text)
    _print_table(only)
    click.echo(f"wrote {(out / 'leaderboard.html').resolve()}")


def _content_hash(path: Path) -> str:
    from airseg.dataset.reading import Dataset

    with Dataset(path, check=True) as opened:
        return opened.content_hash


def _print_table(results: list[Result]) -> None:
    """Print the leaderboard for people: in a terminal as many columns as fit side by side."""
    from rich.console import Console
    from rich.table import Table

    from airseg.bench.leaderboard.columns import columns, shown
    from airseg.cli.display import as_written, columns_that_fit, table_width

    chosen = [c for c in columns(results) if c.brief]
    rows = [[shown(c.value(result), c.digits) for c in chosen] for result in results]
    texts = [[c.title for c in chosen], *rows]
    console, fitting, width = Console(), len(chosen), table_width(texts)
    if console.is_terminal:
        width = console.width
        fitting = columns_that_fit(texts, width)
    printed = Table(box=None, header_style="bold", pad_edge=False)
    for c in chosen[:fitting]:
        printed.add_column(c.title, justify="left" if c.digits is None else "right", no_wrap=True)
    for row in rows:
        printed.add_row(*as_written(row[:fitting]))
    Console(width=width).print(printed)
    if fitting < len(chosen):
        click.echo(f"{len(chosen) - fitting} more columns are in leaderboard.md and on the page.")
