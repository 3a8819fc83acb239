"""A training's journal: a CSV file that grows with it, and TensorBoard's if asked for."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from airseg.bench.aside import write_aside
from airseg.errors import RecipeError

COLUMNS = ("step", "kind", "value", "learning_rate", "seconds", "supervised_frames")


class Journal:
    """What happened at which step; a training that goes on from a checkpoint goes on here too.

    Lines have a kind: ``loss``, ``validation_mean_iou``, ``validation_jaccard`` and
    ``training_jaccard``.

    Args:
        path: the CSV file.
        tensorboard: folder of the same curves for TensorBoard, or None.

    Raises:
        RecipeError: TensorBoard is asked for and not installed.
    """

    def __init__(self, path: Path, tensorboard: Path | None = None) -> None:
        self._path, self._folder = path, tensorboard
        self._writer: Any = None
        if tensorboard is not None:
            try:
                import tensorboard as _  # noqa: F401
            except ImportError:
                raise RecipeError(
                    "--tensorboard needs TensorBoard, which is not installed. "
                    "Run: pip install 'airseg[tensorboard]'"
                ) from None

    def open_at(self, step: int) -> None:
        """Leave out what was written after a step, which will be computed again."""
        lines = [",".join(COLUMNS)]
        if step and self._path.exists():
            for line in self._path.read_text(encoding="utf-8").splitlines()[1:]:
                first = line.partition(",")[0]
                # A kill may leave half a line.
                if line.count(",") == len(COLUMNS) - 1 and first.isdigit() and int(first) <= step:
                    lines.append(line)
        write_aside(self._path, ("\n".join(lines) + "\n").encode())
        if self._folder is not None:
            from torch.utils.tensorboard import SummaryWriter

            self._writer = SummaryWriter(str(self._folder), purge_step=step + 1)

    def add(
        self, step: int, kind: str, value: float, rate: float, seconds: float, frames: int
    ) -> None:
        """Write one line."""
        line = f"{step},{kind},{value:.6g},{rate:.6g},{seconds:.1f},{frames}\n"
        with self._path.open("a", encoding="utf-8") as file:
            file.write(line)
        if self._writer is not None:
            self._writer.add_scalar(kind, value, step)
            if kind == "loss":
                self._writer.add_scalar("learning_rate", rate, step)

    def close(self) -> None:
        """Let TensorBoard write what it holds back."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None
        if self._path.exists():
            with self._path.open("a", encoding="utf-8") as file:
                os.fsync(file.fileno())
