"""``airseg dataset merge``: join datasets into one."""

from __future__ import annotations

from pathlib import Path

import click

from airseg.cli.options import out_file_option, overwrite_option, recode_option


@click.command("merge")
@click.argument("datasets", nargs=-1, required=True, type=click.Path(path_type=Path))
@out_file_option
@click.option(
    "--prefix", is_flag=True, help="Put each file's name before its sequences: city-a, park-a."
)
@click.option(
    "--as",
    "parts",
    multiple=True,
    metavar="SPLIT=FILE",
    help="Put one file's sequences into train, val or test; may be given several times.",
)
@recode_option
@overwrite_option
def command(
    datasets: tuple[Path, ...],
    out: Path,
    prefix: bool,
    parts: tuple[str, ...],
    codec: str | None,
    overwrite: bool,
) -> None:
    """Join DATASETS, which have the same classes, into one file.

    Sequences keep their splits, unless --as puts all of a file's into one, and the label maps that
    made them. Frames are copied as they are compressed.

    \b
    Examples:
      airseg dataset merge city.h5 park.h5 --out both.h5
      airseg dataset merge monday.h5 tuesday.h5 --prefix --out week.h5
      airseg dataset merge flights.h5 uavid.h5 --as test=uavid.h5 --out both.h5
    """
    from airseg.cli.display import progress_bar
    from airseg.dataset.editing.combining import CombineOptions, Taken, combine
    from airseg.dataset.editing.selection import tell
    from airseg.dataset.reading.reader import Dataset

    splits = _splits(parts, datasets)
    taken = [
        Taken.whole(view, f"{path.stem}-{view.name}" if prefix else None, splits.get(path))
        for path in datasets
        for view in Dataset(path, check=True)
    ]
    options = CombineOptions(codec, overwrite=overwrite, operation="merge")
    with progress_bar("frames") as update:
        combined = combine(out, taken, options, update)
    for warning in combined.warnings:
        click.echo(f"warning: {warning}", err=True)
    click.echo(tell(combined, taken))


def _splits(parts: tuple[str, ...], datasets: tuple[Path, ...]) -> dict[Path, str]:
    """Return the split of each file that ``--as`` names.

    Raises:
        DatasetError: wrong form, or an unknown split or file.
    """
    from airseg.errors import DatasetError, did_you_mean
    from airseg.labels.label_map import SPLITS

    found: dict[Path, str] = {}
    for part in parts:
        split, _, name = part.partition("=")
        if split not in SPLITS or Path(name) not in datasets:
            known = [f"{s}={path}" for s in SPLITS for path in datasets]
            hint = did_you_mean(part, known)
            raise DatasetError(
                f"--as {part}: expected one of {', '.join(SPLITS)}, '=', and one of the files that "
                f"are merged.{hint}"
            )
        if found.setdefault(Path(name), split) != split:
            raise DatasetError(
                f"--as {part}: {name} is put into {found[Path(name)]} already; a file's sequences "
                "go into one split."
            )
    return found
