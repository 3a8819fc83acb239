"""What can be told of a command's arguments before PyTorch is loaded, which takes seconds."""

from __future__ import annotations

from pathlib import Path


def check_dataset(path: Path) -> None:
    """Open a dataset and close it.

    Raises:
        DatasetError: it is none.
    """
    from airseg.dataset.reading.reader import Dataset

    with Dataset(path):
        pass


def check_weights(weights: str) -> None:
    """Look whether there is such a checkpoint; whether it fits is told when it is loaded.

    Args:
        weights: ``none``, ``imagenet`` or a file.

    Raises:
        RecipeError: there is no such file.
    """
    from airseg.errors import RecipeError

    if weights not in ("none", "imagenet") and not Path(weights).exists():
        raise RecipeError(f"weights: {weights}: there is no such file.")
