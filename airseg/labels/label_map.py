"""Label maps: which mesh belongs to which of the eleven classes, written down once per environment.

A label map is a YAML file with rules. A rule's pattern must match a mesh's whole name, or its
whole name without the trailing instance number, upper and lower case being the same: ``fir``
takes ``Fir_12`` and ``Fir``, and never takes ``Fireplace_2``. The first rule that matches wins.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from airseg import yaml_schema
from airseg.classes import IGNORE_INDEX
from airseg.documents import load_document, parse_document
from airseg.errors import LabelMapError
from airseg.labels.document import (
    ELEVEN,
    IGNORE,
    LabelMapDocument,
    LabelRule,
    TargetClass,
    check_classes,
)
from airseg.name_patterns import NamePattern, Patience, SlowPatternError
from airseg.resources import find_resource
from airseg.text_files import read_text

__all__ = [
    "IGNORE",
    "SPLITS",
    "LabelMap",
    "LabelRule",
    "base_name",
    "load_label_map",
    "parse_label_map",
]

SPLITS = ("train", "val", "test")
"""The three parts of a dataset; a sequence belongs to exactly one."""

_INSTANCE_NUMBER = "0123456789_"


@dataclass(frozen=True)
class LabelMap:
    """A label map with its base joined in, ready to be asked.

    Attributes:
        name: what reports call it.
        rules: all rules in the order in which they are tried.
        background: class of id 0, or ``ignore``.
        splits: part of the dataset by sequence name.
        examples: mesh names and the class they must get.
        text: YAML that says the same, kept inside datasets.
        classes: what labels are mapped to; a class's place is its label.
    """

    name: str
    rules: tuple[LabelRule, ...]
    background: str
    splits: dict[str, str]
    examples: dict[str, str]
    text: str
    classes: tuple[TargetClass, ...] = ELEVEN

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes in the order of their labels."""
        return tuple(c.name for c in self.classes)

    def palette(self) -> np.ndarray:
        """Return (256, 3) uint8 RGB by label; black where there is no class."""
        palette = np.zeros((256, 3), np.uint8)
        for label, target in enumerate(self.classes):
            palette[label] = target.rgb
        return palette

    def label_value(self, class_name: str) -> int:
        """Return the label of one of the map's classes or of ``ignore``."""
        return IGNORE_INDEX if class_name == IGNORE else self._labels[class_name]

    @cached_property
    def _labels(self) -> dict[str, int]:
        return {name: label for label, name in enumerate(self.class_names)}

    @cached_property
    def _compiled(self) -> tuple[tuple[NamePattern, str], ...]:
        # Each by itself: joined, flags stand in the middle, and groups get other numbers.
        return tuple(
            (NamePattern(_composed(text)), rule.class_name)
            for rule in self.rules
            for text in rule.names
        )

    @cached_property
    def _patience(self) -> Patience:
        return Patience()

    def class_of_name(self, mesh: str) -> str | None:
        """Return the class of a mesh, ``ignore``, or None when no rule takes it.

        A name such as ``#804080`` is a colour of a label image and asks the rules by colour.

        Raises:
            LabelMapError: the expressions take too long.
        """
        if mesh.startswith("#"):
            return next((r.class_name for r in self.rules if mesh.lower() in r.colors), None)
        taker = self.first_taker(mesh)
        return None if taker is None else self._compiled[taker][1]

    def first_taker(self, mesh: str) -> int | None:
        """Return the place of the first expression that takes a name, among those of all rules.

        Raises:
            LabelMapError: the expressions take too long.
        """
        mesh = _composed(mesh)
        base, found = base_name(mesh), None
        try:
            with self._patience:
                for place, (pattern, _) in enumerate(self._compiled):
                    if pattern.fullmatch(mesh) or pattern.fullmatch(base):
                        found = place
                        break
                    self._patience.after(matched=2)
        except SlowPatternError as cause:
            raise LabelMapError(f"label map {self.name}: {cause}") from None
        return found

    def class_of_id(self, raw_id: int) -> str | None:
        """Return the class of a raw id in recordings without names, ``ignore``, or None."""
        for rule in self.rules:
            if raw_id in rule.ids:
                return rule.class_name
        return None

    def check_examples(self) -> None:
        """Check that every example gets the class it promises.

        Raises:
            LabelMapError: names the first examples that do not.
        """
        wrong = [
            f"{mesh} gives {found or 'no class'} instead of {expected}"
            for mesh, expected in self.examples.items()
            if (found := self.class_of_name(mesh)) != expected
        ]
        if wrong:
            more = f" ({len(wrong) - 3} more)" if len(wrong) > 3 else ""
            raise LabelMapError(
                f"label map {self.name}: examples: {'; '.join(wrong[:3])}{more}. "
                "Rules are tried from top to bottom: move or narrow the rule that takes it."
            )


def base_name(mesh: str) -> str:
    """Return a mesh's name without its trailing instance number; digit-only names stay."""
    return mesh.rstrip(_INSTANCE_NUMBER) or mesh


def _composed(text: str) -> str:
    """Return a text in which an e and an accent are an accented e, as not every program writes."""
    return unicodedata.normalize("NFC", text)


def load_label_map(name: str | Path) -> LabelMap:
    """Read a label map by path or bare name, join its base in, and check its examples.

    Args:
        name: a path, or the name of a shipped map such as ``neighborhood``.

    Raises:
        LabelMapError: one line with file, line and field.
    """
    path = find_resource("label map", str(name), LabelMapError)
    own = load_document(path, LabelMapDocument, LabelMapError)
    return _ready(own, path, read_text(path, LabelMapError))


def parse_label_map(text: str, source: str) -> LabelMap:
    """Read a label map from its text, as datasets keep it; `source` names it in errors."""
    own = parse_document(text, source, LabelMapDocument, LabelMapError)
    return _ready(own, Path(source), text)


def _ready(own: LabelMapDocument, path: Path, text: str) -> LabelMap:
    mistake = check_classes(own.classes)
    if mistake:
        raise LabelMapError(f"{path}: classes: {mistake}.")
    if own.extends:
        label_map = _join(own, _load_base(own.extends, path), path)
    else:
        rules, background = own.rules_in_order(), own.background or IGNORE
        classes = own.classes or ELEVEN
        label_map = LabelMap(
            own.name, rules, background, dict(own.splits), own.examples, text, classes
        )
    if not label_map.rules:
        raise LabelMapError(f"{path}: rules: a label map needs at least one rule, found none.")
    label_map.check_examples()
    return label_map


def _join(own: LabelMapDocument, base: LabelMap, path: Path) -> LabelMap:
    """Put a map's own rules before its base's. The base's examples are about the base alone."""
    classes = own.classes or ELEVEN
    if classes != base.classes:
        raise LabelMapError(
            f"{path}: extends: {own.extends} maps to other classes ({_some(base.class_names)}). "
            "Write the same 'classes' into both maps."
        )
    rules = (*own.rules_in_order(), *base.rules)
    background = own.background or base.background
    splits = base.splits | own.splits
    text = _joined_text(own, rules, background, splits)
    return LabelMap(own.name, rules, background, splits, own.examples, text, classes)


def _some(names: tuple[str, ...]) -> str:
    return ", ".join(names[:4]) + (", ..." if len(names) > 4 else "")


def _load_base(extended: str, path: Path) -> LabelMap:
    """Read the map that another extends: a file beside it, a path, or a shipped name."""
    beside = path.parent / extended
    candidates = [beside, beside.with_name(beside.name + ".yaml")]
    base_path = next((c for c in candidates if c.is_file()), None)
    if base_path is None:
        base_path = find_resource("label map", extended, LabelMapError)
    if base_path.resolve() == path.resolve():
        raise LabelMapError(f"{path}: extends: the map names itself as its base.")
    further = load_document(base_path, LabelMapDocument, LabelMapError).extends
    if further:
        raise LabelMapError(
            f"{path}: extends: {extended} itself extends {further}; only one level is allowed, "
            f"so that a reader looks into two files at most. Extend {further}, or copy the rules "
            "you need."
        )
    return load_label_map(base_path)


def _joined_text(
    own: LabelMapDocument,
    rules: tuple[LabelRule, ...],
    background: str,
    splits: dict[str, str],
) -> str:
    """Write a map and its base as one document without a base."""
    joined = own.model_dump(mode="json", exclude={"extends", "ignore"}, exclude_defaults=True)
    joined |= {
        "rules": [r.model_dump(mode="json", by_alias=True, exclude_defaults=True) for r in rules],
        "background": background,
        "splits": splits,
        "examples": own.examples,
    }
    return yaml_schema.dump({"format": 1} | joined)
