"""Image motion from depth and poses: against the simulator's own flow, and against geometry."""

import numpy as np
import pytest
from small_simulator import HEIGHT, WIDTH, simulator, small_plan, world  # noqa: F401

from airseg.bench.metrics.motion import (
    ENTERED,
    SEEN,
    UNCOVERED,
    UNKNOWN,
    focal_length,
    motion_from_depth,
    motion_from_flow,
)
from airseg.geometry import quaternion_from_euler
from airseg.recording.flying.assignment import RecordOptions
from airseg.recording.flying.mesh_ids import Palette
from airseg.recording.flying.recorder import Recorder
from airseg.recording.stored.storage import Recording
from airseg.simulators.client import SimulatorClient
from airseg.simulators.embedded.sensing.segmentation_ids import palette

FOCAL = 50.0


def pose(x=0.0, y=0.0, z=0.0, yaw=0.0):
    return np.array([x, y, z, *quaternion_from_euler(0, 0, yaw)])


@pytest.fixture
def client(simulator):  # noqa: F811
    # A first image compiles what flow needs.
    with SimulatorClient("127.0.0.1", simulator.port, 200) as connected:
        connected.confirmConnection()
        yield connected


@pytest.mark.slow
def test_equal_to_the_flow_the_simulator_tells(client, tmp_path):
    plan = small_plan(
        vehicle="camera", flow=True, waypoints=[{"position": (5, 1, -4)}], speed_mps=5
    )
    colours = Palette({i: tuple(int(v) for v in c) for i, c in enumerate(palette())})
    done = Recorder(client, RecordOptions(palette=colours), lambda *told: None).record(
        "walk", plan, tmp_path / "walk"
    )
    recording = Recording.open(done.folder)
    columns = ["pos_x", "pos_y", "pos_z", "q_w", "q_x", "q_y", "q_z"]
    poses = recording.frames[columns].to_numpy()
    vehicles = [g.id for g in recording.object_table if "car" in g.group.lower()]
    checked = 0
    for i in range(1, len(recording), 5):
        focal = focal_length(recording.info.camera, WIDTH)
        depth, before = recording.read_depth(i), recording.read_depth(i - 1)
        found = motion_from_depth(depth, before, poses[i], poses[i - 1], focal)
        told = motion_from_flow(recording.read_flow(i))
        still = ~np.isin(recording.read_ids(i), vehicles) & (told.visibility != UNKNOWN)
        error = np.hypot(found.x - told.x, found.y - told.y)[still]
        # Depth is stored in half floats: 0.05 % of the distance.
        assert np.percentile(error, 99) < 0.05
        checked += still.sum()
    assert checked > 5 * WIDTH * HEIGHT


def test_moving_sideways_past_a_wall():
    depth = np.full((21, 31), 10.0, np.float16)
    motion = motion_from_depth(depth, depth, pose(y=1.0), pose(), FOCAL)
    # One metre to the right, ten metres away: the wall moves five pixels to the left.
    np.testing.assert_allclose(motion.x - np.arange(31), 5.0, atol=1e-3)
    np.testing.assert_allclose(motion.speed(), 5.0, atol=1e-3)
    assert (motion.visibility[:, :26] == SEEN).all()
    assert (motion.visibility[:, 26:] == ENTERED).all()
    assert (motion.bins() == 2).all()
    gone = motion.gone()
    assert gone[:, :4].all()
    assert not gone[:, 5:].any()


def test_what_a_near_object_hid_is_uncovered():
    before = np.full((20, 40), 20.0, np.float16)
    before[5:15, 10:20] = 5.0  # a box that has gone when the next frame comes
    now = np.full((20, 40), 20.0, np.float16)
    motion = motion_from_depth(now, before, pose(), pose(), FOCAL)
    assert (motion.visibility[6:14, 11:19] == UNCOVERED).all()
    outside = np.ones((20, 40), bool)
    outside[5:15, 10:20] = False
    assert (motion.visibility[outside] == SEEN).all()


def test_the_sky_moves_with_rotation_alone_and_ground_seen_at_a_slant_is_not_hidden():
    height, width = 40, 60
    rows = np.arange(height) + 0.5 - height / 2
    depth = np.full((height, width), np.inf, np.float16)
    below = rows > 0
    depth[below] = (FOCAL * 2.0 / rows[below])[:, None]  # flat ground two metres below
    ahead = motion_from_depth(depth, depth, pose(x=0.5), pose(), FOCAL)
    sky = ~np.isfinite(depth)
    assert np.abs(ahead.speed()[sky]).max() < 0.01
    assert not (ahead.visibility == UNCOVERED).any()
    turned = motion_from_depth(depth, depth, pose(yaw=0.05), pose(), FOCAL)
    assert turned.speed()[sky].min() > 0.04 * FOCAL


def test_what_was_behind_the_camera_came_into_view():
    depth = np.full((5, 5), 1.0, np.float16)
    motion = motion_from_depth(depth, depth, pose(x=-3.0), pose(), FOCAL)
    assert (motion.visibility == ENTERED).all()
    assert (motion.bins() == 3).all()


def test_flow_alone_tells_what_came_into_view_and_what_it_does_not_know():
    flow = np.zeros((4, 6, 2), np.float16)
    flow[0, 0] = np.nan
    flow[1, 1] = (3, 0)
    motion = motion_from_flow(flow)
    assert motion.visibility[0, 0] == UNKNOWN
    assert motion.bins()[0, 0] == 4
    assert motion.visibility[1, 1] == ENTERED
    assert (motion.visibility == SEEN).sum() == 22


def test_recorded_flow_gives_the_places_and_depth_what_was_hidden():
    before = np.full((10, 10), 20.0, np.float16)
    before[:, :5] = 4.0
    flow = np.zeros((10, 10, 2), np.float16)
    flow[..., 0] = 2
    now = np.full((10, 10), 20.0, np.float16)
    motion = motion_from_depth(now, before, pose(), pose(), FOCAL, flow=flow)
    assert (motion.x[:, 5] == 3).all()
    assert (motion.visibility[:, 2:6] == UNCOVERED).all()
    assert (motion.visibility[:, 8:] == SEEN).all()


@pytest.mark.parametrize(
    ("camera", "expected"),
    [({"fx": 320.0}, 320.0), ({"fov_deg": 90.0}, 32.0), ({}, None)],
)
def test_focal_length(camera, expected):
    assert focal_length(camera, 64) == (None if expected is None else pytest.approx(expected))
