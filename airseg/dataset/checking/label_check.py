"""Holding labels, raw ids and numbers of objects against what a dataset file says of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field

import h5py
import numpy as np

from airseg.dataset.checking.report import Report, without_path
from airseg.dataset.format.attributes import Attributes
from airseg.dataset.format.schema import SEQUENCES_GROUP
from airseg.dataset.reading import Dataset, SequenceView
from airseg.errors import DatasetError, LabelMapError
from airseg.labels.instances import contradiction
from airseg.labels.label_map import parse_label_map
from airseg.labels.resolution import MeshGroup, resolve


@dataclass(frozen=True)
class LabelCheck:
    """What labels and raw ids of a sequence must be.

    Attributes:
        classes: number of classes; ignore_index: label of everything else.
        known_ids: (256,) bool, ids of the object table; all where there is none.
        table: (256,) uint8 label by raw id, or None where that cannot be said.
        may_ignore: whether pixels may be ignored that have a class: edges are left out.
        objects: the object table, where the numbers of objects count its meshes; else empty.
        class_of: class of each object number that was seen.
    """

    classes: int
    ignore_index: int
    known_ids: np.ndarray
    table: np.ndarray | None
    may_ignore: bool
    objects: Sequence[MeshGroup]
    class_of: dict[int, int] = field(default_factory=dict)

    @classmethod
    def of(
        cls, report: Report, dataset: Dataset, view: SequenceView, group: h5py.Group
    ) -> LabelCheck:
        """Read what the file says of the labels of one sequence."""
        known = np.zeros(256, bool)
        known[[0, *(entry.id for entry in view.object_table)]] = True
        if not view.object_table:
            known[:] = True
        place = f"/{SEQUENCES_GROUP}/{view.name}"
        table, may_ignore = None, True
        try:
            text = _own_or_root(dataset, place, group, "label_map")
            edges = _own_or_root(dataset, place, group, "label_edges")
            label_map = parse_label_map(text, "label_map")
            if list(label_map.class_names) != dataset.class_names:
                report.add("the label map has other classes than the file.")
            else:
                table = resolve(label_map, view.object_table).table
            may_ignore = any(json.loads(edges).values()) if edges else True
        except (DatasetError, LabelMapError, ValueError, AttributeError, RecursionError) as cause:
            report.add(f"the label map cannot be used: {without_path(cause, dataset.path)}")
        objects = view.object_table if "plan" in view.details else []
        return cls(dataset.num_classes, dataset.ignore_index, known, table, may_ignore, objects)

    def check(
        self, report: Report, index: int, frames: dict[str, np.ndarray], *, labelled: bool
    ) -> None:
        """Check one frame."""
        label, raw = frames.get("label"), frames.get("raw_label")
        if label is not None:
            strange = (label >= self.classes) & (label != self.ignore_index)
            if strange.any():
                values = np.unique(label[strange])[:5].tolist()
                report.add(f"{int(strange.sum())} pixels have labels {values}, no classes.", index)
            if not labelled and (label != self.ignore_index).any():
                report.add("it is marked as context without labels, and has some.", index)
        if not labelled:
            return
        if (numbers := frames.get("instance")) is not None:
            self._check_objects(report, index, numbers, label, raw)
        if raw is None:
            return
        strange = ~self.known_ids[raw]
        if strange.any():
            values = np.unique(raw[strange])[:5].tolist()
            report.add(f"raw ids {values} are not in the object table.", index)
        elif label is not None and self.table is not None:
            other = label != self.table[raw]
            if self.may_ignore:
                other &= label != self.ignore_index
            if other.any():
                report.add(f"{int(other.sum())} labels are not what the label map says.", index)

    def _check_objects(
        self,
        report: Report,
        index: int,
        numbers: np.ndarray,
        label: np.ndarray | None,
        raw: np.ndarray | None,
    ) -> None:
        """Hold the numbers of objects against raw ids, and against the classes they had before."""
        if raw is not None and self.objects and (told := contradiction(numbers, raw, self.objects)):
            report.add(told, index)
            return
        if label is None:
            return
        counted = (numbers > 0) & (label != self.ignore_index)
        pairs = np.unique(numbers[counted].astype(np.uint64) << 8 | label[counted])
        for number, value in zip((pairs >> 8).tolist(), (pairs & 255).tolist(), strict=True):
            before = self.class_of.setdefault(number, value)
            if before != value:
                report.add(f"object {number} is of class {value}, and was of {before}.", index)
                return


def _own_or_root(dataset: Dataset, place: str, group: h5py.Group, name: str) -> str:
    """Return a text of the sequence, or that of the file; empty where neither has it."""
    for where, owner in ((place, group), ("/", group.file)):
        attributes = Attributes(dataset.path, where, owner.attrs)
        if name in attributes:
            return attributes.text(name)
    return ""
