"""Runs the Python blocks of the pages; each page is one session, in a folder with a small dataset.

The other blocks (commands, plans, recipes, settings) are held to the program in `tests/docs`.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from small_dataset import build_dataset
from sybil import Sybil
from sybil.parsers.myst import PythonCodeBlockParser, SkipParser

from airseg.cli import main

SLOW_PAGES = {"dataset.md"}  # its loader starts processes

pytest_collect_file = Sybil(
    parsers=[PythonCodeBlockParser(), SkipParser()],
    patterns=["*.md"],
    fixtures=["folder_of_a_reader"],
).pytest()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what takes seconds."""
    for item in items:
        if item.path.name in SLOW_PAGES:
            item.add_marker("slow")


@pytest.fixture(scope="session")
def example_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with files of the names that pages use."""
    folder: Path = tmp_path_factory.mktemp("reader")
    build_dataset(folder / "made").rename(folder / "dataset.h5")
    portable = ["--codec", "gzip", "--out", str(folder / "portable.h5")]
    main(["dataset", "subset", str(folder / "dataset.h5"), *portable])
    images = ["--as", "png", "--map", "neighborhood", "--out", str(folder / "labels")]
    main(["relabel", str(folder / "dataset.h5"), *images])
    (folder / "labels" / "a").rename(folder / "labels" / "roofs")
    return folder


@pytest.fixture(scope="module")
def folder_of_a_reader(example_files: Path) -> Iterator[Path]:
    """The folder in which a page's code runs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(example_files)
        yield example_files
