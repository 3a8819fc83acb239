"""Expressions of label maps match as Python's do, and never run away."""

import re

import pytest
from command_line import run, said

from airseg.labels.label_map import base_name, load_label_map
from airseg.labels.patterns import NamePattern


def test_shipped_expressions_match_as_python_s_own_engine_does():
    rules = load_label_map("neighborhood").rules
    names = ["Fir_12", "Road", "SM_House_3", "fence", "Cars_Parked", "sky_sphere", "Straße"]
    for text in (text for rule in rules for text in rule.names):
        ours, theirs = NamePattern(text), re.compile(text, re.IGNORECASE)
        for name in names:
            assert ours.fullmatch(name) == (theirs.fullmatch(name) is not None)


BOMBS = ["(a+)+b", "(a|a)*b", "(a|aa)+$b", "(.*)*x", "([a-z]+)*1"]


@pytest.mark.parametrize("bomb", BOMBS)
def test_an_expression_that_runs_away_is_one_line(tmp_path, capsys, bomb):
    path = tmp_path / "m.yaml"
    path.write_text(
        f"format: 1\nname: m\nrules:\n  - {{class: tree, names: '{bomb}'}}\n"
        f"examples: {{{'a' * 60}: tree}}\n"
    )
    code, _, err = run(capsys, "labels", "check", path)
    assert code == 2
    told = [line for line in err.splitlines() if line.strip()]
    assert len(told) == 1
    assert "Traceback" not in err


@pytest.mark.parametrize("text", ["(", "[a", "a{2,1}", "*", "x" * 5000, "(?P<a>x)(?P<a"])
def test_what_is_no_expression_is_one_line(tmp_path, capsys, text):
    path = tmp_path / "m.yaml"
    path.write_text(f"format: 1\nname: m\nrules:\n  - {{class: tree, names: '{text}'}}\n")
    code, _, err = run(capsys, "labels", "check", path)
    assert code == 2
    assert "m.yaml:4" in said(err)


@pytest.mark.parametrize(
    ("mesh", "base"), [("Fir_12", "Fir"), ("Fir", "Fir"), ("123", "123"), ("a1b_2_", "a1b")]
)
def test_names_lose_their_instance_number(mesh, base):
    assert base_name(mesh) == base
    assert base_name("1" * 200_000 + "x") == "1" * 200_000 + "x"
