"""Trained networks as files of a release: a folder each, and sums to check them by."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from airseg.bench.aside import write_aside
from airseg.bench.hub_model import write_model_folder
from airseg.bench.results.result import load_results
from airseg.errors import RecipeError

SUMS = "SHA256SUMS"


def publish(
    rows: Iterable[Path], out: Path, *, half: bool = True, licence: str = "", dataset: str = ""
) -> list[tuple[Path, int]]:
    """Write networks into a folder of their run's name each; return the folders and their bytes.

    Rows without a network, such as that of the commonest class, are passed over.

    Args:
        rows: results, or folders of some; their checkpoints lie in folders of the same names
            beside them.
        out: made where it is missing.
        half, licence, dataset: see `airseg.bench.hub_model.write_model_folder`.

    Raises:
        RecipeError: there is no network, two have one name, a checkpoint is missing or another's,
            or safetensors is not installed.
    """
    found = [(row, result) for row, result in load_results(list(rows)) if result.kind == "model"]
    if not found:
        raise RecipeError("none of these rows has a network to publish.")
    places: dict[str, Path] = {}
    for row, result in found:
        if (other := places.setdefault(result.run, row)) is not row:
            raise RecipeError(
                f"{other} and {row} would be published under one name, {result.run}. Publish them "
                "into two folders."
            )
    made, lines = [], []
    for row, result in found:
        folder = out / result.run
        write_model_folder(row, folder, result.run, half=half, licence=licence, dataset=dataset)
        files = sorted(p for p in folder.iterdir() if p.is_file())
        lines += [f"{_sum(file)}  {result.run}/{file.name}" for file in files]
        made.append((folder, sum(file.stat().st_size for file in files)))
    write_aside(out / SUMS, ("\n".join(lines) + "\n").encode())
    return made


def _sum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
