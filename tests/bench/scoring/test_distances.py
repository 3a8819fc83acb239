"""Deep Feature Flow's own evaluation: one score for each distance from the key frame."""

import pytest
import torch
from command_line import run

from airseg.bench.frames import to_model
from airseg.bench.metrics.confusion import ConfusionMatrix
from airseg.bench.scoring.distances import score_by_distance
from airseg.errors import RecipeError
from airseg.models.feature_flow import DeepFeatureFlow, FeatureNetwork
from airseg.models.flow import FlowNetS
from airseg.models.upsampling import upsample

CPU = torch.device("cpu")


def feature_flow(interval, **options):
    torch.manual_seed(0)
    features = FeatureNetwork((1, 1, 1, 1), 8, 16)
    flow = FlowNetS(1 / 16, 16) if interval > 1 else None
    return DeepFeatureFlow(features, flow, 11, interval, **options).eval()


@pytest.mark.slow
def test_every_frame_counts_once_for_every_distance_it_can_have(dataset):
    model, (name,) = feature_flow(3), dataset.split("test")
    view = dataset.sequence(name)
    size = (view.height, view.width)
    found = score_by_distance(model, dataset, [name], size, CPU)
    frames = to_model(view.rgb(0, view.length))
    for distance in range(3):
        expected = ConfusionMatrix(dataset.num_classes, dataset.ignore_index)
        for t in range(distance, view.length):
            with torch.no_grad():
                logits, _ = model.coarse(frames[None, t - distance : t + 1])
            predicted = upsample(logits[:, -1:], size)[0].argmax(1)
            expected.update(predicted, torch.from_numpy(view.label(t, t + 1)))
        assert torch.equal(
            torch.as_tensor(found[distance].counts), torch.as_tensor(expected.counts)
        )


def test_a_network_without_fixed_key_frames_is_refused(dataset):
    model = feature_flow(3, change_threshold=0.1)
    with pytest.raises(RecipeError, match="fixed key_interval"):
        score_by_distance(model, dataset, dataset.split("test"), (64, 96), CPU)


def test_the_command_prints_a_score_a_distance_and_their_mean(dataset_path, capsys):
    options = ("--weights", "none", "--set", "key_interval=2", "--set", "flow=flownet_inception")
    size = ("--height", 32, "--width", 32, "--frames", 2, "--device", "cpu")
    command = ("bench", "distances", "dff_resnet50", "--dataset", dataset_path)
    code, out, _ = run(capsys, *command, *options, *size)
    assert code == 0
    assert [line[:12] for line in out.splitlines()] == [
        "distance  0 ",
        "distance  1 ",
        "mean        ",
    ]
