"""The label map against PyTorch's own two steps, upsampling and argmax, in both memory layouts."""

import pytest
import torch
from torch.nn import functional

from airseg.models.label_maps import label_map
from airseg.models.upsampling import upsample

SIZE = (60, 83)


def logits_of(shape, *, channels_last=False, kind=torch.float32):
    torch.manual_seed(0)
    logits = torch.randn(shape).to(kind)
    if channels_last:  # as they leave a network for one frame: strides of both layouts at once
        logits = logits.movedim(2, -1).contiguous().movedim(-1, 2)
    return logits


def two_steps(logits, size=SIZE):
    """Return the two best classes' upsampled logits, best first, and the best class."""
    full = functional.interpolate(
        logits.flatten(0, 1).double(), size, mode="bilinear", align_corners=True
    )
    best = full.topk(min(2, full.shape[1]), 1)
    shape = logits.shape[:2]
    return best.values.unflatten(0, shape), best.indices[:, 0].unflatten(0, shape)


@pytest.mark.parametrize("channels_last", [False, True])
@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(
    "shape", [(1, 1, 11, 8, 11), (2, 3, 5, 60, 83), (1, 2, 124, 7, 83), (1, 1, 3, 1, 1)]
)
def test_every_class_is_that_of_two_steps_in_double_precision(shape, kind, channels_last):
    logits = logits_of(shape, channels_last=channels_last, kind=kind)
    found = label_map(logits, SIZE)
    values, expected = two_steps(logits)
    assert found.shape == expected.shape
    assert found.dtype == torch.uint8
    is_tie = values[:, :, 0] - values[:, :, 1] < 1e-5
    assert is_tie.float().mean() < 1e-2
    assert torch.equal(found[~is_tie].long(), expected[~is_tie])


def test_on_planes_even_what_rounding_decides_is_the_same():
    logits = 1e-6 * logits_of((1, 1, 11, 8, 11)) + 1000  # a few steps of single precision apart
    full = functional.interpolate(logits[0], SIZE, mode="bilinear", align_corners=True)
    assert torch.equal(label_map(logits, SIZE)[0].long(), full.argmax(1))


def test_equal_logits_and_no_numbers_are_chosen_as_argmax_chooses():
    logits = torch.zeros(1, 1, 4, 2, 2)
    assert not label_map(logits, (2, 2)).any()
    logits[0, 0, 1, 0, 0] = logits[0, 0, 3, 0, 0] = torch.nan
    logits[0, 0, :, 1, 1] = -torch.inf
    logits[0, 0, 2, 0, 1] = torch.inf
    assert torch.equal(label_map(logits, (2, 2)).long(), logits.argmax(2))


def test_compilers_see_one_operator_and_know_its_shape(monkeypatch):
    monkeypatch.setattr("airseg.models.label_maps.upsample", None)  # calling it would fail
    labels = label_map(torch.empty(2, 3, 5, 6, 8, device="meta"), SIZE)
    assert labels.shape == (2, 3, *SIZE)
    assert labels.dtype == torch.uint8


@pytest.mark.parametrize("times", [1, 3])
def test_upsampling_has_the_same_bits_from_any_strides(times):
    logits = logits_of((1, times, 11, 8, 11), channels_last=True)
    found = upsample(logits, SIZE)
    flat = logits.flatten(0, 1).clone(memory_format=torch.channels_last)
    expected = functional.interpolate(flat, SIZE, mode="bilinear", align_corners=True)
    assert torch.equal(found.flatten(0, 1), expected)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
@pytest.mark.parametrize("channels_last", [False, True])
def test_labels_on_a_gpu_are_those_of_a_cpu(channels_last):
    logits = logits_of((2, 2, 11, 15, 20), channels_last=channels_last)
    values, expected = two_steps(logits, (120, 160))
    clear = values[:, :, 0] - values[:, :, 1] > 1e-5
    found = label_map(logits.cuda(), (120, 160)).cpu().long()
    assert torch.equal(found[clear], expected[clear])
