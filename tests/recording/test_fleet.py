"""Fleets: every plan is recorded once, failures go elsewhere, wrong files get one line."""

import json
import sys
from concurrent.futures import Future
from pathlib import Path
from threading import Timer

import pytest
import yaml
from command_line import run, said

from airseg.errors import RecordingError
from airseg.recording import simulator_fleet
from airseg.recording.simulator_fleet import Fleet, run_command, run_fleet
from airseg.recording.stored.continuing import ANOTHER_FLIGHT
from airseg.simulators.client import NOBODY_ANSWERS

GOOD = """\
plans: [loop_walk, roofs]
simulators:
  - {count: 3}
"""


def done(outcome):
    future = Future()
    future.set_result(outcome)
    return future


def fleet(**fields):
    fields = {"plans": ["loop_walk", "roofs", "street_val"], "simulators": [{"count": 3}], **fields}
    return Fleet.model_validate(fields)


def fly(wanted, submit, out=Path("out"), **more):
    told = []
    run_fleet(wanted, out, ["--mode", "pose"], submit, lambda *what: None, told.append, 5, **more)
    return told


def test_every_plan_is_recorded_once_with_the_arguments_that_were_given():
    commands = []
    fly(fleet(), lambda command: commands.append(command) or done((0, "")))
    assert [c[4] for c in commands] == ["loop_walk", "roofs", "street_val"]
    assert all(c[c.index("--frames") + 1] == "5" and "--mode" in c for c in commands)


def test_embedded_simulators_show_each_plan_s_own_world_unless_the_fleet_names_one():
    commands = []

    def submit(command):
        commands.append(command)
        return done((0, ""))

    plans = ["new_town_harbor_0", "new_street_4", "loop_walk"]
    fly(fleet(plans=plans), submit)
    assert all("--embedded" in c and not {"--world", "--seed"} & {*c} for c in commands)
    commands.clear()
    fly(fleet(plans=plans, simulators=[{"world": "pine_estate", "seed": 0}]), submit)
    assert all(
        c[c.index("--world") + 1] == "pine_estate" and c[c.index("--seed") + 1] == "0"
        for c in commands
    )


@pytest.mark.slow
def test_a_fleet_records_a_plan_as_it_is_recorded_alone(tmp_path, capsys):
    (tmp_path / "fleet.yaml").write_text(
        "plans: [new_town_harbor_0, new_street_4]\nsimulators: [{count: 2}]\n"
    )
    run(capsys, "record", "--fleet", tmp_path / "fleet.yaml", "--frames", 2, "--out", tmp_path)
    for name in ("new_town_harbor_0", "new_street_4"):
        plan = yaml.safe_load((Path(__file__).parents[2] / f"flight_plans/{name}.yaml").read_text())
        shown = json.loads((tmp_path / name / "recording.json").read_text())["simulator"]
        wanted = (plan.get("environment", "neighborhood"), plan["seed"])
        assert (shown["world"], shown["seed"]) == wanted


def test_a_plan_that_failed_is_tried_at_another_simulator():
    addresses = ["a:1", "b:2"]
    seen = []

    def submit(command):
        place, plan = command[command.index("--simulator") + 1], command[4]
        seen.append((plan, place))
        return done((2, "lost the simulator") if place == "a:1" else (0, ""))

    wanted = fleet(plans=["loop_walk"], simulators=[{"address": a} for a in addresses])
    told = fly(wanted, submit)
    assert seen == [("loop_walk", "a:1"), ("loop_walk", "b:2")]
    assert told[0] == "loop_walk: try 1 failed, goes on elsewhere: at a:1: lost the simulator"


def test_a_recording_is_overwritten_once_and_by_whoever_is_ready(tmp_path):
    """A try that found no simulator has overwritten nothing; what one has begun, the next keeps."""
    description = tmp_path / "loop_walk" / "recording.json"
    description.parent.mkdir()
    description.write_text("old")
    asked = []

    def submit(command):
        assert description.exists()
        asked.append("--overwrite" in command)
        if len(asked) == 2:
            begun = description.with_name("begun")
            begun.write_text("new")
            begun.replace(description)
        return done((0, "") if len(asked) == 3 else (2, "lost the simulator"))

    wanted = fleet(plans=["loop_walk"], simulators=[{"count": 3}])
    fly(wanted, submit, tmp_path, overwrite=True)
    assert asked == [True, True, False]


def test_a_plan_waits_rather_than_go_back_to_where_it_failed():
    """The other simulator is busy with a long flight when the plan fails: it lives all the same."""
    seen, long_flight = [], Future()

    def submit(command):
        place, plan = command[command.index("--simulator") + 1], command[4]
        seen.append((plan, place))
        if place == "b:2" and plan == "roofs":
            Timer(0.3, lambda: long_flight.set_result((0, ""))).start()
            return long_flight
        return done((2, "it crashed") if place == "a:1" else (0, ""))

    fly(
        fleet(plans=["loop_walk", "roofs"], simulators=[{"address": a} for a in ("a:1", "b:2")]),
        submit,
    )
    assert seen == [("loop_walk", "a:1"), ("roofs", "b:2"), ("loop_walk", "b:2")]


def test_a_simulator_that_answers_nobody_is_set_aside_and_tried_again_later(monkeypatch):
    monkeypatch.setattr(simulator_fleet, "_SET_ASIDE_S", 0.05)
    monkeypatch.setattr(simulator_fleet, "_POLL_S", 0.02)
    asked = []

    def submit(command):
        place = command[command.index("--simulator") + 1]
        asked.append(place)
        return done((2, f"{NOBODY_ANSWERS} {place} (refused).") if len(asked) < 3 else (0, ""))

    told = fly(fleet(plans=["loop_walk"], simulators=[{"address": "a:1"}], tries=3), submit)
    assert asked == ["a:1"] * 3
    assert [line.split(";")[0] for line in told[:2]] == ["a:1 answers nobody"] * 2
    assert told[2].startswith("loop_walk: 0 frames in")


def test_silence_costs_a_plan_no_try(monkeypatch):
    monkeypatch.setattr(simulator_fleet, "_SET_ASIDE_S", 60.0)
    tried = []

    def submit(command):
        place, plan = command[command.index("--simulator") + 1], command[4]
        tried.append((plan, place))
        if place == "a:1":
            return done((2, f"{NOBODY_ANSWERS} a:1: it did not answer ping within 30 s."))
        return done((0, ""))

    wanted = fleet(simulators=[{"address": a} for a in ("a:1", "b:2")], tries=1)
    fly(wanted, submit)
    assert [place for _, place in tried].count("a:1") == 1
    assert {plan for plan, place in tried if place == "b:2"} == set(wanted.plans)


def test_a_flight_of_another_world_of_the_fleet_finds_its_own_without_a_try():
    tried = []

    def submit(command):
        seed = command[command.index("--seed") + 1]
        tried.append(seed)
        if seed != "4":
            return done((2, f"out/loop_walk: {ANOTHER_FLIGHT} seed differs (4 there, {seed} now)."))
        return done((0, ""))

    simulators = [{"seed": seed} for seed in range(5)]
    fly(fleet(plans=["loop_walk"], simulators=simulators, tries=1), submit)
    assert tried == ["0", "1", "2", "3", "4"]
    with pytest.raises(RecordingError, match="seed differs"):
        fly(fleet(plans=["loop_walk"], simulators=simulators[:4], tries=1), submit)


def test_a_fleet_of_simulators_that_are_all_gone_ends_with_their_names(monkeypatch):
    monkeypatch.setattr(simulator_fleet, "_SET_ASIDE_S", 0.01)
    monkeypatch.setattr(simulator_fleet, "_POLL_S", 0.01)
    wanted = fleet(simulators=[{"address": a} for a in ("a:1", "b:2")])
    with pytest.raises(RecordingError, match=r"each asked 3 times: a:1, b:2\. Start them"):
        fly(wanted, lambda command: done((2, f"{NOBODY_ANSWERS} it.")))


def test_a_worker_that_dies_with_its_flight_has_failed_it():
    lost = Future()
    lost.set_exception(RuntimeError("the worker died\nwith a long story"))
    outcomes = [lost, done((0, ""))]
    told = fly(fleet(plans=["loop_walk"]), lambda command: outcomes.pop(0))
    assert told[0].endswith("at embedded simulator 0: its worker was lost: the worker died")


def test_progress_counts_the_frames_that_are_asked_for():
    seen = []
    none = fleet(plans=["loop_walk"])
    run_fleet(none, Path("out"), [], lambda c: done((0, "")), lambda *p: seen.append(p), str, 5)
    assert seen[-1] == ("all plans", 0, 5)


def test_a_plan_that_fails_everywhere_ends_the_fleet_after_the_others():
    seen = []

    def submit(command):
        seen.append(command[4])
        return done((2, "no room") if command[4] == "roofs" else (0, ""))

    with pytest.raises(
        RecordingError, match=r"1 of 3 plans failed 3 times; roofs, at embedded .*: no room"
    ):
        fly(fleet(), submit)
    assert seen.count("roofs") == 3
    assert {"loop_walk", "street_val"} < set(seen)


def test_a_command_gives_its_exit_code_and_its_last_line():

    script = "import sys; print('airseg: it broke', file=sys.stderr); sys.exit(2)"
    assert run_command([sys.executable, "-c", script]) == (2, "it broke")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "expected a mapping of fields, found nothing"),
        ("plans: [", "not valid YAML"),
        (GOOD + "trys: 2\n", "Did you mean 'tries'"),
        (GOOD.replace("[loop_walk, roofs]", "[]"), "at least 1 item"),
        (GOOD.replace("roofs", "loop_walk"), "'loop_walk' stands twice"),
        (GOOD.replace("roofs", "rofs"), "Did you mean 'roofs'"),
        (GOOD.replace("count: 3", "world: harbour_town"), "Did you mean 'harbor_town'"),
        (GOOD.replace("count: 3", "count: 0"), "greater than or equal to 1"),
        (GOOD.replace("count: 3", "address: nowhere"), "should match pattern"),
        (GOOD.replace("count: 3", "address: 'a:1', seed: 3"), "has a world already"),
        (GOOD + "  - {address: 'a:1'}\n  - {address: 'a:1'}\n", "a:1 stands twice"),
        (GOOD + "  - {address: 'A:1'}\n  - {address: 'a:01'}\n", "a:1 stands twice"),
        (GOOD + "  - {address: 'localhost:9'}\n  - {address: '127.0.0.1:9'}\n", "1:9 stands twice"),
        (GOOD + "tries: 0\n", "greater than or equal to 1"),
        (GOOD + "timeout_s: -1\n", "greater than 0"),
        (GOOD + "format: 2\n", "Input should be 1"),
        ("plans: [loop_walk]\n", "simulators: required field is missing"),
    ],
)
def test_wrong_fleets_get_one_line(tmp_path, capsys, text, told):
    path = tmp_path / "fleet.yaml"
    path.write_text(text)
    code, _, err = run(capsys, "record", "--fleet", path, "--out", tmp_path / "out")
    assert code == 2
    assert told in said(err)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--fleet", "f.yaml", "loop_walk"], "leave out others"),
        (["--ray", "local", "loop_walk"], "give it with --fleet"),
        (["--realtime", "--mode", "step", "loop_walk"], "exclude each other"),
        (["--replay", "x", "--mode", "step"], "it has no other mode"),
        (["--replay", "nowhere"], "not a recording"),
        (["--replay", "x", "loop_walk", "roofs"], "one plan at most"),
        ([], "Missing argument"),
    ],
)
def test_arguments_that_do_not_go_together_get_one_line(tmp_path, capsys, arguments, told):
    code, _, err = run(capsys, "record", *arguments, "--out", tmp_path / "out")
    assert code == 2
    assert told in said(err)
