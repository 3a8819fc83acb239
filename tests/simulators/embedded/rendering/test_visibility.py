"""What is left out because it is hidden changes no pixel."""

import numpy as np
import pytest

from airseg.geometry import quaternion_from_euler
from airseg.simulators.embedded.rendering import visibility
from airseg.simulators.embedded.rendering.renderer import CameraView, Renderer


def any_view(seed):
    random = np.random.default_rng(seed)
    at = random.uniform((-60, -60, -25), (120, 120, -1))
    turn = quaternion_from_euler(*random.uniform((-0.3, -0.9, -3.1), (0.3, 0.4, 3.1)))
    return CameraView(at, turn, random.uniform(40, 120), 101, 83)


@pytest.fixture(scope="module")
def renderer(world):
    return Renderer(world)


def test_most_parts_of_a_street_are_left_out(world, renderer):
    view = CameraView(np.array([0.0, 0.0, -2.0]), np.array([1.0, 0.0, 0.0, 0.0]), 90.0, 96, 80)
    candidates = visibility.find_candidates(world.geometry, view.camera(), 96, 80)
    seen = np.unique(renderer.render(view).object_index)
    assert len(candidates.order) > 20 * len(seen)


@pytest.mark.parametrize("seed", range(6))
def test_every_pixel_is_the_same_as_when_nothing_is_left_out(renderer, seed, monkeypatch):
    view = any_view(seed)
    quick = renderer.render(view)

    def never_hidden(*args):
        found = find(*args)
        found.nearest[:] = np.inf
        return found

    find = visibility.find_candidates
    monkeypatch.setattr(
        "airseg.simulators.embedded.rendering.renderer.find_candidates", never_hidden
    )
    whole = renderer.render(view)
    np.testing.assert_array_equal(quick.object_index, whole.object_index)
    np.testing.assert_array_equal(quick.depth_planar, whole.depth_planar)
    np.testing.assert_array_equal(quick.rgb, whole.rgb)


def test_boxes_hold_every_corner_of_their_parts(world):
    g = world.geometry
    owner = np.repeat(np.arange(len(g.radius)), np.diff(g.vertex_start))
    away = (g.vertices - g.origin[owner]).astype(float)
    local = np.einsum("vij,vj->vi", g.axes[owner], away)
    assert (local >= g.size[owner] * g.low[owner] - 0.001).all()
    assert (local <= g.size[owner] * g.high[owner] + 0.001).all()


def test_strips_of_another_height_draw_the_same_picture(renderer, monkeypatch):
    whole = renderer.render(any_view(7))

    def one_after_the_other(height, work):
        for top in range(0, height, 16):
            work(top, min(top + 16, height))

    monkeypatch.setattr(
        "airseg.simulators.embedded.rendering.renderer.in_strips", one_after_the_other
    )
    strips = renderer.render(any_view(7))
    np.testing.assert_array_equal(whole.rgb, strips.rgb)
    np.testing.assert_array_equal(whole.object_index, strips.object_index)
    np.testing.assert_array_equal(whole.depth_planar, strips.depth_planar)
