"""MA-ResNet50: published sizes, attention by its steps, and no frame without a prediction."""

import pytest
import torch
from networks_on_paper import count, multiply_adds, on_paper

from airseg.errors import RecipeError
from airseg.models.memory_attention import PartialChannelAttention
from airseg.models.resnet_vd import ResNetVd


@pytest.mark.parametrize(
    ("ratio", "stages"),
    [
        (0.125, (4_704, 18_624, 74_112, 295_680)),
        (0.25, (18_624, 74_112, 295_680, 1_181_184)),
        (0.5, (74_112, 295_680, 1_181_184, 4_721_664)),
    ],
)
def test_attention_has_as_many_parameters_as_published(ratio, stages):
    assert tuple(count(a) for a in on_paper("ma_resnet50", 11, ratio=ratio).attention) == stages


def test_networks_have_as_many_parameters_as_published():
    model = on_paper("ma_resnet50", 11)
    assert count(model.backbone) == 23_527_264
    assert count(model.backbone) + count(model.attention) == 25_096_864
    assert count(model) == 28_290_939


@pytest.mark.parametrize(
    ("size", "gmacs"), [((640, 640), 157.7), ((480, 640), 118.3), ((720, 960), 266.1)]
)
def test_the_backbone_costs_as_much_as_published(size, gmacs):
    with torch.device("meta"):
        backbone = ResNetVd().eval()
    assert multiply_adds(backbone, (1, 3, *size)) == pytest.approx(gmacs, rel=0.01)


@pytest.mark.parametrize(("size", "gmacs"), [((640, 640), 8.24), ((480, 640), 5.16)])
def test_attention_costs_as_much_as_published(size, gmacs):
    model = on_paper("ma_resnet50", 11)
    frames = torch.empty(1, 2, 3, *size, device="meta")
    with torch.no_grad():
        _, memory = model.coarse(frames[:, :1])
    with_memory = multiply_adds(lambda: model.coarse(frames[:, 1:], memory))
    plain = on_paper("ma_resnet50", 11, frames=0)
    assert with_memory - multiply_adds(lambda: plain.coarse(frames[:, 1:])) == pytest.approx(
        gmacs, rel=0.01
    )


def pcma(frames=1, ratio=0.5, **options):
    torch.manual_seed(0)
    options = {"judge": False, "batch_means": False} | options
    module = PartialChannelAttention(8, frames, ratio, **options).double().eval()
    module.bn_relu[0].bias.data.uniform_(0.1, 0.5)
    return module


def by_steps(module, clip, t, frames):
    """Return frame t of a clip (T, C, h, w), enhanced step by step with loops over positions."""
    start = module.start

    def encode(frame):
        chosen = frame[start:]
        key = module.key_enc(chosen[None])[0, :, ::2, ::2]
        return key, chosen.clamp(min=0)[:, ::2, ::2]

    query, _ = encode(clip[t])
    entries = []
    for s in range(t - frames, t):
        key, value = encode(clip[s])
        for y in range(key.shape[1]):
            for x in range(key.shape[2]):
                sharp = 10 * torch.softmax(key[:, y, x], 0)
                entries.append((sharp, value[:, y, x]))
    read = torch.zeros(8 - start, *query.shape[1:], dtype=torch.float64)
    for y in range(query.shape[1]):
        for x in range(query.shape[2]):
            sharp = 10 * torch.softmax(query[:, y, x], 0)
            scores = torch.stack([sharp @ k for k, _ in entries])
            for share, (_, value) in zip(torch.softmax(scores, 0), entries, strict=True):
                read[:, y, x] += share * value
    read = torch.nn.functional.interpolate(read[None], clip.shape[-2:], mode="bilinear")
    read = module.bn_relu(read)[0]
    chosen = clip[t, start:]
    return torch.cat([clip[t, :start], read * chosen.mean() / read.mean() + chosen])


@pytest.mark.parametrize("frames", [1, 2, 3])
def test_attention_agrees_with_its_steps_in_double_precision(frames):
    module = pcma(frames)
    clip = torch.randn(5, 8, 4, 6, dtype=torch.float64)
    with torch.no_grad():
        found, _, _ = module(clip, 5, None, None)
        for t in range(5):
            expected = clip[t] if t < frames else by_steps(module, clip, t, frames)
            assert (found[t] - expected).abs().max() < 1e-10


def test_gradients_agree_with_finite_differences_and_none_reach_the_memory():
    module = pcma()
    clip = torch.randn(2, 8, 4, 4, dtype=torch.float64, requires_grad=True)

    def second(frame):
        return module(torch.cat([clip[:1].detach(), frame]), 2, None, None)[0][1]

    frame = torch.randn(1, 8, 4, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(second, (frame,))
    module(clip, 2, None, None)[0][1].sum().backward()
    assert clip.grad[0].abs().max() == 0
    assert clip.grad[1].abs().max() > 0


def test_means_over_the_batch_are_the_codes_and_couple_its_samples():
    one, two = torch.rand(2, 2, 8, 4, 4, dtype=torch.float64)
    both = torch.cat([one, 5 * two])
    for batch_means in (False, True):
        module = pcma(batch_means=batch_means)
        with torch.no_grad():
            alone = module(one, 2, None, None)[0]
            together = module(both, 2, None, None)[0][:2]
        assert torch.allclose(alone, together) is not batch_means


def test_the_judge_keeps_the_raw_channels_where_the_fused_are_lopsided():
    module = pcma(judge=True)
    clip = torch.zeros(2, 8, 4, 4, dtype=torch.float64)
    clip[:, :, 0, 0] = 100.0  # a mean near the smallest value
    with torch.no_grad():
        found, _, _ = module(clip, 2, None, None)
    assert torch.equal(found, clip)


def test_constant_features_meet_no_division_by_zero():
    for judge in (False, True):
        module = pcma(judge=judge)
        module.bn_relu[0].bias.data.zero_()
        with torch.no_grad():
            found, _, _ = module(torch.zeros(2, 8, 4, 4, dtype=torch.float64), 2, None, None)
        assert found.isfinite().all()


def test_heads_that_read_only_the_last_stage_get_a_memory_there():
    assert on_paper("ma_resnet50", 11).stages == 3
    assert on_paper("ma_resnet50", 11, head="sfnet").stages == 3
    assert on_paper("ma_resnet50", 11, head="pspnet").stages == 4
    assert on_paper("ma_resnet50", 11, head="dnlnet").stages == 4
    assert on_paper("ma_resnet50", 11, head="pspnet", stages=3).stages == 3


def test_imagenet_weights_of_timm_fit_by_name_and_shape():
    timm = pytest.importorskip("timm")
    with torch.device("meta"):
        theirs = timm.create_model("resnet50d", pretrained=False).state_dict()
        ours = ResNetVd().state_dict()
    shapes = {k: v.shape for k, v in theirs.items() if not k.startswith("fc.")}
    assert shapes == {k: v.shape for k, v in ours.items()}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"head": "deeplab"}, "no head 'deeplab'. Did you mean 'deeplabv3plus'"),
        ({"frames": -1}, "must be 0 or greater"),
        ({"ratio": 0.0}, "must be above 0"),
        ({"stages": 5}, "from 1 to 4"),
    ],
)
def test_impossible_options_are_told(options, message):
    with pytest.raises(RecipeError, match=message):
        on_paper("ma_resnet50", 11, **options)
