"""The sum that the founding paper's notebook computes: right for one frame of a window."""

import torch

from airseg.models.temporal_memory import attend_over_time


def notebook(products, depth):
    """Add the past of each frame from the N-th on, as `context += past` does over a batch."""
    context = products.double().clone()
    for frame in range(depth, len(products)):
        for age in range(1, depth + 1):
            context += products[frame - age].double()
    return context


def combine(products, depth, reduction):
    return attend_over_time(products[None], None, depth, reduction)[0][0]


def test_it_is_the_notebooks_sum():
    products = torch.randn(16, 3, 4, generator=torch.manual_seed(0))
    expected = notebook(products, 4)
    torch.testing.assert_close(combine(products.double(), 4, "broadcast"), expected)


def test_of_a_window_of_five_only_the_last_frame_is_right():
    products = torch.randn(5, 3, 4, generator=torch.manual_seed(0))
    found, right = (combine(products, 4, how) for how in ("broadcast", "sum"))
    wrong = (found - right).abs().amax((1, 2)) > 1e-4
    assert wrong.tolist() == [True] * 4 + [False]


def test_of_a_window_of_sixteen_all_twelve_supervised_frames_are_wrong():
    products = torch.randn(16, 3, 4, generator=torch.manual_seed(0))
    found, right = (combine(products, 4, how) for how in ("broadcast", "sum"))
    assert ((found - right).abs().amax((1, 2)) > 1e-4)[4:].all()
