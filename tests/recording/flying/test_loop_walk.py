"""The shipped flight `loop_walk` as a whole, on both clocks, by everything that can fly it.

The bounds are those that AirSim's own server code allows: poses 1 mm, steps 2 ms off their place
(14 steps of 3,000,064 ns are 42.0009 ms), cars at full speed half a frame of the game. The
simulated clock is exact, and gives the same bytes twice.
"""

import hashlib
import json

import numpy as np
import pytest
from small_simulator import HEIGHT, WIDTH
from test_exactness import Simulators, digests, drift_ns, off_the_path_m
from test_recorder import DOCUMENTED

from airseg.flight.plan import FlightPlan, load_plan
from airseg.flight.trajectory import plan_trajectory
from airseg.recording.flying.assignment import RecordOptions
from airseg.recording.flying.recorder import Recorder
from airseg.recording.flying.replay import replay
from airseg.recording.simulator_settings import settings_text
from airseg.recording.stored.recording_verification import verify_recording
from airseg.recording.stored.storage import Recording

pytestmark = pytest.mark.slow

CLOCKS = ("simulated", "airsim")
SMALL = {"width": WIDTH, "height": HEIGHT}
ON_THE_GROUND = {
    "vehicle": "car",
    "start": {"position": (0, 0, 0), "yaw_deg": 0},
    "waypoints": [{"position": (60, 0, 0)}, {"position": (110, 0, 0)}],
}
OTHERS = {"Second": {"behind_s": 0.2, "offset_m": (-4, 2, -1)}}
FLOWN_BY = {
    "multirotor": {},
    "car": ON_THE_GROUND,
    "fast car": ON_THE_GROUND,
    "camera": {"vehicle": "camera"},
    "two cameras": {"cameras": {"low": {**SMALL, "pitch_deg": -40}}},
    "companion": {"companions": OTHERS},
}
MODES = [
    *((kind, "pose") for kind in FLOWN_BY),
    *((kind, "step") for kind in ("multirotor", "car", "fast car", "two cameras", "companion")),
    *((kind, "realtime") for kind in ("multirotor", "car", "camera", "two cameras", "companion")),
]
A_FRAME_NS = 16_666_667
AIRSIM_NEAR_NS = {"fast car": A_FRAME_NS // 2 + 1000}
"""How near to its place a frame can be; `fast car` has a ClockSpeed of 1, others what `airseg
settings` writes: cars 0.2, and frames of the game a fifth as long."""


def loop_walk(kind):
    own = load_plan("loop_walk")[1].model_dump(exclude_unset=True)
    return FlightPlan.model_validate({**own, "camera": SMALL, **FLOWN_BY[kind]})


def settings_of(kind, plan, mode):
    told = plan.model_copy(update={"mode": mode})
    settings = json.loads(settings_text([("loop_walk", told)]))
    return json.dumps({**settings, **({"ClockSpeed": 1} if kind == "fast car" else {})})


@pytest.fixture
def simulators(world, tmp_path):
    opened = Simulators(world, tmp_path)
    yield opened
    opened.close()


def fly(client, plan, folder, mode):
    """Record a flight; return its folders, one for each view."""
    options = RecordOptions(palette=DOCUMENTED, mode=mode)
    Recorder(client, options, lambda *told: None).record("loop", plan, folder / "loop")
    return [Recording.open(path) for path in sorted(folder.iterdir())]


def sound(recordings):
    return all(verify_recording(recording.path).is_sound for recording in recordings)


def tell(record_property, **figures):
    for name, value in figures.items():
        record_property(name, value)
    print(figures)


@pytest.mark.parametrize("clock", CLOCKS)
@pytest.mark.parametrize(("kind", "mode"), MODES)
def test_it_is_flown_as_planned(simulators, tmp_path, record_property, kind, mode, clock):
    plan = loop_walk(kind)
    client = simulators.connect(clock, settings_of(kind, plan, mode), ideal=("full-reset",))
    recordings = fly(client, plan, tmp_path / "first", mode)
    assert len(recordings) == 1 + len(plan.cameras) + len(plan.companions)
    assert sound(recordings)
    assert client.simIsPause() is False  # as it was found
    first = recordings[0]
    notes, planned = first.info.notes, len(plan_trajectory(plan))
    drift = int(drift_ns(first).max())
    figures = {"frames": len(first), **shortened(notes)}
    if mode == "realtime":
        tell(record_property, **figures)
        assert len(first) + notes["dropped"] == planned
        return
    figures["drift_ms"] = drift / 1e6
    if mode == "pose":
        figures["off_mm"] = float(off_the_path_m(first, plan).max()) * 1e3
    tell(record_property, **figures)
    if mode == "pose":
        assert len(first) == planned
        assert figures["off_mm"] < 1
        assert notes["largest_pose_error_mm"] < 1
    else:
        assert np.linalg.norm(end_of(first) - np.array(plan.waypoints[-1].position)) < 4
    if clock == "simulated":
        assert drift == 0
        again = fly(client, plan, tmp_path / "again", mode)
        assert [digests(r) for r in again] == [digests(r) for r in recordings]
        assert [rows(r) for r in again] == [rows(r) for r in recordings]
    elif kind != "camera":  # whose time is the wall's
        assert drift <= AIRSIM_NEAR_NS.get(kind, 2_001_000)


def end_of(recording):
    return recording.frames[["pos_x", "pos_y", "pos_z"]].to_numpy()[-1]


def rows(recording):
    return hashlib.sha256((recording.path / "frames.csv").read_bytes()).hexdigest()


def shortened(notes):
    """Return the figures of a recording's notes."""
    kept = ("largest_pose_error_mm", "largest_spread_ns", "placement", "dropped", "late_count")
    return {name: notes[name] for name in kept if name in notes}


@pytest.mark.parametrize("clock", CLOCKS)
def test_it_is_flown_again_by_a_replay(simulators, tmp_path, record_property, clock):
    plan = loop_walk("multirotor")
    client = simulators.connect(
        clock, settings_of("multirotor", plan, "pose"), ideal=("full-reset",)
    )
    (walk,) = fly(client, plan, tmp_path / "first", "pose")
    options = RecordOptions(palette=DOCUMENTED)
    recorder = Recorder(client, options, lambda *told: None)
    recorder.fly(replay(walk.path, "again", None), tmp_path / "again")
    again = Recording.open(tmp_path / "again")
    columns = ["pos_x", "pos_y", "pos_z", "q_w", "q_x", "q_y", "q_z"]
    apart = np.abs(walk.frames[columns].to_numpy() - again.frames[columns].to_numpy()).max()
    tell(record_property, frames=len(again), off_mm=apart * 1e3, **shortened(again.info.notes))
    assert len(again) == len(walk)
    assert apart < 1e-3
    assert sound([again])
    assert drift_ns(again).max() <= (0 if clock == "simulated" else 2_001_000)
