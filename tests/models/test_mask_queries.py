"""EoMT and VidEoMT: published sizes, timm's transformer, queries handed on, masks learned."""

import itertools
import math

import pytest
import torch
from networks_on_paper import count, on_paper

from airseg.bench.leaderboard.model_table import measure_model
from airseg.bench.training.weights import load_weights
from airseg.errors import RecipeError
from airseg.models import build_model
from airseg.models.mask_loss import MaskPrediction, _owners, mask_loss
from airseg.models.mask_queries import MaskQueries, semantic_logits
from airseg.models.vision_transformer import VisionTransformer

SIZE = (64, 96)


def small(**options):
    torch.manual_seed(0)
    vit = VisionTransformer(24, 3, 3, SIZE, drop_path=0.0)
    return MaskQueries(vit, 4, 6, 2, **options).eval()


@pytest.mark.parametrize(("queries", "parameters"), [(50, 6_176_844), (100, 6_186_444)])
def test_it_has_as_many_parameters_as_published(queries, parameters):
    model = on_paper("videomt_ti16", 11, queries=queries)
    assert count(model) == parameters
    assert count(model.vit) == 5_717_184
    assert count(model.hand_on) == 37_056


@pytest.mark.parametrize(("size", "gmacs"), [((480, 640), 14.53), ((240, 320), 2.45)])
def test_multiply_adds_are_the_published_ones(size, gmacs):
    found = measure_model("videomt_ti16", 11, *size, {"size": size})
    assert found.gmacs == pytest.approx(gmacs, rel=0.01)
    assert found.memory_bytes == 4 * 50 * 192


def test_the_transformer_is_timms():
    timm = pytest.importorskip("timm")
    theirs = timm.create_model("vit_tiny_patch16_224", img_size=SIZE, num_classes=0).eval()
    ours = VisionTransformer(192, 12, 3, SIZE).eval()
    ours.load_state_dict(theirs.state_dict())
    frames = torch.rand(1, 3, *SIZE)
    with torch.no_grad():
        tokens, grid = ours.embed(frames)
        for block in ours.blocks:
            tokens = block(tokens)
        expected = theirs.forward_features(frames)
    assert grid == (4, 6)
    assert (ours.norm(tokens) - expected).abs().max() < 1e-4


def test_timms_weights_of_another_size_load_from_a_file(tmp_path):
    timm = pytest.importorskip("timm")
    theirs = timm.create_model("vit_tiny_patch16_224", num_classes=10)
    torch.save(theirs.state_dict(), tmp_path / "vit.pt")
    model = build_model("videomt_ti16", 5, size=SIZE)
    load_weights(model, str(tmp_path / "vit.pt"))
    assert torch.equal(model.vit.blocks[3].mlp.fc1.weight, theirs.blocks[3].mlp.fc1.weight)
    expected = timm.layers.resample_abs_pos_embed(theirs.pos_embed.detach(), [4, 6])
    assert (model.vit.pos_embed - expected).abs().max() < 1e-4


def test_the_first_frame_is_eomts_and_all_are_without_the_linear_layer():
    video, image = small(), small(temporal=False)
    image.load_state_dict({k: v for k, v in video.state_dict().items() if "hand_on" not in k})
    frames = torch.rand(1, 3, 3, *SIZE)
    with torch.no_grad():
        expected = image(frames)[0]
        torch.testing.assert_close(video(frames)[0][:, 0], expected[:, 0])
        assert (video(frames)[0] - expected)[:, 1:].abs().max() > 1e-4
        video.hand_on.weight.zero_()
        video.hand_on.bias.zero_()
        torch.testing.assert_close(video(frames)[0], expected)


def test_the_weights_of_the_image_model_start_the_video_model():
    video, image = small(), small(temporal=False)
    video.load_state_dict(video.published_state(image.state_dict()))


def test_what_is_handed_on_is_the_last_blocks_output_and_gradient_flows_back():
    model, frames = small(), torch.rand(1, 2, 3, *SIZE, requires_grad=True)
    logits, memory = model.coarse(frames)
    assert memory.queries.shape == (1, 6, 24)
    logits[:, 1].sum().backward()
    assert frames.grad[:, 0].abs().sum() > 0


def test_a_classs_share_is_a_sum_over_queries():
    torch.manual_seed(0)
    classes, masks = torch.randn(1, 1, 3, 5).double(), torch.randn(1, 1, 3, 2, 4).double()
    found = semantic_logits(MaskPrediction(classes, masks)).exp()
    for c, y, x in itertools.product(range(4), range(2), range(4)):
        expected = 0.0
        for q in range(3):
            total = sum(math.exp(v) for v in classes[0, 0, q].tolist())
            share = math.exp(float(classes[0, 0, q, c])) / total
            expected += share / (1 + math.exp(-float(masks[0, 0, q, y, x])))
        assert float(found[0, 0, c, y, x]) == pytest.approx(expected)


def test_the_loss_is_the_formula_in_float64():
    torch.manual_seed(0)
    classes, masks = torch.randn(1, 2, 4, 4), torch.randn(1, 2, 4, 3, 5)
    labels = torch.randint(0, 2, (1, 2, 3, 5))  # class 2 never appears
    labels[0, 1] = 0  # class 1 goes
    labels[0, 0, 0, 0] = 255
    entropies, dices = [], []
    for t, c in itertools.product(range(2), range(2)):
        known = labels[0, t] != 255
        p = masks[0, t, c].double().sigmoid()[known]
        target = (labels[0, t] == c).double()[known]
        entropies.append(-(target * p.log() + (1 - target) * (1 - p).log()).mean())
        dices.append(1 - (2 * (p * target).sum() + 1) / (p.sum() + target.sum() + 1))
    right, total = 0.0, 0.0
    for t, q in itertools.product(range(2), range(4)):
        kind = q if q < 2 else 3
        weight = 1.0 if q < 2 else 0.1
        right -= weight * float(classes[0, t, q].double().log_softmax(0)[kind])
        total += weight
    expected = 5 * sum(entropies) / 4 + 5 * sum(dices) / 4 + 2 * right / total
    found = mask_loss(MaskPrediction(classes, masks), "fixed", labels)
    assert float(found) == pytest.approx(float(expected), rel=1e-5)


def test_a_class_is_matched_where_it_first_appears():
    labels = torch.zeros(1, 3, 4, 4, dtype=torch.long)
    labels[0, 2, 2:] = 1  # appears in the third frame
    masks = torch.full((1, 3, 5, 4, 4), -8.0)
    masks[0, :, 3] = 8.0 - 16.0 * (labels[0] != 0)  # query 3 sees class 0
    masks[0, 2, 4, 2:] = 8.0  # query 4 sees what appears, then
    masks[0, :2, 1] = -20.0  # query 1 is emptiest in the first frame
    wanted = torch.stack([labels == 0, labels == 1, labels == 2], 2).float()
    owner = _owners(torch.zeros(1, 3, 5, 4), masks, wanted, labels != 255, "hungarian")
    assert owner[0, :2].tolist() == [3, 4]
    assert len(set(owner[0].tolist())) == 3


def test_impossible_options_and_sizes_are_told():
    for options in ({"queries": 3}, {"query_blocks": 13}, {"matching": "greedy"}):
        with pytest.raises(RecipeError, match=r"it must be|no choice"):
            build_model("videomt_ti16", 5, **options)
    with pytest.raises(RecipeError, match="16 divides; found 100x64"):
        small()(torch.rand(1, 1, 3, 64, 100))
