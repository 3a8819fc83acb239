"""Shadows of what rests are drawn once for each state of the world, and are those of that state."""

import numpy as np
import pytest

from airseg.simulators.embedded.rendering import shadows
from airseg.simulators.embedded.rendering.light import AFTERNOON_SUN
from airseg.simulators.embedded.rendering.shadows import Shadows
from airseg.simulators.embedded.rendering.stage import Placement, Stage
from airseg.simulators.embedded.scene.world import Frame, WorldBuilder

NOON = (0.0, 0.0, -1.0)


@pytest.fixture
def two_towers():
    """Two boxes of 2 x 2 x 6 m whose middles are 40 m apart."""
    builder = WorldBuilder("towers", 0)
    for north in (-20.0, 20.0):
        tower = builder.add_object("Tower")
        frame = Frame(0.0, 0.0, 0.0)
        builder.add_part(tower, "box", frame, (north, 0, 3), (2, 2, 6), (0.5, 0.5, 0.5), 0)
    return builder.build()


def shaded_north(shadow):
    """Return the places along north, in whole metres, that the sun at noon does not reach."""
    right, down, _, middle, (scale, _, _) = shadow.frame
    rows, columns = np.nonzero(shadow.nearest)
    size = len(shadow.nearest)
    across, along = (columns + 0.5 - size / 2) / scale, (rows + 0.5 - size / 2) / scale
    return {round(float(v)) for v in middle[0] + across * right[0] + along * down[0]}


def test_what_is_taken_away_or_moved_takes_its_shadow_along_and_a_reset_brings_it_back(two_towers):
    stage = Stage(two_towers)
    drawn = Shadows(stage)
    both = {-21, -20, -19, 19, 20, 21}
    assert shaded_north(drawn.resting(NOON)) == both
    for tower, left in ((0, {19, 20, 21}), (1, {-21, -20, -19})):
        for act in (stage.hide, lambda k: stage.place(k, Placement(np.zeros(3)))):
            act(tower)
            assert shaded_north(drawn.resting(NOON)) == left
            stage.reset()
            assert shaded_north(drawn.resting(NOON)) == both


def test_renderers_of_a_world_share_its_shadows_and_few_are_kept(two_towers, monkeypatch):
    suns = []
    draw = Shadows._draw_resting
    monkeypatch.setattr(
        Shadows, "_draw_resting", lambda self, sun: suns.append(sun) or draw(self, sun)
    )
    stage = Stage(two_towers)
    first = Shadows(stage).resting(NOON)
    stage.reset()
    assert Shadows(stage).resting(NOON) is first
    assert Shadows(Stage(two_towers)).resting(NOON) is first
    Shadows(stage).resting(AFTERNOON_SUN)
    assert suns == [NOON, AFTERNOON_SUN]
    for k in range(6):
        Shadows(stage).resting((0.0, 0.1 * k, -1.0))
    assert len(shadows._KEPT[two_towers]) <= 4
