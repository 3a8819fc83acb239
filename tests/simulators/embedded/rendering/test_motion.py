"""What moves, and the flow that tells it: against points followed by hand in float64."""

import hashlib
import subprocess
import sys

import numpy as np
import pytest

from airseg.geometry import quaternion_from_euler, rotation_matrix
from airseg.simulators.embedded.clock import START_NS
from airseg.simulators.embedded.rendering.renderer import CameraView, Renderer
from airseg.simulators.embedded.scene.traffic import Drive, rounded

WIDTH, HEIGHT = 64, 48
FOCAL = 32.0
SKY = 65504.0


@pytest.fixture(scope="module")
def renderer(world):
    return Renderer(world)


def view(position, roll=0.0, pitch=0.0, yaw=0.0):
    angles = np.radians([roll, pitch, yaw])
    place = np.array(position, float)
    return CameraView(place, quaternion_from_euler(*angles), 90.0, WIDTH, HEIGHT)


def seconds(value):
    return START_NS + round(value * 1e9)


def project(camera, point):
    """Return column, row and depth of a world point, from the definition of a pinhole."""
    north_east_down = rotation_matrix(camera.orientation).T @ (point - camera.position)
    ahead, right, down = north_east_down
    return (
        FOCAL * right / ahead + WIDTH / 2 - 0.5,
        FOCAL * down / ahead + HEIGHT / 2 - 0.5,
        ahead,
    )


def world_point(camera, column, row, depth):
    ray = np.array([1.0, (column + 0.5 - WIDTH / 2) / FOCAL, (row + 0.5 - HEIGHT / 2) / FOCAL])
    return camera.position + rotation_matrix(camera.orientation) @ (ray * depth)


def test_flow_of_what_rests_is_where_its_point_was_seen_before(renderer):
    first, second = view((10, 0, -4), yaw=3), view((10.6, 0.2, -4.1), pitch=-2, yaw=5)
    before = renderer.instant(first, seconds(1))
    seen = renderer.render(second, seconds(1), before=before)
    for row, column in ((40, 10), (30, 50), (44, 33), (26, 5)):
        depth = float(seen.depth_planar[row, column])
        assert depth < SKY
        x, y, z = project(first, world_point(second, column, row, depth))
        u, v = seen.flow[row, column]
        assert (column - u, row - v) == (pytest.approx(x, abs=2e-3), pytest.approx(y, abs=2e-3))
        assert seen.flow_depth[row, column] == pytest.approx(z, rel=1e-4)


def test_the_sky_flows_with_rotation_only(renderer):
    before = renderer.instant(view((0, 0, -10), pitch=30), seconds(0))
    moved = renderer.render(view((3, 0, -10), pitch=30), seconds(0), before=before)
    sky = moved.depth_planar == SKY
    assert sky.any()
    np.testing.assert_allclose(moved.flow[sky], 0.0, atol=1e-3)
    turned = renderer.render(view((0, 0, -10), pitch=30, yaw=2), seconds(0), before=before)
    assert np.abs(turned.flow[sky][:, 0]).min() > 0.5


def test_flow_of_a_moving_car_is_its_own_motion(renderer, world):
    drive = world.traffic[0]
    north, east, _ = drive.at(seconds(1))
    camera = view((north, east, -12), pitch=-90)
    before = renderer.instant(camera, seconds(1))
    seen = renderer.render(camera, seconds(1.04), before=before)
    car = seen.object_index == drive.object_index
    assert car.sum() > 20
    moved = np.array(drive.at(seconds(1.04))) - np.array(drive.at(seconds(1)))
    # Looking straight down with the nose to the north, north is up in the image.
    expected = FOCAL * np.array([moved[1], -moved[0]]) / seen.depth_planar[car][:, None]
    assert np.abs(expected).max() > 0.5
    np.testing.assert_allclose(seen.flow[car], expected, atol=0.03)
    still = ~car & (seen.depth_planar < SKY)
    others = np.isin(seen.object_index, [d.object_index for d in world.traffic])
    np.testing.assert_allclose(seen.flow[still & ~others], 0.0, atol=1e-3)


def test_a_point_hidden_before_is_deeper_than_the_depth_image_of_before(renderer):
    first, second = view((20, -2, -9), 0, -40, 90), view((22, -2, -9), 0, -40, 90)
    earlier = renderer.render(first, seconds(0))
    seen = renderer.render(second, seconds(0), before=renderer.instant(first, seconds(0)))
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH]
    x = np.rint(columns - seen.flow[..., 0])
    y = np.rint(rows - seen.flow[..., 1])
    inside = (x >= 0) & (x < WIDTH) & (y >= 0) & (y < HEIGHT) & (seen.depth_planar < SKY)
    there = earlier.depth_planar[y[inside].astype(int), x[inside].astype(int)]
    hidden = seen.flow_depth[inside] > there * 1.15
    same = (
        seen.object_index[inside]
        == earlier.object_index[y[inside].astype(int), x[inside].astype(int)]
    )
    assert 0.0 < hidden.mean() < 0.4
    assert same[~hidden].mean() > 0.9


def test_traffic_depends_on_time_alone(world):
    route = np.array([[0.0, 0.0], [40.0, 0.0], [40.0, 30.0], [0.0, 30.0]])
    drive = Drive(1, route, 10.0, 5.0)
    assert drive.at(seconds(3)) == drive.at(seconds(3))
    round_s = drive.length_m / 10.0
    np.testing.assert_allclose(drive.at(seconds(1 + round_s)), drive.at(seconds(1)), atol=1e-3)
    places = np.array([drive.at(seconds(t))[:2] for t in np.arange(0, 5, 0.01)])
    speeds = np.linalg.norm(np.diff(places, axis=0), axis=1) / 0.01
    assert speeds.max() < 10.2
    assert speeds.min() > 8.0  # the chord of a curve is shorter than the curve
    assert len(world.traffic) > 20


def test_a_rounded_corner_stays_near_the_corner():
    square = np.array([[0.0, 0.0], [20.0, 0.0], [20.0, 20.0], [0.0, 20.0]])
    curve = rounded(square, 5.0)
    assert curve.min() >= 0
    assert curve.max() <= 20
    gaps = np.linalg.norm(curve[:, None] - square[None], axis=2).min(0)
    assert (gaps > 1.0).all()
    assert (gaps < 3.0).all()


def test_the_same_instant_looks_the_same_after_any_history(renderer, world):
    camera = view((5, 0, -3))
    first = renderer.render(camera, seconds(7))
    renderer.render(camera, seconds(90))
    renderer.render(view((50, 20, -30), pitch=-40), seconds(2))
    again = renderer.render(camera, seconds(7))
    other = Renderer(world).render(camera, seconds(7))
    for name in ("rgb", "object_index", "depth_planar"):
        np.testing.assert_array_equal(getattr(first, name), getattr(again, name))
        np.testing.assert_array_equal(getattr(first, name), getattr(other, name))


def test_a_car_that_is_moved_by_hand_stays_there_until_reset(renderer, world):
    index = world.traffic[0].object_index
    place = np.array([12.0, 0.0, -0.8])
    renderer.set_object_pose(index, place, np.array([1.0, 0.0, 0.0, 0.0]))
    for time_s in (1, 20):
        seen = renderer.render(view((0, 0, -1.5)), seconds(time_s))
        assert (seen.object_index == index).sum() > 10
        np.testing.assert_allclose(renderer.object_pose(index, seconds(time_s))[0], place)
    renderer.reset()
    driving = renderer.object_pose(index, seconds(20))[0]
    np.testing.assert_allclose(driving[:2], world.traffic[0].at(seconds(20))[:2])


def test_a_spawned_object_is_seen_scaled_and_gone_after_reset(renderer, world):
    count = len(renderer.stage.objects)
    level = np.array([1.0, 0.0, 0.0, 0.0])
    index = renderer.spawn("Rock", "boulder", np.array([9.0, 0.0, -1.0]), level, np.ones(3) * 2)
    assert index == count
    small = (renderer.render(view((0, 0, -1.5))).object_index == index).sum()
    renderer.set_object_scale(index, np.ones(3) * 4)
    large = (renderer.render(view((0, 0, -1.5))).object_index == index).sum()
    assert large > 2 * small > 0
    renderer.destroy(index)
    assert not (renderer.render(view((0, 0, -1.5))).object_index == index).any()
    renderer.reset()
    assert len(renderer.stage.objects) == len(world.objects)
    assert renderer.spawn("Unicorn", "x", np.zeros(3), level, np.ones(3)) is None


def test_normals_of_the_ground_point_up_and_are_of_unit_length(renderer):
    seen = renderer.render(view((5, 0, -10), pitch=-90), normals=True)
    lengths = np.linalg.norm(seen.normals, axis=2)
    np.testing.assert_allclose(lengths[seen.depth_planar < SKY], 1.0, atol=1e-5)
    np.testing.assert_allclose(seen.normals[HEIGHT // 2, WIDTH // 2], [0, 0, -1], atol=1e-6)
    up = renderer.render(view((0, 0, -2), pitch=80), normals=True)
    assert (up.normals[up.depth_planar == SKY] == 0).all()


@pytest.mark.slow
def test_two_processes_draw_the_same_bytes(renderer):
    script = (
        "import hashlib, numpy as np;"
        "from airseg.simulators.embedded.rendering.renderer import CameraView, Renderer;"
        "from airseg.simulators.embedded.worlds.catalogue import build_world;"
        "seen = Renderer(build_world('neighborhood', 0)).render("
        "CameraView(np.array([5.0, 0.0, -3.0]), np.array([1.0, 0, 0, 0]), 90.0, 64, 48),"
        "1_700_000_000_000_000_000 + 7 * 10**9);"
        "data = seen.rgb.tobytes() + seen.object_index.tobytes() + seen.depth_planar.tobytes();"
        "print(hashlib.sha256(data).hexdigest())"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    seen = renderer.render(view((5, 0, -3)), seconds(7))
    data = seen.rgb.tobytes() + seen.object_index.tobytes() + seen.depth_planar.tobytes()
    assert done.stdout.strip() == hashlib.sha256(data).hexdigest()
