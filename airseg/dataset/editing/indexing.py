"""Write the index of some files, under which they are read as one dataset."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from airseg.dataset.format.files import Location, RemoteFile
from airseg.dataset.format.publishing import check_output, published
from airseg.dataset.reading import Dataset
from airseg.dataset.reading.shards import (
    INDEX_FORMAT,
    INDEX_SUFFIX,
    Shard,
    ShardIndex,
    ShardSequence,
    check_index,
    shards_hash,
)
from airseg.errors import DatasetError
from airseg.version import __version__


def write_index(path: Path, files: Sequence[Dataset], *, overwrite: bool = False) -> ShardIndex:
    """Write the index of some files.

    Args:
        path: the index to make; files in its folder or below are named relative to it.
        files: open datasets, each of one file.
        overwrite: replace an index that is already there.

    Raises:
        DatasetError: classes differ, a sequence is in two files, or the path cannot be written.
    """
    if path.suffix != INDEX_SUFFIX:
        raise DatasetError(f"{path}: an index is known by its suffix; name it {path.stem}.json.")
    check_output(path, overwrite=overwrite)
    first = files[0]
    for file in files[1:]:
        if (file.class_names, file.ignore_index) != (first.class_names, first.ignore_index):
            raise DatasetError(
                f"{file.path}: has other classes than {first.path}: {', '.join(file.class_names)}. "
                "Relabel it with the same map."
            )
    shards = [
        Shard(
            file=_name_beside(path, file.path),
            content_hash=file.content_hash,
            sequences=[
                ShardSequence(
                    **{n: getattr(view, n) for n in _TOLD},
                    object_table=json.loads(view.object_table_json),
                    details=view.details,
                )
                for view in file
            ],
        )
        for file in files
    ]
    index = ShardIndex(
        airseg_shards=INDEX_FORMAT,
        airseg_version=__version__,
        classes=first.class_names,
        ignore_index=first.ignore_index,
        label_map=first.label_map_text,
        content_hash=shards_hash(first.class_names, shards),
        shards=shards,
    )
    check_index(path, index)
    with published(path) as unfinished:
        unfinished.write_text(index.model_dump_json(indent=1) + "\n")
    return index


_TOLD = (
    "name",
    "split",
    "environment",
    "length",
    "height",
    "width",
    "has_raw_label",
    "has_depth",
    "has_unlabelled",
    "has_instance",
    "content_hash",
)


def _name_beside(index: Path, file: Location) -> str:
    if isinstance(file, RemoteFile):
        return file.url
    folder, target = index.absolute().parent, file.absolute()
    inside = target.is_relative_to(folder)
    name = target.relative_to(folder).as_posix() if inside else str(target)
    name.encode()  # raises where it is no text, which JSON cannot hold
    return name
