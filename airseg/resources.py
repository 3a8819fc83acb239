"""Find shipped flight plans, label maps and recipes by bare name.

A path that exists wins. Otherwise the name is looked up among the shipped files, which lie inside
the installed package, or at the top of the checkout when airseg runs from one; then among those
that other packages add. An entry point of the group ``airseg.label_maps``, ``airseg.flight_plans``
or ``airseg.recipes`` names the package in whose folder ``<name>.yaml`` lies.
"""

from __future__ import annotations

import os
from importlib.metadata import EntryPoint
from pathlib import Path

from airseg.errors import AirsegError, did_you_mean
from airseg.extensions import extensions, load_extension, package_of

_PACKAGE = Path(__file__).resolve().parent
_KINDS = {
    "flight plan": ("flight_plans", "flight_plans"),
    "label map": ("label_maps", "label_maps"),
    "recipe": ("recipes", "benchmark/recipes"),
    "table of published numbers": ("papers", "benchmark/papers"),
}


def resource_folder(kind: str) -> Path:
    """Return the folder of shipped files of one kind.

    Args:
        kind: ``flight plan``, ``label map`` or ``recipe``.
    """
    installed, checkout = _KINDS[kind]
    packaged = _PACKAGE / "_data" / installed
    return packaged if packaged.is_dir() else _PACKAGE.parent / checkout


def shipped_names(kind: str) -> list[str]:
    """Return the bare names of the shipped files of one kind, sorted."""
    return sorted(p.stem for p in resource_folder(kind).glob("*.yaml"))


def known_names(kind: str) -> list[str]:
    """Return the bare names of shipped files of one kind, and of those of other packages."""
    shipped = shipped_names(kind)
    return sorted([*shipped, *_added(kind, shipped)])


def find_resource(kind: str, name: str, error: type[AirsegError] = AirsegError) -> Path:
    """Return the file that a path or a bare name stands for.

    Args:
        kind: ``flight plan``, ``label map`` or ``recipe``.
        name: a path, or the bare name of a shipped file or of one that a package adds.
        error: what to raise when there is no such file.

    Raises:
        error: neither a file nor a known name; the message names the nearest one.
    """
    path = Path(name)
    if path.is_file():
        return path
    shipped = resource_folder(kind) / f"{name}.yaml"
    if "/" not in name and shipped.is_file():
        return shipped
    if entry := _added(kind, shipped_names(kind)).get(name):
        return _file_of(entry, error)
    if path.is_dir():
        raise error(f"{name}: is a folder, no {kind}.")
    if "\\" in name and os.sep == "/":
        raise error(f"{name}: there is no such file. Write its path with / instead of \\.")
    known = known_names(kind)
    hint = did_you_mean(name, known, "Shipped")
    raise error(f"{name}: there is no such file, and no {kind} of that name is shipped.{hint}")


def _added(kind: str, shipped: list[str]) -> dict[str, EntryPoint]:
    return extensions(f"airseg.{_KINDS[kind][0]}", shipped)


def _file_of(entry: EntryPoint, error: type[AirsegError]) -> Path:
    """Return the file beside the package that an entry point names."""
    package = load_extension(entry)
    path = Path(str(package.__file__)).parent / f"{entry.name}.yaml"
    if not path.is_file():
        raise error(
            f"{package_of(entry)}: {entry.group} {entry.name} = {entry.value}: there is no {path}."
        )
    return path
