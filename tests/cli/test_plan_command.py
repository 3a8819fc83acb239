"""`airseg plan` and `airseg settings`: what is flown, where, and what AirSim must be told."""

import json
import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from command_line import run, said

from airseg.cli.plan import plan_drawing
from airseg.errors import PlanError
from airseg.flight.plan import FlightPlan, load_plan
from airseg.recording.simulator_settings import settings_text
from airseg.simulators.embedded.settings import read_settings

HOME = [47.641468, -122.140165, 122.0]


def mission(folder, items, **fields):
    text = {
        "fileType": "Plan",
        "mission": {"plannedHomePosition": HOME, "hoverSpeed": 6, "items": items, **fields},
    }
    path = folder / "survey.plan"
    path.write_text(json.dumps(text))
    return path


def place(north_deg=0.0, east_deg=0.0, up=10.0, command=16):
    params = [0, 0, 0, None, HOME[0] + north_deg, HOME[1] + east_deg, up]
    return {"type": "SimpleItem", "command": command, "frame": 3, "params": params}


def test_check_says_how_long_and_how_fast_a_plan_flies(capsys):
    code, out, _ = run(capsys, "plan", "check", "loop_walk")
    assert code == 0
    assert out.startswith("loop_walk: 461 frames, 18.4 s, 110 m, at most 7.0 m/s, 2.2 to 3.5 m up")


def test_check_tells_a_heading_that_is_not_flown(tmp_path, capsys):
    path = tmp_path / "turn.yaml"
    path.write_text(
        "description: x\nstart: {position: [0, 0, -3], yaw_deg: 90}\n"
        "waypoints: [{position: [6, 0, -3]}]\n"
    )
    code, _, err = run(capsys, "plan", "check", path)
    assert code == 0
    assert err.startswith("warning: turn: start.yaw_deg is 90 and the flight begins at 0 degrees")


def test_check_without_plans_tells_which_are_shipped(capsys):
    code, out, _ = run(capsys, "plan", "check")
    assert code == 0
    files = (Path(__file__).parents[2] / "flight_plans").glob("*.yaml")
    assert sorted(line.partition(":")[0] for line in out.splitlines()) == sorted(
        file.stem for file in files
    )


def test_a_mission_becomes_a_plan_in_metres_from_home(tmp_path, capsys):
    speed = {"command": 178, "params": [1, 3.5, -1, 0, 0, 0, 0]}
    items = [place(command=22), place(north_deg=0.001), speed, place(0.001, 0.001, up=20)]
    out = tmp_path / "survey.yaml"
    code, _, _ = run(capsys, "plan", "import", mission(tmp_path, items), "--out", out)
    assert code == 0
    _, plan = load_plan(str(out))
    assert plan.start.position == (0, 0, -10)
    # A thousandth of a degree of latitude is 111.2 to 111.3 m, of longitude there 75.0 m.
    assert plan.waypoints[0].position == pytest.approx((111.3, 0, -10), abs=0.2)
    assert plan.waypoints[1].position == pytest.approx((111.3, 75.0, -20), abs=0.2)
    assert [w.speed_mps for w in plan.waypoints] == [6.0, 3.5]


@pytest.mark.parametrize(
    ("items", "told"),
    [
        ([place()], "has 1 places; a flight needs two"),
        ([place(), {"command": 16, "params": [0, 0]}], "item 2: params 5 to 7 are no place"),
    ],
)
def test_missions_that_are_no_flights_are_told(tmp_path, capsys, items, told):
    path = mission(tmp_path, items)
    code, _, err = run(capsys, "plan", "import", path, "--out", tmp_path / "x.yaml")
    assert code == 2
    assert told in said(err)
    assert not (tmp_path / "x.yaml").exists()


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"fileType": "Plan"}', '{"mission": {}}'])
def test_files_that_are_no_missions_are_told(tmp_path, capsys, text):
    path = tmp_path / "a.plan"
    path.write_text(text)
    code, _, err = run(capsys, "plan", "import", path, "--out", tmp_path / "x.yaml")
    assert code == 2
    assert "not a QGroundControl plan" in said(err)


def test_an_import_overwrites_nothing(tmp_path, capsys):
    (tmp_path / "mine.yaml").write_text("mine")
    path = mission(tmp_path, [place(), place(0.001)])
    code, _, err = run(capsys, "plan", "import", path, "--out", tmp_path / "mine.yaml")
    assert code == 2
    assert "is there already" in said(err)
    assert (tmp_path / "mine.yaml").read_text() == "mine"


@pytest.mark.slow
def test_a_map_shows_paths_over_the_world(tmp_path, capsys):
    code, _, _ = run(capsys, "plan", "draw", "loop_walk", "--out", tmp_path / "map.png")
    assert code == 0
    image = cv2.imread(str(tmp_path / "map.png"))[..., ::-1].astype(int)
    red = (image[..., 0] > 240) & (abs(image[..., 1] - 70) < 12) & (abs(image[..., 2] - 60) < 12)
    rows = red[60:, 200:].any(1)  # beside the legend
    assert 500 < rows.sum() < 1000  # the path goes North, over most of the map


@pytest.mark.parametrize(
    ("given", "drawn"),
    [(["new_street_4"], 4), (["loop_walk"], 0), (["new_street_4", "--seed", 7], 7)],
)
def test_a_map_is_of_the_plans_own_world(given, drawn, tmp_path, capsys, monkeypatch):
    asked = []
    drawing = "airseg.cli.plan.plan_drawing.draw_map"
    monkeypatch.setattr(drawing, lambda paths, world, seed, out: asked.append((world, seed)))
    code, _, _ = run(capsys, "plan", "draw", *given, "--out", tmp_path / "map.png")
    assert (code, asked) == (0, [("neighborhood", drawn)])


def test_more_paths_than_colours_can_be_told_apart_and_all_are_named():
    way = np.array([[20, 50], [180, 50]], np.int32)
    looks = set()
    for number in range(24):
        image = np.zeros((100, 200, 3), np.uint8)
        plan_drawing._draw_path(image, way, number)
        looks.add(image[44:57, 100].tobytes())
    assert len(looks) == 24
    names = [f"flight_{number}" for number in range(60)]
    image = np.full((1100, 1100, 3), 200, np.uint8)
    plan_drawing._draw_legend(image, names)
    drawn = np.argwhere((image != 200).any(2))
    assert drawn[:, 0].max() < 1100 - 60  # above the scale
    assert drawn[:, 1].max() < 1100 / 2
    column = image[:, 15:60].reshape(1100, -1)
    rows = [column[27 + 24 * row] for row in range(24)]
    assert len({row.tobytes() for row in rows}) == 24  # each with the look of its path


def test_the_name_of_a_map_may_be_no_text(tmp_path, monkeypatch):
    paper = np.full((plan_drawing._SIDE, plan_drawing._SIDE, 3), 200, np.uint8)
    monkeypatch.setattr(plan_drawing, "_view_from_above", lambda *_: paper)
    out = tmp_path / os.fsdecode(b"caf\xe9.png")  # Latin-1, over which cv2.imwrite ends Python
    plan_drawing.draw_map({"a": np.zeros((2, 3))}, "neighborhood", 0, out)
    assert cv2.imdecode(np.frombuffer(out.read_bytes(), np.uint8), -1).shape == paper.shape
    with pytest.raises(PlanError, match="cannot be written"):
        plan_drawing.draw_map({"a": np.zeros((2, 3))}, "neighborhood", 0, tmp_path)


def test_a_map_is_a_png(tmp_path, capsys):
    code, _, err = run(capsys, "plan", "draw", "loop_walk", "--out", tmp_path / "map.jpg")
    assert code == 2
    assert "name it map.png" in said(err)


def test_settings_give_every_image_type_the_plan_s_size(tmp_path, capsys):
    path = tmp_path / "settings.json"
    code, _, _ = run(capsys, "settings", "loop_walk", "loop_back", "--out", path)
    assert code == 0
    settings = json.loads(path.read_text())
    assert (settings["SimMode"], settings["ViewMode"]) == ("Multirotor", "NoDisplay")
    captures = settings["CameraDefaults"]["CaptureSettings"]
    assert {c["ImageType"]: (c["Width"], c["Height"]) for c in captures} == {
        0: (640, 480),
        1: (640, 480),
        5: (640, 480),
    }
    assert read_settings(path).sim_mode == "Multirotor"


def test_settings_slow_the_clock_down_for_cars_alone(tmp_path, capsys):
    """A car's time moves by frames of 1/60 s: half of one is 1.7 ms at a fifth of life's speed."""
    plan = load_plan("car_drive")[1]
    in_real_time = plan.model_copy(update={"mode": "realtime"})
    speeds = {
        name: json.loads(settings_text([(name, each)], **exact)).get("ClockSpeed")
        for name, each, exact in (
            ("drive", plan, {}),
            ("in real time", in_real_time, {}),
            ("embedded", plan, {"clock_is_exact": True}),
            ("walk", load_plan("loop_walk")[1], {}),
        )
    }
    assert speeds == {"drive": 0.2, "in real time": None, "embedded": None, "walk": None}
    with pytest.raises(PlanError, match=r"settings: ClockSpeed is 0\.2 and 1\."):
        settings_text([("drive", plan), ("again", in_real_time)])


def test_settings_name_cameras_and_companions(tmp_path):
    plan = FlightPlan.model_validate(
        {
            "description": "two drones, three cameras",
            "start": {"position": (0, 0, -3)},
            "waypoints": [{"position": (6, 0, -3)}],
            "cameras": {"low": {"width": 320, "height": 240, "pitch_deg": -60}},
            "companions": {"Second": {"behind_s": 1}},
        }
    )
    path = tmp_path / "settings.json"
    path.write_text(settings_text([("p", plan)]))
    vehicles = json.loads(path.read_text())["Vehicles"]
    assert list(vehicles) == ["SimpleFlight", "Second"]
    assert vehicles["SimpleFlight"]["Cameras"]["low"]["CaptureSettings"][0]["Width"] == 320
    assert set(read_settings(path).vehicles) == {"SimpleFlight", "Second"}


def test_plans_that_need_different_settings_are_told_apart(capsys):
    code, _, err = run(capsys, "settings", "loop_walk", "car_drive")
    assert code == 2
    assert "plans loop_walk and car_drive need different settings: SimMode is Multirotor" in said(
        err
    )
