"""Divide datasets into files of bounded size under one index."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from airseg.dataset.editing.combining import CombineOptions, Taken, combine
from airseg.dataset.editing.indexing import write_index
from airseg.dataset.format.files import open_hdf5
from airseg.dataset.format.schema import CODEC_ATTRIBUTE, SEQUENCES_GROUP
from airseg.dataset.packing.ticker import Progress
from airseg.dataset.reading import Dataset, SequenceView
from airseg.dataset.reading.shards import ShardIndex
from airseg.errors import DatasetError

INDEX_NAME = "index.json"


def plan_shards(views: Sequence[SequenceView], megabytes: float) -> list[list[SequenceView]]:
    """Divide sequences, in the order of their names, into groups of bounded size.

    Sizes are estimated from the size of the files they lie in; a sequence is never divided, so one
    that is larger than a shard has a shard of its own.

    Args:
        views: the sequences.
        megabytes: of a shard, 10**6 bytes each.
    """
    if megabytes <= 0:
        raise DatasetError(f"shards need a size above 0 megabytes, found {megabytes:g}.")
    groups: list[list[SequenceView]] = []
    filled = 0.0
    for view in sorted(views, key=lambda v: v.name):
        own = _megabytes(view)
        if not groups or filled + own > megabytes:
            groups.append([])
            filled = 0.0
        groups[-1].append(view)
        filled += own
    return groups


def write_shards(
    folder: Path,
    datasets: Sequence[Dataset],
    *,
    megabytes: float,
    options: CombineOptions,
    progress: Progress | None = None,
) -> ShardIndex:
    """Write datasets as files of bounded size and their index, `INDEX_NAME`, into a folder.

    Files that an earlier run has finished are kept, so the same call goes on after a kill.

    Args:
        folder: made where it does not exist.
        datasets: what to divide; names of sequences must differ.
        megabytes: of a file.
        options: codec and streams; overwriting is about the index and about other files.
        progress: told about every frame.

    Raises:
        DatasetError: a file of that name holds something else, classes differ, the disk is full.
    """
    folder.mkdir(parents=True, exist_ok=True)
    groups = plan_shards([view for dataset in datasets for view in dataset], megabytes)
    paths = [folder / f"part-{number:04d}.h5" for number in range(len(groups))]
    for path, group in zip(paths, groups, strict=True):
        if not _is_finished(path, group, options.codec):
            combine(path, [Taken.whole(view) for view in group], options, progress)
    return write_index(
        folder / INDEX_NAME, [Dataset(path) for path in paths], overwrite=options.overwrite
    )


def _is_finished(path: Path, group: Sequence[SequenceView], codec: str | None) -> bool:
    """Whether a file is there and holds these sequences so; `combine` refuses any other."""
    if not path.exists():
        return False
    try:
        held = Dataset(path)
    except DatasetError:
        return False
    facts = [[(v.name, v.split, v.content_hash) for v in views] for views in (held, group)]
    return facts[0] == facts[1] and (codec is None or _codecs(held) == {codec})


def _codecs(dataset: Dataset) -> set[str]:
    """Return how the colour frames of a file are compressed."""
    with open_hdf5(dataset.path) as file:
        arrays = [file[f"{SEQUENCES_GROUP}/{name}/rgb"] for name in dataset.sequences]
        return {str(array.attrs.get(CODEC_ATTRIBUTE)) for array in arrays}


def _megabytes(view: SequenceView) -> float:
    file = view.dataset
    frames = sum(other.length for other in file)
    return file.path.stat().st_size * view.length / frames / 1e6
