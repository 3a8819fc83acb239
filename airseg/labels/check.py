"""Look for mistakes in label maps that reading them cannot refuse: rules that never win, doubles.

The first rule that matches wins, so a rule below a wider one is silently dead, and an id or a
colour that stands twice means the first of its classes only.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from airseg.labels.document import IGNORE
from airseg.labels.label_map import LabelMap
from airseg.name_patterns import NamePattern, Patience

_PLAIN = re.compile(r"[\w #-]+")
_OPEN_ENDS = ("(_.*)?", "_.*", ".*", r"\d*", "s?")

_Taker = tuple[str, str, NamePattern]
"""A class, an expression of it as text, and as what can be asked."""


@dataclass(frozen=True)
class MapReport:
    """What was found in one label map.

    Attributes:
        name: the map.
        patterns: how many expressions its rules have; ids, colors: how many of those.
        examples: how many examples hold.
        problems: one line each.
        classes: names by class, of the names it was asked about; None stands for no class.
        unused: (class, expression) of rules that take none of the names.
        collisions: AirSim's default ids that names of several classes share, one line each.
    """

    name: str
    patterns: int
    ids: int
    colors: int
    examples: int
    problems: list[str]
    classes: dict[str | None, list[str]]
    unused: list[tuple[str, str]]
    collisions: list[str]


def check_map(label_map: LabelMap, names: Iterable[str] = ()) -> MapReport:
    """Check a map that could be read, and ask it about mesh names where some are given.

    Args:
        label_map: the map; its examples held when it was read.
        names: mesh names of the environment, for what no rule takes and what takes nothing.
    """
    names = sorted({name for name in names if name})
    problems = [*_doubles(label_map), *_shadowed(label_map)]
    classes: dict[str | None, list[str]] = defaultdict(list)
    for name in names:
        classes[label_map.class_of_name(name)].append(name)
    if names:
        problems += [f"no rule takes {name}" for name in classes.get(None, [])]
    return MapReport(
        name=label_map.name,
        patterns=sum(len(rule.names) for rule in label_map.rules),
        ids=len({i for rule in label_map.rules for i in rule.ids}),
        colors=len({c for rule in label_map.rules for c in rule.colors}),
        examples=len(label_map.examples),
        problems=problems,
        classes=dict(classes),
        unused=unused_patterns(label_map, names) if names else [],
        collisions=default_id_collisions(label_map, names),
    )


def unused_patterns(label_map: LabelMap, names: Iterable[str]) -> list[tuple[str, str]]:
    """Return (class, pattern) of every expression that is never the first to take a name."""
    used = {label_map.first_taker(name) for name in names}
    patterns = [(rule.class_name, text) for rule in label_map.rules for text in rule.names]
    return [pattern for place, pattern in enumerate(patterns) if place not in used]


def default_id_collisions(label_map: LabelMap, names: Iterable[str]) -> list[str]:
    """Return AirSim's default ids that meshes of several classes share.

    `InitializeObjectStencilID` of AirSim's AirBlueprintLib.h hashes a name to five plus the sum of
    its lower-case letters, modulo 256. No relabelling can part such meshes afterwards.
    """
    members: dict[int, dict[str, str]] = defaultdict(dict)
    for name in names:
        class_name = label_map.class_of_name(name)
        if class_name not in (None, IGNORE):
            members[default_id(name)].setdefault(str(class_name), name)
    return [
        f"default id {number} is shared: "
        + ", ".join(f"{mesh} is {name}" for name, mesh in sorted(found.items()))
        for number, found in sorted(members.items())
        if len(found) > 1
    ]


def default_id(mesh: str) -> int:
    """Return the id AirSim gives a mesh at start."""
    return (5 + sum(ord(c) for c in mesh.lower() if "a" <= c <= "z")) % 256


def _doubles(label_map: LabelMap) -> list[str]:
    """Return what stands twice: expressions, ids and colours."""
    problems = []
    for kind, field in (("expression", "names"), ("id", "ids"), ("colour", "colors")):
        places: dict[str, list[str]] = defaultdict(list)
        for rule in label_map.rules:
            for value in getattr(rule, field):
                places[str(value).lower()].append(rule.class_name)
        for value, classes in places.items():
            if len(classes) > 1:
                counted = Counter(classes)
                where = " and ".join(f"{c} (twice)" if n > 1 else c for c, n in counted.items())
                problems.append(f"{kind} {value} stands under {where}; the first one wins")
    return problems


def _shadowed(label_map: LabelMap) -> list[str]:
    """Return expressions of plain words that an earlier rule takes whole."""
    problems = []
    earlier, plain, patience = list[_Taker](), dict[str, _Taker](), Patience()
    for rule in label_map.rules:
        for text in rule.names:
            for word in _plain_words(text):
                with patience:
                    taker = _taker(word, text == word, earlier, patience)
                taker = taker or plain.get(text.lower())
                if taker and taker[0] != rule.class_name:
                    problems.append(
                        f"rule for {rule.class_name}: '{word}' never wins, because '{taker[1]}' "
                        f"of {taker[0]} stands above it"
                    )
        for text in rule.names:
            known = (rule.class_name, text, NamePattern(text))
            # A plain word takes itself alone: maps that list thousands are checked in no time.
            if _PLAIN.fullmatch(text):
                plain.setdefault(text.lower(), known)
            else:
                earlier.append(known)
    return problems


def _taker(word: str, is_whole: bool, earlier: list[_Taker], patience: Patience) -> _Taker | None:
    """Return what takes a word and whatever begins with it; the word alone if that is the whole."""
    for names in ((word, word + "_x"), (word,))[: 2 if is_whole else 1]:
        for taker in earlier:
            if all(taker[2].fullmatch(name) for name in names):
                return taker
            patience.after(matched=len(names))
    return None


def _plain_words(pattern: str) -> list[str]:
    """Return the alternatives of an expression that are plain words, open ends cut off."""
    alternatives = _split_alternatives(pattern)
    words = [_without_open_end(text) for text in alternatives]
    return [word for word in words if word and _PLAIN.fullmatch(word)]


def _without_open_end(text: str) -> str:
    """Return an alternative without what lets a name go on behind it."""
    end = len(text)
    while taken := next((len(o) for o in _OPEN_ENDS if text.endswith(o, 0, end)), 0):
        end -= taken
    return text[:end]


def _split_alternatives(pattern: str) -> list[str]:
    """Split at the bars that stand in no group, class or escape."""
    parts, depth, start, index = [], 0, 0, 0
    while index < len(pattern):
        character = pattern[index]
        if character == "\\":
            index += 1
        elif character in "([":
            depth += 1
        elif character in ")]":
            depth -= 1
        elif character == "|" and depth == 0:
            parts.append(pattern[start:index])
            start = index + 1
        index += 1
    return [*parts, pattern[start:]]
