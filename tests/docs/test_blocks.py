"""YAML and JSON of the pages are read by what reads such files."""

import json

import pytest
import yaml
from pages import PAGES, blocks

from airseg.bench.recipes.recipe import Recipe
from airseg.flight.plan import FlightPlan
from airseg.labels.label_map import load_label_map
from airseg.recording.simulator_fleet import Fleet
from airseg.simulators.embedded.settings import parse_settings

PLAN = {
    "description": "as short as can be",
    "start": {"position": [0, 0, -2]},
    "waypoints": [{"position": [9, 0, -2]}],
}


def shown(language):
    """Return all blocks of a language, as test parameters named by their pages."""
    found = [b for page in PAGES for b in blocks(page) if b.language == language]
    return [pytest.param(b, id=f"{b.page}-{n}") for n, b in enumerate(found)]


@pytest.mark.parametrize("block", shown("yaml"))
def test_yaml_is_a_plan_a_fleet_a_label_map_or_a_recipe(block, tmp_path):
    content = yaml.safe_load(block.text)
    if "rules" in content:
        (tmp_path / "mine.yaml").write_text(block.text)
        load_label_map(tmp_path / "mine.yaml")
    elif "plans" in content:
        Fleet.model_validate(content)
    elif "model" in content:
        Recipe.model_validate(content)
    else:  # a whole plan, or fields to add to one
        FlightPlan.model_validate({**PLAN, **content})


@pytest.mark.parametrize("block", shown("json"))
def test_json_is_a_settings_file(block):
    assert parse_settings(block.text)
    assert json.loads(block.text)["SettingsVersion"] == 1.2
