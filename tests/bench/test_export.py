"""Exported networks: streams through the files equal streams through the network."""

import json

import numpy as np
import pytest
import torch

from airseg.bench import export
from airseg.bench.export import export_model, flatten_memory
from airseg.errors import RecipeError
from airseg.models.conv_lstm import ESPNetConvLSTM
from airseg.models.decoders import DECODERS
from airseg.models.fanet import FANet
from airseg.models.feature_flow import DeepFeatureFlow, FeatureNetwork
from airseg.models.flow import FlowNetS
from airseg.models.memory_attention import MAResNet
from airseg.models.mix_transformer import MixTransformer
from airseg.models.past_attention import PastAttentionSegFormer
from airseg.models.resnet import ResNet
from airseg.models.resnet_vd import ResNetVd
from airseg.models.tdnet import TemporallyDistributed
from airseg.models.temporal_memory import ContextMemory
from airseg.models.tv3s import TV3S, MlpDecoder, TemporalDecoder

SIZE = (64, 64)


def fanet(depth=1, reduction="sum"):
    return FANet(ResNet(18, width=8), 5, depth, reduction)


def dff(threshold=None):
    features = FeatureNetwork((1, 1, 1, 1), 8, 16)
    return DeepFeatureFlow(features, FlowNetS(1 / 16, 16), 5, 3, threshold)


def ma_resnet():
    backbone = ResNetVd((1, 1, 1, 1), 8)
    return MAResNet(backbone, DECODERS["deeplabv3plus"](backbone.channels, 5, 16), 1, 0.5)


def tv3s():
    channels = (8, 16, 20, 32)
    encoder = MixTransformer(channels, (1, 1, 1, 1))
    return TV3S(encoder, TemporalDecoder(channels, 5, 16, 2, 4))


def l1b():
    return ESPNetConvLSTM(5, "l1b", 3, 1, 1, state_size=SIZE)


def tdnet():
    return TemporallyDistributed([fanet(0), fanet(0)], 5, size=SIZE)


def sta():
    channels = (8, 16, 20, 32)
    decoder = MlpDecoder(channels, 5, 16)
    return PastAttentionSegFormer(MixTransformer(channels, (1, 1, 1, 1)), decoder)


MODELS = {
    "fanet": (lambda: fanet(0), 1),
    "fanet-sum": (lambda: fanet(1), 2),
    "fanet-decay": (lambda: fanet(2, "decay"), 2),
    "dff": (dff, 2),
    "ma": (ma_resnet, 2),
    "l1b": (l1b, 2),
    "tv3s": (tv3s, 2),
    "tdnet": (tdnet, 3),  # the first frame alone, then two that take turns
    "sta": (sta, 3),
}
SLOW = {"tdnet", "sta", "tv3s", "ma", "fanet", "fanet-sum", "fanet-decay"}
each = pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.slow) if n in SLOW else n for n in MODELS]
)


@each
def test_an_exported_program_streams_as_the_network_does(name, tmp_path):
    torch.manual_seed(0)
    make, programs = MODELS[name]
    written = export_model(make(), *SIZE, tmp_path / "out", "exported-program")
    assert len(written.paths) == programs + 1
    assert written.difference < 1e-4


@pytest.mark.slow
@each
def test_an_onnx_file_streams_as_the_network_does(name, tmp_path):
    pytest.importorskip("onnxscript")
    pytest.importorskip("onnxruntime")
    torch.manual_seed(0)
    written = export_model(MODELS[name][0](), *SIZE, tmp_path / "out", "onnx")
    assert written.difference is not None
    assert written.difference < 1e-3


@pytest.fixture
def described(monkeypatch):
    """Return a function that exports a network but for its programs, and returns which were run."""
    monkeypatch.setattr(export, "_write_program", lambda program, frame, path: None)

    def describe(model, frames, folder):
        runs, expected = [], streamed(model.eval(), frames)

        def runner(path):
            def answer(given):
                runs.append(path.name)
                return expected.pop(0)

            return answer

        monkeypatch.setattr(export, "_torch_runner", runner)
        export_model(model, *SIZE, folder, "exported-program")
        return runs

    return describe


def test_every_program_of_a_deep_memory_is_checked(tmp_path, described):
    for depth in (8, 10):
        runs = described(fanet(depth), depth + 2, tmp_path)
        assert runs.count(f"frame{depth}.pt2") == 2


def streamed(model, count):
    """Return what the programs of the checked stream answer, frame by frame."""
    shape = (1, max(8, count), 3, *SIZE)
    frames = torch.rand(shape, generator=torch.Generator().manual_seed(0))
    memory, found = None, []
    with torch.no_grad():
        for t in range(count):
            logits, memory = model.step(frames[:, t], memory)
            found.append([logits.numpy()])
    return found


def test_the_description_says_what_goes_in_and_in_which_order(tmp_path, described):
    described(fanet(1), 3, tmp_path)
    told = json.loads((tmp_path / "export.json").read_text(encoding="utf-8"))
    assert told["frame"]["shape"] == [1, 3, 64, 64]
    assert told["order"] == "one after the other; frame1.pt2 for all further frames"
    assert told["programs"][0]["memory"] == []
    assert told["programs"][1]["memory"] == [[1, 1, 32, c] for c in (8, 16, 32, 64)]


@pytest.mark.slow
def test_anybody_can_run_the_files_with_onnxruntime_alone(tmp_path):
    pytest.importorskip("onnxscript")
    onnxruntime = pytest.importorskip("onnxruntime")
    torch.manual_seed(0)
    model = fanet(1)
    export_model(model, *SIZE, tmp_path, "onnx")
    frames = torch.rand(3, 1, 3, *SIZE)
    with torch.no_grad():
        expected, _ = model(frames.transpose(0, 1))
    memory = []
    for t in range(3):
        path = tmp_path / ("frame0.onnx" if t == 0 else "frame1.onnx")
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        given = {"frame": frames[t].numpy()} | {f"memory{i}": m for i, m in enumerate(memory)}
        logits, *memory = session.run(None, given)
        assert np.abs(logits - expected[:, t].numpy()).max() < 1e-3 * float(expected.abs().max())


def test_a_flattened_memory_can_be_put_together_again():
    products = (torch.rand(1, 2, 3, 4), torch.zeros(1, 0, 3, 4))
    memory = ContextMemory(products, torch.rand(1))
    found, rebuild = flatten_memory(memory)
    assert len(found) == 2
    other = rebuild([t + 1 for t in found])
    assert torch.equal(other.products[0], products[0] + 1)
    assert other.products[1].shape == (1, 0, 3, 4)
    assert torch.equal(other.weight, memory.weight + 1)
    assert other.frame is None


def test_an_unknown_format_is_refused(tmp_path):
    with pytest.raises(RecipeError, match="no format 'coreml'"):
        export_model(fanet(0), *SIZE, tmp_path, "coreml")


def test_key_frames_chosen_by_content_are_refused(tmp_path):
    with pytest.raises(RecipeError, match="by content cannot be exported"):
        export_model(dff(0.1), *SIZE, tmp_path)
