"""Checkpoints: written aside, then renamed, so that a kill leaves the old one or the new one."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from airseg.bench.aside import write_aside
from airseg.errors import RecipeError, first_line

Points = list[tuple[int, float]]


@dataclass
class TrainingState:
    """Where a training stands, beside its weights.

    Attributes:
        step: how many are done; seconds: they took; frames: supervised in them.
        loss, validation, validation_jaccard, training_jaccard: see `outcome.Curves`.
        recent: losses since the last point; jaccards: of the frames since the epoch began.
    """

    step: int = 0
    seconds: float = 0.0
    frames: int = 0
    loss: Points = field(default_factory=list)
    validation: Points = field(default_factory=list)
    validation_jaccard: Points = field(default_factory=list)
    training_jaccard: Points = field(default_factory=list)
    recent: list[float] = field(default_factory=list)
    jaccards: list[float] = field(default_factory=list)


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write a checkpoint; `state` holds tensors, numbers, text, and containers of them.

    Raises:
        RecipeError: it cannot be written, such as on a full disk; the one before it is kept.
    """
    # Into memory first: torch's writer turns what goes wrong with a file into errors of its own.
    content = io.BytesIO()
    torch.save(state, content)
    write_aside(path, content.getbuffer())


def load_checkpoint(path: Path, fingerprint: str) -> dict[str, Any] | None:
    """Read a checkpoint, or return None where there is none.

    Raises:
        RecipeError: it is damaged, or belongs to another recipe or dataset.
    """
    if not path.exists():
        return None
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        found = state["fingerprint"]
    except Exception as cause:  # torch raises many kinds for damaged files
        reason = first_line(cause, 120)
        raise RecipeError(
            f"{path}: the checkpoint is damaged ({reason}). Delete it to train anew."
        ) from None
    if found != fingerprint:
        raise RecipeError(
            f"{path}: belongs to another recipe or dataset. Choose another --out, or delete it to "
            "train anew."
        )
    return state


def finished_state(path: Path, fingerprint: str, steps: int) -> dict[str, Any]:
    """Read the checkpoint that a row was scored with.

    Args:
        path: of it.
        fingerprint: of the row's recipe and dataset.
        steps: that its training took; 0 where a result does not say it.

    Raises:
        RecipeError: there is none, it is damaged, or the row was scored with another: one of
            another recipe that was begun here since, or of a training that is not finished.
    """
    if not path.is_file():
        raise RecipeError(
            f"{path}: there is no such checkpoint; a row's network lies where it was trained."
        )
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        found, step = state["fingerprint"], state["step"]
    except Exception as cause:  # torch raises many kinds for damaged files
        raise RecipeError(f"{path}: cannot be read ({first_line(cause)}).") from None
    if found != fingerprint or (steps and step != steps):
        other = f"step {step} of {steps}" if found == fingerprint else "another recipe or dataset"
        raise RecipeError(
            f"{path}: is not what the row beside it was scored with ({other}). Finish its "
            "training, or make the row again."
        )
    return state


def scored_weights(path: Path, fingerprint: str, steps: int) -> dict[str, torch.Tensor]:
    """Return the weights that a row was scored with: the running average where there is one.

    Args and errors as for `finished_state`.
    """
    content = finished_state(path, fingerprint, steps)
    average = content.get("average")
    if average is None:
        return dict(content["model"])
    prefix = "module."
    return {n.removeprefix(prefix): t for n, t in average.items() if n.startswith(prefix)}
