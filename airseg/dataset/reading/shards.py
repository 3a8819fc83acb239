"""Datasets of many files: an index that is read like one file.

The index is a JSON file that names each file and says everything `Dataset` tells without reading
frames, so that opening it opens no file. A file is opened at its first read, and must then have the
content the index says. Its form is described in `docs/dataset-format.md`.
"""

from __future__ import annotations

import json
import os
import threading
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from airseg.dataset.format.attributes import check_sequence_name
from airseg.dataset.format.files import Location, RemoteFile, locate
from airseg.dataset.format.schema import dataset_hash
from airseg.dataset.format.structure import SequenceFacts, Structure
from airseg.documents import first_complaint
from airseg.errors import DatasetError
from airseg.path_names import first_twin
from airseg.text_files import read_file

INDEX_SUFFIX = ".json"
INDEX_FORMAT = 1
MAKE_AGAIN = "Make it again with 'airseg dataset index'."
_OPEN_FILES = 64


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True)


class ShardSequence(_Part):
    """One sequence as the index tells it; see `reader.SequenceView`."""

    name: str
    split: Literal["train", "val", "test"]
    environment: str
    length: Annotated[int, Field(ge=1)]
    height: Annotated[int, Field(ge=1)]
    width: Annotated[int, Field(ge=1)]
    has_raw_label: bool
    has_depth: bool
    has_unlabelled: bool
    has_instance: bool = False
    content_hash: str
    object_table: list[dict[str, Any]]
    details: dict[str, Any]


class Shard(_Part):
    """One file: its name beside the index or its URL, the hash of its content, its sequences."""

    file: str
    content_hash: str
    sequences: Annotated[list[ShardSequence], Field(min_length=1)]


class ShardIndex(_Part):
    """The whole index."""

    airseg_shards: int
    airseg_version: str
    classes: Annotated[list[str], Field(min_length=1, max_length=255)]
    ignore_index: Annotated[int, Field(ge=0, le=255)]
    label_map: str
    content_hash: str
    shards: Annotated[list[Shard], Field(min_length=1)]


def is_index(location: Location) -> bool:
    """Whether a name is that of an index."""
    return location.suffix == INDEX_SUFFIX


def check_file_name(path: Path) -> None:
    """Refuse to write a dataset file under the name of an index, as which it would be read.

    Raises:
        DatasetError: the suffix is that of an index.
    """
    if is_index(path):
        raise DatasetError(
            f"{path}: names an index, which a dataset file must not replace. Give a name such as "
            f"{path.stem}.h5; 'airseg dataset index' makes an index of files."
        )


def _bytes_of(location: Location) -> bytes:
    if not isinstance(location, Path):
        return location.read_bytes()
    if not location.exists():
        raise DatasetError(f"{location}: there is no such dataset.")
    return read_file(location, DatasetError)


def read_index(location: Location) -> ShardIndex:
    """Read and check an index.

    Raises:
        DatasetError: there is none, or it is no index of this format, or contradicts itself.
    """
    try:
        document = json.loads(_bytes_of(location))
    except (ValueError, RecursionError):
        raise DatasetError(f"{location}: is no JSON. {MAKE_AGAIN}") from None
    version = document.get("airseg_shards") if isinstance(document, dict) else None
    if version is None:
        raise DatasetError(
            f"{location}: is no index of a dataset ('airseg_shards' is missing). {MAKE_AGAIN}"
        )
    if version != INDEX_FORMAT:
        raise DatasetError(
            f"{location}: an index of format {str(version)[:20]}; this airseg reads format "
            f"{INDEX_FORMAT}. {MAKE_AGAIN}"
        )
    try:
        index = ShardIndex.model_validate(document)
    except ValidationError as cause:
        raise DatasetError(f"{location}: {first_complaint(cause)}. {MAKE_AGAIN}") from None
    check_index(location, index)
    return index


def check_index(location: Location, index: ShardIndex) -> None:
    """Raise DatasetError where an index contradicts itself."""
    names = [sequence.name for shard in index.shards for sequence in shard.sequences]
    for name in names:
        check_sequence_name(name, location)
    if twice := first_twin(names):
        raise DatasetError(f"{location}: sequence {twice} is in two files. {MAKE_AGAIN}")
    if shards_hash(index.classes, index.shards) != index.content_hash:
        raise DatasetError(
            f"{location}: was changed: its content hash is not that of its sequences. {MAKE_AGAIN}"
        )


def shards_hash(classes: Sequence[str], shards: Sequence[Shard]) -> str:
    """Return the hash that one file of all the sequences would have."""
    return dataset_hash(
        classes, [(s.name, s.split, s.content_hash) for shard in shards for s in shard.sequences]
    )


def index_structure(index: ShardIndex) -> Structure:
    """Return what an index says of all its files together, sequences sorted by name."""
    sequences = [sequence for shard in index.shards for sequence in shard.sequences]
    return _structure(index, index.content_hash, sequences)


def shard_structure(index: ShardIndex, shard: Shard) -> Structure:
    """Return what an index says of one of its files."""
    return _structure(index, shard.content_hash, shard.sequences)


def _structure(
    index: ShardIndex, content_hash: str, sequences: Sequence[ShardSequence]
) -> Structure:
    facts = [
        SequenceFacts(
            **sequence.model_dump(exclude={"object_table", "details"}),
            object_table_json=json.dumps(sequence.object_table),
            details_json=json.dumps(sequence.details),
        )
        for sequence in sorted(sequences, key=lambda s: s.name)
    ]
    return Structure(index.classes, index.ignore_index, content_hash, index.label_map, facts)


def file_of(index: Location, shard: Shard) -> Location:
    """Return where a shard lies; names without a folder of their own lie beside the index."""
    named = locate(shard.file)
    if isinstance(named, RemoteFile):
        return named
    if isinstance(index, RemoteFile):
        return index.beside(shard.file)
    return index.parent / named


class Closable(Protocol):
    """An open file."""

    def close(self) -> None:
        """Let go of it; reading opens it again."""


class OpenFiles:
    """Keeps a bounded number of a dataset's files open in each process.

    The one that was read longest ago is closed for the next.
    """

    def __init__(self) -> None:
        self._start()

    def _start(self) -> None:
        self._process, self._lock = os.getpid(), threading.Lock()
        self._open: OrderedDict[int, Closable] = OrderedDict()

    def used(self, file: Closable) -> None:
        """Note that a file is about to be read."""
        if self._process != os.getpid():
            self._start()
        with self._lock:
            self._open[id(file)] = file
            self._open.move_to_end(id(file))
            while len(self._open) > _OPEN_FILES:
                self._open.popitem(last=False)[1].close()

    def __reduce__(self) -> tuple[type[OpenFiles], tuple[()]]:
        return OpenFiles, ()
