"""Find shipped flight plans, label maps and recipes by bare name.

A path that exists wins. Otherwise the name is looked up among the shipped files, which lie inside
the installed package, or at the top of the checkout when airseg runs from one.
"""

from __future__ import annotations

from pathlib import Path

from airseg.errors import AirsegError, did_you_mean

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


def find_resource(kind: str, name: str, error: type[AirsegError] = AirsegError) -> Path:
    """Return the file that a path or a bare name stands for.

    Args:
        kind: ``flight plan``, ``label map`` or ``recipe``.
        name: a path, or the bare name of a shipped file.
        error: what to raise when there is no such file.

    Raises:
        error: neither a file nor a shipped name; the message names the nearest one.
    """
    path = Path(name)
    if path.is_file():
        return path
    shipped = resource_folder(kind) / f"{name}.yaml"
    if "/" not in name and shipped.is_file():
        return shipped
    known = shipped_names(kind)
    hint = did_you_mean(name, known) or f" Shipped: {', '.join(known) or 'none'}."
    raise error(f"{name}: there is no such file, and no {kind} of that name is shipped.{hint}")
