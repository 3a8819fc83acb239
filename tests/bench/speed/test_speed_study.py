"""Speed: what is timed is the stream a user would run, and nothing claims what it is not."""

import json
import time

import pytest
import torch
from command_line import run, said

from airseg.bench.export import flatten_memory
from airseg.bench.speed import speed_bench
from airseg.bench.speed import streaming_speed as speed
from airseg.bench.speed.settings import BASE, MODES, PRECISIONS, Setting, settings_of, surroundings
from airseg.bench.speed.speed_bench import SpeedBench
from airseg.bench.speed.speed_study import (
    Measurement,
    SpeedStudy,
    fastest,
    load_study,
    save_study,
)
from airseg.bench.speed.streaming_speed import measure_speed
from airseg.bench.speed.streams import Stream, UnsupportedError, advance_in_place
from airseg.bench.speed.timing import time_stream
from airseg.models.conv_lstm import SSNet
from airseg.models.fanet import FANet
from airseg.models.feature_flow import DeepFeatureFlow, FeatureNetwork
from airseg.models.flow import FlowNetS
from airseg.models.resnet import ResNet

CPU = torch.device("cpu")
SIZE = (64, 96)


def fanet(depth=2):
    torch.manual_seed(0)
    return FANet(ResNet(18, width=8), 5, depth).eval()


def feature_flow(interval=3):
    torch.manual_seed(0)
    features = FeatureNetwork((1, 1, 1, 1), 8, 24)
    return DeepFeatureFlow(features, FlowNetS(1 / 16, 24), 5, interval).eval()


def vssnet():
    torch.manual_seed(0)
    return SSNet(5, recurrent=True).eval()


@pytest.fixture(autouse=True)
def _in_a_hurry(monkeypatch):
    monkeypatch.setattr(speed_bench, "LONGEST_WARM_UP_S", 0.05)
    monkeypatch.setattr(speed, "_LONGEST_WARM_UP_S", 0.05)


MODELS = {"fanet": fanet, "feature flow": feature_flow}


def stream(model, **setting):
    return Stream(model, Setting(**setting), *SIZE, CPU)


def direct(model, setting, count):
    """Return what a stream must give: the plain loop over the same frames, memory full first."""
    frames = [f.permute(0, 3, 1, 2).contiguous()[:, None].float() / 255 for f in setting._host]
    fill = model.period * -(-max(model.memory_depth, 1) // model.period)
    memory, found = None, []
    with torch.inference_mode():
        for i in range(fill):
            _, memory = model.coarse(frames[i % len(frames)], memory)
        for i in range(count):
            logits, memory = model.coarse(frames[i % len(frames)], memory)
            found.append(logits)
    return found


@pytest.mark.parametrize("name", MODELS)
def test_a_stream_is_the_plain_loop_with_a_full_memory(name):
    model = MODELS[name]()
    taken = stream(model, output="logits")
    for expected in direct(model, taken, 5):
        assert torch.equal(taken.step(), expected)


def test_labels_have_the_frames_size_and_copies_end_on_the_host():
    labels = stream(fanet(), copies=True, streams=2).step()
    assert labels.shape == (2, 1, *SIZE)
    assert labels.dtype == torch.uint8
    assert labels.device == CPU


@pytest.mark.parametrize("name", MODELS)
def test_folding_changes_the_time_and_not_the_answer(name):
    model = MODELS[name]()
    before = {k: v.clone() for k, v in model.state_dict().items()}
    plain, folded = stream(model, output="logits"), stream(model, output="logits", folded=True)
    for _ in range(4):
        torch.testing.assert_close(folded.step(), plain.step(), rtol=1e-3, atol=1e-4)
    for key, value in model.state_dict().items():
        assert torch.equal(value, before[key])


def test_bf16_rounds_and_says_how():
    lowered = stream(fanet(), precision="bf16", output="logits")
    plain = stream(fanet(), output="logits")
    assert lowered.cast == "weights"
    first, exact = lowered.step().float(), plain.step()
    assert not torch.equal(first, exact)
    assert (first - exact).abs().max() < 0.1 * exact.abs().max()


@pytest.mark.parametrize(
    ("setting", "reason"),
    [
        ({"mode": "graph"}, "CUDA graphs: CUDA only"),
        ({"mode": "compiled-graph"}, "CUDA graphs: CUDA only"),
        ({"precision": "fp16"}, "fp16: CUDA only"),
        ({"precision": "tf32"}, "tf32: CUDA only"),
    ],
)
def test_what_a_cpu_has_not_got_is_a_row_with_the_reason(setting, reason):
    found = SpeedBench(fanet(), *SIZE, CPU, 2).measure(Setting(**setting))
    assert found.problem == reason
    assert found.frames_per_second is None
    assert found.milliseconds == {}


@pytest.mark.parametrize("name", MODELS)
def test_a_memory_written_in_place_gives_the_same_stream(name):
    """What a CUDA graph does with its memory, kernel by kernel, checked without one."""
    model = MODELS[name]()
    plain = stream(model, output="logits")
    place = stream(model, output="logits")
    tensors, rebuild = flatten_memory(place._memory)
    tensors = [t.clone() for t in tensors]
    addresses = [t.data_ptr() for t in tensors]
    with torch.inference_mode():
        for i in range(2 * model.period + 1):
            frame = place._frames[i % len(place._frames)]
            output, rebuild = advance_in_place(place._infer, frame, tensors, rebuild)
            assert torch.equal(output, plain.step())
    assert [t.data_ptr() for t in tensors] == addresses


def test_a_memory_that_still_grows_cannot_be_captured():
    model = fanet(depth=3)
    frame = torch.rand(1, 1, 3, *SIZE)
    with torch.inference_mode():
        _, memory = model.coarse(frame)
        tensors, rebuild = flatten_memory(memory)
        with pytest.raises(UnsupportedError, match="changes its shape"):
            advance_in_place(model.coarse, frame, tensors, rebuild)


def test_key_frames_and_those_between_are_timed_apart():
    turn = iter(range(10**6))

    def step():
        time.sleep(0.06 if next(turn) % 3 == 0 else 0.001)

    timing = time_stream(step, CPU, 7, period=3, longest_warm_up_s=0.05)
    assert len(timing.milliseconds) == 9  # whole periods
    assert timing.percentiles("key")["p50"] > 3 * timing.percentiles("between")["p50"]
    assert timing.per_frame_ms == pytest.approx(
        (timing.median_ms(0) + timing.median_ms(1) + timing.median_ms(2)) / 3
    )
    assert timing.warm_up_frames % 3 == 0


def test_warming_up_goes_on_until_frames_take_the_same_time():
    turn = iter(range(10**6))

    def step():
        time.sleep(max(0.02 - 0.001 * next(turn), 0.002))

    timing = time_stream(step, CPU, 5)
    assert timing.warm_up_frames >= 20
    assert timing.milliseconds.mean() < 4


def test_a_network_without_key_frames_has_no_times_of_theirs():
    found = SpeedBench(fanet(0), *SIZE, CPU, 2).measure(BASE)
    assert found.key_ms == found.between_ms == {}
    assert found.agreement == 1.0
    assert set(found.milliseconds) == {"p50", "p95", "p99"}
    assert found.peak_memory_bytes > 10e6
    both = SpeedBench(feature_flow(), *SIZE, CPU, 3).measure(BASE)
    assert both.key_ms["p50"] > 0
    assert both.between_ms["p50"] > 0


def test_agreement_is_lost_where_the_answer_is():
    bench = SpeedBench(fanet(0), *SIZE, CPU, 1)
    bench.measure(BASE)
    torch.manual_seed(5)
    bench._model = FANet(ResNet(18, width=8), 5, 0).eval()
    assert bench.measure(Setting(folded=True)).agreement < 0.9


def test_the_peak_of_memory_is_that_of_the_way_that_is_measured(monkeypatch):
    """What eager fp32 takes, which a way is compared with, is no part of it."""
    happened = []
    plain = speed_bench.Stream
    monkeypatch.setattr(speed_bench, "reset_peak_memory", lambda device: happened.append("reset"))
    monkeypatch.setattr(
        speed_bench, "Stream", lambda *of: (happened.append("stream"), plain(*of))[1]
    )
    SpeedBench(fanet(0), *SIZE, CPU, 1).measure(Setting(folded=True))
    assert happened == ["stream", "reset", "stream"]


def test_the_fastest_is_that_of_one_stream_that_worked():
    rows = [
        Measurement(**vars(BASE), frames_per_second=10),
        Measurement(**vars(Setting(mode="graph")), problem="no"),
        Measurement(**vars(Setting(folded=True)), frames_per_second=12),
        Measurement(**vars(Setting(streams=8)), frames_per_second=40),
    ]
    assert fastest(rows).setting == Setting(folded=True)


def test_every_combination_is_measured_once_and_the_base_first():
    chosen = settings_of(["eager", "compiled"], ["fp32", "bf16"], [False, True], [False])
    assert chosen[0] == BASE
    assert len(chosen) == len(set(chosen)) == 8
    around = surroundings(BASE, 8)
    assert BASE not in around
    assert {(s.output, s.copies, s.streams) for s in around} == {
        ("labels", True, 1),
        ("logits", False, 1),
        ("logits", True, 1),
        ("labels", False, 8),
        ("logits", False, 8),
    }


def test_a_result_row_has_key_frames_apart_and_the_mean_cost_of_a_frame():
    found = measure_speed(feature_flow(), *SIZE, CPU, 3)
    assert found.key_ms["p50"] > 0
    assert found.peak_memory_bytes > 0
    assert measure_speed(fanet(0), *SIZE, CPU, 2).key_ms == {}


@pytest.mark.slow
def test_compiled_answers_as_eager_does():
    found = SpeedBench(vssnet(), *SIZE, CPU, 2).measure(Setting(mode="compiled"))
    assert not found.problem
    assert found.agreement > 0.99


def test_the_command_measures_writes_and_shows_machines_apart(capsys, tmp_path):
    path = tmp_path / "here.json"
    code, out, err = run(
        capsys,
        *("bench", "speed", "ssnet", "--height", 32, "--width", 48, "--frames", 2),
        *("--modes", "eager", "--precisions", "fp32,fp16", "--streams", 2, "--device", "cpu"),
        *("--out", path),
    )
    assert code == 0, err
    assert "Left out: fp16: CUDA only." in out
    study = load_study(path)
    assert study.machine_facts["threads"] == torch.get_num_threads()
    assert len([m for m in study.measurements if not m.problem]) >= 7
    save_study(tmp_path / "there.json", study.model_copy(update={"machine": "GPU B"}))
    code, out, _ = run(capsys, "bench", "speed", "--show", path, "--show", tmp_path / "there.json")
    assert code == 0
    assert out.count("FPS [A]") == out.count("FPS [B]") == 1
    assert "[B] ssnet, 48x32, 2 frames: GPU B." in out


def test_mistakes_are_one_line(capsys, tmp_path):
    (tmp_path / "no.json").write_text(json.dumps({"format": 1}))
    for arguments, expected in (
        ((), "name a network"),
        (("ssnet", "--modes", "fast"), "choose from eager, compiled"),
        (("fanet81",), "Did you mean 'fanet18'"),
        (("--show", tmp_path / "no.json"), "no speed study: model: Field required"),
        (("--show", tmp_path / "none.json"), "no such file"),
    ):
        code, _, err = run(capsys, "bench", "speed", *arguments)
        assert code == 2, arguments
        assert expected in said(err), arguments


def test_a_study_is_read_as_it_was_written(tmp_path):
    study = SpeedStudy(
        model="ssnet",
        num_classes=11,
        height=32,
        width=48,
        frames=2,
        machine="m",
        machine_facts={},
        measurements=[Measurement(**vars(BASE), frames_per_second=10)],
    )
    save_study(tmp_path / "a" / "s.json", study)
    assert load_study(tmp_path / "a" / "s.json") == study


def test_modes_and_precisions_are_those_the_help_names():
    assert MODES == ("eager", "compiled", "graph", "compiled-graph")
    assert PRECISIONS == ("fp32", "tf32", "bf16", "fp16")
