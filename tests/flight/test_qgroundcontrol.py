"""QGroundControl's missions: every item is flown as MAVLink means it, or told by its number.

Commands, frames and parameters are those of MAVLink's common message set (MAV_CMD, MAV_FRAME); the
fields of the file are those of QGroundControl's developer guide.
"""

import json

import pytest
from command_line import run

from airseg.flight.plan import load_plan

HOME = [47.397742, 8.545594, 488.0]
METRES_A_DEGREE = 111_319.49


def place(north=0.0, up=10.0, command=16, frame=3, **params):
    """Return a mission item some metres North of home; ``p1`` and so on set parameters."""
    values = [0, 0, 0, None, HOME[0] + north / METRES_A_DEGREE, HOME[1], up]
    for name, value in params.items():
        values[int(name[1:]) - 1] = value
    return {"type": "SimpleItem", "command": command, "frame": frame, "params": values}


def order(command, *params):
    padded = [*params, *[0] * (7 - len(params))]
    return {"type": "SimpleItem", "command": command, "frame": 2, "params": padded}


@pytest.fixture
def imported(tmp_path, capsys):
    """Return a function that imports items: exit code, places (metres), plan, what was told."""

    def import_(items, *options, text=None, **mission):
        fields = {"plannedHomePosition": HOME, "hoverSpeed": 5, "cruiseSpeed": 15}
        data = {"fileType": "Plan", "mission": {**fields, "items": items, **mission}}
        path, out = tmp_path / "m.plan", tmp_path / "o.yaml"
        path.write_bytes(text(json.dumps(data)) if text else json.dumps(data).encode())
        out.unlink(missing_ok=True)
        code, _, err = run(capsys, "plan", "import", path, "--out", out, *options)
        assert "Traceback" not in err
        plan = load_plan(str(out))[1] if code == 0 else None
        assert plan or (code == 2 and len(err.strip().splitlines()) == 1)
        return code, plan, err.strip()

    return import_


def points(plan):
    return [tuple(round(v) + 0.0 for v in p.position) for p in (plan.start, *plan.waypoints)]


def test_splines_are_flown_as_their_places_and_told(imported):
    items = [place(command=22), place(50), place(80, command=82), place(90, command=82), place(99)]
    code, plan, told = imported(items)
    assert code == 0
    assert points(plan) == [(n, 0, -10) for n in (0, 50, 80, 90, 99)]
    assert "items 3, 4: the curve of a spline (its place is flown) is left out" in told
    assert imported(items, "--strict")[0] == 2


@pytest.mark.parametrize("command", [17, 18, 19, 31])
def test_loiters_are_flown_as_their_places_and_told(imported, command):
    code, plan, told = imported([place(), place(50, command=command), place(99)])
    assert (code, points(plan)) == (0, [(0, 0, -10), (50, 0, -10), (99, 0, -10)])
    assert "item 2: the circling of a loiter" in told


@pytest.mark.parametrize(
    ("item", "what"),
    [
        (order(177, 2, 3), "jump (command 177)"),
        (order(93, 5), "delay (command 93)"),
        (order(195, 0, 0, 0, 0, 47.4, 8.5, 0), "look at a place (command 195)"),
        (order(20), "return to launch (command 20)"),
        (order(31_010), "command 31010"),
        (place(20, p1=5), "the wait at a waypoint (its place is flown)"),
    ],
)
def test_what_cannot_be_flown_is_told_by_its_number(imported, item, what):
    items = [place(), place(50), item, place(99)]
    code, _, told = imported(items)
    assert code == 0
    assert f"item 3: {what} is left out" in told
    code, _, told = imported(items, "--strict")
    assert code == 2
    assert f"item 3: {what}" in told


@pytest.mark.parametrize("current", [0, 1])
def test_a_home_that_is_set_anew_is_refused_by_its_number(imported, current):
    """MAV_CMD_DO_SET_HOME: what heights count from changes in flight."""
    items = [place(), order(179, current, 0, 0, 0, 47.4, 8.5, 500), place(50)]
    code, _, told = imported(items)
    assert code == 2
    assert "item 2: sets home anew (command 179)" in told


def test_a_mission_that_is_flown_as_a_whole_is_not_refused_by_strict(imported):
    code, plan, told = imported([place(command=22), order(178, 1, 3, -1), place(50)], "--strict")
    assert (code, told) == (0, "")
    assert plan.waypoints[0].speed_mps == 3


@pytest.mark.parametrize("kind", [2, 3])
def test_speeds_of_climb_and_descent_are_not_the_path_s(imported, kind):
    items = [place(), order(178, 1, 8), place(50), order(178, kind, 1), place(60), place(70)]
    code, plan, told = imported(items)
    assert code == 0
    assert [w.speed_mps for w in plan.waypoints] == [8, 8, 8]
    assert "item 4: a change of climb or descent speed" in told


def test_speeds_of_air_and_ground_are_and_minus_two_means_the_mission_s_own(imported):
    items = [place(), order(178, 0, 8), place(50), order(178, 1, -1), place(60)]
    items += [order(178, 1, -2), place(70)]
    _, plan, told = imported(items)
    assert ([w.speed_mps for w in plan.waypoints], told) == ([8, 8, 5], "")


@pytest.mark.parametrize(
    ("kind", "speed"),
    [(1, 15), (10, 15), (11, 15), (2, 5), (13, 5), (20, 5), (0, 5)],
    ids=["plane", "rover", "boat", "quadrotor", "hexarotor", "VTOL", "generic"],
)
def test_wings_and_wheels_move_at_cruise_speed_rotors_at_hover_speed(imported, kind, speed):
    _, plan, _ = imported([place(), place(50)], vehicleType=kind)
    assert plan.waypoints[0].speed_mps == speed


def test_a_vtol_flies_at_cruise_speed_between_its_transitions(imported):
    items = [place(command=22), place(20), order(3000, 4), place(50), order(3000, 3), place(70)]
    _, plan, told = imported(items, vehicleType=20)
    assert ([w.speed_mps for w in plan.waypoints], told) == ([5, 15, 5], "")
    _, plan, _ = imported([place(command=84), place(50)], vehicleType=20)
    assert plan.waypoints[0].speed_mps == 15


@pytest.mark.parametrize("frame", [0, 5])
def test_heights_above_the_sea_are_told_from_home_s(imported, frame):
    _, plan, _ = imported([place(), place(50, up=498, frame=frame), place(99, frame=6)])
    assert points(plan) == [(0, 0, -10), (50, 0, -10), (99, 0, -10)]
    for home in (HOME[:2], [*HOME[:2], None]):
        code, _, told = imported(
            [place(), place(50, up=498, frame=frame)], plannedHomePosition=home
        )
        assert code == 2
        assert "item 2: its height is above the sea" in told


@pytest.mark.parametrize("frame", [10, 11, 1, 2, None, "3", 3.5, True])
def test_heights_of_other_kinds_are_refused(imported, frame):
    code, _, told = imported([place(), place(50, frame=frame)])
    assert code == 2
    assert "mission item 2: its height is" in told


def survey(items, kind="survey"):
    style = {} if items is None else {"TransectStyleComplexItem": {"Items": items}}
    return {"type": "ComplexItem", "complexItemType": kind, "version": 5, **style}


def test_surveys_and_corridors_are_flown_as_generated(imported):
    inner = [place(20), order(206, 25), place(30)]
    for kind in ("survey", "CorridorScan"):
        code, plan, told = imported([place(), survey(inner, kind), place(50)])
        assert code == 0
        assert points(plan) == [(n, 0, -10) for n in (0, 20, 30, 50)]
        assert "item 2.2: take pictures by distance (command 206)" in told


@pytest.mark.parametrize(
    ("item", "kind"),
    [
        (survey(None), "survey"),
        (survey([]), "survey"),
        (survey(None, "StructureScan"), "StructureScan"),
        (survey(None, "somethingNew"), "somethingNew"),
        (survey({"a": 1}), "survey"),
    ],
)
def test_what_nobody_generated_is_refused_by_its_number(imported, item, kind):
    code, _, told = imported([place(), item, place(50)])
    assert code == 2
    assert f"mission item 2 ({kind}): has no generated waypoints" in told


def test_a_landing_pattern_is_told(imported):
    code, _, told = imported([place(), place(50), survey(None, "fwLandingPattern")])
    assert code == 0
    assert "item 3: landing is left out" in told


@pytest.mark.parametrize("where", [(None, None), (0, 0)])
def test_a_take_off_without_a_place_is_where_the_vehicle_stands(imported, where):
    items = [place(command=22, p5=where[0], p6=where[1]), place(50), place(60)]
    _, plan, _ = imported(items)
    assert points(plan)[0] == (0, 0, -10)
    items = [place(50), place(command=19, p5=where[0], p6=where[1], up=20)]
    assert points(imported(items)[1])[1] == (50, 0, -20)


@pytest.mark.parametrize(
    ("home", "told"),
    [
        ([None, None, None], "plannedHomePosition: expected latitude and longitude"),
        (["47", "8", 0], "plannedHomePosition"),
        ([[47], [8]], "plannedHomePosition"),
        ([47.3, 8.5, "high"], "metres above the sea"),
        (None, "plannedHomePosition"),
        ({"lat": 1}, "plannedHomePosition"),
        ([470, 8.5, 0], "degrees"),
        ([True, 8.5, 0], "plannedHomePosition"),
    ],
)
def test_a_home_that_is_no_place_is_one_line(imported, home, told):
    code, _, err = imported([place(), place(50)], plannedHomePosition=home)
    assert code == 2
    assert told in err


@pytest.mark.parametrize(
    "items",
    [
        [place(), order(178, "1", "8"), place(50)],
        [place(), order(178, None, 8), place(50)],
        [place(), order(178, 1, 0), place(50)],
        [place(), order(178, 1, -7), place(50)],
        [place(), place(50, p5="47.39")],
        [place(), place(50, p6=[8.5])],
        [place(), place(50, p5=None)],
        [place(), place(50, p7=None)],
        [place(), place(50, p5=None, p6=None)],
        [place(), place(50, p4="north")],
        [place(), place(50, p1={})],
        [place(), place(50, p7=float("nan"))],
        [place(), place(50, p7=10**400)],
        [place(), place(50, p5=True)],
        [place(), {"command": "16", "frame": 3, "params": [0] * 7}],
        [place(), {"command": 16, "frame": 3, "params": "0,0,0"}],
        [place(), {"frame": 3, "params": [0] * 7}],
        [place(), None],
        [place(), [16]],
        [place(), "waypoint"],
        {"0": place()},
        None,
        "none",
    ],
)
def test_null_text_and_lists_where_numbers_belong_are_one_line(imported, items):
    code, _, told = imported(items)
    assert code == 2
    assert "m.plan: mission item" in told


@pytest.mark.parametrize("speed", [None, "5", [5], 0, -3, {}, True, float("nan")])
def test_a_mission_s_speed_is_a_number(imported, speed):
    code, _, told = imported([place(), place(50)], hoverSpeed=speed)
    assert code == 2
    assert "mission hoverSpeed: expected a speed" in told


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_byte_order_mark_is_no_matter(imported, encoding):
    code, plan, _ = imported([place(), place(50)], text=lambda text: text.encode(encoding))
    assert code == 0
    assert len(plan.waypoints) == 1


def test_headings_of_waypoints_are_flown_where_the_firmware_does(imported):
    items = [place(), place(50, p4=270.0), place(60)]
    _, plan, _ = imported(items, firmwareType=12)
    assert [w.yaw_deg for w in plan.waypoints] == [-90, None]
    _, plan, _ = imported(items, firmwareType=3)
    assert [w.yaw_deg for w in plan.waypoints] == [None, None]


def test_a_flight_over_the_date_line_stays_short(imported):
    home = [0.0, 179.9999, 0.0]
    items = [place(p5=0.0, p6=179.9999), place(p5=0.0, p6=-179.9999)]
    _, plan, _ = imported(items, plannedHomePosition=home)
    assert plan.waypoints[0].position[1] == pytest.approx(0.0002 * METRES_A_DEGREE, abs=0.01)


def test_a_speed_that_means_a_change_of_speed_is_refused_by_its_number(imported):
    """MAV_CMD_DO_CHANGE_SPEED had "0: absolute, 1: relative" as parameter 4."""
    code, _, told = imported([place(command=22), order(178, 1, 3, -1, 1), place(50), place(90)])
    assert code == 2
    assert "item 2: param 4: expected an absolute speed, found 1" in told
    assert imported([place(command=22), order(178, 1, 3, -1, 0), place(50), place(90)])[0] == 0


@pytest.mark.parametrize(
    ("home", "item"),
    [
        ([0, 0, 0], place(50)),  # home was never set
        (HOME, place(p5=0, p6=0)),  # neither was this place
        (HOME, place(p5=HOME[1], p6=HOME[0])),  # latitude and longitude change places
    ],
)
def test_places_far_from_home_are_refused_by_their_number(imported, home, item):
    code, _, told = imported([place(command=22), item, place(90)], plannedHomePosition=home)
    assert code == 2
    number = 1 if home != HOME else 2
    assert f"mission item {number}: lies at" in told
    assert "degrees from home" in told


COPTER = {"firmwareType": 3, "vehicleType": 2}


@pytest.mark.parametrize(
    ("vehicle", "height"),
    [(COPTER, -10), ({"firmwareType": 3, "vehicleType": 1}, 0), ({"firmwareType": 12}, 0)],
)
def test_height_0_is_the_height_arducopter_has(imported, vehicle, height):
    """As `ModeAuto::loc_from_cmd` of ArduCopter reads it; a plane or PX4 flies at home's height."""
    items = [place(command=22), place(50), place(80, up=0), place(90, up=20)]
    _, plan, _ = imported(items, **vehicle)
    assert points(plan) == [(0, 0, -10), (50, 0, -10), (80, 0, height), (90, 0, -20)]


def test_a_height_that_nobody_knows_yet_is_refused(imported):
    code, _, told = imported([place(10, up=0), place(50)], **COPTER)
    assert code == 2
    assert "item 1: height 0" in told


@pytest.mark.parametrize(
    ("down", "north"),
    [(place(80, up=0, command=21), 80), (place(70, up=0, command=85), 70), (order(20), 0)],
)
def test_a_take_off_after_landing_begins_where_the_vehicle_came_down(imported, down, north):
    items = [place(command=22), place(50), down, place(command=22, p5=None, p6=None), place(99)]
    _, plan, told = imported(items)
    assert points(plan) == [(n, 0, -10) for n in (0, 50, north, 99)]
    assert "item 3: " in told


@pytest.mark.parametrize("key", ["items", "command", "plannedHomePosition"])
def test_a_key_that_stands_twice_is_refused(imported, key):
    def twice(text):
        return text.replace(f'"{key}"', f'"{key}": 0, "{key}"', 1).encode()

    code, _, told = imported([place(command=22), place(50)], text=twice)
    assert code == 2
    assert f'"{key}" stands twice' in told


@pytest.mark.parametrize(
    ("mode", "frame", "told"),
    [(1, 0, True), (2, 3, True), (3, 3, True), (4, 3, True), (1, 3, False), (2, 0, False)],
)
def test_a_height_shown_otherwise_than_it_is_flown_is_refused(imported, mode, frame, told):
    """The numbers are those of AltMode, QGroundControlQmlGlobal.h of QGroundControl 4.2."""
    up = 498 if frame == 0 else 10
    odd = {**place(30, up, frame=frame), "AltitudeMode": mode, "Altitude": up}
    code, _, err = imported([place(), odd], globalPlanAltitudeMode=0)
    assert code == (2 if told else 0), err
    if told:
        assert f"item 2: AltitudeMode {mode} contradicts its frame {frame}" in err


def test_an_old_file_s_mode_1_is_above_the_sea(imported):
    """AltitudeAMSL was 1 until QGroundControl 3.5."""
    code, plan, err = imported([place(), {**place(30, 500, frame=0), "AltitudeMode": 1}])
    assert code == 0, err
    assert plan.waypoints[-1].position[2] == -12


def test_a_height_shown_beside_another_parameter_is_refused(imported):
    odd = {**place(30, 30), "AltitudeMode": 1, "Altitude": 50}
    code, _, err = imported([place(), odd], globalPlanAltitudeMode=1)
    assert code == 2
    assert "item 2: Altitude 50 contradicts its param 7, 30" in err
