"""The loss of clips: of hard pixels alone, weighted, and the same in parts as in one."""

import math

import numpy as np
import pytest
import torch
from torch.nn import functional

from airseg.bench.recipes.recipe import LossRecipe
from airseg.bench.training.clip_loss import class_weights, clip_loss, label_weight
from airseg.errors import RecipeError


def random_clips(seed=0, ignored=0.2):
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(4, 3, 5, 6, 8, generator=generator, requires_grad=True)
    labels = torch.randint(0, 5, (4, 2, 6, 8), generator=generator)
    labels[torch.rand(labels.shape, generator=generator) < ignored] = 255
    return logits, labels


def test_it_is_cross_entropy_over_the_supervised_frames():
    logits, labels = random_clips()
    weights = torch.tensor([1.0, 2.0, 0.5, 3.0, 1.0])
    expected = functional.cross_entropy(
        logits[:, -2:].flatten(0, 1), labels.flatten(0, 1), weights, ignore_index=255
    )
    torch.testing.assert_close(clip_loss([(1.0, logits)], labels, LossRecipe(), weights), expected)


@pytest.mark.parametrize("weights", [None, torch.tensor([1.0, 2.0, 0.5, 3.0, 1.0])])
def test_parts_add_up_to_the_whole_however_many_pixels_they_ignore(weights):
    logits, labels = random_clips()
    labels[0] = 255
    whole = clip_loss([(1.0, logits)], labels, LossRecipe(), weights)
    divisor = [label_weight(labels, weights)]
    parts = [
        clip_loss([(1.0, logits[c])], labels[c], LossRecipe(), weights, divisor, len(c) / 4)
        for c in ([0], [1, 2], [3])
    ]
    torch.testing.assert_close(sum(parts), whole)


def test_a_batch_without_labels_has_no_loss():
    logits, labels = random_clips()
    labels[:] = 255
    for kind in ("cross_entropy", "ohem"):
        loss = clip_loss([(1.0, logits)], labels, LossRecipe(kind=kind), None)
        loss.backward()
        assert float(loss.detach()) == 0
        assert not logits.grad.any()


@pytest.mark.parametrize("scale", [0.1, 1.0, 30.0])
def test_hard_pixels_are_those_that_fanets_code_chooses(scale):
    """Sort all losses; if the one at rank n is above -ln 0.7 keep all above, else the first n."""
    logits, labels = random_clips(3, ignored=0.1)
    logits = logits.detach() * scale
    truth = labels.flatten(0, 1)
    right = functional.one_hot(torch.where(truth == 255, 0, truth), 5).movedim(-1, 1)
    if scale == 30.0:  # a network that is nearly always right has no pixel above the threshold
        logits[:, -2:] = right.unflatten(0, (4, 2)) * 30.0
    losses = functional.cross_entropy(
        logits[:, -2:].flatten(0, 1), truth, ignore_index=255, reduction="none"
    )
    ranked = sorted(losses.flatten().tolist(), reverse=True)
    fewest = len(ranked) // 16
    limit = -math.log(0.7)
    if ranked[fewest] > limit:
        ranked = [value for value in ranked if value > limit]
    else:
        ranked = ranked[:fewest]
    found = clip_loss([(1.0, logits)], labels, LossRecipe(kind="ohem"), None)
    assert float(found) == pytest.approx(np.mean(ranked), rel=1e-5, abs=1e-7)


def test_auxiliary_outputs_count_by_their_share_at_their_own_size():
    logits, labels = random_clips()
    coarse = torch.randn(4, 3, 5, 3, 4)
    settings = LossRecipe(resolution="logits")
    both = clip_loss([(1.0, logits), (0.5, coarse)], labels, settings, None)
    alone = [clip_loss([(1.0, x)], labels, settings, None) for x in (logits, coarse)]
    torch.testing.assert_close(both, alone[0] + 0.5 * alone[1])


def test_class_weights_of_each_kind():
    def weights(kind):
        return class_weights(LossRecipe(class_weights=kind), 3, lambda: np.array([900, 100, 0]))

    assert weights("none") is None
    assert float(weights("root")[1] / weights("root")[0]) == pytest.approx(3.0)
    expected = [1 / math.log(1.1 + share) for share in (0.9, 0.1, 0.0)]
    assert weights("enet").tolist() == pytest.approx(expected)
    assert weights([1.0, 0.0, 2.0]).tolist() == [1.0, 0.0, 2.0]
    with pytest.raises(RecipeError, match="2 weights, and the dataset has 3 classes"):
        weights([1.0, 2.0])


def test_a_networks_own_term_is_weighted_by_its_part_of_the_batch():
    logits, labels = random_clips()
    seen = []

    def term(truth):
        seen.append(truth)
        return torch.tensor(3.0)

    plain = clip_loss([(1.0, logits)], labels, LossRecipe(), None, share=0.25)
    found = clip_loss([(1.0, logits), (0.5, term)], labels, LossRecipe(), None, share=0.25)
    assert float(found - plain) == pytest.approx(0.25 * 0.5 * 3.0)
    assert seen[0] is labels


@pytest.mark.parametrize("above", [True, False])
def test_the_rank_of_hard_pixels_is_the_one_that_the_authors_code_looks_at(above):
    """FANet's `OhemCELoss`: sorted losses, and `loss[n_min] > thresh` decides, counted from 0."""
    n_min, limit = 4, -math.log(0.7)
    wanted = np.full(64, 0.2)
    wanted[:n_min] = 2.0
    wanted[n_min : n_min + 3] = 0.5 if above else 0.3
    logits = torch.from_numpy(np.stack([np.zeros(64), np.log(np.expm1(wanted))])).float()
    logits = logits.reshape(1, 1, 2, 8, 8)
    labels = torch.zeros(1, 1, 8, 8, dtype=torch.int64)
    losses = np.sort(wanted)[::-1]
    expected = losses[losses > limit] if losses[n_min] > limit else losses[:n_min]
    found = clip_loss([(1.0, logits)], labels, LossRecipe(kind="ohem", ohem_keep=1 / 16), None)
    assert float(found) == pytest.approx(expected.mean(), rel=1e-5)
