"""Names of networks, read from the source: a shell that completes them cannot wait for torch."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from airseg.extensions import extensions

_REGISTER = "register_model"
_PACKAGE = "airseg.models"


def network_names() -> list[str]:
    """Return what `airseg.models.registry.list_models` does, without importing any network."""
    spec = find_spec(_PACKAGE)
    folders = spec.submodule_search_locations if spec else None
    files = [file for folder in folders or () for file in sorted(Path(folder).glob("*.py"))]
    sources = [file.read_text(encoding="utf-8") for file in files if file.name != "registry.py"]
    shipped = [n for source in sources if _REGISTER in source for n in _registered(source)]
    return sorted({*shipped, *extensions(_PACKAGE)})


def _registered(source: str) -> Iterator[str]:
    """Yield the names that a module registers: of functions it decorates, or has made."""
    body = ast.parse(source).body
    functions = [node for node in body if isinstance(node, ast.FunctionDef)]
    decorated = {f.name for f in functions if any(map(_names_register, f.decorator_list))}
    makers = {
        f.name for f in functions if any(_names_register(n) for s in f.body for n in ast.walk(s))
    }
    yield from decorated
    for node in body:
        if isinstance(node, ast.Assign) and any(
            isinstance(n, ast.Name) and n.id in makers for n in ast.walk(node.value)
        ):
            targets = [n for target in node.targets for n in ast.walk(target)]
            yield from (n.id for n in targets if isinstance(n, ast.Name))


def _names_register(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and node.id == _REGISTER
