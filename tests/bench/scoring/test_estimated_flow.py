"""Motion estimated from the pictures, kept for the next network's scores."""

import itertools

import cv2
import numpy as np
import pytest

import airseg.bench.scoring.estimated_flow as estimated_flow
from airseg.bench.scoring.estimated_flow import FlowCache, estimated_motions
from airseg.bench.scoring.evaluate import score_constant


@pytest.fixture
def no_estimates(monkeypatch):
    """Return a function after which nothing can be estimated any more."""

    def refuse(*images):
        raise AssertionError("estimated again")

    return lambda: monkeypatch.setattr(estimated_flow, "classical_flow", refuse)


def dense_inverse_search(view):
    """Return the flow of each frame but the first by OpenCV's own words."""
    search = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    grey = [cv2.cvtColor(f, cv2.COLOR_RGB2GRAY) for f in view.rgb(0, view.length)]
    return [search.calc(b, a, None) for a, b in itertools.pairwise(grey)]


def test_kept_flow_is_dense_inverse_search_read_and_made(dataset, tmp_path, no_estimates):
    view = dataset.sequence("c")
    expected = dense_inverse_search(view)
    made = list(FlowCache(tmp_path / "flow").flows(view))
    no_estimates()
    read = list(FlowCache(tmp_path / "flow").flows(view))
    assert np.array_equal(made, expected)
    assert np.array_equal(read, expected)
    assert [p.suffix for p in (tmp_path / "flow").iterdir()] == [".npy"]


def test_scores_are_the_same_with_kept_motion_and_estimate_nothing(dataset, tmp_path, no_estimates):
    cache = FlowCache(tmp_path)
    plain = score_constant(dataset, ["c", "d"], 0, thorough=True)
    score_constant(dataset, ["c", "d"], 0, thorough=True, flow_cache=cache)
    no_estimates()
    kept = score_constant(dataset, ["c", "d"], 0, thorough=True, flow_cache=cache)
    for name in ("c", "d"):
        for what, counts in plain.counts[name].items():
            assert np.array_equal(counts, kept.counts[name][what]), what
    assert plain.counts["c"]["tc_estimated"].sum() > 0


def test_what_was_cut_off_or_damaged_is_made_again(dataset, tmp_path):
    view = dataset.sequence("c")
    cache = FlowCache(tmp_path)
    begun = cache.flows(view)
    first = next(begun)
    begun.close()
    assert not list(tmp_path.iterdir())
    expected = list(cache.flows(view))
    assert np.array_equal(first, expected[0])
    (kept,) = tmp_path.iterdir()
    for spoilt in (b"", kept.read_bytes()[:-10], b"\x80\x04N."):
        kept.write_bytes(spoilt)
        assert np.array_equal(list(cache.flows(view)), expected)


def test_flow_of_one_sequence_is_not_taken_for_another_s(dataset, tmp_path):
    cache = FlowCache(tmp_path)
    c, d = (list(cache.flows(dataset.sequence(n))) for n in ("c", "d"))
    assert len(list(tmp_path.iterdir())) == 2
    assert not np.array_equal(c[0], d[0])


def test_the_first_frames_of_a_sequence_are_not_kept(dataset, tmp_path):
    found = list(estimated_motions(dataset.sequence("c"), 3, FlowCache(tmp_path)))
    assert found[0] is None
    assert len(found) == 3
    assert not list(tmp_path.iterdir())
