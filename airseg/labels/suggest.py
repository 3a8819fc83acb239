"""Propose a class for mesh names that no rule takes; a person decides.

Words come first (`airseg.labels.words`). Where frames were audited, colour, texture and height in
the frame speak too: they raise the confidence, and decide alone only when no word is known.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from airseg.labels.audit import LabelEntry
from airseg.labels.document import IGNORE
from airseg.labels.judgement import nearest_class
from airseg.labels.words import HEAD_CLASS, HINT_CLASS, NOISE, PAIRS

_CAMEL = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+(?:th|st|nd|rd)|\d+")
_CERTAIN, _LIKELY, _COMPOUND, _HINT, _LOOKS = 0.9, 0.8, 0.7, 0.4, 0.3
_LONGEST_COMPOUND_PART = 3


@dataclass(frozen=True)
class Suggestion:
    """A class proposed for one label.

    Attributes:
        name: the mesh family.
        class_name: the proposed class or ``ignore``; None where nothing speaks for any.
        confidence: 0 to 1, not a probability.
        reason: why, in a few words.
    """

    name: str
    class_name: str | None
    confidence: float
    reason: str


def suggest_name(name: str) -> Suggestion:
    """Propose a class from the words of a name alone."""
    words = split_words(name)
    if not words:
        if re.fullmatch(r"[\d_]+", name):
            return Suggestion(name, None, 0.0, "only a number")
        return Suggestion(name, None, 0.0, "no word in it")
    for first, second in pairwise(words):
        if (pair := f"{first} {second}") in PAIRS:
            return Suggestion(name, PAIRS[pair], _CERTAIN, f"'{pair}'")
    heads = [(word, HEAD_CLASS[word]) for word in words if word in HEAD_CLASS]
    if heads:
        word, class_name = heads[-1]
        is_clear = len({c for _, c in heads}) == 1
        return Suggestion(name, class_name, _CERTAIN if is_clear else _LIKELY, f"'{word}'")
    for word in reversed(words):
        if found := _compound(word):
            return Suggestion(name, found[1], _COMPOUND, f"'{found[0]}' in '{word}'")
    for word in reversed(words):
        if word in HINT_CLASS:
            return Suggestion(name, HINT_CLASS[word], _HINT, f"'{word}' around it")
    return Suggestion(name, None, 0.0, "no known word")


def split_words(name: str) -> list[str]:
    """Return the lower-case words of a mesh name: parted at underscores, digits and capitals."""
    parts = [part for piece in re.split(r"[\W_]+", name) for part in _CAMEL.findall(piece)]
    words = [part.lower() for part in parts if not part.isdigit()]
    kept = [word for word in words if word not in NOISE]
    return kept or [word for word in words if word in HEAD_CLASS]


def _compound(word: str) -> tuple[str, str] | None:
    """Return the known word a compound such as ``powerlinepole`` ends in, or begins with."""
    for known in sorted(HEAD_CLASS, key=len, reverse=True):
        if len(known) > _LONGEST_COMPOUND_PART and word.endswith((known, known + "s")):
            return known, HEAD_CLASS[known]
    for known in sorted(HEAD_CLASS, key=len, reverse=True):
        if len(known) > _LONGEST_COMPOUND_PART and word.startswith(known):
            return known, HEAD_CLASS[known]
    return None


def suggest_entry(entry: LabelEntry, entries: Sequence[LabelEntry]) -> Suggestion:
    """Propose a class for an audited label, from its name and from what it looks like."""
    by_name = suggest_name(entry.name) if not entry.ids else Suggestion(entry.name, None, 0.0, "")
    looks = _from_looks(entry, entries)
    if looks is None:
        return by_name
    class_name, why = looks
    if by_name.class_name is None:
        return Suggestion(entry.name, class_name, _LOOKS, why)
    if by_name.class_name == class_name:
        confidence = min(0.97, by_name.confidence + 0.07)
        return Suggestion(entry.name, class_name, confidence, f"{by_name.reason}; {why}")
    return by_name


def _from_looks(entry: LabelEntry, entries: Sequence[LabelEntry]) -> tuple[str, str] | None:
    """Return a class and a reason from position and colour, or None when they say nothing."""
    near = nearest_class(entry, entries)
    if near and near[1] < 1.0:
        return near[0], f"looks like {near[0]}"
    if not entry.pixels:
        return None
    red, green, blue = entry.colour
    if entry.height < 0.35 and entry.texture < 1.5 and blue >= red and entry.share > 0.02:
        return "sky", "above, smooth and blue"
    if green > 1.12 * red and green > 1.12 * blue:
        is_high = entry.height < 0.5
        return ("tree", "green and high") if is_high else ("vegetation", "green and low")
    is_gray = max(entry.colour) - min(entry.colour) < 18
    if entry.height > 0.65 and is_gray and entry.share > 0.02:
        return "road", "below, grey and large"
    return None


def to_yaml(
    suggestions: Sequence[Suggestion],
    entries: Sequence[LabelEntry],
    extends: str | None = None,
    name: str = "my_map",
) -> str:
    """Return a label map of suggestions: one expression a line, with confidence and reason.

    Args:
        suggestions: what to write; entries: the labels they are about.
        extends: the map whose names were left out, so that the two together are complete.
        name: of the map.
    """
    patterns = {entry.name: entry for entry in entries}
    by_class: dict[str, list[str]] = defaultdict(list)
    unknown: list[str] = []
    for s in sorted(suggestions, key=lambda s: (-s.confidence, s.name.lower())):
        entry = patterns[s.name]
        if s.class_name is None:
            names = ", ".join(f'"{_quoted(p)}"' for p in entry.patterns)
            unknown.append(f"  # - {{class: , names: [{names}]}}  # {s.name}: {s.reason}")
            continue
        comment = f"# {s.confidence:.2f} {s.reason}"
        by_class[s.class_name] += [f'      - "{_quoted(p)}"  {comment}' for p in entry.patterns]
    lines = ["format: 1", f'name: "{_quoted(name)}"']
    lines += [f'extends: "{_quoted(extends)}"'] if extends else ["background: ignore"]
    lines += ["rules:" if suggestions else "rules: []"]
    order = sorted(by_class, key=lambda name: (name != IGNORE, name))
    for class_name in order:
        lines += [f"  - class: {class_name}", "    names:", *by_class[class_name]]
    if unknown:
        lines += [
            "  # Nothing speaks for any class; name one and drop the first #:",
            *unknown,
        ]
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
