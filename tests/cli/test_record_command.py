"""`airseg record` as a program: killed at any moment, told anything wrong, it loses nothing."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import yaml
from command_line import run, said
from small_simulator import HEIGHT, WIDTH, client, simulator, world  # noqa: F401

from airseg.errors import SimulatorError
from airseg.flight.plan import FlightPlan
from airseg.recording import embedded_flights
from airseg.recording.embedded_flights import place_of
from airseg.recording.flying.assignment import Assignment, RecordOptions
from airseg.recording.stored.storage import KINDS, Recording, frame_file
from airseg.simulators.embedded.sensing.segmentation_ids import palette

PLAN = f"""\
description: a test
camera: {{width: {WIDTH}, height: {HEIGHT}}}
limits: {{acceleration_mps2: 20}}
start: {{position: [0, 0, -3]}}
waypoints:
  - {{position: [12, 0, -3]}}
"""


def write_plan(folder: Path, text: str = PLAN) -> Path:
    path = folder / "walk.yaml"
    path.write_text(text)
    return path


def write_palette(folder: Path) -> Path:
    path = folder / "palette.txt"
    path.write_text("".join(f"{i}\t{[int(v) for v in c]}\n" for i, c in enumerate(palette())))
    return path


def command(tmp_path, simulator, out):  # noqa: F811
    return [
        *(sys.executable, "-m", "airseg", "record", str(tmp_path / "walk.yaml")),
        *("--simulator", f"127.0.0.1:{simulator.port}", "--out", str(out)),
        *("--palette", str(write_palette(tmp_path))),
    ]


def all_bytes(folder):
    count = len(Recording.open(folder))
    return [frame_file(folder, k, i).read_bytes() for i in range(count) for k in KINDS]


@pytest.mark.slow
def test_killed_five_times_it_still_gives_the_same_bytes(tmp_path, simulator):  # noqa: F811
    write_plan(tmp_path)
    subprocess.run(command(tmp_path, simulator, tmp_path / "whole"), check=True)
    whole = all_bytes(tmp_path / "whole" / "walk")
    random = np.random.default_rng(7)
    folder = tmp_path / "killed" / "walk"
    kills = 0
    for _ in range(5):
        process = subprocess.Popen(command(tmp_path, simulator, folder.parent))
        before = len(Recording.open(folder)) if folder.exists() else 0
        goal = before + int(random.integers(1, 12))
        while process.poll() is None:
            lines = folder / "frames.csv"
            if lines.exists() and lines.read_text().count("\n") - 1 >= goal:
                time.sleep(float(random.uniform(0, 0.02)))
                process.send_signal(signal.SIGKILL)
                kills += 1
                break
            time.sleep(0.002)
        process.wait()
        assert len(Recording.open(folder)) >= before
    assert kills >= 3
    subprocess.run(command(tmp_path, simulator, folder.parent), check=True)
    assert Recording.open(folder).info.status == "complete"
    assert all_bytes(folder) == whole
    assert (np.diff(Recording.open(folder).frames["timestamp_ns"]) == 40_000_000).all()


def test_ctrl_c_finishes_the_frame_in_flight_and_says_so(tmp_path, simulator):  # noqa: F811
    write_plan(tmp_path)
    folder = tmp_path / "out" / "walk"
    # A shell that runs the tests in the background makes its children ignore Ctrl-C.
    process = subprocess.Popen(
        command(tmp_path, simulator, folder.parent),
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    lines = folder / "frames.csv"
    while not (lines.exists() and lines.read_text().count("\n") > 5):
        assert process.poll() is None
        time.sleep(0.005)
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 130
    recording = Recording.open(folder)
    assert recording.info.status == "interrupted"
    recording.read_rgb(len(recording) - 1)


@pytest.mark.slow
def test_a_simulator_that_dies_leaves_a_recording_that_continues(tmp_path):
    path = write_plan(tmp_path)
    arguments = [sys.executable, "-m", "airseg", "record", str(path), "--embedded"]
    arguments += ["--out", str(tmp_path / "out"), "--palette", str(write_palette(tmp_path))]
    process = subprocess.Popen(arguments, stderr=subprocess.PIPE, text=True)
    lines = tmp_path / "out" / "walk" / "frames.csv"
    while not (lines.exists() and lines.read_text().count("\n") > 5):
        assert process.poll() is None
        time.sleep(0.01)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    for child in children:
        os.kill(int(child), signal.SIGKILL)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "lost the simulator" in said(err)
    assert "complete frames are kept" in said(err)
    assert err.count("loading numba") == 1  # by who records, and not by the simulator once more
    assert "kinder" not in err
    kept = len(Recording.open(lines.parent))
    assert kept >= 5
    subprocess.run(arguments, check=True, capture_output=True)
    assert Recording.open(lines.parent).info.status == "complete"


def test_a_finished_plan_is_not_flown_again(tmp_path, simulator, capsys):  # noqa: F811
    path = write_plan(tmp_path)
    arguments = ("record", path, "--simulator", f"127.0.0.1:{simulator.port}")
    arguments += ("--out", tmp_path / "out", "--palette", write_palette(tmp_path), "--frames", "4")
    code, out, _ = run(capsys, *arguments)
    assert code == 0
    assert "4 frames (4 new)" in out
    code, _, err = run(capsys, *arguments)
    assert code == 0
    assert "already recorded, 4 frames" in err


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (PLAN.replace("start", "begin"), "start: required field is missing"),
        (PLAN.replace("[12, 0, -3]", "[12, 0, 3]"), "3.0 m below ground"),
        ("a: [", "not valid YAML"),
        ("", "expected a mapping of fields, found nothing"),
        (PLAN + "speed_mp: 2\n", "Did you mean 'speed_mps'"),
    ],
)
def test_wrong_plans_get_one_line_and_leave_nothing(tmp_path, capsys, text, expected):
    path = write_plan(tmp_path, text)
    code, out, err = run(capsys, "record", path, "--embedded", "--out", tmp_path / "out")
    assert code == 2
    assert expected in said(err)
    assert "walk.yaml" in said(err)
    assert out == ""
    assert not (tmp_path / "out").exists()


def test_an_unknown_plan_gets_the_nearest_name(tmp_path, capsys):
    code, _, err = run(capsys, "record", "loop_wlak", "--embedded", "--out", tmp_path)
    assert code == 2
    assert "Did you mean 'loop_walk'" in said(err)


@pytest.mark.parametrize(
    ("plan", "told"),
    [
        ("recordings", "recordings: is a folder, no flight plan."),
        ("C:\\a.yaml", "with / instead of"),
    ],
)
def test_what_cannot_be_a_plan_is_told(tmp_path, capsys, monkeypatch, plan, told):
    (tmp_path / "recordings").mkdir()
    monkeypatch.chdir(tmp_path)
    code, _, err = run(capsys, "record", plan, "--embedded", "--out", "out")
    assert code == 2
    assert told in said(err)


def test_a_file_is_no_place_for_recordings(tmp_path, capsys):
    (tmp_path / "out").touch()
    code, _, err = run(capsys, "record", write_plan(tmp_path), "--out", tmp_path / "out")
    assert code == 2
    assert "'--out'" in said(err)
    assert "is a file" in said(err)


def test_a_closed_port_is_told_with_what_to_do(tmp_path, capsys):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    path = write_plan(tmp_path)
    code, _, err = run(
        capsys, "record", path, "--simulator", f"127.0.0.1:{port}", "--out", tmp_path / "out"
    )
    assert code == 2
    assert f"no simulator answers at 127.0.0.1:{port}" in said(err)
    assert "airseg record --embedded" in said(err)


@pytest.mark.parametrize("address", ["nowhere", "localhost:", "localhost:99999", ":41451"])
def test_a_malformed_address_is_told(tmp_path, capsys, address):
    path = write_plan(tmp_path)
    code, _, err = run(capsys, "record", path, "--simulator", address, "--out", tmp_path / "out")
    assert code == 2
    assert "expected HOST:PORT" in said(err)


@pytest.mark.parametrize("address", ["http://127.0.0.1:41451", "http://127.0.0.1:41451/"])
def test_the_address_of_a_web_page_is_told(tmp_path, capsys, address):
    path = write_plan(tmp_path)
    code, _, err = run(capsys, "record", path, "--simulator", address, "--out", tmp_path / "out")
    assert code == 2
    assert "expected HOST:PORT" in said(err)
    assert "Leave out 'http://'" in said(err)


def test_two_plans_of_one_name_are_refused(tmp_path, capsys):
    path = write_plan(tmp_path)
    code, _, err = run(capsys, "record", path, path, "--embedded", "--out", tmp_path / "out")
    assert code == 2
    assert "two flights would be recorded into one folder: 'walk' and another" in said(err)


@pytest.mark.parametrize(
    ("plan", "asked", "place"),
    [
        ({}, (None, None), ("neighborhood", 0)),
        ({"environment": "harbor_town", "seed": 2}, (None, None), ("harbor_town", 2)),
        ({"environment": "harbor_town", "seed": 2}, ("pine_estate", 5), ("pine_estate", 5)),
        ({"environment": "Blocks"}, (None, None), ("neighborhood", 0)),
    ],
)
def test_a_plan_is_flown_in_its_own_world_unless_another_is_asked_for(plan, asked, place):
    content = yaml.safe_load(PLAN) | plan
    assert place_of(FlightPlan.model_validate(content), *asked) == place


@pytest.mark.parametrize(("wanted", "told"), [("Harbor_Town", 1), ("harbor_town", 0)])
def test_a_plan_for_a_world_that_is_not_here_says_where_it_is_flown(monkeypatch, wanted, told):
    class NotStarted:
        def __init__(self, *given, **more):
            raise SimulatorError("enough was said")

    monkeypatch.setattr(embedded_flights, "EmbeddedProcess", NotStarted)
    plan = FlightPlan.model_validate(yaml.safe_load(PLAN) | {"environment": wanted})
    lines = []
    with pytest.raises(SimulatorError, match="enough"):
        embedded_flights.record_embedded(
            [Assignment("walk", plan)],
            Path("out"),
            RecordOptions(),
            lambda *progress: None,
            lambda name, done: None,
            say=lines.append,
        )
    named = [line for line in lines if "no world here is called 'Harbor_Town'" in line]
    assert len(named) == told


def test_an_unknown_world_is_told_by_the_embedded_simulator(tmp_path, capsys):
    path = write_plan(tmp_path)
    code, _, err = run(
        capsys, "record", path, "--embedded", "--world", "neighbourhood", "--out", tmp_path / "out"
    )
    assert code == 2
    assert "Did you mean 'neighborhood'" in said(err)
