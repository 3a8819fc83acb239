"""Expressions of others match as Python's do, and never run away."""

import contextlib
import re

import pytest
from command_line import run, said

from airseg.labels.label_map import base_name, load_label_map
from airseg.name_patterns import NamePattern, Patience, SlowPatternError, places_of_matches


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


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(Patience.__init__, "__defaults__", (0.2,))


@pytest.mark.parametrize(
    "names",
    [
        [f"(a|aa)+?b{k}" for k in range(900)],  # each just about fast enough
        [f"(?:[ab]{{{n % 40 + 9}}}){{40}}{n}" for n in range(900)],
        ["(?:a{60000}){60000}"],  # 3.6 thousand million letters once written out
        ["(?:(?:(?:a{30}){30}){30}){30}"],
        ["[^)(]{9999999}"],
        [r"\){1001,}" + r"(?:\d{2}){500}"],
    ],
    ids=["slow to match", "slow to build", "written out", "nested", "set", "escaped"],
)
def test_a_map_that_takes_time_by_other_ways_is_one_line(tmp_path, capsys, names, impatient):
    path = tmp_path / "m.yaml"
    rules = "".join(f"  - {{class: tree, names: '{name}'}}\n" for name in names)
    examples = "".join(f"  {'a' * 24}_{k}: tree\n" for k in range(50))
    path.write_text(f"format: 1\nname: m\nrules:\n{rules}examples:\n{examples}")
    code, _, err = run(capsys, "labels", "check", path)
    assert code == 2
    assert len([line for line in err.splitlines() if line.strip()]) == 1


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("a{90}", 90),
        ("(ab){30}c", 61),
        ("([a{5}]b){60}", 120),
        (r"(\)a){50}", 100),
        ("((a{2}b){30}c){4}", 364),
        ("[^]a]{70}", 70),
        ("a{0,900}bc", 10),
        (r"a\{900}", 7),
        ("(a{900", 6),
    ],
)
def test_counts_are_written_out(text, length):
    """What is counted is what the engine builds; the length of the text is the least."""
    with pytest.raises(ValueError, match="written out"):
        NamePattern(text, longest=length - 1)
    with contextlib.suppress(ValueError):
        assert NamePattern(text, longest=length).text == text


def test_a_client_s_expression_has_one_patience_for_all_names(monkeypatch):
    names = tuple(f"{'a' * 22}_{k}" for k in range(2000))
    assert places_of_matches(r"A+_\d*7", names, any_case=True) == tuple(range(7, 2000, 10))
    assert places_of_matches(r"A+_\d*7", names, any_case=False) == ()
    # As many meshes by name as a large world shares one id with.
    long = "|".join(rf"{name}([_\d]*\d)?" for name in names)
    assert len(places_of_matches(long, names, any_case=True)) == 2000
    monkeypatch.setattr(Patience.__init__, "__defaults__", (0.2,))
    with pytest.raises(SlowPatternError):
        places_of_matches("(a|aa)+?b", names, any_case=True)


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
