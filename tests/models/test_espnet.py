"""ESPNet and its convolutional LSTMs: published sizes and names, the cell by definition."""

import pytest
import torch
from networks_on_paper import count, multiply_adds, on_paper

from airseg.bench.training.weights import load_weights
from airseg.errors import RecipeError
from airseg.models import build_model
from airseg.models.conv_lstm import CellState, ConvLSTM, ESPNetConvLSTM
from airseg.models.espnet import ESPNet


@pytest.mark.parametrize(
    ("classes", "q", "parameters"),
    [(19, 3, 201_029), (20, 3, 202_649), (19, 8, 362_949), (20, 8, 364_569)],
)
def test_espnet_has_as_many_parameters_as_published(classes, q, parameters):
    assert count(on_paper("espnet", classes, q=q)) == parameters


def test_the_encoder_has_as_many_parameters_as_published():
    assert count(on_paper("espnet", 19).encoder) == 187_273


@pytest.mark.parametrize(
    ("kernel", "total", "cell"),
    [
        (1, 528_495, 21_034),
        (3, 695_695, 188_234),
        (5, 1_030_095, 522_634),
        (7, 1_531_695, 1_024_234),
        (9, 2_200_495, 1_693_034),
    ],
)
def test_l1b_has_as_many_parameters_as_published(kernel, total, cell):
    model = on_paper("espnet_convlstm", 19, kernel=kernel)
    assert count(model) == total
    assert count(model.encoder.clstm.cell) == cell


@pytest.mark.parametrize(
    ("position", "kernel", "cell"),
    [("l1a", 7, 141_646), ("l1c", 5, 285_134), ("l1d", 9, 332_558)],
)
def test_the_cells_of_other_positions_have_the_size_their_place_gives(position, kernel, cell):
    model = on_paper("espnet_convlstm", 19, position=position, kernel=kernel, state_size=None)
    assert count(model.clstm.cell) == cell


@pytest.mark.parametrize(
    ("name", "size", "gmacs"),
    [
        ("espnet", (512, 1024), 3.29),
        ("espnet", (480, 640), 1.93),
        ("espnet_convlstm", (512, 1024), 7.53),
        ("espnet_convlstm", (480, 640), 4.41),
    ],
)
def test_multiply_adds_are_within_a_per_cent_of_the_published_ones(name, size, gmacs):
    found = multiply_adds(on_paper(name, 19).coarse, (1, 1, 3, *size))
    assert found == pytest.approx(gmacs, rel=0.01)


def test_the_training_decoder_sees_level_one_with_the_image():
    plain, training = on_paper("espnet", 19), on_paper("espnet", 19, training_decoder=True)
    assert plain.conv.conv.weight.shape[1] == 16 + 19
    assert training.conv.conv.weight.shape[1] == 19 + 19


def test_blue_comes_first_for_the_originals_weights():
    torch.manual_seed(0)
    red, blue = ESPNet(5, 1, 1).eval(), ESPNet(5, 1, 1, blue_first=True).eval()
    blue.load_state_dict(red.state_dict())
    frames = torch.rand(1, 1, 3, 32, 32)
    swapped = blue.normalize.deviation * red.normalize(frames).flip(2) + blue.normalize.mean
    with torch.no_grad():
        assert (red(frames)[0] - blue(swapped)[0]).abs().max() < 1e-5


@pytest.mark.parametrize(
    "key",
    [
        "encoder.level1.conv.weight",
        "encoder.level2_0.d16.conv.weight",
        "encoder.level2_0.bn.running_var",
        "encoder.level3.2.bn.act.weight",
        "encoder.clstm.cell.peephole_weights",
        "encoder.clstm.cell.activation_function.weight",
        "encoder.clstm.h0",
        "combine_l2_l3.1.c1.conv.weight",
        "up_l2.1.bn.weight",
        "classifier.weight",
    ],
)
def test_weights_have_the_published_names(key):
    assert key in on_paper("espnet_convlstm", 19).state_dict()


@pytest.mark.parametrize("activation", ["prelu", "tanh"])
def test_the_cell_agrees_with_its_definition_in_double_precision(activation):
    torch.manual_seed(0)
    layer = ConvLSTM(2, 3, 3, activation).double()
    layer.cell.peephole_weights.data.uniform_(-1, 1)
    x, c, h = torch.rand(1, 2, 4, 5), torch.randn(1, 3, 4, 5), torch.randn(1, 3, 4, 5)
    x, c, h = x.double(), c.double(), h.double()
    found = layer.cell(x, CellState(c, h))
    weight, bias = layer.cell.convolution.weight, layer.cell.convolution.bias
    peep = layer.cell.peephole_weights
    stacked = torch.nn.functional.pad(torch.cat([x, h], 1)[0], (1, 1, 1, 1))
    slope = layer.cell.activation_function.weight if activation == "prelu" else None

    def bounded(value):
        if slope is None:
            return torch.tanh(value)
        return value if value > 0 else slope[0] * value

    for k in range(3):
        for row in range(4):
            for column in range(5):
                patch = stacked[:, row : row + 3, column : column + 3]
                gates = [
                    (weight[g * 3 + k] * patch).sum() + bias[g * 3 + k] for g in range(4)
                ]  # input, forget, output, candidate
                old = c[0, k, row, column]
                let_in = torch.sigmoid(gates[0] + peep[0, k] * old)
                keep = torch.sigmoid(gates[1] + peep[1, k] * old)
                let_out = torch.sigmoid(gates[2] + peep[2, k] * old)
                cell = keep * old + let_in * bounded(gates[3])
                assert abs(found.cell[0, k, row, column] - cell) < 1e-12
                assert abs(found.hidden[0, k, row, column] - let_out * bounded(cell)) < 1e-12


def test_gradients_of_the_cell_agree_with_finite_differences():
    layer = ConvLSTM(1, 2, 3).double()
    x = torch.rand(1 * 3, 1, 2, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda v: layer(v, torch.Size((1, 3)), None)[0], (x,))


def test_the_forget_gate_starts_open_by_a_tenth():
    bias = ConvLSTM(4, 3, 3).cell.convolution.bias
    assert bias.tolist() == pytest.approx([0.0] * 3 + [0.1] * 3 + [0.0] * 6)


def test_gradients_flow_within_a_clip_and_not_into_the_one_before():
    model = ESPNetConvLSTM(5, kernel=3, p=1, q=1, state_size=None)
    first = torch.rand(1, 2, 3, 32, 32, requires_grad=True)
    second = torch.rand(1, 2, 3, 32, 32, requires_grad=True)
    _, memory = model.eval().coarse(first)
    logits, _ = model.coarse(second, memory)
    logits[:, 1].sum().backward()
    assert first.grad is None
    assert (second.grad.abs().amax((0, 2, 3, 4)) > 0).all()


def test_the_learned_first_state_is_resized_to_the_frames():
    layer = ConvLSTM(1, 2, 1, state_size=(4, 6))
    layer.h0.data.uniform_()
    state = layer.first(torch.zeros(3, 1, 7, 11))
    assert state.hidden.shape == (3, 2, 7, 11)
    assert state.hidden[0, :, 0, 0].tolist() == layer.h0[:, 0, 0].tolist()
    assert state.hidden[2, :, -1, -1].tolist() == layer.h0[:, -1, -1].tolist()


def saved(module, path):
    torch.save(module.state_dict(), path)
    return str(path)


def test_published_checkpoints_load_completely(tmp_path):
    torch.manual_seed(0)
    for make in (lambda: ESPNet(5, 1, 1), lambda: ESPNetConvLSTM(5, p=1, q=1, state_size=(16, 16))):
        source, target = make(), make()
        load_weights(target, saved(source, tmp_path / "espnet.pth"))
        for key, value in source.state_dict().items():
            assert torch.equal(value, target.state_dict()[key])


def test_the_second_stage_starts_from_espnet_alone_and_trains_the_cell(tmp_path):
    alone = ESPNet(5, 2, 3)
    model = ESPNetConvLSTM(5, state_size=None, train_only_memory=True)
    load_weights(model, saved(alone, tmp_path / "espnet.pth"))
    assert torch.equal(model.level3_C.conv.weight, alone.level3_C.conv.weight)
    trained = [n for n, p in model.named_parameters() if p.requires_grad]
    assert trained
    assert all("clstm" in n for n in trained)
    before = model.train().br.running_mean.clone()
    model(torch.rand(1, 2, 3, 32, 32))
    assert torch.equal(model.br.running_mean, before)


def test_a_strange_checkpoint_is_refused(tmp_path):
    torch.save({"weight": torch.zeros(2)}, tmp_path / "strange.pth")
    with pytest.raises(RecipeError, match=r"1 \(weight\) left over"):
        load_weights(ESPNetConvLSTM(5, state_size=None), str(tmp_path / "strange.pth"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"position": "l1e"}, "no position 'l1e'. Did you mean 'l1"),
        ({"kernel": 4}, "kernel is 4; it must be odd"),
        ({"activation": "relu"}, "no choice. Did you mean .prelu"),
    ],
)
def test_impossible_options_are_told(options, message):
    with pytest.raises(RecipeError, match=message):
        build_model("espnet_convlstm", 11, **options)


def test_frames_whose_sides_eight_does_not_divide_are_refused():
    with pytest.raises(RecipeError, match="found 60x64"):
        ESPNet(5, 1, 1)(torch.zeros(1, 1, 3, 64, 60))


def test_too_few_classes_are_refused():
    with pytest.raises(RecipeError, match="at least 5 classes"):
        build_model("espnet", 3)
