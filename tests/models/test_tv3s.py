"""TV3S and SegFormer: published sizes and names, the scan token by token, windows kept apart."""

import itertools

import pytest
import torch
from networks_on_paper import count, multiply_adds, on_paper

from airseg.bench.training.weights import load_weights
from airseg.errors import RecipeError
from airseg.models.mamba import Mamba, SharedStateBlocks, _Cut, _cut, _mix, windows
from airseg.models.mix_transformer import MixTransformer
from airseg.models.scan_layout import Sequences
from airseg.models.selective_scan import selective_scan
from airseg.models.tv3s import TV3S, MlpDecoder, SegFormer, TemporalDecoder


@pytest.mark.parametrize(
    ("encoder", "alone", "totals"),
    [
        ("b0", 3_319_392, (7_298_260, 7_230_745, 7_225_601)),
        ("b1", 13_151_424, (17_261_364, 17_193_849, 17_188_705)),
        ("b2", 24_196_288, (28_306_228, 28_238_713, 28_233_569)),
        ("b5", 81_443_008, (85_552_948, 85_485_433, 85_480_289)),
    ],
)
def test_tv3s_has_as_many_parameters_as_published(encoder, alone, totals):
    for classes, total in zip((124, 19, 11), totals, strict=True):
        model = on_paper("tv3s", classes, encoder=encoder)
        assert count(model.backbone) == alone
        assert count(model) == total


@pytest.mark.parametrize(
    ("encoder", "alone", "total"), [("swin_t", 27.5, 31.7), ("swin_s", 48.8, 53.1)]
)
def test_tv3s_on_swin_has_as_many_parameters_as_published(encoder, alone, total):
    model = on_paper("tv3s", 124, encoder=encoder)
    assert count(model.backbone) / 1e6 == pytest.approx(alone, abs=0.05)
    assert count(model) / 1e6 == pytest.approx(total, abs=0.05)
    assert count(model.decode_head) == 4_216_436


def test_the_shared_state_blocks_have_as_many_parameters_as_published():
    blocks = on_paper("tv3s", 124).decode_head.vs
    assert [count(layer) for layer in blocks.layers] == [438_016] * 8
    assert count(blocks) == 3_504_384


@pytest.mark.parametrize(("encoder", "millions"), [("b1", 13.8), ("b2", 24.8), ("b5", 82.1)])
def test_segformer_has_about_as_many_parameters_as_in_tv3s_table(encoder, millions):
    model = on_paper("segformer", 124, encoder=encoder)
    assert count(model) / 1e6 == pytest.approx(millions, abs=0.1)


@pytest.mark.parametrize(
    ("encoder", "size", "alone", "head"),
    [
        ("b1", (480, 640), 12.6, 22.8),
        ("b2", (512, 1024), 48.3, 49.4),
        pytest.param("b1", (480, 864), 18.4, 33.3, marks=pytest.mark.slow),
        pytest.param("b5", (480, 864), 119.1, 33.3, marks=pytest.mark.slow),
    ],
)
def test_multiply_adds_are_within_a_per_cent_of_the_published_ones(encoder, size, alone, head):
    model = on_paper("tv3s", 124, encoder=encoder)
    of_encoder = multiply_adds(model.backbone, (1, 3, *size))
    # The published figure contains the per-frame branch, which a stream does not need.
    with_branch = multiply_adds(model.training_outputs, (1, 1, 3, *size))
    assert of_encoder == pytest.approx(alone, rel=0.01)
    assert with_branch - of_encoder == pytest.approx(head, rel=0.01)


@pytest.mark.parametrize(
    "key",
    [
        "backbone.patch_embed1.proj.weight",
        "backbone.block3.1.attn.kv.weight",
        "backbone.block1.0.attn.sr.weight",
        "backbone.block2.0.mlp.dwconv.dwconv.bias",
        "backbone.norm4.weight",
        "decode_head.conv_seg.weight",
        "decode_head.linear_c4.proj.weight",
        "decode_head.linear_fuse.conv.weight",
        "decode_head.linear_fuse.bn.running_var",
        "decode_head.linear_pred.bias",
        "decode_head.linear_pred2.bias",
        "decode_head.vs.layers.7.mixer.A_log",
        "decode_head.vs.layers.0.mixer.conv1d.weight",
        "decode_head.vs.layers.0.norm.weight",
        "decode_head.vs.norm_f.weight",
    ],
)
def test_weights_have_the_published_names(key):
    assert key in on_paper("tv3s", 124).state_dict()


def problem(length=21, batch=3, width=4, states=5):
    torch.manual_seed(0)
    kind = {"dtype": torch.float64}
    return (
        torch.randn(batch, length, width, **kind),
        torch.rand(batch, length, width, **kind),
        -torch.rand(width, states, **kind) * 4,
        torch.randn(batch, length, states, **kind),
        torch.randn(batch, length, states, **kind),
        torch.randn(width, **kind),
        torch.randn(batch, width, states, **kind),
    )


def token_by_token(u, dt, a, b, c, d, state):
    outputs = []
    for t in range(u.shape[1]):
        keep = torch.exp(dt[:, t, :, None] * a)
        state = keep * state + dt[:, t, :, None] * b[:, t, None] * u[:, t, :, None]
        outputs.append((state * c[:, t, None]).sum(-1) + d * u[:, t])
    return torch.stack(outputs, 1), state


@pytest.mark.parametrize("length", [1, 7, 8, 21, 40])
@pytest.mark.parametrize("chunk", [1, 5, 16, 64])
def test_the_scan_agrees_with_itself_token_by_token_for_any_chunk(length, chunk):
    arguments = problem(length)
    y, state = selective_scan(*arguments, chunk=chunk)
    expected, last = token_by_token(*arguments)
    assert (y - expected).abs().max() < 1e-12
    assert (state - last).abs().max() < 1e-12


def test_a_scan_in_two_parts_is_the_scan():
    u, dt, a, b, c, d, state = problem()
    whole, last = selective_scan(u, dt, a, b, c, d, state)
    one, between = selective_scan(u[:, :9], dt[:, :9], a, b[:, :9], c[:, :9], d, state)
    two, end = selective_scan(u[:, 9:], dt[:, 9:], a, b[:, 9:], c[:, 9:], d, between)
    assert (torch.cat([one, two], 1) - whole).abs().max() < 1e-12
    assert (end - last).abs().max() < 1e-12


def test_gradients_of_the_scan_agree_with_finite_differences():
    arguments = tuple(t.requires_grad_() for t in problem(10, 1, 2, 2))
    assert torch.autograd.gradcheck(lambda *t: selective_scan(*t, chunk=4), arguments)


def test_a_scan_over_thousands_of_tokens_neither_overflows_nor_drifts():
    torch.manual_seed(0)
    u, dt = torch.randn(1, 4000, 2), 3 * torch.rand(1, 4000, 2)
    a, b, c = -torch.rand(2, 4) * 16, torch.randn(1, 4000, 4), torch.randn(1, 4000, 4)
    y, _ = selective_scan(u, dt, a, b, c, torch.zeros(2))
    doubles = [t.double() for t in (u, dt, a, b, c)]
    expected, _ = selective_scan(*doubles, torch.zeros(2, dtype=torch.float64))
    assert (y - expected).abs().max() < 1e-4 * expected.abs().max()


def test_half_precision_is_scanned_in_single():
    u, dt, a, b, c, d, state = (t.bfloat16() for t in problem())
    y, last = selective_scan(u, dt, a, b, c, d, state.float())
    assert y.dtype == torch.bfloat16
    assert last.dtype == torch.float32


def test_the_mixer_agrees_with_mamba_step_by_step_in_double_precision():
    torch.manual_seed(0)
    mixer = Mamba(8, state=3).double()
    x = torch.randn(2, 11, 8, dtype=torch.float64)
    with torch.no_grad():
        u, gate = mixer.in_proj(x).chunk(2, -1)
        whole = Sequences.of(((1, 11),), 3, u.device)
        padded = torch.nn.functional.pad(u, (0, 0, 3, 0), value=torch.nan)
        y, inputs, state = mixer.scan(padded, None, None, whole)
        found = mixer.out_proj(y * torch.nn.functional.silu(gate))
        for b in range(2):
            past = torch.zeros(4, 16, dtype=torch.float64)
            hidden = torch.zeros(16, 3, dtype=torch.float64)
            for t in range(11):
                value, own_gate = mixer.in_proj(x[b, t]).chunk(2)
                past = torch.cat([past[1:], value[None]])
                kernel = mixer.conv1d.weight[:, 0].T
                value = torch.nn.functional.silu((past * kernel).sum(0) + mixer.conv1d.bias)
                low, enter, leave = mixer.x_proj(value).split([1, 3, 3])
                dt = torch.nn.functional.softplus(mixer.dt_proj(low))
                keep = torch.exp(dt[:, None] * -torch.exp(mixer.A_log))
                hidden = keep * hidden + (dt * value)[:, None] * enter
                out = hidden @ leave + mixer.D * value
                expected = mixer.out_proj(out * torch.nn.functional.silu(own_gate))
                assert (found[b, t] - expected).abs().max() < 1e-12
            assert (state[b] - hidden).abs().max() < 1e-12
            assert torch.allclose(inputs[b], past[1:])


def test_tokens_are_ordered_by_time_then_row_then_column():
    maps = torch.arange(2 * 3 * 4 * 6).view(2, 3, 4, 6, 1)
    tokens = _cut(maps, 2, 3)
    assert tokens.shape == (2 * 2 * 2, 3 * 2 * 3, 1)
    expected = [int(maps[1, t, y, x, 0]) for t in range(3) for y in (2, 3) for x in (0, 1, 2)]
    assert tokens[4 + 2, :, 0].tolist() == expected


def test_a_shifted_side_ends_in_two_halves():
    assert windows(60, 20, 0) == [(0, 60, 20)]
    assert windows(60, 20, 10) == [(0, 40, 20), (40, 50, 10), (50, 60, 10)]
    assert windows(20, 20, 10) == [(0, 10, 10), (10, 20, 10)]


@pytest.mark.parametrize("shifted", [False, True])
def test_a_layer_mixes_within_its_windows_only(shifted):
    torch.manual_seed(0)
    blocks = SharedStateBlocks(8, 2, 4).eval()
    x = torch.randn(1, 1, 8, 12, 8)
    other = x.clone()
    row, column = 0, 0
    other[0, 0, row, column] += 1.0

    def run(maps):
        cut = _Cut.of(maps, 4, 2 if shifted else 0, 3)
        return _mix(blocks.layers[0].mixer, maps.flatten(1, 3), cut, None, None)[0].view(maps.shape)

    with torch.no_grad():
        moved = (run(x) - run(other)).abs().amax((0, 1, 4)) > 1e-7
    # Unshifted the first window is rows and columns 0 to 3. Shifted by two, the corner was torn
    # off: rows and columns 0 and 1 are a window of their own.
    side = 2 if shifted else 4
    for y, x_ in itertools.product(range(8), range(12)):
        assert bool(moved[y, x_]) == (y < side and x_ < side)


def torn(length, window, shift):
    """Return which window each of a side's pixels is in, as the shift tears them apart."""
    if not shift:
        return [i // window for i in range(length)]
    rolled = [(i - shift) % length for i in range(length)]
    return [r // shift + 100 if r >= length - window else r // window for r in rolled]


@pytest.mark.parametrize("shifted", [False, True])
def test_stochastic_depth_drops_windows_each_in_all_frames_of_a_clip(shifted):
    """The authors' code hands DropPath windows as samples, of (time, row, column) tokens each."""
    torch.manual_seed(0)
    blocks = SharedStateBlocks(8, 2, 4, drop_path=0.0).train()
    # The second layer is the shifted one; what it drops is the first one's result.
    (blocks.layers[1].drop_path if shifted else blocks.drop_path).share = 0.5
    maps = torch.randn(2, 3, 8, 12, 8)
    rows, columns = (torn(side, 4, 2 if shifted else 0) for side in (8, 12))
    places = {}
    for y, x in itertools.product(range(8), range(12)):
        places.setdefault((rows[y], columns[x]), []).append((y, x))
    assert len(places) == (3 * 4 if shifted else 2 * 3)
    with torch.no_grad():
        drawn = torch.stack([blocks(maps, None)[0] for _ in range(12)])
    kinds = []
    for place in places.values():
        window = torch.stack([drawn[:, :, :, y, x] for y, x in place], -1).flatten(2)
        # Of each window in each clip there are two results: with it, and without.
        kept = (window - window[:1]).abs().amax(-1) < 1e-6
        for clip in range(2):
            others = window[~kept[:, clip], clip]
            assert len(others), "dropped or kept 12 times of 12: once in 2048"
            assert (others - others[:1]).abs().max() < 1e-6
        kinds.append(kept)
    assert len({k.numpy().tobytes() for k in kinds}) > 1, "windows are drawn one by one"
    assert all((k[:, 0] != k[:, 1]).any() for k in kinds), "and so are clips"


def encoder():
    return MixTransformer((8, 16, 20, 32), (1, 1, 1, 1))


def tiny_tv3s():
    return TV3S(encoder(), TemporalDecoder((8, 16, 20, 32), 5, 16, 2, 4))


@pytest.mark.parametrize(
    "make", [tiny_tv3s, lambda: SegFormer(encoder(), MlpDecoder((8, 16, 20, 32), 5, 16))]
)
def test_published_checkpoints_load_completely(make, tmp_path):
    source, target = make(), make()
    torch.save({"meta": {}, "state_dict": source.state_dict()}, tmp_path / "published.pth")
    load_weights(target, str(tmp_path / "published.pth"))
    for key, value in source.state_dict().items():
        assert torch.equal(value, target.state_dict()[key])


def test_an_encoders_own_checkpoint_loads_into_the_encoder(tmp_path):
    source, target = encoder(), tiny_tv3s()
    state = source.state_dict() | {"head.weight": torch.zeros(9, 32), "head.bias": torch.zeros(9)}
    torch.save(state, tmp_path / "mit_b1.pth")
    load_weights(target, str(tmp_path / "mit_b1.pth"))
    for key, value in source.state_dict().items():
        assert torch.equal(value, target.backbone.state_dict()[key])


def test_training_has_a_temporal_and_a_per_frame_branch():
    outputs, _ = tiny_tv3s().training_outputs(torch.rand(1, 2, 3, 64, 64))
    assert [weight for weight, _ in outputs] == [1.0, 0.5]
    assert outputs[0][1].shape == outputs[1][1].shape == (1, 2, 5, 16, 16)


def test_maps_are_stretched_to_whole_windows():
    head = on_paper("tv3s", 124).decode_head
    assert head.grid(120, 120) == (60, 60)
    assert head.grid(120, 216) == (60, 120)
    assert head.grid(120, 160) == (60, 80)
    assert head.grid(128, 256) == (80, 140)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"encoder": "b9"}, "no encoder 'b9'. Did you mean 'b"),
        ({"depth": 3}, "must be even"),
        ({"window": 5}, "must be even"),
    ],
)
def test_impossible_options_are_told(options, message):
    with pytest.raises(RecipeError, match=message):
        on_paper("tv3s", 124, **options)
