"""The inconsistency loss: by its definition, pixel by pixel, in both of its forms."""

import itertools

import pytest
import torch

from airseg.bench.recipes.recipe import LossRecipe
from airseg.bench.training.engine import clip_loss
from airseg.bench.training.losses import inconsistency_loss
from airseg.errors import RecipeError


@pytest.fixture
def clip():
    torch.manual_seed(3)
    logits = torch.randn(2, 3, 4, 5, 6, dtype=torch.float64)
    labels = torch.randint(0, 2, (1, 1, 5, 6)).expand(2, 3, -1, -1).clone()
    labels[:, 1, 0, 0] = 3
    labels[:, 2, 4, 2] = 255
    labels[1, 0, 2] = 255
    return logits, labels


def by_definition(logits, labels, power, *, excludes_near_change, divides_by_valid):
    """Return the loss by loops over pairs and pixels."""
    batch, times, _, height, width = logits.shape
    chances = logits.softmax(2)
    total, divisor = 0.0, 0
    for b, t in itertools.product(range(batch), range(times - 1)):
        one, two = labels[b, t], labels[b, t + 1]
        valid = (one != 255) & (two != 255)
        changed = [
            (y, x)
            for y, x in itertools.product(range(height), range(width))
            if valid[y, x] and one[y, x] != two[y, x]
        ]
        for y, x in itertools.product(range(height), range(width)):
            if not valid[y, x]:
                continue
            same = one[y, x] == two[y, x]
            divisor += 1 if divides_by_valid else int(same)
            near = any(abs(y - v) + abs(x - u) <= 2 for v, u in changed)
            if not same or (excludes_near_change and near):
                continue
            truth = one[y, x]
            if truth in (logits[b, t, :, y, x].argmax(), logits[b, t + 1, :, y, x].argmax()):
                change = chances[b, t, truth, y, x] - chances[b, t + 1, truth, y, x]
                total += abs(float(change)) ** power
    return total / divisor


@pytest.mark.parametrize("power", [1, 2])
def test_both_forms_agree_with_loops_over_pixels(clip, power):
    for form, changed in (("paper", False), ("code", True)):
        expected = by_definition(
            *clip, power, excludes_near_change=changed, divides_by_valid=changed
        )
        assert float(inconsistency_loss(*clip, form, power)) == pytest.approx(expected, rel=1e-6)


def test_the_forms_differ_by_exclusion_and_divisor_and_the_codes_is_smaller(clip):
    paper, code = (float(inconsistency_loss(*clip, form)) for form in ("paper", "code"))
    assert code < paper


def test_gradients_agree_with_finite_differences(clip):
    logits, labels = clip
    logits = (8 * logits).requires_grad_()  # far from ties, where the choice of pixels jumps

    def loss(values):
        chosen = values.float().double() if values.dtype != torch.float64 else values
        return inconsistency_loss(chosen, labels)

    loss(logits).backward()
    found = logits.grad[0, 1].flatten()
    step = 1e-2
    for i in range(0, found.numel(), 17):
        moved = logits.detach().clone()
        moved[0, 1].flatten()[i] += step
        up = loss(moved)
        moved[0, 1].flatten()[i] -= 2 * step
        slope = (up - loss(moved)) / (2 * step)
        assert float(found[i]) == pytest.approx(float(slope), abs=2e-6, rel=1e-2)


def test_still_predictions_cost_nothing_and_nor_does_a_single_frame(clip):
    logits, labels = clip
    assert inconsistency_loss(logits[:, :1].expand(-1, 3, -1, -1, -1), labels) == 0
    assert inconsistency_loss(logits[:, :1], labels[:, :1]) == 0


def test_wrong_predictions_may_flicker():
    labels = torch.zeros(1, 2, 1, 1, dtype=torch.long)
    wrong = torch.tensor([[0.0, 5.0, 1.0], [0.0, 1.0, 5.0]])[None, :, :, None, None]
    assert inconsistency_loss(wrong, labels) == 0
    half_right = torch.tensor([[5.0, 0.0, 0.0], [0.0, 1.0, 5.0]])[None, :, :, None, None]
    assert inconsistency_loss(half_right, labels) > 0.5


def test_a_recipe_adds_it_to_the_main_output_only(clip):
    logits, labels = clip[0].float(), clip[1]
    outputs = [(1.0, logits), (0.5, 2 * logits)]
    plain = clip_loss(outputs, labels, LossRecipe(), None)
    both = clip_loss(outputs, labels, LossRecipe(inconsistency=10), None)
    assert float(both - plain) == pytest.approx(
        10 * float(inconsistency_loss(logits, labels)), 1e-4
    )


def test_an_unknown_form_is_refused(clip):
    with pytest.raises(RecipeError, match="form 'book'"):
        inconsistency_loss(*clip, "book")
