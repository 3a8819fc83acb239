"""FANet with temporal context: the published sizes, streams equal to clips, no leak in time."""

import itertools

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from airseg.models import build_model
from airseg.models.fanet import FastAttention
from airseg.models.temporal_memory import attend_over_time

SIZE = (64, 96)


@pytest.fixture(autouse=True)
def fixed_seed():
    torch.manual_seed(0)


def fanet(depth=0, **options):
    return build_model("fanet18", 5, tca_depth=depth, **options).eval()


def clips(batch=1, times=6):
    return torch.rand(batch, times, 3, *SIZE)


@pytest.mark.parametrize(
    ("name", "classes", "parameters"),
    [
        ("fanet18", 11, 13_817_984),
        ("fanet18", 19, 13_820_032),
        ("fanet18", 20, 13_820_288),
        ("fanet34", 11, 23_926_144),
        ("fanet50", 11, 42_717_760),
        ("fanet101", 19, 61_711_936),
    ],
)
def test_parameter_counts_are_the_published_ones(name, classes, parameters):
    model = build_model(name, classes)
    assert sum(p.numel() for p in model.parameters()) == parameters


def test_parameter_count_with_auxiliary_heads_is_the_published_one():
    model = build_model("fanet18", 19, auxiliary=True)
    assert sum(p.numel() for p in model.parameters()) == 13_970_176


def test_multiply_adds_are_within_a_per_cent_of_the_published_ones():
    model = build_model("fanet18", 11).eval()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model.coarse(torch.rand(1, 1, 3, 480, 640))
    assert counter.get_total_flops() / 2e9 == pytest.approx(6.99, rel=0.01)


@pytest.mark.parametrize(
    "key",
    [
        "resnet.layer1.0.downsample.0.weight",
        "ffm_32.w_qs.conv.weight",
        "ffm_4.latlayer3.bn.running_mean",
        "ffm_16.smooth.conv.weight",
        "clslayer_8.conv.conv.weight",
        "clslayer_8.conv_out.weight",
        "clslayer_32.conv.bn.weight",
    ],
)
def test_weights_have_the_published_names(key):
    assert key in build_model("fanet18", 11, auxiliary=True).state_dict()


def test_logits_are_at_an_eighth_and_upsampled_to_the_frame():
    model = fanet()
    assert model.coarse(clips())[0].shape == (1, 6, 5, 8, 12)
    assert model(clips())[0].shape == (1, 6, 5, *SIZE)


@pytest.mark.parametrize("depth", [0, 1, 4])
@pytest.mark.parametrize("reduction", ["sum", "mean"])
def test_a_stream_equals_its_clip(depth, reduction):
    model, frames = fanet(depth, reduction=reduction), clips(times=7)
    with torch.no_grad():
        whole, _ = model(frames)
        memory, streamed = None, []
        for t in range(7):
            logits, memory = model.step(frames[:, t], memory)
            streamed.append(logits)
    assert (whole - torch.stack(streamed, 1)).abs().max() < 1e-4


def test_a_stream_in_uneven_pieces_equals_its_clip():
    model, frames = fanet(3), clips(times=8)
    with torch.no_grad():
        whole, _ = model(frames)
        memory, pieces = None, []
        for start, end in itertools.pairwise([0, 1, 3, 4, 8]):
            logits, memory = model(frames[:, start:end], memory)
            pieces.append(logits)
    assert (whole - torch.cat(pieces, 1)).abs().max() < 1e-4


def test_two_interleaved_streams_do_not_meet():
    model, frames = fanet(2), clips(batch=2, times=5)
    with torch.no_grad():
        alone = [model(frames[i : i + 1])[0] for i in range(2)]
        memories = [None, None]
        for t in range(5):
            for i in range(2):
                logits, memories[i] = model.step(frames[i : i + 1, t], memories[i])
                assert (logits - alone[i][:, t]).abs().max() < 1e-4


def test_a_batch_of_clips_equals_clips_one_by_one():
    model, frames = fanet(2), clips(batch=3)
    with torch.no_grad():
        together, _ = model(frames)
        for i in range(3):
            assert (together[i : i + 1] - model(frames[i : i + 1])[0]).abs().max() < 1e-4


@pytest.mark.parametrize("depth", [0, 2])
def test_a_frame_depends_on_exactly_the_frames_its_memory_reaches(depth):
    model, frames = fanet(depth), clips(times=6)
    with torch.no_grad():
        before, _ = model(frames)
        for changed in range(6):
            other = frames.clone()
            other[:, changed] = torch.rand(3, *SIZE)
            moved = (model(other)[0] - before).abs().amax((0, 2, 3, 4)) > 1e-6
            expected = [changed <= t <= changed + depth for t in range(6)]
            assert moved.tolist() == expected


def test_changing_clip_a_moves_neither_outputs_nor_gradients_of_clip_b():
    # In training mode batch normalisation couples the statistics of a batch, as in every network
    # that has it; what TCA itself shares between clips shows when the statistics are fixed.
    model = fanet(2)

    def outputs_and_gradients(frames):
        model.zero_grad()
        logits, _ = model(frames)
        logits[1].square().mean().backward()
        return logits[1].detach(), [
            None if p.grad is None else p.grad.clone() for p in model.parameters()
        ]

    frames = clips(batch=2, times=4)
    other = frames.clone()
    other[0, 1] = torch.rand(3, *SIZE)
    first, first_gradients = outputs_and_gradients(frames)
    second, second_gradients = outputs_and_gradients(other)
    assert torch.equal(first, second)
    for a, b in zip(first_gradients, second_gradients, strict=True):
        assert (a is None) == (b is None)
        assert a is None or torch.equal(a, b)


def test_gradients_of_a_frame_reach_its_context_and_no_other_frame_or_clip():
    model, frames = fanet(2), clips(batch=2, times=5).requires_grad_()
    logits, _ = model(frames)
    logits[1, 3].sum().backward()
    reached = frames.grad.abs().amax((2, 3, 4)) > 0
    assert reached.tolist() == [[False] * 5, [False, True, True, True, False]]


def test_depth_zero_is_fanet_and_depth_adds_no_weights():
    plain, deep = fanet(0), fanet(4)
    deep.load_state_dict(plain.state_dict())
    frames = clips(times=1)
    with torch.no_grad():
        assert torch.equal(plain(frames)[0], deep(frames)[0])


def test_memory_is_123_kilobytes_a_frame():
    assert build_model("fanet18", 11, tca_depth=1).memory_bytes(480, 640) == 122_880


@pytest.mark.parametrize("reduction", ["sum", "mean"])
def test_attention_over_time_agrees_with_loops_in_double_precision(reduction):
    depth, batch, times, channels, height, width = 2, 2, 5, 6, 3, 4
    layer = FastAttention(channels, depth, reduction, scale_by_size=False).double().eval()
    feature = torch.rand(batch * times, channels, height, width, dtype=torch.float64)
    with torch.no_grad():
        found, _ = layer.attend(feature, times, None)
        q, k, v = layer.w_qs(feature), layer.w_ks(feature), layer.w_vs(feature)
        attended = torch.zeros(batch * times, channels, height, width, dtype=torch.float64)
        for b in range(batch):
            for t in range(times):
                past = range(max(0, t - depth), t + 1)
                for y, x in itertools.product(range(height), range(width)):
                    query = q[b * times + t, :, y, x]
                    query = query / query.norm()
                    total = torch.zeros(channels, dtype=torch.float64)
                    for s in past:
                        for i, j in itertools.product(range(height), range(width)):
                            key = k[b * times + s, :, i, j]
                            total += (query @ (key / key.norm())) * v[b * times + s, :, i, j]
                    if reduction == "mean":
                        total = total / len(past)
                    attended[b * times + t, :, y, x] = total
        expected = layer.latlayer3(attended) + feature
    assert (found - expected).abs().max() < 1e-10


def test_the_memory_keeps_no_more_than_its_depth():
    products = torch.rand(1, 7, 2, 3)
    _, kept = attend_over_time(products, None, 4, "sum")
    assert torch.equal(kept, products[:, 3:])
    _, none = attend_over_time(products, None, 0, "sum")
    assert none.shape[1] == 0


def test_batch_normalisation_is_real():
    model, frames = fanet(), clips(times=2)
    with torch.no_grad():
        before, _ = model(frames)
        model.ffm_4.latlayer3.bn.running_mean += 1.0
        after, _ = model(frames)
    assert (before - after).abs().max() > 1e-3


def test_auxiliary_heads_are_for_training_only():
    model = build_model("fanet18", 5, auxiliary=True)
    outputs, _ = model.training_outputs(clips(batch=2, times=2))
    assert [weight for weight, _ in outputs] == [1.0, 0.5, 0.5]
    assert outputs[1][1].shape[:3] == (2, 2, 5)
