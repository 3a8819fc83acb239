"""Labels at a fraction of their resolution, against counting by hand."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from airseg.dataset.reading.label_size import shrink_labels
from airseg.errors import DatasetError


@settings(deadline=None)
@given(
    arrays(
        np.uint8,
        st.tuples(st.integers(1, 3), st.integers(1, 9), st.integers(1, 9)),
        elements=st.sampled_from([0, 1, 2, 255]),
    ),
    st.integers(1, 4),
)
def test_majority_counts_every_block(labels, factor):
    shrunk = shrink_labels(torch.from_numpy(labels), factor, "majority", num_classes=3).numpy()
    frames, height, width = labels.shape
    assert shrunk.shape == (frames, -(-height // factor), -(-width // factor))
    for n, row, column in np.ndindex(*shrunk.shape):
        block = labels[
            n, row * factor : (row + 1) * factor, column * factor : (column + 1) * factor
        ]
        votes = [int((block == label).sum()) for label in range(3)]
        expected = votes.index(max(votes)) if any(votes) else 255
        assert shrunk[n, row, column] == expected


def test_many_pixels_are_counted_in_parts(monkeypatch):
    labels = torch.randint(0, 11, (2, 3, 32, 40), dtype=torch.uint8)
    whole = shrink_labels(labels, 8, "majority", num_classes=11)
    monkeypatch.setattr("airseg.dataset.reading.label_size._PIXELS_AT_ONCE", 1)
    assert torch.equal(shrink_labels(labels, 8, "majority", num_classes=11), whole)
    assert whole.shape == (2, 3, 4, 5)


def test_nearest_takes_the_middle_and_stays_inside():
    labels = torch.arange(10 * 13).reshape(1, 10, 13).to(torch.uint8)
    shrunk = shrink_labels(labels, 8, "nearest", num_classes=200)
    assert shrunk.tolist() == [[[4 * 13 + 4, 4 * 13 + 12], [9 * 13 + 4, 9 * 13 + 12]]]


def test_factor_one_changes_nothing():
    labels = torch.randint(0, 11, (2, 5, 7), dtype=torch.uint8)
    for method in ("majority", "nearest"):
        assert torch.equal(shrink_labels(labels, 1, method, num_classes=11), labels)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
def test_a_gpu_counts_alike():
    labels = torch.randint(0, 4, (3, 64, 64), dtype=torch.uint8)
    for method in ("majority", "nearest"):
        expected = shrink_labels(labels, 8, method, num_classes=3)
        assert torch.equal(shrink_labels(labels.cuda(), 8, method, num_classes=3).cpu(), expected)


@pytest.mark.parametrize(("factor", "method"), [(0, "majority"), (2, "mean")])
def test_impossible_settings_are_refused(factor, method):
    with pytest.raises(DatasetError, match="by majority or nearest"):
        shrink_labels(torch.zeros(4, 4, dtype=torch.uint8), factor, method, num_classes=3)
