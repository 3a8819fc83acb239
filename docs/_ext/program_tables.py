"""A directive for tables that the program itself fills, so that no page can say something else.

In a page: ``{program-table} plans``. Each table is a function without arguments that returns
Markdown; the tests call the same ones.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from airseg.flight.plan import FlightPlan, load_plan
from airseg.flight.trajectory import plan_trajectory
from airseg.resources import resource_folder, shipped_names

if TYPE_CHECKING:
    from airseg.bench.recipes.recipe_parts import TrainRecipe

EIGHTEEN = ("new_", "sweep_")  # what the names of the other shipped plans begin with


def plans_table() -> str:
    """Every shipped plan: what for, frames, seconds, split."""
    rows = []
    for name in shipped_names("flight plan"):
        _, plan = load_plan(name)
        frames = plan_frames(plan)
        rows.append(
            (
                f"`{name}`",
                plan.environment + ("" if plan.seed is None else f" {plan.seed}"),
                plan.vehicle,
                frames,
                f"{frames / plan.rate_hz:.1f}",
                plan.split or "",
                _one_line(plan.description),
            )
        )
    return _table("plan", "world, seed", "vehicle", ">frames", ">s", "split", "what for", rows=rows)


def plan_frames(plan: FlightPlan) -> int:
    """Return how many frames a plan records."""
    return len(plan_trajectory(plan))


def eighteen_plans() -> list[str]:
    """Return the names of the flights that are neither new places nor sweeps."""
    return [n for n in shipped_names("flight plan") if not n.startswith(EIGHTEEN)]


def splits_table() -> str:
    """Frames of the eighteen flights, by split."""
    counts: Counter[str] = Counter()
    flights: Counter[str] = Counter()
    for name in eighteen_plans():
        _, plan = load_plan(name)
        counts[plan.split or "none"] += plan_frames(plan)
        flights[plan.split or "none"] += 1
    rows = [(split, flights[split], f"{counts[split]:,}") for split in ("train", "val", "test")]
    rows.append(("all", sum(flights.values()), f"{sum(counts.values()):,}"))
    return _table("split", ">flights", ">frames", rows=rows)


def worlds_table() -> str:
    """The worlds of the embedded simulator, with the meshes of seed 0."""
    from airseg.simulators.embedded.worlds.catalogue import WORLD_NAMES, build_world

    told = {
        "neighborhood": "a street grid with detached houses, lawns, hedges and pools, after "
        "AirSim's Neighborhood",
        "harbor_town": "terraced houses on rings and spokes around a square, a market, a church, "
        "a quay with boats",
        "pine_estate": "log cabins, A-frames and timber-and-glass houses on winding roads in an "
        "autumn wood, ponds",
    }
    rows = []
    for name in sorted(WORLD_NAMES, key=list(told).index):
        world = build_world(name, 0)
        meshes, families = world_counts(world)
        rows.append((f"`{name}`", told[name], f"{meshes:,}", families))
    return _table("world", "what it is", ">meshes (seed 0)", ">families", rows=rows)


def world_counts(world) -> tuple[int, int]:  # noqa: ANN001
    """Return (meshes, families of meshes) of a world."""
    from airseg.recording.flying.mesh_ids import group_meshes

    names = [o.name for o in world.objects]
    return len(names), len(group_meshes(names))


def recipes_table() -> str:
    """Every shipped recipe: rows, size, steps."""
    from airseg.bench.recipes.recipe import load_recipe, rows

    lines = []
    for name in shipped_names("recipe"):
        recipe = load_recipe(name)
        made = [row.recipe for row in rows(recipe)]
        sizes = sorted({f"{r.data.width}x{r.data.height}" for r in made})
        lengths = sorted({_length(r.train) for r in made})
        shown = (len(made), ", ".join(sizes), ", ".join(lengths), _one_line(recipe.description))
        lines.append((f"`{name}`", *shown))
    return _table("recipe", ">rows", "size", "training", "what for", rows=lines)


def _length(train: TrainRecipe) -> str:
    return f"{train.epochs:g} epochs" if train.epochs else f"{train.steps:,} steps"


def networks_table() -> str:
    """Every network: its paper, and what it costs with default options and a full memory."""
    from airseg.bench.leaderboard.model_costs import known_costs

    lines: list[tuple] = []
    for cost in known_costs().values():
        if cost.problem:
            lines.append((f"`{cost.name}`", "`pip install 'airseg[baselines]'`", "", "", ""))
            continue
        memory = f"{cost.memory_bytes / 1e6:.2f}" if cost.memory_bytes else "-"
        numbers = (f"{cost.parameters / 1e6:.2f}", f"{cost.gmacs:.2f}", memory)
        lines.append((f"`{cost.name}`", cost.paper, *numbers))
    heads = ("network", "paper", ">M parameters", ">GMACs a frame", ">MB a stream")
    return _table(*heads, rows=lines)


def label_maps_table() -> str:
    """Every shipped label map."""
    from airseg.labels.label_map import load_label_map
    from airseg.yaml_schema import load as parse_yaml

    rows = []
    for name in shipped_names("label map"):
        label_map = load_label_map(name)
        document = parse_yaml((resource_folder("label map") / f"{name}.yaml").read_text())
        what = _one_line(document.get("description", ""))
        rows.append((f"`{name}`", len(label_map.classes), what))
    return _table("label map", ">classes", "what for", rows=rows)


def methods_table() -> str:
    """Every method of the embedded simulator's RPC."""
    from airseg.simulators.embedded.rpc.method_table import support_markdown

    return support_markdown()


TABLES: dict[str, Callable[[], str]] = {
    "label-maps": label_maps_table,
    "methods": methods_table,
    "networks": networks_table,
    "plans": plans_table,
    "recipes": recipes_table,
    "splits": splits_table,
    "worlds": worlds_table,
}


def _one_line(text: str) -> str:
    return " ".join(text.split()).rstrip(".")


def _table(*heads: str, rows: Iterable[tuple]) -> str:
    """Return a Markdown table; heads that begin with ``>`` stand above numbers."""
    lines = ["| " + " | ".join(h.removeprefix(">") for h in heads) + " |"]
    lines.append("| " + " | ".join("---:" if h[0] == ">" else "---" for h in heads) + " |")
    lines += [
        "| " + " | ".join(str(cell).replace("|", "\\|") for cell in row) + " |" for row in rows
    ]
    return "\n".join(lines)


class ProgramTable(SphinxDirective):
    """``{program-table} NAME``: one of `TABLES`."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        return self.parse_text_to_nodes(TABLES[self.arguments[0]]())


def setup(app: Sphinx) -> dict[str, bool]:
    """Tell Sphinx of the directive."""
    app.add_directive("program-table", ProgramTable)
    return {"parallel_read_safe": True}
