"""Which row of a comparison is another's partner: the same network and training without memory.

A partner differs in memory alone: it was trained with the same steps, rates, loss, batches, size,
weights to begin with, and seed. It is the per-frame version, which sees one frame at a time, or a
placebo, which is trained on clips as long and forgets all but the last frame.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import torch

from airseg.bench.recipes.recipe_parts import forgets
from airseg.bench.results.result import Result
from airseg.errors import RecipeError
from airseg.models import build_model

Options = dict[str, Any]


def _only(*names: str) -> Callable[[Options], Options]:
    return lambda options: {n: options[n] for n in names if n in options}


def _without(*names: str) -> Callable[[Options], Options]:
    return lambda options: {n: v for n, v in options.items() if n not in names}


_MEMORY_OF_FANET = ("tca_depth", "reduction", "decay")
_MEMORY_OF_DFF = ("key_interval", "flow", "change_threshold", "train", "distances")
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
    "sta_segformer": ("segformer", _only("encoder"), lambda o: False),
    "segformer": ("segformer", _only("encoder"), lambda o: True),
    "td2_fanet18": ("fanet18", _only("normalize"), lambda o: False),
    "pidnet_s": ("pidnet_s", _only("auxiliary"), lambda o: True),
    "eomt_ti16": ("eomt_ti16", _without("training_frames"), lambda o: True),
    "videomt_ti16": ("eomt_ti16", _without("training_frames"), lambda o: False),
    "espnet_convlstm": ("espnet", _only("p", "q"), lambda o: False),
    "espnet": ("espnet", _only("p", "q"), lambda o: True),
    "vssnet": ("ssnet", _only(), lambda o: False),
    "ssnet": ("ssnet", _only(), lambda o: True),
}
"""By network: its family, the options that are not about memory, and whether it has none."""

_AROUND = ("ema", "vote", "ssp", "placebo")

_CLASSES = 11
"""Of a network that is built for its shapes alone."""

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
    def is_placebo(self) -> bool:
        """Whether it goes through the same frames as a network with memory and keeps nothing."""
        model = self.result.recipe["model"]
        return model["name"] == "placebo" or forgets(model)

    @property
    def context(self) -> int:
        """How many frames its training clips have before the supervised ones."""
        model = self.result.recipe["model"]
        if model["name"].startswith("fanet"):
            return int(self.options.get(DEPTH_OPTION, 0))
        return _training_context(model["name"], json.dumps(self.options, sort_keys=True))

    @property
    def depth(self) -> int | None:
        """How many earlier frames it attends to, where that can be changed after training."""
        name = self.result.recipe["model"]["name"]
        if not name.startswith("fanet") or self.options.get("reduction") in ("learned", "decay"):
            return None
        return int(self.options.get(DEPTH_OPTION, 0))

    def family(self) -> str | None:
        """Return what a network has in common with its version without memory, or None."""
        name, options = self.result.recipe["model"]["name"], self.options
        if name in _AROUND:  # memory beside a network that has none
            name, options = options.get("base", "fanet18"), options.get("base_options") or {}
        found = _FAMILIES.get(name)
        return None if found is None else json.dumps([found[0], found[1](options)])

    def training(self) -> dict[str, Any]:
        """Return all of the recipe that partners share, flat: by dotted name."""
        recipe = self.result.recipe
        model = {k: v for k, v in recipe["model"].items() if k not in ("name", "options")}
        kept = {k: recipe.get(k) for k in ("protocol", "data", "loss", "train", "paper")}
        return dict(_flat({**kept, "model": model}))


@dataclass(frozen=True)
class Pair:
    """A network with memory and its partner, trained alike from the same seed."""

    memory: Row
    base: Row

    @property
    def label(self) -> str:
        """What tables call it: the network, and the placebo where that is its partner."""
        against = f" against {self.base.label}" if self.base.is_placebo else ""
        return f"{self.memory.label}{against}"


def load_rows(paths: Sequence[Path], results: Sequence[Result]) -> list[Row]:
    """Return the trained networks among results: those whose checkpoint lies beside them."""
    rows = []
    for path, result in zip(paths, results, strict=True):
        checkpoint = path.parent / result.run / "checkpoint.pt"
        if result.kind == "model" and checkpoint.is_file():
            rows.append(Row(result, checkpoint))
    return rows


def pair_up(rows: Sequence[Row]) -> list[Pair]:
    """Return each row with memory beside its per-frame version, and beside its placebo.

    Raises:
        RecipeError: not one row has its per-frame version among the others.
    """
    bases = {_key(row): row for row in rows if row.is_per_frame}
    pairs = [
        Pair(row, bases[_key(row)]) for row in rows if _key(row) in bases and not row.is_per_frame
    ]
    if not pairs:
        names = ", ".join(row.label for row in rows) or "none"
        reasons = without_partner(rows, [])
        raise RecipeError(
            "no network with memory has its own per-frame version beside it (found: "
            f"{names}). {reasons[0] + ' ' if reasons else ''}A recipe for this needs both, such as "
            "FANet-18 with tca_depth 0 and 4, trained alike from the same seed; baselines of other "
            "libraries have no memory."
        )
    placebos: dict[tuple[str | None, str], dict[int, Row]] = {}
    for row in rows:
        if row.is_placebo:
            placebos.setdefault(_key(row), {})[row.context] = row
    return pairs + [
        Pair(pair.memory, placebos[_key(pair.memory)][pair.memory.context])
        for pair in pairs
        if not pair.memory.is_placebo and pair.memory.context in placebos.get(_key(pair.memory), {})
    ]


@cache
def _training_context(name: str, options: str) -> int:
    """Return how long a network's training clips are before the supervised frames."""
    with torch.device("meta"):  # shapes alone
        return build_model(name, _CLASSES, **json.loads(options)).training_context


def without_partner(rows: Sequence[Row], pairs: Sequence[Pair]) -> list[str]:
    """Return a sentence for each row with memory that is compared with nothing: why."""
    paired = {p.memory.run for p in pairs}
    said = []
    for row in rows:
        if row.run in paired or row.is_per_frame:
            continue
        near = [r for r in rows if r.is_per_frame and r.family() == row.family()]
        if row.family() is None or not near:
            said.append(f"{row.run} has no partner: no row is the same network without memory.")
            continue
        ours = row.training()
        apart = [[k for k, v in ours.items() if r.training().get(k) != v] for r in near]
        closest = min(range(len(near)), key=lambda i: len(apart[i]))
        theirs = near[closest].training()
        what = "; ".join(f"{k} {ours[k]} and {theirs.get(k)}" for k in apart[closest])
        said.append(
            f"{row.run} has no partner: {near[closest].run} differs in more than memory ({what})."
        )
    return said


def _key(row: Row) -> tuple[str | None, str]:
    return row.family(), json.dumps(row.training(), sort_keys=True)


def _flat(content: dict[str, Any], before: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in content.items():
        if isinstance(value, dict) and value:
            yield from _flat(value, f"{before}{key}.")
        else:
            yield f"{before}{key}", value
