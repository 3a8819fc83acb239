"""STA on SegFormer: published costs, attention to the past by its formula, nothing without past."""

import math

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from airseg.errors import RecipeError
from airseg.models import build_model
from airseg.models.mix_transformer import MixTransformer
from airseg.models.past_attention import COMBINATIONS, PastAttentionSegFormer, attend_to_past
from airseg.models.tv3s import MlpDecoder, SegFormer

CHANNELS = (8, 16, 20, 32)


def small(kind=PastAttentionSegFormer, **options):
    torch.manual_seed(0)
    encoder = MixTransformer(CHANNELS, (1, 2, 1, 1))
    return kind(encoder, MlpDecoder(CHANNELS, 5, 16), **options).eval()


def streamed_gmacs(size, **options):
    with torch.device("meta"):
        model = build_model("sta_segformer", 11, **options).eval()
        frame = torch.empty(1, 1, 3, *size)
    memory = None
    with torch.no_grad():
        for _ in range(model.filling_frames):
            _, memory = model.coarse(frame, memory)
        with FlopCounterMode(display=False) as counter:
            model.coarse(frame, memory)
    return counter.get_total_flops() / 2e9


@pytest.mark.parametrize(("encoder", "millions"), [("b0", 3.72), ("b1", 13.68)])
def test_it_has_no_parameters_of_its_own(encoder, millions):
    with torch.device("meta"):
        counts = [
            sum(p.numel() for p in build_model(name, 11, encoder=encoder).parameters())
            for name in ("segformer", "sta_segformer")
        ]
    assert counts[0] == counts[1]
    assert counts[0] / 1e6 == pytest.approx(millions, abs=0.005)


@pytest.mark.parametrize(
    ("encoder", "size", "alone", "past"),
    [
        ("b0", (480, 640), 9.36, 2.86),
        ("b0", (512, 1024), 17.69, 8.32),
        ("b1", (480, 640), 18.34, 5.71),
    ],
)
def test_multiply_adds_are_segformers_and_the_attention_to_all_keys(encoder, size, alone, past):
    assert streamed_gmacs(size, encoder=encoder, frames=1) == pytest.approx(alone, rel=0.002)
    assert streamed_gmacs(size, encoder=encoder) == pytest.approx(alone + past, rel=0.002)


@pytest.mark.parametrize(("encoder", "floats"), [("b0", 614_400), ("b1", 1_228_800)])
def test_a_past_frame_takes_its_keys_and_values(encoder, floats):
    with torch.device("meta"):
        model = build_model("sta_segformer", 11, encoder=encoder)
    assert model.memory_bytes(480, 640) == 2 * 4 * floats


@pytest.mark.parametrize("options", [{"frames": 1}, {"decay": 0.0}])
def test_without_past_or_weight_it_is_segformer_bit_for_bit(options):
    frames = torch.rand(1, 3, 3, 64, 96)
    with torch.no_grad():
        expected = small(SegFormer)(frames)[0]
        assert torch.equal(small(**options)(frames)[0], expected)


def past(count=3, tokens=5):
    generator = torch.Generator().manual_seed(1)

    def draw(*shape):
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    return draw(2, 2, 4, 3), draw(2, count, 2, tokens, 3), draw(2, count, 2, tokens, 3)


@pytest.mark.parametrize("combine", COMBINATIONS)
@pytest.mark.parametrize("decay", [0.3, 1.0])
def test_attention_to_the_past_is_the_formula_in_float64(combine, decay):
    query, keys, values = past()
    found = attend_to_past(query, keys, values, torch.tensor(decay).double(), combine)
    count, tokens, width = keys.shape[1], keys.shape[3], keys.shape[4]
    share = [decay ** (count - 1 - n) for n in range(count)]
    for b, h, q in ((b, h, q) for b in range(2) for h in range(2) for q in range(4)):
        score = [
            [float(query[b, h, q] @ keys[b, n, h, m]) / math.sqrt(width) for m in range(tokens)]
            for n in range(count)
        ]
        expected = torch.zeros(width).double()
        if combine == "concat":
            total = sum(share[n] * math.exp(s) for n in range(count) for s in score[n])
            for n in range(count):
                for m in range(tokens):
                    weight = share[n] * math.exp(score[n][m]) / total
                    expected += weight * values[b, n, h, m]
        elif combine == "sum":
            for n in range(count):
                total = sum(math.exp(s) for s in score[n])
                for m in range(tokens):
                    weight = share[n] / sum(share) * math.exp(score[n][m]) / total
                    expected += weight * values[b, n, h, m]
        else:
            key, value = (
                sum(share[n] / sum(share) * x[b, n, h] for n in range(count))
                for x in (keys, values)
            )
            weights = torch.softmax(key @ query[b, h, q] / math.sqrt(width), 0)
            expected = weights @ value
        torch.testing.assert_close(found[b, h, q], expected)


@pytest.mark.parametrize("combine", COMBINATIONS)
def test_a_past_that_is_the_present_changes_nothing(combine):
    query, keys, values = past(1)
    alone = attend_to_past(query, keys, values, torch.tensor(0.4).double(), combine)
    thrice = [x.repeat(1, 3, 1, 1, 1) for x in (keys, values)]
    torch.testing.assert_close(
        attend_to_past(query, *thrice, torch.tensor(0.4).double(), combine), alone
    )


@pytest.mark.parametrize("combine", ["concat", "sum"])
def test_the_order_of_a_past_frames_tokens_does_not_matter(combine):
    query, keys, values = past()
    order = torch.randperm(keys.shape[3])
    shuffled = [x.clone() for x in (keys, values)]
    for x, mixed in zip((keys, values), shuffled, strict=True):
        mixed[:, 0] = x[:, 0, :, order]
    decay = torch.tensor(0.7).double()
    torch.testing.assert_close(
        attend_to_past(query, *shuffled, decay, combine),
        attend_to_past(query, keys, values, decay, combine),
    )


def test_a_learned_decay_starts_where_it_is_told_and_learns():
    plain, learning = small(decay=0.4), small(decay=0.4, learned=True)
    frames = torch.rand(1, 2, 3, 64, 96)
    torch.testing.assert_close(learning(frames)[0], plain(frames)[0])
    learning(frames)[0].square().sum().backward()
    assert learning.decay_logits.grad.abs().min() > 0
    learning.load_state_dict(learning.published_state(plain.state_dict()))


@pytest.mark.parametrize(
    "options",
    [{"frames": 0}, {"decay": 1.5}, {"combine": "max"}, {"stages": (5,)}, {"context": "none"}],
)
def test_impossible_options_are_told(options):
    with pytest.raises(RecipeError, match=r"it must be|no choice"):
        small(**options)
