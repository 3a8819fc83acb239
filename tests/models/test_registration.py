"""Registration and alignment: known turns of a camera, cuts, cells, and maps that come back."""

import cv2
import numpy as np
import pytest
import torch

from airseg.models.alignment import Aligner, grey, resample, shrink_flow
from airseg.models.registration import (
    Registration,
    apply_homography,
    homography_flow,
    planar_cells,
    register,
)

SIZE = (240, 320)


def scene(seed=0, size=SIZE):
    """Return a grey image of blobs."""
    noise = np.random.default_rng(seed).random(size).astype(np.float32)
    smooth = cv2.GaussianBlur(noise, (0, 0), 2.5)
    return cv2.normalize(smooth, None, 0, 255, cv2.NORM_MINMAX).astype(np.uint8)


def yaw(degrees, focal=160.0):
    """Return the homography of a camera that turns about its vertical axis."""
    angle = np.radians(degrees)
    middle = np.array([[focal, 0, SIZE[1] / 2 - 0.5], [0, focal, SIZE[0] / 2 - 0.5], [0, 0, 1]])
    turn = np.array(
        [[np.cos(angle), 0, np.sin(angle)], [0, 1, 0], [-np.sin(angle), 0, np.cos(angle)]]
    )
    return middle @ turn @ np.linalg.inv(middle)


def turned(image, matrix):
    return cv2.warpPerspective(image, matrix, SIZE[::-1], flags=cv2.INTER_CUBIC)


def test_a_turn_of_a_degree_is_found_to_a_tenth_of_a_pixel():
    before, matrix = scene(), yaw(1.0)
    found = register(before, turned(before, matrix))
    points = np.stack(np.meshgrid(np.arange(20, 300, 20), np.arange(20, 220, 20)), -1).astype(float)
    off = np.linalg.norm(
        apply_homography(found.matrix, points) - apply_homography(matrix, points), axis=-1
    )
    assert off.max() < 0.1
    assert found.inlier_share > 0.9


def test_the_same_pair_gives_the_same_matrix_whatever_came_before():
    before, after = scene(), turned(scene(), yaw(1.5))
    first = register(before, after).matrix
    register(scene(1), turned(scene(1), yaw(-2)))
    assert np.array_equal(register(before, after).matrix, first)


@pytest.mark.parametrize("other", [scene(7), np.zeros(SIZE, np.uint8)])
def test_a_cut_is_rejected(other):
    assert register(scene(), other).matrix is None
    assert register(other, scene()).matrix is None


def test_a_zoom_that_doubles_areas_is_not_believed():
    matrix = np.diag([1.6, 1.6, 1.0])
    matrix[:2, 2] = -0.3 * SIZE[1], -0.3 * SIZE[0]
    assert register(scene(), turned(scene(), matrix)).matrix is None


def test_a_homography_on_a_map_keeps_the_centres_of_pixels():
    matrix = np.array([[1.1, 0.02, 5.0], [0.01, 0.95, -3.0], [1e-4, -5e-5, 1.0]])
    flow = homography_flow(matrix, SIZE, (30, 40))
    for row, column in ((0, 0), (10, 33), (29, 39)):
        centre = np.array([(column + 0.5) * 8 - 0.5, (row + 0.5) * 8 - 0.5, 1.0])
        earlier = np.linalg.solve(matrix, centre)
        earlier = (earlier[:2] / earlier[2] + 0.5) / 8 - 0.5
        np.testing.assert_allclose(flow[row, column], earlier - [column, row], atol=1e-4)


def test_a_map_moved_there_and_back_is_itself_away_from_the_border():
    matrix = yaw(2.0)
    rows, columns = torch.meshgrid(torch.arange(30.0), torch.arange(40.0), indexing="ij")
    original = torch.stack([(columns / 7).sin(), (rows / 5).cos()])[None]
    there = torch.from_numpy(homography_flow(matrix, SIZE, (30, 40))).movedim(-1, 0)[None]
    back = torch.from_numpy(homography_flow(np.linalg.inv(matrix), SIZE, (30, 40)))
    moved, _ = resample(original, there)
    returned, known = resample(moved, back.movedim(-1, 0)[None])
    inner = (slice(None), slice(None), slice(3, -3), slice(3, -3))
    assert known[inner].all()
    assert (returned - original)[inner].abs().max() < 0.02


def test_values_are_fetched_bilinearly_and_only_from_known_places():
    maps = torch.arange(12.0).view(1, 1, 3, 4)
    flow = torch.zeros(1, 2, 3, 4)
    flow[0, 0, 0, 0] = 0.25
    flow[0, 1, 0, 1] = 1.5
    flow[0, 0, 1, 3] = 0.5  # the last half pixel of the picture
    flow[0, 0, 2, 3] = 0.51
    flow[0, 0, 2, 0] = torch.nan
    moved, known = resample(maps, flow)
    assert moved[0, 0, 0, 0] == pytest.approx(0.25)
    assert moved[0, 0, 0, 1] == pytest.approx(1 + 1.5 * 4)
    assert known[0, 0].tolist() == [[True] * 4, [True] * 4, [False, True, True, False]]
    assert moved.isfinite().all()


def test_exact_flow_on_a_smaller_map_is_in_its_pixels_and_keeps_what_is_unknown():
    flow = torch.full((1, 2, 16, 32), 4.0)
    flow[..., :8, :] = torch.nan
    small = shrink_flow(flow, (2, 8))
    assert small[0, :, 1, 3].tolist() == [1.0, 0.5]
    assert small[0, :, 0].isnan().all()


def test_cells_split_at_the_median_or_at_a_threshold():
    points = np.array([[5, 5], [6, 6], [25, 5], [26, 6], [5, 25], [6, 26]], np.float32)
    found = Registration(np.eye(3), points, np.array([True, True, True, False, False, False]))
    # Shares 1, 0.5 and 0 in three of four cells; the fourth has no corner.
    assert planar_cells(found, (32, 32), 2, None).tolist() == [[True, False], [False, False]]
    assert planar_cells(found, (32, 32), 2, 0.5).tolist() == [[True, True], [False, False]]


def test_a_plane_is_all_planar_by_a_threshold_and_at_most_half_by_the_median():
    before = scene()
    found = register(before, turned(before, yaw(1.0)))
    assert planar_cells(found, SIZE, 4, 0.5).sum() >= 15  # one at the edge has few corners
    assert planar_cells(found, SIZE, 4, None).sum() <= 8


@pytest.mark.parametrize("kind", ["homography", "flow", "gated"])
def test_every_alignment_finds_a_shift_of_the_picture(kind):
    image = scene(size=(240, 330))
    before, after = image[:, 10:], image[:, :-10]  # moves right by ten pixels
    frames = torch.from_numpy(np.stack([before, after])).float()[:, None].repeat(1, 3, 1, 1) / 255
    assert (grey(frames) == torch.from_numpy(np.stack([before, after]))).all()
    align = Aligner(kind, threshold=0.5)
    way = align(align.remember(frames[:1]), frames[1:], (30, 40), None)
    inner = way[0, :, 4:-4, 4:-4]
    assert (inner[0] + 1.25).abs().max() < 0.05
    assert inner[1].abs().max() < 0.05


def test_after_a_cut_a_homography_knows_nothing_and_the_gate_follows_the_flow():
    pair = torch.from_numpy(np.stack([scene(), scene(7)])).float()[:, None].repeat(1, 3, 1, 1) / 255
    ways = {}
    for kind in ("homography", "flow", "gated"):
        align = Aligner(kind)
        ways[kind] = align(align.remember(pair[:1]), pair[1:], (30, 40), None)
    assert ways["homography"].isnan().all()
    assert torch.equal(ways["gated"], ways["flow"])
