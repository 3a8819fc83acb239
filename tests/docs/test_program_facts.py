"""What pages say in figures is what the program is: worlds, plans, splits, networks, recipes."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from pages import PAGES, ROOT

sys.path.insert(0, str(ROOT / "docs" / "_ext"))

import committed_figures
import program_tables

from airseg.bench.leaderboard import model_costs
from airseg.bench.leaderboard.model_costs import known_costs
from airseg.bench.leaderboard.model_table import measure_model
from airseg.bench.recipes.recipe import load_recipe, rows
from airseg.classes import CLASSES
from airseg.cli import main
from airseg.models import list_models
from airseg.resources import shipped_names
from airseg.simulators.embedded.worlds.catalogue import world_names

SIZE = (model_costs.CLASSES, model_costs.HEIGHT, model_costs.WIDTH)


def cells(table):
    """Return the rows of a Markdown table, without its head, as lists of texts."""
    lines = [line.strip("|").split(" | ") for line in table.splitlines()[2:]]
    return [[cell.strip().strip("`") for cell in line] for line in lines]


def test_plans_have_the_frames_that_plan_check_says(capsys):
    main(["plan", "check", *shipped_names("flight plan")])
    said = dict(re.findall(r"^(\w+): (\d+) frames", capsys.readouterr().out, re.MULTILINE))
    assert {row[0]: row[3] for row in cells(program_tables.plans_table())} == said


def test_the_splits_of_the_eighteen_flights_sum_to_the_frames_of_their_plans():
    assert len(program_tables.eighteen_plans()) == 18
    frames = {row[0]: int(row[3]) for row in cells(program_tables.plans_table())}
    *parts, (_, flights, total) = cells(program_tables.splits_table())
    number = lambda text: int(text.replace(",", ""))  # noqa: E731
    assert sum(number(part[2]) for part in parts) == number(total)
    assert number(total) == sum(frames[name] for name in program_tables.eighteen_plans())
    assert sum(int(part[1]) for part in parts) == int(flights) == 18


def test_there_are_as_many_new_places_and_sweeps_as_the_page_on_plans_says():
    names = shipped_names("flight plan")
    assert sum(name.startswith("new_") for name in names) == 12
    assert sum(name.startswith("sweep_") for name in names) == 15


def test_every_recipe_has_the_rows_and_sizes_that_its_page_shows():
    shown = {row[0]: row for row in cells(program_tables.recipes_table())}
    assert list(shown) == shipped_names("recipe")
    for name in shown:
        made = rows(load_recipe(name))
        assert int(shown[name][1]) == len(made)
        sizes = {f"{row.recipe.data.width}x{row.recipe.data.height}" for row in made}
        assert set(shown[name][2].split(", ")) == sizes


@pytest.mark.parametrize("page", [p for p in PAGES if p.name != "README.md"] + [ROOT / "README.md"])
def test_sizes_beside_a_recipes_name_are_its_own(page):
    """A sentence that names a recipe and a size at which it trains names the right one."""
    for recipe, width, height in re.findall(
        r"`([\w-]+-mini)`[^.`]{0,80}?\b(\d{2,4})x(\d{2,4})\b", page.read_text()
    ):
        sizes = {(r.recipe.data.width, r.recipe.data.height) for r in rows(load_recipe(recipe))}
        assert (int(width), int(height)) in sizes, f"{page.name}: {recipe}"


def test_frames_beside_a_plans_name_are_its_own():
    """Where a sentence or an output names a plan and its frames, such as `roofs: 516 frames`."""
    frames = {row[0]: row[3] for row in cells(program_tables.plans_table())}
    names = "|".join(sorted(frames, key=len, reverse=True))
    told = [
        (page.name, name, count)
        for page in PAGES
        for name, count in re.findall(rf"\b({names})`?[:,]? (\d+) frames", page.read_text())
    ]
    assert len(told) > 3
    for page, name, count in told:
        assert count == frames[name], f"{page}: {name}"


def test_worlds_and_classes_are_as_many_as_their_word_says():
    text = "\n".join(page.read_text() for page in PAGES)
    worlds = re.findall(r"\b(two|three|four|five|six) (?:embedded )?worlds\b", text)
    assert set(worlds) == {["two", "three", "four", "five", "six"][len(world_names()) - 2]}
    assert "eleven classes" in text
    assert len(CLASSES) == 11


def test_every_label_map_is_shown():
    assert [row[0] for row in cells(program_tables.label_maps_table())] == shipped_names(
        "label map"
    )


def test_networks_named_in_headings_exist():
    named = re.findall(r"^### .*?: (.*)$", (ROOT / "docs/models.md").read_text(), re.MULTILINE)
    names = re.findall(r"`(\w+)`", " ".join(named))
    assert len(names) > 15
    assert set(names) <= set(list_models())


@pytest.mark.slow
def test_kept_costs_are_what_is_counted():
    """Who adds or changes a network runs ``python benchmark/network_costs.py``."""
    kept = [cost for cost in known_costs().values() if not cost.problem]
    assert kept == [measure_model(cost.name, *SIZE) for cost in kept]
    assert set(known_costs()) == set(list_models())


def test_networks_cost_what_bench_models_prints():
    asked = [sys.executable, "-m", "airseg", "bench", "models", "--json"]
    printed = json.loads(subprocess.run(asked, capture_output=True, check=True, text=True).stdout)
    shown = {row[0]: row[2] for row in cells(program_tables.networks_table())}
    assert shown == {
        c["name"]: "" if c["problem"] else f"{c['parameters'] / 1e6:.2f}" for c in printed
    }


@pytest.mark.slow
def test_worlds_have_as_many_meshes_as_their_simulator_lists(tmp_path):
    from raw_rpc import RawClient
    from small_simulator import small_settings

    from airseg.simulators.embedded.server import EmbeddedOptions, EmbeddedServer
    from airseg.simulators.embedded.worlds.catalogue import build_world

    settings = small_settings(tmp_path / "settings.json")
    for name, _, meshes, _ in cells(program_tables.worlds_table()):
        options = EmbeddedOptions(world=name, port=0, settings=settings)
        with EmbeddedServer(options, build_world(name)) as server:
            client = RawClient(server.port)
            listed = len(client.call("simListSceneObjects", ".*"))
            client.close()
        # Beside meshes a simulator lists vehicles, lights and the like.
        assert 0 <= listed - int(meshes.replace(",", "")) < 40, name


def test_committed_measurements_become_tables(tmp_path):
    (tmp_path / "card").mkdir()
    content = {
        "machine": {"device": "a | card"},
        "rows": [{"way": "eager", "ms": 1.23456, "at": [1]}],
    }
    (tmp_path / "card" / "speed.json").write_text(json.dumps(content))
    assert committed_figures.committed_figures(tmp_path).splitlines()[-3:] == [
        "| way | ms |",
        "| --- | --- |",
        "| eager | 1.235 |",
    ]
    assert committed_figures.committed_figures(Path(tmp_path / "nothing")) == ""
