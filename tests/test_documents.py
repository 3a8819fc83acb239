"""YAML documents: every mistake is told with file, line and field."""

import pytest

from airseg.documents import StrictModel, load_document, parse_document
from airseg.errors import PlanError


class Waypoint(StrictModel):
    position: tuple[float, float, float]
    speed_mps: float = 1.0


class Plan(StrictModel):
    description: str
    waypoints: list[Waypoint]


def message(text: str) -> str:
    with pytest.raises(PlanError) as caught:
        parse_document(text, "plan.yaml", Plan, PlanError)
    return str(caught.value)


def test_valid_document_is_returned():
    plan = parse_document("description: x\nwaypoints: []", "plan.yaml", Plan, PlanError)
    assert plan.description == "x"


def test_missing_field_is_named():
    assert message("description: x") == "plan.yaml:1: waypoints: required field is missing."


def test_wrong_value_is_named_with_its_line():
    text = "description: x\nwaypoints:\n  - position: [0, 0, 0]\n    speed_mps: fast\n"
    assert message(text).startswith("plan.yaml:4: waypoints.0.speed_mps: ")
    assert "'fast'" in message(text)


@pytest.mark.parametrize(
    ("waypoint", "field"),
    [("position: [0, true, 0]", "position"), ("position: [0, 0, 0]\n    speed_mps: true", "speed")],
)
def test_true_is_no_number(waypoint, field):
    """Of the core schema of YAML 1.2 it is a boolean; pydantic would take it for 1."""
    told = message(f"description: x\nwaypoints:\n  - {waypoint}\n")
    assert f"waypoints.0.{field}" in told
    assert "expected a number, found true or false" in told


def test_unknown_field_gets_the_nearest_name():
    text = "description: x\nwaypoints:\n  - position: [0, 0, 0]\n    speed_mp: 3\n"
    expected = "plan.yaml:4: waypoints.0.speed_mp: unknown field. Did you mean 'speed_mps'?"
    assert message(text) == expected


def test_broken_yaml_is_told_with_its_line():
    assert message("description: [x\nwaypoints: ]]").startswith("plan.yaml:2: not valid YAML")


def test_a_misspelt_field_is_told_rather_than_the_one_it_should_have_been():
    told = message("description: x\nwaypoint: []")
    assert told.startswith("plan.yaml:2: waypoint: unknown field. Did you mean 'waypoints'?")


def test_a_tab_is_told_by_its_name():
    """YAML 1.2.2, 6.1: tab characters must not be used in indentation."""
    told = message("description: x\nwaypoints:\n\t- position: [0, 0, 0]\n")
    assert told == "plan.yaml:3: not valid YAML: a tab indents this line; YAML takes spaces only."


def test_a_key_that_stands_twice_is_an_error():
    text = "description: x\nwaypoints: []\ndescription: y"
    assert "plan.yaml:3: not valid YAML: the key 'description' stands twice" in message(text)


@pytest.mark.parametrize(("text", "found"), [("", "nothing"), ("- a", "a list"), ("7", "a int")])
def test_a_document_that_is_no_mapping_is_an_error(text, found):
    assert message(text) == f"plan.yaml: expected a mapping of fields, found {found}."


def test_a_missing_file_is_an_error(tmp_path):
    with pytest.raises(PlanError, match="there is no such file"):
        load_document(tmp_path / "nowhere.yaml", Plan, PlanError)


def test_a_binary_file_is_an_error(tmp_path):
    path = tmp_path / "plan.yaml"
    path.write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(PlanError, match="cannot be read as UTF-8"):
        load_document(path, Plan, PlanError)
