"""The world and its pictures: many named meshes, true depth, exact ids, the same bytes."""

import hashlib
import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest

from airseg.classes import CLASS_NAMES
from airseg.errors import SettingsError
from airseg.geometry import quaternion_from_euler, rotation_matrix
from airseg.labels.label_map import load_label_map
from airseg.simulators.embedded.rendering import shading
from airseg.simulators.embedded.rendering.renderer import CameraView, Renderer
from airseg.simulators.embedded.worlds.catalogue import build_world

STREET = ((0, 0), (125, 0), (125, -130), (0, -130), (0, 0))


@pytest.fixture(scope="module")
def renderer(world):
    return Renderer(world)


def view(at=(0, 0, -2), pitch=0.0, yaw=0.0, fov=90.0, width=96, height=72):
    turn = quaternion_from_euler(0, np.radians(pitch), np.radians(yaw))
    return CameraView(np.array(at, float), turn, fov, width, height)


def fingerprint(render):
    parts = (render.rgb, render.object_index, render.depth_planar)
    return hashlib.sha1(b"".join(p.tobytes() for p in parts)).hexdigest()


def test_there_are_at_least_250_meshes_with_names_of_their_own(world):
    names = [o.name for o in world.objects]
    assert len(names) == len(set(names)) >= 250
    assert names[0] == "SkySphere"


def test_the_shipped_label_map_gives_every_mesh_a_class_and_no_class_is_missing(world):
    label_map = load_label_map("neighborhood")
    classes = {o.kind: label_map.class_of_name(o.name) for o in world.objects}
    assert None not in classes.values()
    assert set(classes.values()) - {"ignore"} == set(CLASS_NAMES)


def test_the_loop_is_free_to_fly(world):
    boxes = world.collision_boxes
    for (n0, e0), (n1, e1) in pairwise(STREET):
        low = np.array([min(n0, n1) - 2.5 * (n0 == n1), min(e0, e1) - 2.5 * (e0 == e1), -25])
        high = np.array([max(n0, n1) + 2.5 * (n0 == n1), max(e0, e1) + 2.5 * (e0 == e1), -0.5])
        inside = (boxes[:, :3] < high).all(1) & (boxes[:, 3:] > low).all(1)
        assert not inside.any()


def test_depth_straight_down_is_the_height(renderer):
    depth = renderer.render(view((30, 0, -10), pitch=-90)).depth_planar
    assert depth[36, 48] == pytest.approx(9.97, abs=0.001)  # streets lie 3 cm above the lawn


def test_depth_of_a_wall_is_right_within_a_centimetre(world, renderer):
    walls = [i for i, o in enumerate(world.objects) if o.kind == "Outer_Wall_Half_Garage"]
    box = world.collision_boxes[list(world.collision_object).index(walls[3])]
    middle = (box[:3] + box[3:]) / 2
    side = (middle[0], middle[1], -2.55)
    for yaw, eye, wall in (
        (0, (box[0] - 1.0, middle[1], -2.55), box[0]),
        (90, (middle[0], box[1] - 1.0, -2.55), box[1]),
    ):
        render = renderer.render(view(eye, yaw=yaw))
        if render.object_index[36, 48] == walls[3]:
            axis = 0 if yaw == 0 else 1
            assert render.depth_planar[36, 48] == pytest.approx(wall - eye[axis], abs=0.01)
            return
    pytest.fail(f"the wall at {side} is hidden")


def test_a_known_point_projects_onto_its_mesh(world, renderer):
    seen = 0
    for index, thing in enumerate(world.objects):
        if thing.kind != "Car" or seen == 5:
            continue
        eye = thing.position + np.array([-4.0, 3.0, -3.0])
        camera = view(eye, pitch=-20, yaw=-30)
        local = rotation_matrix(camera.orientation).T @ (thing.position - eye)
        column = int(48 + 48 * local[1] / local[0])
        row = int(36 + 48 * local[2] / local[0])
        render = renderer.render(camera)
        around = render.object_index[row - 1 : row + 2, column - 1 : column + 2]
        if (around == index).any():
            seen += 1
    assert seen == 5


def test_the_sky_is_object_zero_and_infinitely_far(renderer):
    render = renderer.render(view(pitch=80))
    assert (render.object_index == 0).mean() > 0.9
    assert (render.depth_planar[render.object_index == 0] == 65504).all()


def test_the_same_seed_gives_the_same_bytes_in_another_process(renderer):
    script = (
        "import numpy as np\n"
        "from airseg.simulators.embedded.rendering.renderer import CameraView, Renderer\n"
        "from airseg.simulators.embedded.worlds.catalogue import build_world\n"
        "import hashlib\n"
        "r = Renderer(build_world('neighborhood', 0)).render(\n"
        "    CameraView(np.array([0.0, 0, -2]), np.array([1.0, 0, 0, 0]), 90.0, 96, 72))\n"
        "parts = (r.rgb, r.object_index, r.depth_planar)\n"
        "print(hashlib.sha1(b''.join(p.tobytes() for p in parts)).hexdigest())"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == fingerprint(renderer.render(view()))


@pytest.mark.slow
def test_another_seed_builds_another_world(renderer):
    other = Renderer(build_world("neighborhood", 1)).render(view())
    assert fingerprint(other) != fingerprint(renderer.render(view()))


def test_smoothing_softens_colours_at_edges_and_touches_no_id_or_depth(
    world, renderer, monkeypatch
):
    camera = view((20, 0, -6), pitch=-20)
    smooth = renderer.render(camera)

    def leave_alone(top, bottom, rgb, part, out):
        out[top:bottom] = rgb[top:bottom]

    monkeypatch.setattr(shading, "smooth_edges", leave_alone)
    sharp = renderer.render(camera)
    assert smooth.object_index.max() < len(world.objects)
    assert np.array_equal(smooth.object_index, sharp.object_index)
    assert np.array_equal(smooth.depth_planar, sharp.depth_planar)
    changed = (smooth.rgb != sharp.rgb).any(2)
    assert 0.02 < changed.mean() < 0.6
    inside = np.ones_like(changed)
    for axis in (0, 1):
        for step in (-1, 1):
            inside &= np.roll(sharp.object_index, step, axis) == sharp.object_index
    assert changed[inside].mean() < changed[~inside].mean()


@pytest.mark.parametrize(
    "camera",
    [
        view((12, 10, -1)),
        view((0, 0, 3)),
        view(pitch=90),
        view(pitch=-90, yaw=45),
        view(fov=10),
        view(fov=150),
        view(width=1, height=1),
        view(width=333, height=1),
        view(width=2, height=300),
        view(width=16, height=16),
        view(width=333, height=47),
        view((5000, 5000, -3000), pitch=-30),
        view((0, 0, -0.01)),
    ],
)
def test_any_view_can_be_drawn(renderer, camera):
    render = renderer.render(camera)
    shape = (camera.height, camera.width)
    assert render.rgb.shape == (*shape, 3)
    assert render.rgb.dtype == np.uint8
    assert render.object_index.shape == render.depth_planar.shape == shape
    assert np.isfinite(render.depth_planar).all()
    assert (render.depth_planar > 0).all()


@pytest.mark.parametrize(
    ("name", "said"), [("neighbourhood", "Did you mean"), ("x", "There are: ")]
)
def test_unknown_worlds_are_told(name, said):
    with pytest.raises(SettingsError, match=said):
        build_world(name)
