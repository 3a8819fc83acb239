"""What CONTRIBUTING says works as it is written: its code is taken, and its steps are done."""

import importlib
import re
import sys
import textwrap
from pathlib import Path

import cv2
import numpy as np
import pytest
from command_line import run

import airseg.models
from airseg.dataset.importing import layouts
from airseg.models import registry
from airseg.simulators.embedded.rendering.renderer import CameraView, Renderer
from airseg.simulators.embedded.worlds import catalogue
from airseg.testing import check_importer, check_model

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
MAP = "format: 1\nname: pairs\nrules: [{class: sky, ids: 0}, {class: road, ids: 1}]\n"


def code_of(title):
    """Return the Python block of a section."""
    section = TEXT.split(f"## {title}\n")[1].split("\n## ")[0]
    (block,) = re.findall(r"```python\n(.*?)```", section, re.DOTALL)
    return textwrap.dedent(block)


def test_a_model(tmp_path, monkeypatch, capsys):
    (tmp_path / "two_frames.py").write_text(code_of("Add a model"))
    monkeypatch.setattr(airseg.models, "__path__", [*airseg.models.__path__, str(tmp_path)])
    registry._load.cache_clear()
    try:
        code, out, err = run(capsys, "bench", "models", "two_frames")
        assert code == 0, err
        assert "two_frames" in out
        check_model("two_frames")
    finally:
        registry._BUILDERS.pop("two_frames", None)
        sys.modules.pop("airseg.models.two_frames", None)


def test_an_importer(tmp_path, monkeypatch, capsys):
    (tmp_path / "pairs.py").write_text(code_of("Add an importer"))
    (tmp_path / "pairs.yaml").write_text(MAP)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.chdir(tmp_path)
    pairs = importlib.import_module("pairs")
    line = re.search(r'`"pairs": (Layout\(.*?\)),`', TEXT)[1]
    layout = eval(line, {"Layout": layouts.Layout, "pairs": pairs})
    monkeypatch.setitem(layouts.LAYOUTS, "pairs", layout)
    given = tmp_path / "given"
    given.mkdir()
    for index in range(3):
        cv2.imwrite(str(given / f"see{index}.png"), np.full((8, 8, 3), 9 * index, np.uint8))
        cv2.imwrite(str(given / f"say{index}.png"), np.full((8, 8), index % 2, np.uint8))
    check_importer("pairs", given, label_map="pairs.yaml")
    command = ("dataset", "import", "pairs", given, "--map", "pairs.yaml", "--out", "pairs.h5")
    code, out, err = run(capsys, *command)
    assert code == 0, err
    assert "ok       frames: 3, as published" in out
    sys.modules.pop("pairs", None)


@pytest.fixture
def meadow(tmp_path, monkeypatch):
    """Return the function that builds the world of the page."""
    (tmp_path / "meadow_layout.py").write_text(code_of("Add a world"))
    monkeypatch.syspath_prepend(str(tmp_path))
    yield importlib.import_module("meadow_layout").build_meadow
    sys.modules.pop("meadow_layout", None)


MESHES = {"SkySphere", "Landscape", "Meadow_Road", "Meadow_Wall"}


def test_a_world(meadow):
    world = meadow(3)
    assert {o.kind for o in world.objects} == MESHES
    assert meadow(3).geometry.vertices.tobytes() == world.geometry.vertices.tobytes()
    assert meadow(4).geometry.vertices.tobytes() != world.geometry.vertices.tobytes()


@pytest.mark.slow
def test_a_world_is_seen(meadow):
    world = meadow(3)
    view = CameraView(np.array([0.0, 0.0, -2.0]), np.array([1.0, 0, 0, 0]), 90.0, 32, 24)
    seen = {world.objects[i].kind for i in np.unique(Renderer(world).render(view).object_index)}
    assert seen == MESHES


def test_a_folder_of_worlds_holds_a_layout_each():
    assert {"harbor_town", "neighborhood", "pine_estate"} <= {*catalogue.WORLD_NAMES}
    for name in catalogue.WORLD_NAMES:
        assert callable(catalogue._shipped()[name])


@pytest.mark.parametrize("title", ["Add a label map", "Add a flight plan"])
def test_files_that_steps_name_are_there(title):
    section = TEXT.split(f"## {title}\n")[1].split("\n## ")[0]
    named = re.findall(r"`((?:flight_plans|label_maps|tests|benchmark)/[a-z_/]+\.[a-z]+)`", section)
    assert all((ROOT / path).is_file() for path in named)


def test_a_map_of_a_list_of_names_and_a_plan(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "names.txt").write_text("Road_1\nOak_Tree_4\nStreet_Sign_2\n")
    (tmp_path / "label_maps").mkdir()
    own = "label_maps/mine.yaml"
    steps = (
        ("labels", "suggest", "names.txt", "--map", "common", "--out", own),
        ("labels", "check", own, "--names", "names.txt"),
    )
    for step in steps:
        code, _, err = run(capsys, *step)
        assert code == 0, err
    plan = (ROOT / "flight_plans" / "loop_walk.yaml").read_text()
    (tmp_path / "my_flight.yaml").write_text(plan)
    code, out, err = run(capsys, "plan", "check", "my_flight.yaml")
    assert code == 0, err
    assert out.startswith("my_flight: ")
