"""Image folders: those of mmsegmentation, VSPW, and Hugging Face's ``imagefolder``."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from airseg.classes import IGNORE_INDEX
from airseg.dataset.exporting.common import (
    ExportOptions,
    Facts,
    Progress,
    class_table,
    each_frame,
    encode_color,
    encode_labels,
    frame_row,
)
from airseg.dataset.reading import Dataset, SequenceView
from airseg.errors import DatasetError
from airseg.labels.label_map import SPLITS

_VSPW_VOID = 255
_MMSEG_MODULE = '''"""The dataset beside this file; for mmsegmentation 1.x, by custom_imports."""

from mmseg.datasets import BaseSegDataset
from mmseg.registry import DATASETS


@DATASETS.register_module()
class {name}(BaseSegDataset):
    """{title}.

    Give it data_root, ann_file="splits/train.txt" and
    data_prefix=dict(img_path="img_dir/train", seg_map_path="ann_dir/train").
    Frames beside the listed ones are context without labels.
    """

    METAINFO = dict(
        classes={classes},
        palette={palette},
    )

    def __init__(self, **options):
        options = dict(
            img_suffix="{suffix}", seg_map_suffix=".png", reduce_zero_label=False, ignore_index=255
        ) | options
        super().__init__(**options)
'''


def export_mmseg(
    dataset: Dataset, folder: Path, facts: Facts, options: ExportOptions, progress: Progress | None
) -> None:
    """Write ``img_dir``, ``ann_dir``, ``splits/<split>.txt`` and a dataset class.

    Masks hold labels and 255 where nothing counts. Frames without labels have a picture only, and
    do not stand in the lists.
    """
    palette = facts.label_map.palette()

    def place(view: SequenceView, index: int) -> tuple[Path, Path]:
        name = f"{view.split}/{view.name}/{index:06d}"
        return Path("img_dir") / f"{name}{options.suffix}", Path("ann_dir") / f"{name}.png"

    with _Lists(folder / "splits") as lists:
        for view, index, _ in each_frame(
            list(dataset), _writer(folder, options, palette, place), "exporting", progress
        ):
            if view.labelled[index]:
                lists.add(view.split, f"{view.name}/{index:06d}")
    name = "".join(word.capitalize() for word in _words(facts.title)) + "Dataset"
    (folder / "airseg_dataset.py").write_text(
        _MMSEG_MODULE.format(
            name=name if name[0].isalpha() else f"Airseg{name}",
            title=facts.title.replace('"', "'").replace("\\", "/"),
            classes=tuple(facts.label_map.class_names),
            palette=[list(target.rgb) for target in facts.label_map.classes],
            suffix=options.suffix,
        ),
        encoding="utf-8",
    )
    _write_classes(folder, facts)


def export_vspw(
    dataset: Dataset, folder: Path, facts: Facts, options: ExportOptions, progress: Progress | None
) -> None:
    """Write ``data/<video>/origin`` and ``mask``, the lists, and ``label_num_dic_final.json``.

    As in VSPW, a mask holds a class's label plus one, and 255 where nothing counts. VSPW's own
    programs open ``.jpg`` files only; ask for JPEG to use them unchanged.

    Raises:
        DatasetError: more classes than such masks can hold.
    """
    if dataset.num_classes > _VSPW_VOID - 1:
        raise DatasetError(
            f"{dataset.path}: VSPW's masks hold at most {_VSPW_VOID - 1} classes, found "
            f"{dataset.num_classes}. Export another format."
        )
    values = (np.arange(256) + 1).astype(np.uint8)
    values[IGNORE_INDEX] = _VSPW_VOID
    palette = np.roll(facts.label_map.palette(), 1, axis=0)

    def place(view: SequenceView, index: int) -> tuple[Path, Path]:
        data = Path("data") / view.name
        return data / "origin" / f"{index:08d}{options.suffix}", data / "mask" / f"{index:08d}.png"

    write = _writer(folder, options, palette, place, values)
    for _ in each_frame(list(dataset), write, "exporting", progress):
        pass
    with _Lists(folder) as lists:
        for view in dataset:
            lists.add(view.split, view.name)
    numbers = {"others": "0"} | {
        name: str(value) for value, name in enumerate(facts.label_map.class_names, 1)
    }
    (folder / "label_num_dic_final.json").write_text(json.dumps(numbers, indent=1), "utf-8")
    _write_classes(folder, facts)


def export_imagefolder(
    dataset: Dataset, folder: Path, facts: Facts, options: ExportOptions, progress: Progress | None
) -> None:
    """Write ``<split>/<sequence>`` and ``metadata.jsonl`` for ``load_dataset("imagefolder")``.

    Columns are ``image``, ``label`` (the label values, 255 where nothing counts), ``sequence``,
    ``frame``, ``timestamp_ns``, ``labelled`` and ``pose``, as in Parquet.
    """

    def place(view: SequenceView, index: int) -> tuple[Path, Path]:
        base = Path(view.split) / view.name
        return base / f"{index:06d}{options.suffix}", base / f"{index:06d}_label.png"

    write = _writer(folder, options, facts.label_map.palette(), place, all_labels=True)
    with _Lists(folder, "{}/metadata.jsonl") as lists:
        for view, index, _ in each_frame(list(dataset), write, "exporting", progress):
            image, label = place(view, index)
            row = {
                "file_name": str(image.relative_to(view.split)),
                "label_file_name": str(label.relative_to(view.split)),
                **_without_nan(frame_row(view, index)),
            }
            lists.add(view.split, json.dumps(row))
    _write_classes(folder, facts)


def _without_nan(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row with null for a pose that nobody knows: JSON has no NaN."""
    return row | {"pose": row["pose"] if np.isfinite(row["pose"]).all() else None}


def _writer(
    folder: Path,
    options: ExportOptions,
    palette: np.ndarray,
    place: Callable[[SequenceView, int], tuple[Path, Path]],
    values: np.ndarray | None = None,
    *,
    all_labels: bool = False,
) -> Callable[[SequenceView, int], None]:
    """Return what writes one frame's picture and, where it has one, its mask."""
    for_all = all_labels

    def write(view: SequenceView, index: int) -> None:
        image, mask = (folder / path for path in place(view, index))
        for path in (image, mask):
            path.parent.mkdir(parents=True, exist_ok=True)
        image.write_bytes(encode_color(view.rgb(index, index + 1)[0], options.jpeg_quality))
        if for_all or view.labelled[index]:
            labels = view.label(index, index + 1)[0]
            mask.write_bytes(encode_labels(labels if values is None else values[labels], palette))

    return write


class _Lists:
    """One text file for each split, a line for each entry; a split without entries has none."""

    def __init__(self, folder: Path, name: str = "{}.txt") -> None:
        self._folder, self._name = folder, name
        self._files: dict[str, TextIO] = {}

    def __enter__(self) -> _Lists:
        return self

    def __exit__(self, *raised: object) -> None:
        for file in self._files.values():
            file.close()

    def add(self, split: str, line: str) -> None:
        """Append a line to a split's list."""
        if split not in self._files:
            path = self._folder / self._name.format(split)
            path.parent.mkdir(parents=True, exist_ok=True)
            self._files[split] = path.open("w", encoding="utf-8")
        self._files[split].write(line + "\n")


def _write_classes(folder: Path, facts: Facts) -> None:
    """Write ``classes.json``: value, name and colour of each class."""
    table = {"ignore": IGNORE_INDEX, "classes": class_table(facts), "splits": list(SPLITS)}
    (folder / "classes.json").write_text(json.dumps(table, indent=1), encoding="utf-8")


def _words(text: str) -> list[str]:
    return "".join(c if c.isalnum() and c.isascii() else " " for c in text).split() or ["airseg"]
