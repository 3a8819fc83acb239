"""Packages that airseg[bench] brings, and what to say where they are missing."""

from __future__ import annotations

_OF_BENCH = ("torch", "torchvision", "lightning", "lightning_fabric", "scipy")


def how_to_install(module: str | None) -> str:
    """Return a line on how to get a missing module, or nothing where it is none of an extra.

    Args:
        module: what could not be imported, dots and all.
    """
    package = (module or "").partition(".")[0]
    if package not in _OF_BENCH:
        return ""
    return (
        f"networks, training and scores need {package}, which is not installed. Install it: "
        "pip install 'airseg[bench]'."
    )
