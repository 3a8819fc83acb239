"""What conditions do to frames: by the physics they claim, and the same for every network."""

import numpy as np
import pytest

from airseg.bench.temporal.conditions import (
    CONDITIONS,
    FOG_LIGHT,
    Picture,
    add_fog,
    add_noise,
    darken,
)

HEIGHT, WIDTH = 60, 80


def picture(value=128, depth=50.0, sequence="a", index=0):
    rgb = np.full((HEIGHT, WIDTH, 3), value, np.uint8)
    far = np.full((HEIGHT, WIDTH), depth, np.float16)
    return Picture(rgb, far, 1e6, sequence, index)  # so long a lens that all rays are parallel


@pytest.mark.parametrize("condition", [c for c in CONDITIONS if c.change])
def test_the_first_level_is_the_frame_as_recorded_and_the_rest_differ_more_and_more(condition):
    shot = picture(value=90)
    changed = [condition.change(shot, level) for level in condition.levels]
    assert changed[0] is shot.rgb
    apart = [np.abs(c.astype(int) - shot.rgb).mean() for c in changed]
    assert apart == sorted(apart)
    assert apart[1] > 0.5
    assert all(c.dtype == np.uint8 and c.shape == shot.rgb.shape for c in changed)
    assert len(condition.shown) == len(condition.levels)


@pytest.mark.parametrize("condition", [c for c in CONDITIONS if c.change])
def test_a_frame_changes_the_same_way_every_time(condition):
    level = condition.levels[-1]
    again = condition.change(picture(), level)
    assert np.array_equal(condition.change(picture(), level), again)
    if condition.name != "fog":
        assert not np.array_equal(condition.change(picture(index=1), level), again)
        assert not np.array_equal(condition.change(picture(sequence="b"), level), again)


def test_noise_has_the_deviation_it_says():
    noisy = add_noise(picture(), 10.0).astype(float)
    assert noisy.mean() == pytest.approx(128, abs=0.5)
    assert noisy.std() == pytest.approx(10, rel=0.03)


def test_fog_leaves_two_per_cent_of_the_contrast_at_the_visibility():
    dark, bright = (add_fog(picture(value=v, depth=50.0), 50.0) for v in (0, 255))
    contrast = bright.astype(float) - dark
    assert contrast.mean() == pytest.approx(0.02 * 255, abs=0.6)
    near = add_fog(picture(value=0, depth=0.01), 50.0)
    assert near.max() <= 1
    sky = add_fog(picture(value=0, depth=np.inf), 100.0)
    np.testing.assert_allclose(sky[0, 0], FOG_LIGHT, atol=0.5)


def test_fog_is_thicker_towards_the_corners_where_rays_are_longer():
    shot = picture(value=0, depth=20.0)
    wide = Picture(shot.rgb, shot.depth, 40.0, "a", 0)
    foggy = add_fog(wide, 50.0)
    assert foggy[0, 0, 0] > foggy[HEIGHT // 2, WIDTH // 2, 0] + 20


def test_fog_without_depth_is_refused():
    shot = picture()
    with pytest.raises(ValueError, match="needs depth"):
        add_fog(Picture(shot.rgb, None, 50.0, "a", 0), 50.0)


def test_darkness_keeps_the_brightness_and_brings_the_noise_of_counting():
    light = 1 / 16
    shot = picture(value=186)  # half of white's light
    noisy = (darken(shot, light) / 255.0) ** 2.2
    electrons = 10_000 * light * (186 / 255) ** 2.2
    assert noisy.mean() == pytest.approx((186 / 255) ** 2.2, rel=0.02)
    expected = np.sqrt(electrons + 25) / electrons
    assert noisy.std() / noisy.mean() == pytest.approx(expected, rel=0.06)
