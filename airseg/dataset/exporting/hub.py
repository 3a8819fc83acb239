"""A dataset as a repository of the Hugging Face Hub: Parquet, films to look at, the file itself."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from airseg.dataset.exporting.common import ExportOptions, Facts, Progress, sequence_row
from airseg.dataset.exporting.hub_card import write_readme
from airseg.dataset.exporting.parquet import export_parquet
from airseg.dataset.reading.reader import Dataset, SequenceView
from airseg.dataset.reading.shown_sequence import shown_sequence
from airseg.labels.label_map import SPLITS
from airseg.recording.stored.preview import PreviewArtist, frame_rate, write_preview

_NAME = "USER/NAME"
FILE = "dataset.h5"
"""What the dataset's own file is called in its repository."""

_FILM_COLUMNS = {
    **dict.fromkeys(("sequence", "split", "environment"), "string"),
    **dict.fromkeys(("frames", "labelled_frames", "width", "height"), "int32"),
    "rate_hz": "float64",
}
_MORE = """
The configuration `preview` has a film of each sequence, frames beside labels, to look at; the same
films are in `films`.
{file}"""
_FILE_TEXT = """
`dataset.h5` is the dataset as airseg reads it, with raw ids and depth where they were kept:

```python
import airseg

dataset = airseg.open("filecache::hf://datasets/USER/NAME/dataset.h5")
```
"""


def export_hub(
    dataset: Dataset, folder: Path, facts: Facts, options: ExportOptions, progress: Progress | None
) -> None:
    """Write what `export_parquet` does, films, and ``dataset.h5``.

    Films are in ``films/<split>/<sequence>.mp4`` for people, and in ``preview/<split>-*.parquet``
    for ``datasets``, whose configurations must all be of one kind of file. A dataset of many files
    goes without ``dataset.h5``: they would need their index's names.

    Raises:
        DatasetError: pyarrow is not installed.
    """
    export_parquet(dataset, folder, facts, options, progress)
    for view in dataset:
        flight = shown_sequence(view, facts.label_map)
        film = _film(folder, view)
        film.parent.mkdir(parents=True, exist_ok=True)
        told = partial(progress or _say_nothing, f"{view.name}: film")
        write_preview(PreviewArtist(flight), range(len(flight)), frame_rate(flight), film, told)
    present = {view.split for view in dataset}
    splits = [split for split in SPLITS if split in present]
    (folder / "preview").mkdir()
    for split in splits:
        _write_films(folder, split, [view for view in dataset if view.split == split])
    text = ""
    if dataset.files == [dataset] and isinstance(dataset.path, Path):
        _link_or_copy(dataset.path, folder / FILE)
        text = _FILE_TEXT
    more = _MORE.format(file=text)
    write_readme(folder, facts, options, splits, len(dataset), splits, more)


def name_repository(folder: Path, repository: str) -> None:
    """Put the name of a repository (``user/name``) into the card of a folder of `export_hub`."""
    card = folder / "README.md"
    text = card.read_text(encoding="utf-8")
    card.write_text(text.replace(_NAME, repository), encoding="utf-8")


def _film(folder: Path, view: SequenceView) -> Path:
    return folder / "films" / view.split / f"{view.name}.mp4"


def _write_films(folder: Path, split: str, views: Sequence[SequenceView]) -> None:
    """Write a split's films as Parquet, with the note by which ``datasets`` knows films."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    kinds = [(name, pa.type_for_alias(kind)) for name, kind in _FILM_COLUMNS.items()]
    features: dict[str, Any] = {"video": {"_type": "Video"}}
    features |= {n: {"dtype": kind, "_type": "Value"} for n, kind in _FILM_COLUMNS.items()}
    schema = pa.schema(
        [("video", pa.struct([("bytes", pa.binary()), ("path", pa.string())])), *kinds],
        metadata={"huggingface": json.dumps({"info": {"features": features}})},
    )
    path = folder / "preview" / f"{split}-00000-of-00001.parquet"
    with pq.ParquetWriter(path, schema) as writer:
        for view in views:  # a row at a time, for films may be long
            film = {"bytes": _film(folder, view).read_bytes(), "path": f"{view.name}.mp4"}
            row = {"video": film, **sequence_row(view)}
            writer.write_table(pa.Table.from_pylist([row], schema))


def _say_nothing(what: str, done: int, total: int | None) -> None:
    return None


def _link_or_copy(source: Path, target: Path) -> None:
    """Put a file into a folder, without writing its bytes again where the disk is the same."""
    try:
        os.link(source.resolve(), target)
    except OSError:
        shutil.copyfile(source, target)
