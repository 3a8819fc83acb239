"""Which row of a comparison is the per-frame version of another: the same without memory."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from airseg.bench.results.result import Result
from airseg.errors import RecipeError

Options = dict[str, Any]


def _only(*names: str) -> Callable[[Options], Options]:
    return lambda options: {n: options[n] for n in names if n in options}


def _without(*names: str) -> Callable[[Options], Options]:
    return lambda options: {n: v for n, v in options.items() if n not in names}


_MEMORY_OF_FANET = ("tca_depth", "reduction", "decay")
_MEMORY_OF_DFF = ("key_interval", "flow", "change_threshold", "train")
_MEMORY_OF_MA = ("frames", "ratio", "stages", "judge", "batch_means")

_FAMILIES: dict[str, tuple[str, Callable[[Options], Options], Callable[[Options], bool]]] = {
    **{
        f"fanet{n}": (f"fanet{n}", _without(*_MEMORY_OF_FANET), lambda o: not o.get("tca_depth"))
        for n in (18, 34, 50, 101)
    },
    **{
        name: (name, _without(*_MEMORY_OF_DFF), lambda o: o.get("key_interval", 5) == 1)
        for name in ("dff_resnet50", "dff_resnet101")
    },
    "ma_resnet50": ("ma_resnet50", _without(*_MEMORY_OF_MA), lambda o: o.get("frames", 1) == 0),
    "tv3s": ("segformer", _only("encoder"), lambda o: False),
    "segformer": ("segformer", _only("encoder"), lambda o: True),
    "espnet_convlstm": ("espnet", _only("p", "q"), lambda o: False),
    "espnet": ("espnet", _only("p", "q"), lambda o: True),
    "vssnet": ("ssnet", _only(), lambda o: False),
    "ssnet": ("ssnet", _only(), lambda o: True),
}
"""By network: its family, the options that are not about memory, and whether it has none."""

DEPTH_OPTION = "tca_depth"
"""The option of networks whose depth of memory can be changed after training."""


@dataclass(frozen=True)
class Row:
    """A trained network of a comparison.

    Attributes:
        result: its row on the leaderboard.
        checkpoint: its weights.
    """

    result: Result
    checkpoint: Path

    @property
    def run(self) -> str:
        """The row's unique name."""
        return self.result.run

    @property
    def label(self) -> str:
        """What tables call it; rows that differ by their seed share it."""
        return self.result.label

    @property
    def seed(self) -> int:
        """The seed it was trained with."""
        return int(self.result.recipe["train"]["seed"])

    @property
    def options(self) -> Options:
        """Options of its network."""
        return self.result.recipe["model"].get("options", {})

    @property
    def is_per_frame(self) -> bool:
        """Whether it has no memory."""
        family = _FAMILIES.get(self.result.recipe["model"]["name"])
        return family is not None and family[2](self.options)

    @property
    def depth(self) -> int | None:
        """How many earlier frames it attends to, where that can be changed after training."""
        name = self.result.recipe["model"]["name"]
        if not name.startswith("fanet") or self.options.get("reduction") in ("learned", "decay"):
            return None
        return int(self.options.get(DEPTH_OPTION, 0))

    def family(self) -> str | None:
        """Return what a row has in common with its per-frame version, or None."""
        found = _FAMILIES.get(self.result.recipe["model"]["name"])
        if found is None:
            return None
        data = self.result.recipe["data"]
        same = [found[0], found[1](self.options), self.seed, data["height"], data["width"]]
        return json.dumps(same, sort_keys=True)


@dataclass(frozen=True)
class Pair:
    """A network with memory and its own per-frame version, trained from the same seed."""

    memory: Row
    base: Row


def load_rows(paths: Sequence[Path], results: Sequence[Result]) -> list[Row]:
    """Return the trained networks among results: those whose checkpoint lies beside them."""
    rows = []
    for path, result in zip(paths, results, strict=True):
        checkpoint = path.parent / result.run / "checkpoint.pt"
        if result.kind == "model" and checkpoint.is_file():
            rows.append(Row(result, checkpoint))
    return rows


def pair_up(rows: Sequence[Row]) -> list[Pair]:
    """Return each row with memory beside its per-frame version.

    Raises:
        RecipeError: not one row has its per-frame version among the others.
    """
    bases = {row.family(): row for row in rows if row.is_per_frame}
    pairs = [
        Pair(row, bases[row.family()])
        for row in rows
        if row.family() in bases and not row.is_per_frame
    ]
    if not pairs:
        names = ", ".join(row.label for row in rows) or "none"
        raise RecipeError(
            "no network with memory has its own per-frame version beside it (found: "
            f"{names}). A recipe for this needs both, such as FANet-18 with tca_depth 0 and 4, of "
            "the same size and seed; baselines of other libraries have no memory."
        )
    return pairs
