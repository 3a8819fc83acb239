"""Count what every shipped network costs, for the file that `airseg bench models` prints from.

Run it after a network was added or changed, where ``airseg[baselines]`` is installed, too; the slow
tests say when that was forgotten.

    python benchmark/network_costs.py
"""

from airseg.bench.leaderboard.model_costs import CLASSES, FILE, HEIGHT, WIDTH, costs_text
from airseg.bench.leaderboard.model_table import measure_model
from airseg.errors import RecipeError
from airseg.extensions import extensions
from airseg.models import list_models


def main() -> None:
    """Write the file anew."""
    costs = []
    for name in sorted({*list_models()} - {*extensions("airseg.models")}):
        cost = measure_model(name, CLASSES, HEIGHT, WIDTH)
        if cost.problem:
            raise RecipeError(cost.problem)
        costs.append(cost)
    FILE.write_text(costs_text(costs), encoding="utf-8")
    print(f"wrote {len(costs)} networks into {FILE}")


if __name__ == "__main__":
    main()
