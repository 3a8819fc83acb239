"""Label maps: which mesh belongs to which of the eleven classes, written down once per environment.

A label map is a YAML file with rules. A rule's pattern must match a mesh's whole name, or its
whole name without the trailing instance number, upper and lower case being the same: ``fir``
takes ``Fir_12`` and ``Fir``, and never takes ``Fireplace_2``. The first rule that matches wins.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import AfterValidator, BeforeValidator, Field

from airseg.classes import CLASS_INDEX, CLASS_NAMES, IGNORE_INDEX
from airseg.documents import StrictModel, load_document
from airseg.errors import LabelMapError, did_you_mean
from airseg.resources import find_resource

IGNORE = "ignore"
"""The word that stands for `IGNORE_INDEX` in label maps."""

SPLITS = ("train", "val", "test")
"""The three parts of a dataset; a sequence belongs to exactly one."""

_INSTANCE_NUMBER = re.compile(r"[\d_]+$")
_ID_RANGE = re.compile(r"(\d+)\s*-\s*(\d+)")


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str | int) and not isinstance(value, bool) else value


def _check_class(name: str) -> str:
    if name not in CLASS_INDEX and name != IGNORE:
        known = (*CLASS_NAMES, IGNORE)
        hint = did_you_mean(name, known) or f" Classes: {', '.join(known)}."
        raise ValueError(f"there is no class '{name}'.{hint}")
    return name


def _check_pattern(pattern: str) -> str:
    try:
        re.compile(pattern, re.IGNORECASE)
    except re.error as cause:
        raise ValueError(f"'{pattern}' is not a regular expression: {cause}") from None
    return pattern


def _expand_ids(value: Any) -> Any:
    """Turn ``[3, "10-12"]`` into ``[3, 10, 11, 12]``; check that ids fit a byte."""
    if not isinstance(value := _as_list(value), list):
        return value
    ids: list[int] = []
    for item in value:
        span = _ID_RANGE.fullmatch(item.strip()) if isinstance(item, str) else None
        if span:
            first, last = int(span[1]), int(span[2])
        elif isinstance(item, int) and not isinstance(item, bool):
            first = last = item
        else:
            raise ValueError(f"expected ids such as 17 or ranges such as '17-20', found {item!r}")
        if not 0 <= first <= last <= 255:
            raise ValueError(f"ids run upwards from 0 to 255, found {item!r}")
        ids.extend(range(first, last + 1))
    return ids


ClassName = Annotated[str, AfterValidator(_check_class)]
Patterns = Annotated[
    tuple[Annotated[str, AfterValidator(_check_pattern)], ...], BeforeValidator(_as_list)
]
RawIds = Annotated[tuple[int, ...], BeforeValidator(_expand_ids)]


class LabelRule(StrictModel):
    """One rule of a label map: these meshes are this class.

    Attributes:
        class_name: one of the eleven, or ``ignore``; ``class`` in the file.
        names: regular expressions for whole mesh names.
        ids: raw ids, used only for recordings that have no mesh names.
    """

    class_name: ClassName = Field(alias="class")
    names: Patterns = ()
    ids: RawIds = ()


class IgnoreRule(StrictModel):
    """The same without a class: what is left out of training and scoring."""

    names: Patterns = ()
    ids: RawIds = ()


def _as_ignore_rule(value: Any) -> Any:
    """Let ``ignore:`` be a plain list: text is a pattern, a number is an id."""
    if not isinstance(value := _as_list(value), list):
        return value
    return {
        "names": [item for item in value if not isinstance(item, int)],
        "ids": [item for item in value if isinstance(item, int)],
    }


class LabelMapDocument(StrictModel):
    """A label map as it stands in its file.

    Attributes:
        format: version of this file format.
        name: what reports call the map.
        description: for which environment it is.
        source: where the names or ids come from.
        notes: choices that a reader should know about.
        extends: name or path of one base map, whose rules come after this map's own.
        ignore: meshes that become `IGNORE_INDEX`; looked at before `rules`.
        rules: the first that matches wins.
        background: class of pixels that belong to no mesh (id 0).
        splits: part of the dataset for each sequence, for recordings that do not say.
        examples: mesh names and the class they must get, checked whenever the map is read.
    """

    format: Literal[1]
    name: str = Field(min_length=1)
    description: str = ""
    source: str = ""
    notes: str = ""
    extends: str | None = None
    ignore: Annotated[IgnoreRule, BeforeValidator(_as_ignore_rule)] = IgnoreRule()
    rules: tuple[LabelRule, ...] = ()
    background: ClassName | None = None
    splits: dict[str, Literal["train", "val", "test"]] = {}
    examples: dict[str, ClassName] = {}


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
    """

    name: str
    rules: tuple[LabelRule, ...]
    background: str
    splits: dict[str, str]
    examples: dict[str, str]
    text: str

    @cached_property
    def _compiled(self) -> tuple[tuple[re.Pattern[str] | None, str], ...]:
        # Each pattern in its own group, so that "a|b" does not leak into its neighbours.
        return tuple(
            (
                re.compile("|".join(f"(?:{p})" for p in rule.names), re.IGNORECASE)
                if rule.names
                else None,
                rule.class_name,
            )
            for rule in self.rules
        )

    def class_of_name(self, mesh: str) -> str | None:
        """Return the class of a mesh, ``ignore``, or None when no rule takes it."""
        base = base_name(mesh)
        for pattern, class_name in self._compiled:
            if pattern and (pattern.fullmatch(mesh) or pattern.fullmatch(base)):
                return class_name
        return None

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
    return _INSTANCE_NUMBER.sub("", mesh) or mesh


def label_value(class_name: str) -> int:
    """Return the label of a class name or of ``ignore``."""
    return IGNORE_INDEX if class_name == IGNORE else CLASS_INDEX[class_name]


def load_label_map(name: str | Path) -> LabelMap:
    """Read a label map by path or bare name, join its base in, and check its examples.

    Args:
        name: a path, or the name of a shipped map such as ``neighborhood``.

    Raises:
        LabelMapError: one line with file, line and field.
    """
    path = find_resource("label map", str(name), LabelMapError)
    own = load_document(path, LabelMapDocument, LabelMapError)
    if own.extends:
        return _join(own, _load_base(own, path))
    rules = _rules_in_order(own)
    if not rules:
        raise LabelMapError(f"{path}: rules: a label map needs at least one rule, found none.")
    text = path.read_text(encoding="utf-8")
    background = own.background or IGNORE
    label_map = LabelMap(own.name, rules, background, own.splits, own.examples, text)
    label_map.check_examples()
    return label_map


def _join(own: LabelMapDocument, base: LabelMap) -> LabelMap:
    """Put a map's own rules before its base's. The base's examples are about the base alone."""
    rules = (*_rules_in_order(own), *base.rules)
    background = own.background or base.background
    splits = base.splits | own.splits
    text = _joined_text(own, rules, background, splits)
    label_map = LabelMap(own.name, rules, background, splits, own.examples, text)
    label_map.check_examples()
    return label_map


def _rules_in_order(document: LabelMapDocument) -> tuple[LabelRule, ...]:
    """Return a document's rules with its ``ignore`` as the first one."""
    if not (document.ignore.names or document.ignore.ids):
        return document.rules
    first = LabelRule.model_validate(
        {"class": IGNORE, "names": list(document.ignore.names), "ids": list(document.ignore.ids)}
    )
    return (first, *document.rules)


def _load_base(own: LabelMapDocument, path: Path) -> LabelMap:
    """Read the map that `own` extends: a file beside it, a path, or a shipped name."""
    beside = path.parent / own.extends
    candidates = [beside, beside.with_name(beside.name + ".yaml")]
    base_path = next((c for c in candidates if c.is_file()), None)
    if base_path is None:
        base_path = find_resource("label map", own.extends, LabelMapError)
    if base_path.resolve() == path.resolve():
        raise LabelMapError(f"{path}: extends: the map names itself as its base.")
    further = load_document(base_path, LabelMapDocument, LabelMapError).extends
    if further:
        raise LabelMapError(
            f"{path}: extends: {own.extends} itself extends {further}; only one level is allowed, "
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
    return yaml.safe_dump({"format": 1} | joined, sort_keys=False, allow_unicode=True)
