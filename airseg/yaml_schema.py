"""YAML as version 1.2 reads it, where plain words and numbers mean what they look like.

PyYAML follows version 1.1, in which ``no`` is false, ``12:30`` is 750, ``010`` is 8 and
``2024-06-21`` is no text. Here values follow the core schema of version 1.2.2 (chapter 10.3), save
that a number with a leading zero is refused: the versions disagree on it, and people mean either.
"""

from __future__ import annotations

import re
from typing import Any

import yaml

_NULL, _BOOL, _INT, _FLOAT = (f"tag:yaml.org,2002:{n}" for n in ("null", "bool", "int", "float"))
_PLAIN_TAGS = [f"tag:yaml.org,2002:{n}" for n in ("str", "seq", "map")]
_MOST_CHARACTERS, _MOST_VALUES, _DEEPEST = 2_000_000, 500_000, 64
_CORE_SCHEMA = (
    (_NULL, r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    (_BOOL, r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    (_INT, r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", list("-+0123456789")),
    (
        _FLOAT,
        r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?"
        r"|[-+]?(\.inf|\.Inf|\.INF)|\.nan|\.NaN|\.NAN",
        list("-+0123456789."),
    ),
)
_PATTERNS = {tag: re.compile(f"(?:{pattern})\\Z") for tag, pattern, _ in _CORE_SCHEMA}
_OLD_LINE_END = re.compile("[\x85\u2028\u2029]")
_LEADING_ZERO = re.compile(r"[-+]?0[0-9]+")
_MERGE = ("tag:yaml.org,2002:merge", re.compile("<<"))


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """PyYAML's reader, ten times as fast where it has libyaml, with the values of version 1.2.

    It knows the tags of the core schema alone: of others, such as ``!!binary``, it takes damaged
    values for empty ones.
    """

    yaml_implicit_resolvers: dict[str, Any] = {"<": [_MERGE]}
    yaml_constructors: dict[str | None, Any] = {
        tag: construct
        for tag, construct in yaml.SafeLoader.yaml_constructors.items()
        if tag in (None, _NULL, _BOOL, *_PLAIN_TAGS)
    }


class _Dumper(yaml.SafeDumper):
    """PyYAML's writer, which puts in quotes what either version takes for no text."""


for _tag, _, _firsts in _CORE_SCHEMA:
    for _kind in (_Loader, _Dumper):
        _kind.add_implicit_resolver(_tag, _PATTERNS[_tag], _firsts)


def _read_int(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> int:
    text = str(loader.construct_scalar(node))
    if len(text) > 300:
        raise _mistake("a number of more than 300 digits", node)
    if _LEADING_ZERO.fullmatch(text):
        raise _mistake(
            f"the number {text} begins with a zero, which versions of YAML read differently; write "
            f"{int(text)}, or put it in quotes if it is a text",
            node,
        )
    return int(text, 0)


def _read_float(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> float:
    text = str(loader.construct_scalar(node)).lower()
    return float(text.replace(".inf", "inf").replace(".nan", "nan"))


_Loader.add_constructor(_INT, _read_int)
_Loader.add_constructor(_FLOAT, _read_float)


def _write_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    """Write what old versions take for line ends as escapes, which double quotes alone have."""
    style = '"' if _OLD_LINE_END.search(text) else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style)


_Dumper.add_representer(str, _write_text)


def compose(text: str) -> tuple[yaml.Node | None, Any]:
    """Return the nodes of a YAML text, which know their lines, and the values they stand for.

    Raises:
        yaml.YAMLError: no YAML, a key twice in one mapping, or aliases that stand for too much.
    """
    if len(text) > _MOST_CHARACTERS:
        raise yaml.YAMLError(f"{len(text):,} characters are more than airseg reads")
    if match := _OLD_LINE_END.search(text):
        line = text.count("\n", 0, match.start()) + 1
        raise yaml.YAMLError(
            f"line {line} holds U+{ord(match[0]):04X}, which ends a line in some versions of YAML "
            "and none in others; write it as an escape in double quotes, or take it out"
        )
    _refuse_deep(text)
    loader = _Loader(text)
    try:
        root = loader.get_single_node()
        if root is not None:
            _check(root, {})
        return root, None if root is None else loader.construct_document(root)
    finally:
        loader.dispose()


def load(text: str) -> Any:
    """Return the value of a YAML text. See `compose`."""
    return compose(text)[1]


def dump(data: Any, **options: Any) -> str:
    """Return data as YAML whose values are the same in either version of YAML."""
    return yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, **options)


def _refuse_deep(text: str) -> None:
    """Refuse what is nested so deeply that composing it would overflow the stack."""
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > _DEEPEST:
            problem = f"nested more than {_DEEPEST} levels deep"
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=event.start_mark)  # type: ignore[arg-type]


def _check(node: yaml.Node, sizes: dict[int, int]) -> int:
    """Return how many values a node stands for, aliases written out.

    Version 1.1 keeps the last of two same keys; a few aliases of aliases stand for billions.
    """
    known = sizes.get(id(node))
    if known == 0:
        raise _mistake("an alias stands for something that contains it", node)
    if known is not None:
        return known
    sizes[id(node)] = 0
    children: list[yaml.Node] = []
    if isinstance(node, yaml.MappingNode):
        _refuse_duplicate_keys(node)
        children = [child for pair in node.value for child in pair]
    elif isinstance(node, yaml.SequenceNode):
        children = node.value
    elif node.tag in _PATTERNS and not _PATTERNS[node.tag].match(node.value):
        raise _mistake(f"'{node.value[:40]}' is no {node.tag.rpartition(':')[2]}", node)
    size = 1 + sum(_check(child, sizes) for child in children)
    if size > _MOST_VALUES:
        raise _mistake(f"more than {_MOST_VALUES:,} values, aliases written out", node)
    sizes[id(node)] = size
    return size


def _refuse_duplicate_keys(node: yaml.MappingNode) -> None:
    seen: set[str] = set()
    for key, _ in node.value:
        if isinstance(key, yaml.ScalarNode):
            if key.value in seen:
                raise _mistake(f"the key '{key.value}' stands twice in one mapping", key)
            seen.add(key.value)


def _mistake(problem: str, node: yaml.Node) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark)
