"""Exact flow of a world that stands still, and networks that learn it."""

import numpy as np
import pytest
import torch
from command_line import run, said

from airseg.bench.training.flow_training import pretrain_flow, rigid_flow
from airseg.errors import RecipeError
from airseg.geometry import quaternion_from_euler, rotation_matrix
from airseg.models.conv_lstm import SSNet
from airseg.models.fanet import FANet
from airseg.models.feature_flow import DeepFeatureFlow, FeatureNetwork
from airseg.models.flow import FlowNetS
from airseg.models.resnet import ResNet

CPU = torch.device("cpu")
STILL = np.array([1.0, 0, 0, 0])
FOCAL = (50.0, 50.0)


def pose(position=(0, 0, 0), turn=STILL):
    return np.concatenate([position, turn])


def test_a_camera_that_stands_still_sees_no_flow():
    flow = rigid_flow(np.full((6, 8), 5.0), pose(), pose(), FOCAL)
    assert np.abs(flow).max() < 1e-6


def test_a_step_to_the_right_was_seen_further_right_before():
    # What is 5 m ahead moves by focal * step / depth.
    flow = rigid_flow(np.full((6, 8), 5.0), pose((0, 0.2, 0)), pose(), FOCAL)
    assert np.allclose(flow[0], 50 * 0.2 / 5)
    assert np.abs(flow[1]).max() < 1e-5


def test_what_lies_behind_the_key_frame_has_no_flow():
    flow = rigid_flow(np.full((2, 2), 1.0), pose(), pose((9, 0, 0)), FOCAL)
    assert np.isnan(flow).all()


def test_any_motion_agrees_with_projecting_points_of_the_world():
    random = np.random.default_rng(0)
    height, width = 7, 9
    turn = quaternion_from_euler(0.1, -0.2, 0.3)
    now = pose((1, 2, -3), turn)
    before = pose((0.5, 1.7, -2.8), quaternion_from_euler(0.05, -0.25, 0.2))
    depth = random.uniform(4, 20, (height, width))
    flow = rigid_flow(depth, now, before, FOCAL)
    for row, column in ((0, 0), (3, 4), (6, 8), (2, 7)):
        x, y = column + 0.5 - width / 2, row + 0.5 - height / 2
        ahead = depth[row, column]
        world = now[:3] + rotation_matrix(turn) @ [ahead, ahead * x / 50, ahead * y / 50]
        seen = rotation_matrix(before[3:]).T @ (world - before[:3])
        expected = [50 * seen[1] / seen[0] - x, 50 * seen[2] / seen[0] - y]
        assert flow[:, row, column] == pytest.approx(expected, abs=1e-4)


def test_a_network_without_flow_is_refused(dataset):
    with pytest.raises(RecipeError, match="no flow that could learn"):
        pretrain_flow(SSNet(11), dataset, (32, 48), CPU, steps=1)


def test_a_dataset_without_depth_is_refused(dataset_path, capsys, tmp_path):
    small = ("--height", 32, "--width", 48, "--steps", 1, "--device", "cpu")
    command = ("bench", "pretrain-flow", "fanet18", "--dataset", dataset_path)
    options = ("--set", "reduction=motion", "--set", "tca_depth=1", "--out", tmp_path / "flow.pt")
    code, _, err = run(capsys, *command, *options, *small)
    assert code == 2
    assert "Record with depth" in said(err)


class Corridor:
    """A dataset of one sequence: a textured wall 4 m away, along which the camera slides."""

    def __init__(self):
        random = np.random.default_rng(0)
        coarse = random.integers(0, 255, (8, 24, 3)).astype(np.float32)
        texture = torch.from_numpy(coarse).permute(2, 0, 1)[None]
        smooth = torch.nn.functional.interpolate(texture, (64, 192), mode="bicubic")[0]
        self._wall = smooth.permute(1, 2, 0).clamp(0, 255).numpy().astype(np.uint8)
        self.length, self.height, self.width, self.has_depth = 10, 64, 96, True
        self.details = {"camera": {"fov_deg": 90.0}}
        # 48 pixels of focal length and 4 m make 12 pixels a metre: 8 pixels a frame.
        self.poses = np.stack([pose((0, i * 8 / 12, 0)) for i in range(10)])

    def split(self, name):
        return ["wall"]

    def sequence(self, name):
        return self

    def rgb(self, start, stop):
        return np.stack([self._wall[:, 8 * i : 8 * i + 96] for i in range(start, stop)])

    def depth(self, start, stop):
        return np.full((stop - start, 64, 96), 4.0, np.float16)


def test_a_flow_network_learns_and_the_rest_of_the_network_stays():
    torch.manual_seed(0)
    model = FANet(ResNet(18, width=8), 5, 1, "motion", flow=FlowNetS(1 / 8, 0))
    before = {k: v.clone() for k, v in model.state_dict().items()}
    errors = pretrain_flow(model, Corridor(), (64, 96), CPU, steps=40, batch=4, learning_rate=3e-3)
    assert np.mean(errors[-5:]) < 0.6 * np.mean(errors[:5])
    after = model.state_dict()
    changed = {k.split(".")[0] for k, v in before.items() if not torch.equal(v, after[k])}
    assert changed == {"flow"}


def test_a_flow_network_that_is_kept_as_it_is_is_refused():
    features = FeatureNetwork((1, 1, 1, 1), 8, 24)
    model = DeepFeatureFlow(features, FlowNetS(1 / 16, 24), 5, train="fix_f")
    with pytest.raises(RecipeError, match="no flow that could learn"):
        pretrain_flow(model, Corridor(), (64, 96), CPU, steps=1)
