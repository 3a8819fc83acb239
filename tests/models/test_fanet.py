"""FANet with temporal context: the published sizes, streams equal to clips, no leak in time."""

import itertools
import math

import pytest
import torch
from networks_on_paper import count, multiply_adds, on_paper

from airseg.bench.training.weights import load_weights
from airseg.errors import RecipeError
from airseg.models.fanet import FANet, FastAttention
from airseg.models.fusion import fuse_conv_bn
from airseg.models.resnet import ResNet
from airseg.models.temporal_memory import attend_over_time, decay_over_time

SIZE = (64, 96)


@pytest.fixture(autouse=True)
def fixed_seed():
    torch.manual_seed(0)


def fanet(depth=0, reduction="sum", **options):
    return FANet(ResNet(18, width=8), 5, depth, reduction, **options).eval()


def clips(batch=1, times=6):
    return torch.rand(batch, times, 3, *SIZE)


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("fanet18", (13_817_984, 13_820_032, 13_820_288)),
        ("fanet34", (23_926_144, 23_928_192, 23_928_448)),
        ("fanet50", (42_717_760, 42_719_808, 42_720_064)),
        ("fanet101", (61_709_888, 61_711_936, 61_712_192)),
    ],
)
def test_parameter_counts_for_11_19_and_20_classes_are_the_published_ones(name, parameters):
    for classes, expected in zip((11, 19, 20), parameters, strict=True):
        assert count(on_paper(name, classes)) == expected


def test_parameter_counts_with_auxiliary_heads_are_the_published_ones():
    for classes, expected in ((11, 13_967_104), (19, 13_970_176), (20, 13_970_560)):
        assert count(on_paper("fanet18", classes, auxiliary=True)) == expected


def test_a_first_stage_without_stride_needs_no_shortcut():
    assert count(on_paper("fanet18", 19, strides=(1, 2, 2, 2))) == 13_815_808


@pytest.mark.parametrize(
    ("name", "classes", "size", "strides", "gmacs"),
    [
        ("fanet18", 11, (480, 640), (2, 2, 2, 2), 6.99),
        ("fanet18", 19, (1024, 2048), (2, 2, 2, 2), 47.39),
        ("fanet34", 11, (480, 640), (2, 2, 2, 2), 9.84),
        ("fanet50", 19, (512, 1024), (2, 2, 2, 2), 25.69),
        ("fanet101", 19, (720, 960), (2, 2, 2, 2), 47.37),
        ("fanet18", 19, (1024, 2048), (1, 2, 2, 2), 174.2),
        ("fanet34", 19, (1024, 2048), (2, 1, 2, 2), 162.6),
        ("fanet18", 19, (1024, 2048), (2, 2, 2, 1), 62.3),
    ],
)
def test_multiply_adds_are_within_a_per_cent_of_the_published_ones(
    name, classes, size, strides, gmacs
):
    model = on_paper(name, classes, strides=strides)
    # The published code also computes the deepest `smooth`, which only an auxiliary head reads.
    stride = 4 * math.prod(strides)
    pixels = math.prod(-(-n // stride) for n in size)
    unread = model.ffm_32.smooth.conv.weight.numel() * pixels / 1e9
    assert multiply_adds(model.coarse, (1, 1, 3, *size)) + unread == pytest.approx(gmacs, rel=0.003)


def test_temporal_context_of_any_depth_costs_next_to_no_multiply_adds():
    plain = multiply_adds(on_paper("fanet18", 11).coarse, (1, 1, 3, 480, 640))
    for depth in (2, 4, 6, 16):
        deep = multiply_adds(on_paper("fanet18", 11, tca_depth=depth).coarse, (1, 1, 3, 480, 640))
        assert deep == pytest.approx(plain, rel=1e-6)


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
    assert key in on_paper("fanet18", 11, auxiliary=True).state_dict()


def test_logits_are_at_an_eighth_and_upsampled_to_the_frame():
    model = fanet()
    assert model.coarse(clips())[0].shape == (1, 6, 5, 8, 12)
    assert model(clips())[0].shape == (1, 6, 5, *SIZE)


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
    assert on_paper("fanet18", 11, tca_depth=1).memory_bytes(480, 640) == 122_880


WEIGHTS = {
    "sum": [1.0, 1.0, 1.0],
    "mean": [1.0, 1.0, 1.0],
    "learned": [0.9, 0.4, -0.3],
    "decay": [0.7**k for k in range(5)],
}


@pytest.mark.parametrize("reduction", WEIGHTS)
def test_attention_over_time_agrees_with_loops_in_double_precision(reduction):
    depth, batch, times, channels, height, width = 2, 2, 5, 6, 3, 4
    layer = FastAttention(channels, depth, reduction, 0.7, scale_by_size=False).double().eval()
    weights = WEIGHTS[reduction]
    if reduction == "learned":
        layer.depth_weights.data[:] = torch.tensor(weights, dtype=torch.float64)
    feature = torch.rand(batch * times, channels, height, width, dtype=torch.float64)
    with torch.no_grad():
        found, _, _ = layer.attend(feature, times, None)
        q, k, v = layer.w_qs(feature), layer.w_ks(feature), layer.w_vs(feature)
        attended = torch.zeros(batch * times, channels, height, width, dtype=torch.float64)
        for b in range(batch):
            for t in range(times):
                past = range(max(0, t - len(weights) + 1), t + 1)
                for y, x in itertools.product(range(height), range(width)):
                    query = q[b * times + t, :, y, x]
                    query = query / query.norm()
                    total = torch.zeros(channels, dtype=torch.float64)
                    for s in past:
                        for i, j in itertools.product(range(height), range(width)):
                            key = k[b * times + s, :, i, j]
                            meeting = query @ (key / key.norm())
                            total += weights[t - s] * meeting * v[b * times + s, :, i, j]
                    if reduction in ("mean", "decay"):
                        total = total / sum(weights[t - s] for s in past)
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
    model = fanet(auxiliary=True)
    outputs, _ = model.training_outputs(clips(batch=2, times=2))
    assert [weight for weight, _ in outputs] == [1.0, 0.5, 0.5]
    assert outputs[1][1].shape[:3] == (2, 2, 5)


def test_gradients_of_the_context_agree_with_finite_differences():
    products = torch.rand(1, 4, 2, 3, dtype=torch.float64, requires_grad=True)
    past = torch.rand(1, 1, 2, 3, dtype=torch.float64, requires_grad=True)
    weights = torch.rand(3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(
        lambda p, q, w: attend_over_time(p, q, 2, "learned", w)[0], (products, past, weights)
    )
    assert torch.autograd.gradcheck(
        lambda p, q: decay_over_time(p, q, torch.ones(1, dtype=p.dtype), 0.6)[0], (products, past)
    )


def test_a_decaying_context_keeps_its_scale_from_the_first_frame_on():
    products = torch.ones(1, 9, 2, 3)
    context, _, _ = decay_over_time(products, None, None, 0.9)
    assert torch.allclose(context, products)


def test_learned_weights_start_as_the_sum():
    plain, learned = fanet(2), fanet(2, "learned")
    learned.load_state_dict(plain.state_dict(), strict=False)
    frames = clips(times=4)
    with torch.no_grad():
        assert torch.equal(plain(frames)[0], learned(frames)[0])


@pytest.mark.parametrize("options", [{}, {"scale_by_size": True}])
def test_folding_normalisation_into_convolutions_keeps_the_outputs(options):
    model, frames = fanet(1, **options), clips(times=2)
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.uniform_(-0.2, 0.2)
            module.running_var.uniform_(0.5, 2.0)
            module.bias.data.uniform_(-0.2, 0.2)
    fused = fuse_conv_bn(model)
    assert not any(isinstance(m, torch.nn.BatchNorm2d) for m in fused.modules())
    with torch.no_grad():
        before, after = model(frames)[0], fused(frames)[0]
    assert (before - after).abs().max() < 1e-4 * before.abs().max()


def test_normalisation_is_not_folded_while_training():
    with pytest.raises(RecipeError, match="training mode"):
        fuse_conv_bn(fanet().train())


def same_values(first, second):
    theirs = second.state_dict()
    return all(torch.equal(v, theirs[k]) for k, v in first.state_dict().items() if k in theirs)


def test_a_checkpoint_of_the_training_code_loads_completely(tmp_path):
    source, target = fanet(auxiliary=True), fanet()
    path = tmp_path / "fanet18.pth"
    torch.save({"model_state": source.state_dict(), "epoch": 3}, path)
    load_weights(target, str(path))
    assert same_values(target, source)


def test_a_checkpoint_of_the_speed_test_code_loads_completely(tmp_path):
    source, target = fanet(), fanet()
    state = {
        k.replace("ffm_", "fam_").replace("clslayer_8", "clslayer"): v
        for k, v in source.state_dict().items()
        if not k.endswith("num_batches_tracked")
    }
    assert len(state) == 231
    torch.save(state, tmp_path / "fanet18.pth")
    load_weights(target, str(tmp_path / "fanet18.pth"))
    assert same_values(target, source)


def test_a_checkpoint_with_a_missing_weight_is_refused_by_name(tmp_path):
    state = fanet().state_dict()
    del state["ffm_16.w_ks.conv.weight"]
    torch.save(state, tmp_path / "cut.pth")
    with pytest.raises(RecipeError, match=r"1 \(ffm_16.w_ks.conv.weight\) missing"):
        load_weights(fanet(), str(tmp_path / "cut.pth"))


def test_a_classifier_of_torchvision_loads_into_the_backbone(tmp_path):
    source, target = ResNet(18, (1, 2, 2, 2), width=8), fanet()
    state = {k: torch.rand_like(v.float()) for k, v in source.state_dict().items()}
    torch.save(state | {"fc.weight": torch.zeros(9, 64), "fc.bias": torch.zeros(9)}, tmp_path / "r")
    load_weights(target, str(tmp_path / "r"))
    assert torch.equal(target.resnet.layer4[1].conv2.weight, state["layer4.1.conv2.weight"])
    assert torch.equal(target.resnet.bn1.running_var, state["bn1.running_var"])


def test_a_classifier_that_lacks_layers_is_refused(tmp_path):
    state = ResNet(18, (1, 2, 2, 2), width=8).state_dict() | {"fc.weight": torch.zeros(9, 64)}
    del state["layer3.0.conv1.weight"]
    torch.save(state, tmp_path / "r")
    with pytest.raises(RecipeError, match=r"1 missing \(layer3.0.conv1.weight\)"):
        load_weights(fanet(), str(tmp_path / "r"))


def test_normalised_frames_have_imagenets_mean_and_deviation():
    raw, normalised = fanet(), fanet(normalize=True)
    normalised.load_state_dict(raw.state_dict())
    mean = torch.tensor([0.485, 0.456, 0.406])[:, None, None]
    deviation = torch.tensor([0.229, 0.224, 0.225])[:, None, None]
    frames = clips(times=1)
    with torch.no_grad():
        expected, found = raw((frames - mean) / deviation)[0], normalised(frames)[0]
    assert (expected - found).abs().max() < 1e-4 * expected.abs().max()
