"""What networks cost by default, kept in a file: to count it takes PyTorch and many seconds."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from functools import cache
from importlib.util import find_spec
from pathlib import Path

FILE = Path(__file__).with_name("model_costs.json")
"""Written by ``benchmark/network_costs.py``; a slow test counts everything in it anew."""
CLASSES, HEIGHT, WIDTH = 11, 480, 640
"""What the costs in it are for, with default options."""


@dataclass(frozen=True)
class ModelCost:
    """What a network costs.

    Attributes:
        name: for recipes; paper: where it comes from.
        parameters: numbers in all weights; gmacs: multiply-adds of a frame of a stream, 1e9.
        memory_bytes: what a stream remembers.
        library: whose network it is, where airseg can be installed without; else empty.
        problem: why it cannot be built here, or nothing; the numbers may be 0 then.
    """

    name: str
    paper: str
    parameters: int
    gmacs: float
    memory_bytes: int
    library: str = ""
    problem: str = ""


@cache
def known_costs() -> dict[str, ModelCost]:
    """Return the costs of shipped networks by name."""
    costs = [ModelCost(**kept) for kept in json.loads(FILE.read_text(encoding="utf-8"))]
    return {cost.name: _with_problem(cost) for cost in costs}


def _with_problem(cost: ModelCost) -> ModelCost:
    if not cost.library or find_spec(cost.library):
        return cost
    return replace(cost, problem=f"{cost.name} comes with {cost.library}, which is not installed.")


def costs_text(costs: list[ModelCost]) -> str:
    """Return the file's text for costs that were counted where every network can be built."""
    kept = [{k: v for k, v in asdict(cost).items() if k != "problem"} for cost in costs]
    return json.dumps(kept, indent=1) + "\n"
