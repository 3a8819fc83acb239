"""The file of a label map: its fields, and what may stand in them."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo

from airseg.classes import CLASSES, IGNORE_INDEX
from airseg.documents import StrictModel
from airseg.errors import did_you_mean
from airseg.name_patterns import NamePattern, Patience, SlowPatternError
from airseg.path_names import first_twin

IGNORE = "ignore"
"""The word that stands for `IGNORE_INDEX` in label maps."""

_ID_RANGE = re.compile(r"(\d+)\s*-\s*(\d+)")
_HEX_COLOR = re.compile(r"#[0-9a-fA-F]{6}")


def hex_color(red: int, green: int, blue: int) -> str:
    """Return a colour as ``#rrggbb``, the name that labels known by colour alone go by."""
    return f"#{red:02x}{green:02x}{blue:02x}"


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str | int) and not isinstance(value, bool) else value


def _check_class(name: str, info: ValidationInfo) -> str:
    classes = (info.context or {}).get("classes") or [c.name for c in CLASSES]
    if name not in classes and name != IGNORE:
        known = (*classes, IGNORE)
        raise ValueError(f"there is no class '{name}'.{did_you_mean(name, known, 'Classes')}")
    return name


def _check_pattern(pattern: str, info: ValidationInfo) -> str:
    try:
        with (info.context or {}).get("patience") or Patience() as patience:
            text = NamePattern(pattern).text
            patience.after(built=1)
    except SlowPatternError as cause:
        raise ValueError(str(cause)) from None
    return text


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


def _read_color(value: Any) -> str:
    """Return ``#rrggbb`` of ``[r, g, b]`` or of the same text."""
    if isinstance(value, str) and _HEX_COLOR.fullmatch(value):
        return value.lower()
    is_triple = isinstance(value, list | tuple) and len(value) == 3
    if is_triple and all(type(v) is int and 0 <= v <= 255 for v in value):
        return hex_color(*value)
    raise ValueError(f"expected a colour such as [128, 64, 128] or '#804080', found {value!r}")


def _read_colors(value: Any) -> Any:
    """Let one colour stand without a list around it."""
    if isinstance(value, str) or (isinstance(value, list) and value and type(value[0]) is int):
        value = [value]
    return [_read_color(item) for item in value] if isinstance(value, list) else value


ClassName = Annotated[str, AfterValidator(_check_class)]
Patterns = Annotated[
    tuple[Annotated[str, AfterValidator(_check_pattern)], ...], BeforeValidator(_as_list)
]
RawIds = Annotated[tuple[int, ...], BeforeValidator(_expand_ids)]
Colors = Annotated[tuple[str, ...], BeforeValidator(_read_colors)]


class TargetClass(StrictModel):
    """One class that labels are mapped to; its place in the list is its label.

    Attributes:
        name: the identifier used in rules and tables.
        color: ``#rrggbb``, or ``[r, g, b]`` in the file.
    """

    name: str = Field(pattern=r"^[a-z][a-z0-9_ -]*$")
    color: Annotated[str, BeforeValidator(_read_color)]

    @property
    def rgb(self) -> tuple[int, int, int]:
        """The colour, 0 to 255."""
        red, green, blue = bytes.fromhex(self.color[1:])
        return red, green, blue


ELEVEN: tuple[TargetClass, ...] = tuple(
    TargetClass(name=c.name, color=hex_color(*c.color)) for c in CLASSES
)
"""The classes of a map that names none: those of `airseg.classes`."""


class LabelRule(StrictModel):
    """One rule of a label map: these meshes are this class.

    Attributes:
        class_name: one of the map's classes, or ``ignore``; ``class`` in the file.
        names: regular expressions for whole mesh names.
        ids: raw ids, used only where there are no mesh names.
        colors: colours of label images, used only where there are neither names nor ids.
    """

    class_name: ClassName = Field(alias="class")
    names: Patterns = ()
    ids: RawIds = ()
    colors: Colors = ()


class IgnoreRule(StrictModel):
    """The same without a class: what is left out of training and scoring."""

    names: Patterns = ()
    ids: RawIds = ()
    colors: Colors = ()


def _as_ignore_rule(value: Any) -> Any:
    """Let ``ignore:`` be a plain list.

    Text is a pattern, ``#rrggbb`` a colour, a number an id, and ``10-12`` three of them.
    """
    if not isinstance(value := _as_list(value), list):
        return value
    spans = [item for item in value if isinstance(item, str) and _ID_RANGE.fullmatch(item.strip())]
    texts = [item for item in value if not isinstance(item, int) and item not in spans]
    colors = [t for t in texts if isinstance(t, str) and _HEX_COLOR.fullmatch(t)]
    return {
        "names": [text for text in texts if text not in colors],
        "ids": [item for item in value if isinstance(item, int) or item in spans],
        "colors": colors,
    }


def _nothing_as_none(value: Any) -> Any:
    """Let ``rules:`` stand alone, or over comments, where no rule is written yet."""
    return [] if value is None else value


class LabelMapDocument(StrictModel):
    """A label map as it stands in its file.

    Attributes:
        format: version of this file format.
        name: what reports call the map.
        description: for which environment it is.
        source: where the names or ids come from.
        notes: choices that a reader should know about.
        extends: name or path of one base map, whose rules come after this map's own.
        classes: what labels are mapped to; the eleven of airseg when left out.
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
    classes: tuple[TargetClass, ...] = ()
    ignore: Annotated[IgnoreRule, BeforeValidator(_as_ignore_rule)] = IgnoreRule()
    rules: Annotated[tuple[LabelRule, ...], BeforeValidator(_nothing_as_none)] = ()
    background: ClassName | None = None
    splits: dict[str, Literal["train", "val", "test"]] = {}
    examples: dict[str, ClassName] = {}

    @classmethod
    def model_validate(cls, obj: Any, **options: Any) -> Self:
        """Check a document; its rules may name its own classes only."""
        context = {"classes": _class_names(obj), "patience": Patience()}
        return super().model_validate(obj, **options, context=context)

    def rules_in_order(self) -> tuple[LabelRule, ...]:
        """Return the rules with ``ignore`` as the first one."""
        if not (self.ignore.names or self.ignore.ids or self.ignore.colors):
            return self.rules
        first = {"class": IGNORE} | {k: list(v) for k, v in self.ignore.model_dump().items()}
        return (LabelRule.model_validate(first), *self.rules)


def _class_names(document: Any) -> list[str]:
    """Return the class names that an unchecked document defines."""
    listed = document.get("classes") if isinstance(document, dict) else None
    if not isinstance(listed, list):
        return []
    return [str(c["name"]) for c in listed if isinstance(c, dict) and "name" in c]


def check_classes(classes: tuple[TargetClass, ...]) -> str | None:
    """Return what is wrong with a list of classes, or None."""
    names = [c.name for c in classes]
    if double := first_twin(names):
        return f"the class '{double}' stands twice"
    if IGNORE in names:
        return f"'{IGNORE}' is the word for pixels without a class and cannot be one"
    if len(names) > IGNORE_INDEX:
        return f"at most {IGNORE_INDEX} classes fit a byte, found {len(names)}"
    return None
