"""Every named world keeps the same promises: names, seeds, classes, and a street to fly along."""

import hashlib
import subprocess
import sys
from functools import cache

import numpy as np
import pytest
from small_simulator import built_world as built

from airseg.classes import CLASS_INDEX, CLASS_NAMES, IGNORE_INDEX
from airseg.geometry import quaternion_from_euler
from airseg.labels.label_map import load_label_map
from airseg.simulators.embedded.clock import START_NS
from airseg.simulators.embedded.rendering.renderer import CameraView, Renderer
from airseg.simulators.embedded.worlds.catalogue import WORLD_NAMES

NEW_WORLDS = [name for name in WORLD_NAMES if name != "neighborhood"]

FINGERPRINT = """
import hashlib, sys
from airseg.simulators.embedded.worlds.catalogue import build_world
world = build_world(sys.argv[1], int(sys.argv[2]))
parts = [world.geometry.vertices, world.geometry.color, world.collision_boxes]
names = " ".join(o.name for o in world.objects).encode()
print(hashlib.sha1(names + b"".join(p.tobytes() for p in parts)).hexdigest())
"""


@pytest.fixture(scope="module", params=NEW_WORLDS)
def world(request):
    return built(request.param)


def fingerprint(world):
    parts = [world.geometry.vertices, world.geometry.color, world.collision_boxes]
    names = " ".join(o.name for o in world.objects).encode()
    return hashlib.sha1(names + b"".join(p.tobytes() for p in parts)).hexdigest()


@cache
def class_names(name, seed=0):
    """Return the class of each object; asking for thousands of names takes seconds."""
    label_map = load_label_map(name)
    return [label_map.class_of_name(o.name) for o in built(name, seed).objects]


def classes_by_object(world):
    return np.array([CLASS_INDEX.get(name, IGNORE_INDEX) for name in class_names(world.name)])


def test_there_are_three_worlds():
    assert len(WORLD_NAMES) >= 3


@pytest.mark.slow
def test_another_process_builds_the_same_bytes(world):
    command = [sys.executable, "-c", FINGERPRINT, world.name, "0"]
    told = subprocess.run(command, capture_output=True, text=True, check=True)
    assert told.stdout.strip() == fingerprint(world)


@pytest.mark.slow
def test_another_seed_builds_another_world(world):
    assert fingerprint(built(world.name, 1)) != fingerprint(world)


def test_thousands_of_meshes_have_names_of_their_own(world):
    names = [o.name for o in world.objects]
    assert len(set(names)) == len(names) >= 5000
    assert 60 <= len(world.assets) <= 300
    assert names[0] == "SkySphere"


def test_worlds_name_their_meshes_differently():
    families = {name: set(built(name).assets) for name in WORLD_NAMES}
    for first in WORLD_NAMES:
        for second in WORLD_NAMES:
            if first < second:
                shared = families[first] & families[second]
                assert len(shared) < 0.15 * min(len(families[first]), len(families[second]))


@pytest.mark.parametrize(
    "seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2, 3, 4))]
)
@pytest.mark.parametrize("name", WORLD_NAMES)
def test_the_shipped_label_map_knows_every_mesh(name, seed):
    found = zip(built(name, seed).objects, class_names(name, seed), strict=True)
    assert not {o.kind for o, class_name in found if class_name is None}


@pytest.mark.parametrize("name", WORLD_NAMES)
def test_a_street_leads_north_from_the_origin_and_is_free(name):
    found = built(name)
    low, high = np.array([0.0, -2.5, -25.0]), np.array([100.0, 2.5, -0.5])
    boxes = found.collision_boxes
    inside = (boxes[:, :3] < high).all(1) & (boxes[:, 3:] > low).all(1)
    assert not inside.any(), {found.objects[i].name for i in found.collision_object[inside]}


@pytest.mark.parametrize("name", WORLD_NAMES)
def test_the_origin_lies_on_a_road(name):
    found = built(name)
    down = quaternion_from_euler(0, np.radians(-90), 0)
    render = Renderer(found).render(CameraView(np.array([0, 0, -3.0]), down, 12, 16, 16))
    classes = classes_by_object(found)[render.object_index]
    assert (classes == CLASS_INDEX["road"]).all()


@pytest.mark.parametrize("name", WORLD_NAMES)
def test_all_eleven_classes_are_seen_from_the_street_and_from_above(name):
    found = built(name)
    renderer, classes = Renderer(found), classes_by_object(found)
    seen = np.zeros(IGNORE_INDEX + 1, int)
    places = [(n, 0.0, z, p) for n in (0, 50, 100) for z, p in ((-2.0, 0), (-30.0, -35))]
    for north, east, down, pitch in places:
        for yaw in (0, 90, 180, 270):
            turn = quaternion_from_euler(0, np.radians(pitch), np.radians(yaw))
            view = CameraView(np.array([north, east, down]), turn, 90, 160, 120)
            pixels = renderer.render(view).object_index
            still = pixels[pixels < len(classes)]
            seen += np.bincount(classes[still], minlength=IGNORE_INDEX + 1)
    assert {c for c in CLASS_NAMES if seen[CLASS_INDEX[c]] < 20} == set()


def test_traffic_drives_on_roads(world):
    classes = classes_by_object(world)
    moving = [drive.object_index for drive in world.traffic]
    assert len(moving) >= 5
    renderer = Renderer(world)
    down = quaternion_from_euler(0, np.radians(-90), 0)
    for drive in world.traffic[::4]:
        north, east, _ = drive.at(START_NS)
        view = CameraView(np.array([north, east, -3.0]), down, 30, 16, 16)
        below = renderer.render(view, without=drive.object_index).object_index
        assert (classes[below] == CLASS_INDEX["road"]).all()
