"""Add sequences to a dataset: recordings, relabelled as the others were, or other datasets."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import fields, replace
from pathlib import Path

from airseg.dataset.editing.combining import Combined, CombineOptions, Taken, combine
from airseg.dataset.format.attributes import Attributes
from airseg.dataset.format.files import open_hdf5
from airseg.dataset.format.schema import CODEC_ATTRIBUTE, CODECS, SEQUENCES_GROUP
from airseg.dataset.packing.preparation import check_labels, check_rows
from airseg.dataset.packing.source import SequenceSource
from airseg.dataset.packing.sources import open_sources, refuse_suspect_frames
from airseg.dataset.packing.splits import parse_split_options
from airseg.dataset.packing.ticker import Progress
from airseg.dataset.packing.writer import PackItem, PackOptions, pack
from airseg.dataset.reading import Dataset
from airseg.dataset.reading.shards import check_file_name
from airseg.errors import DatasetError
from airseg.labels.boundaries import EdgeOptions
from airseg.labels.label_map import LabelMap, parse_label_map
from airseg.labels.resolution import resolve

DATASET_SUFFIXES = (".h5", ".hdf5")
_PACKED_SUFFIX = ".new.h5"


def append(
    path: Path,
    inputs: Sequence[Path],
    split_options: Iterable[str] = (),
    *,
    label_map: LabelMap | None = None,
    jobs: int = 1,
    progress: Progress | None = None,
) -> tuple[Combined, list[Taken]]:
    """Replace a dataset by one that has more sequences.

    New recordings are relabelled with the dataset's own label map, edges and codec unless another
    map is given. They are packed into a file beside the dataset first; a run that is killed leaves
    the old dataset, and the same call goes on.

    Args:
        path: the dataset.
        inputs: recordings and the like (see `open_sources`), or datasets, or both.
        split_options: texts such as ``test=a,b`` for the new sequences.
        label_map: for recordings.
        jobs: processes that pack.
        progress: told about every frame.

    Returns:
        What was written, and what is in it.

    Raises:
        AirsegError: an input cannot be used, its classes differ, or a name is there already.
    """
    check_file_name(path)
    dataset = Dataset(path, check=True)
    files = [Dataset(p) for p in inputs if p.suffix in DATASET_SUFFIXES]
    folders = [p for p in inputs if p.suffix not in DATASET_SUFFIXES]
    sources = open_sources(folders) if folders else []
    refuse_suspect_frames(sources)
    own: dict[str, str | None] = {source.name: source.split for source in sources}
    own |= {view.name: view.split for file in files for view in file}
    taken_names = sorted(set(own) & set(dataset.sequences))
    if taken_names:
        raise DatasetError(
            f"{path}: has a sequence {taken_names[0]} already. Leave it out, or join the files "
            "with 'airseg dataset merge --prefix'."
        )
    label_map = label_map or parse_label_map(dataset.label_map_text, f"{path}: label_map")
    if sources and list(label_map.class_names) != dataset.class_names:
        raise DatasetError(
            f"{path}: its classes ({', '.join(dataset.class_names)}) are not those of label map "
            f"{label_map.name} ({', '.join(label_map.class_names)}). Give another map."
        )
    splits = _splits(own, split_options, label_map)
    packed = path.with_name(path.name + _PACKED_SUFFIX)
    if sources:
        _pack(packed, dataset, sources, splits, label_map, jobs, progress)
        files.append(Dataset(packed))
    taken = [Taken.whole(view) for view in dataset]
    taken += [Taken.whole(view, split=splits[view.name]) for file in files for view in file]
    options = CombineOptions(overwrite=True, operation="append")
    combined = combine(path, taken, options, progress)
    packed.unlink(missing_ok=True)
    told = [warning for source in sources for warning in source.warnings]
    if not any(view.has_depth for view in dataset):
        without = "its depth is left out, as the dataset has none"
        told += [f"{source.name}: {without}" for source in sources if source.has_depth]
    return replace(combined, warnings=[*told, *combined.warnings]), taken


def _splits(
    own: dict[str, str | None], options: Iterable[str], label_map: LabelMap
) -> dict[str, str]:
    """Return the split of each new sequence; nothing is guessed for a dataset that has its own."""
    told = parse_split_options(options, own)
    splits = {name: told.get(name) or own[name] or label_map.splits.get(name) for name in own}
    silent = [name for name, split in splits.items() if not split]
    if silent:
        raise DatasetError(
            f"no split is given for {', '.join(silent)}. Say it with --assign train={silent[0]}."
        )
    return {name: str(split) for name, split in splits.items()}


def _pack(
    out: Path,
    dataset: Dataset,
    sources: Sequence[SequenceSource],
    splits: dict[str, str],
    label_map: LabelMap,
    jobs: int,
    progress: Progress | None,
) -> None:
    """Pack new sequences as those of the dataset are packed."""
    for source in sources:
        check_rows(source)
    items = [PackItem(s, splits[s.name], resolve(label_map, s.object_table)) for s in sources]
    first = dataset.sequence(dataset.sequences[0])
    has_raw, has_depth = (
        any(getattr(view, f"has_{stream}") for view in dataset) for stream in ("raw_label", "depth")
    )
    with open_hdf5(dataset.path) as file:
        codec = str(file[f"{SEQUENCES_GROUP}/{first.name}/rgb"].attrs.get(CODEC_ATTRIBUTE, ""))
        edges = _edges(Attributes(dataset.path, "/", file.attrs))
    options = PackOptions(
        codec=codec if codec in CODECS else PackOptions().codec,
        keep_raw=has_raw,
        keep_depth=has_depth,
        overwrite=True,
        edges=edges,
        jobs=jobs,
    )
    check_labels(items, label_map, allow_unmapped=False, progress=progress)
    pack(out, items, label_map, options, progress)


def _edges(attributes: Attributes) -> EdgeOptions:
    """Return what the dataset leaves out at edges; nothing where it does not say."""
    told = attributes.json("label_edges", dict) if "label_edges" in attributes else {}
    pixels = [told.get(field.name, 0) for field in fields(EdgeOptions)]
    if not all(type(value) is int and value >= 0 for value in pixels):
        raise DatasetError(
            "attribute 'label_edges' of the dataset should hold whole numbers of pixels, found "
            f"{str(told)[:40]!a}. Give recordings to 'airseg relabel', and merge."
        )
    return EdgeOptions(*pixels)
