"""Pre-train a flow network on exact flow: in place of Deep Feature Flow's Flying Chairs.

A dataset that has depth and poses knows where every pixel of a frame is in any other frame, as long
as the world stands still; on what moves by itself the flow is wrong.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn

from airseg.bench.frames import resize_frame, to_model
from airseg.bench.metrics.motion import focal_length
from airseg.dataset.reading import Dataset, SequenceView
from airseg.errors import RecipeError
from airseg.geometry import rotation_matrix
from airseg.models.base import VideoSegmenter
from airseg.models.flow import flow_input, flow_loss

MAX_DISTANCE = 9
"""Frames between the two of a pair: the paper's 0 to 9."""


def rigid_flow(
    depth: np.ndarray, pose: np.ndarray, key_pose: np.ndarray, focal: tuple[float, float]
) -> np.ndarray:
    """Return where each pixel of a frame is in a key frame of a world that stands still.

    Args:
        depth: (H, W) metres along the optical axis.
        pose, key_pose: (7,) of the camera: x y z in NED metres, then qw qx qy qz.
        focal: (fx, fy) pixels; the optical axis meets the middle of the picture.

    Returns:
        (2, H, W) float32 pixels, x before y; NaN where that is behind the key frame's camera.
    """
    height, width = depth.shape
    across = (np.arange(width) + 0.5 - width / 2) / focal[0]
    down = (np.arange(height)[:, None] + 0.5 - height / 2) / focal[1]
    ahead = depth.astype(np.float64)
    # The camera looks along +x, +y is right, +z is down.
    points = np.stack([ahead, across * ahead, down * ahead], -1)
    turn, key_turn = rotation_matrix(pose[3:]), rotation_matrix(key_pose[3:])
    seen = (points @ turn.T + (pose[:3] - key_pose[:3])) @ key_turn
    distance = np.where(seen[..., 0] > 1e-3, seen[..., 0], np.nan)
    x = focal[0] * (seen[..., 1] / distance - across)
    y = focal[1] * (seen[..., 2] / distance - down)
    return np.stack([x, y]).astype(np.float32)


def pretrain_flow(
    model: VideoSegmenter,
    dataset: Dataset,
    size: tuple[int, int],
    device: torch.device,
    *,
    steps: int,
    batch: int = 8,
    learning_rate: float = 1e-4,
    seed: int = 0,
    progress: Callable[[str, int, int | None], None] = lambda what, done, total: None,
) -> list[float]:
    """Train a network's flow on pairs of frames of the training split; the rest stays as it is.

    Args:
        model: with a flow network that has weights: Deep Feature Flow, or FANet with motion.
        dataset: with depth.
        size: (height, width) of the frames the network sees.
        device: where to compute.
        steps, batch, learning_rate: of Adam.
        seed: of the pairs.
        progress: told about every step.

    Returns:
        The end-point error of each step, in feature pixels.

    Raises:
        RecipeError: the network has no flow that learns, or the dataset no depth.
    """
    flow = getattr(model, "flow", None)
    if not isinstance(flow, nn.Module) or not any(p.requires_grad for p in flow.parameters()):
        raise RecipeError("this network has no flow that could learn.")
    views = [dataset.sequence(n) for n in dataset.split("train")]
    views = [v for v in views if v.has_depth and v.length > 1 and _focal(v) is not None]
    if not views:
        raise RecipeError(
            "no training sequence has depth, poses and a camera, which exact flow is made from. "
            "Record with depth, and relabel without --no-depth."
        )
    random = np.random.default_rng(seed)
    model.to(device)
    flow.train()
    optimizer = torch.optim.Adam([p for p in flow.parameters() if p.requires_grad], learning_rate)
    errors = []
    for step in range(steps):
        current, key, exact = (t.to(device) for t in _pairs(views, size, batch, random))
        predicted, _ = flow(flow_input(current), flow_input(key))
        loss = flow_loss(predicted, exact)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(flow.parameters(), 5.0)
        optimizer.step()
        errors.append(float(loss.detach()))
        progress("flow", step + 1, steps)
    model.eval()
    return errors


def _pairs(
    views: list[SequenceView], size: tuple[int, int], batch: int, random: np.random.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """Return frames (B, 3, H, W), their key frames, and the flow (B, 2, H, W) between them."""
    parts = []
    for _ in range(batch):
        view = views[random.integers(len(views))]
        index = int(random.integers(view.length))
        key = max(index - int(random.integers(MAX_DISTANCE + 1)), 0)
        parts.append(_pair(view, index, key, size))
    current, before, flow = (torch.stack(p) for p in zip(*parts, strict=True))
    return current, before, flow


def _focal(view: SequenceView) -> float | None:
    return focal_length(view.details.get("camera", {}), view.width)


def _pair(
    view: SequenceView, index: int, key: int, size: tuple[int, int]
) -> tuple[Tensor, Tensor, Tensor]:
    focal = _focal(view)
    scaled = (focal * size[1] / view.width, focal * size[0] / view.height)  # type: ignore[operator]
    rows = (np.arange(size[0]) + 0.5) * view.height / size[0]
    columns = (np.arange(size[1]) + 0.5) * view.width / size[1]
    depth = view.depth(index, index + 1)[0][rows.astype(int)[:, None], columns.astype(int)]
    flow = rigid_flow(depth, view.poses[index], view.poses[key], scaled)
    frames = [to_model(resize_frame(view.rgb(i, i + 1)[0], size)) for i in (index, key)]
    return frames[0], frames[1], torch.from_numpy(flow)
