"""PIDNet-S: published sizes and costs, its fusions by their formulas, its losses in closed form."""

import math

import cv2
import numpy as np
import pytest
import torch
from networks_on_paper import count, multiply_adds, on_paper
from torch.nn import functional

from airseg.bench.training.weights import load_weights
from airseg.errors import RecipeError
from airseg.models.boundary_loss import boundary_aware_loss, boundary_loss, label_boundaries
from airseg.models.pidnet import (
    BoundaryGuidedFusion,
    ParallelPooling,
    PIDNet,
    PixelAttentionGuidedFusion,
)


@pytest.mark.parametrize(
    ("classes", "auxiliary", "parameters"),
    [(11, False, 7_624_683), (19, False, 7_625_715), (11, True, 7_718_871), (19, True, 7_720_935)],
)
def test_it_has_as_many_parameters_as_published(classes, auxiliary, parameters):
    assert count(on_paper("pidnet_s", classes, auxiliary=auxiliary)) == parameters


@pytest.mark.parametrize(
    ("part", "parameters"),
    [
        ("conv1", 10_272),
        ("layer3", 820_992),
        ("layer5", 1_774_592),
        ("layer3_d", 29_888),
        ("layer5_", 58_112),
        ("diff4", 147_584),
        ("pag3", 4_224),
        ("spp", 712_384),
        ("dfm", 33_280),
        ("final_layer", 149_387),
        ("seghead_p", 75_531),
        ("seghead_d", 18_657),
    ],
)
def test_every_part_has_as_many_parameters_as_published(part, parameters):
    assert count(getattr(on_paper("pidnet_s", 11, auxiliary=True), part)) == parameters


@pytest.mark.parametrize(
    ("size", "classes", "gmacs"),
    [((480, 640), 11, 6.920), ((512, 1024), 19, 11.799), ((1024, 2048), 19, 47.19)],
)
def test_multiply_adds_are_the_published_ones(size, classes, gmacs):
    model = on_paper("pidnet_s", classes)
    assert multiply_adds(model.coarse, (1, 1, 3, *size)) == pytest.approx(gmacs, rel=0.001)


def test_sides_that_8_does_not_divide_are_refused():
    with pytest.raises(RecipeError, match="8 divides; found 639x481"):
        on_paper("pidnet_s", 11)(torch.empty(1, 1, 3, 481, 639, device="meta"))


def test_training_on_a_single_frame_is_refused():
    with pytest.raises(RecipeError, match=r"data\.clips_per_batch"):
        PIDNet(3, 8).train()(torch.rand(1, 1, 3, 64, 64))


def test_context_enters_the_detail_branch_by_the_formula():
    torch.manual_seed(0)
    fusion = PixelAttentionGuidedFusion(3, 2).double().eval()
    detail, context = torch.rand(1, 3, 4, 6).double(), torch.rand(1, 3, 2, 3).double()
    found = fusion(detail, context).detach()
    weights = [
        f[0].weight[:, :, 0, 0].detach() / math.sqrt(1 + 1e-5) for f in (fusion.f_x, fusion.f_y)
    ]
    enlarged = functional.interpolate(context, (4, 6), mode="bilinear", align_corners=False)
    for y in range(4):
        for x in range(6):
            ours, theirs = weights[0] @ detail[0, :, y, x], weights[1] @ enlarged[0, :, y, x]
            share = 1 / (1 + math.exp(-float(ours @ theirs)))
            expected = share * enlarged[0, :, y, x] + (1 - share) * detail[0, :, y, x]
            torch.testing.assert_close(found[0, :, y, x], expected)


def test_without_agreement_the_detail_branch_stays_as_it_is():
    fusion = PixelAttentionGuidedFusion(3, 2).eval()
    with torch.no_grad():
        fusion.f_x[1].bias.fill_(100)
        fusion.f_y[0].weight.zero_()
        fusion.f_y[1].bias.fill_(-100)
    detail = torch.rand(1, 3, 4, 6)
    torch.testing.assert_close(fusion(detail, torch.rand(1, 3, 2, 3)), detail)


@pytest.mark.parametrize(("logit", "edge"), [(-100.0, 0.0), (100.0, 1.0), (0.3, 0.574442516811659)])
def test_detail_and_context_meet_by_the_formula(logit, edge):
    fusion = BoundaryGuidedFusion(4).double().eval()
    detail, context = torch.rand(2, 1, 4, 3, 5).double().unbind(0)
    found = fusion(detail, context, torch.full_like(detail, logit))
    expected = fusion.conv_p((1 - edge) * context + detail) + fusion.conv_i(context + edge * detail)
    torch.testing.assert_close(found, expected)


def test_pooling_counts_the_padding_in_its_means_and_adds_the_whole():
    torch.manual_seed(0)
    pooling = ParallelPooling(8, 4).double().eval()
    x = torch.rand(1, 8, 8, 10).double()
    seen = []
    pooling.scale_process.register_forward_pre_hook(lambda module, given: seen.append(given[0]))
    pooling(x)
    padded = np.pad(x[0].numpy(), ((0, 0), (2, 2), (2, 2)))
    means = np.empty((8, 4, 5))
    for row in range(4):
        for column in range(5):
            window = padded[:, 2 * row : 2 * row + 5, 2 * column : 2 * column + 5]
            means[:, row, column] = window.sum((1, 2)) / 25
    branch = pooling.scale1[1:](torch.from_numpy(means)[None])
    branch = functional.interpolate(branch, (8, 10), mode="bilinear", align_corners=False)
    torch.testing.assert_close(seen[0][:, :96], branch + pooling.scale0(x))


def test_published_weights_load_with_and_without_the_training_heads(tmp_path):
    source = PIDNet(3, 8, auxiliary=True)
    names = {"0": "bn1", "2": "conv1", "3": "bn2", "5": "conv2"}
    published = {"loss.weight": torch.ones(3)}
    for key, value in source.state_dict().items():
        parts = key.split(".")
        if parts[0] in ("final_layer", "seghead_p", "seghead_d"):
            parts[1] = names[parts[1]]
        published["model." + ".".join(parts)] = value
    torch.save({"state_dict": published}, tmp_path / "best.pt")
    for auxiliary in (False, True):
        model = PIDNet(3, 8, auxiliary=auxiliary)
        load_weights(model, str(tmp_path / "best.pt"))
        for key, value in model.state_dict().items():
            assert torch.equal(value, source.state_dict()[key])


def test_outlines_are_those_that_opencv_finds_away_from_the_border():
    labels = np.zeros((40, 60), np.uint8)
    labels[10:30, 20:45] = 3
    labels[28:, :] = 1
    found = label_boundaries(torch.from_numpy(labels).long()).numpy()
    edge = np.zeros_like(labels)
    edge[:, :-1] |= labels[:, 1:] != labels[:, :-1]
    edge[:-1] |= labels[1:] != labels[:-1]
    edge[:6], edge[-6:], edge[:, :6], edge[:, -6:] = 0, 0, 0, 0
    # OpenCV's anchor lies the other way round.
    expected = cv2.dilate(edge, np.ones((4, 4)), anchor=(2, 2))
    assert (found == expected.astype(bool)).all()
    assert found[:, 18:22][15].tolist() == [True, True, True, True]


def test_without_logits_the_boundary_loss_has_its_closed_form():
    labels = torch.zeros(1, 1, 40, 50, dtype=torch.long)
    labels[..., 25:] = 1
    share = float(label_boundaries(labels).float().mean())
    found = boundary_loss(torch.zeros(1, 2, 1, 5, 7), labels)
    assert float(found) == pytest.approx(2 * share * (1 - share) * math.log(2), rel=1e-6)


def test_where_no_boundary_is_certain_its_loss_is_0_and_has_a_gradient():
    logits = torch.rand(1, 1, 3, 8, 8, requires_grad=True)
    labels = torch.zeros(1, 1, 8, 8, dtype=torch.long)
    nowhere = boundary_aware_loss(logits, torch.full((1, 1, 1, 8, 8), -5.0), labels)
    nowhere.backward()
    assert float(nowhere) == 0
    assert not logits.grad.any()
    everywhere = boundary_aware_loss(logits, torch.full((1, 1, 1, 8, 8), 5.0), labels)
    expected = functional.cross_entropy(logits[0], labels[0])
    torch.testing.assert_close(everywhere, expected)
