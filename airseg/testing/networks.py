"""What every network promises: streams equal clips, no frame looks ahead, memory is as told.

Each promise is a function of a `Trial`, a network that was given two clips; `check_model` asks all.
"""

from __future__ import annotations

import copy
import dataclasses
import itertools
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from airseg.models.base import VideoSegmenter
from airseg.models.fusion import fuse_conv_bn
from airseg.models.registry import build_model

_RELATIVE = 1e-4
_MOVED = 1e-6
_LEAST = 1e-3


@dataclasses.dataclass(frozen=True)
class Trial:
    """A network and what it said of two clips.

    Attributes:
        name: for messages.
        model: in evaluation mode.
        frames: (2, T, 3, H, W) float, from 0 to 1.
        logits: (2, T, C, H, W), of the clips as wholes.
        rare: share of numbers that rounding may turn, where outputs are choices and not sums.
        exact: whether a frame has to depend on every frame that its memory reaches.
    """

    name: str
    model: VideoSegmenter
    frames: Tensor
    logits: Tensor
    rare: float = 0.0
    exact: bool = False

    @property
    def times(self) -> int:
        """How many frames a clip has."""
        return self.frames.shape[1]

    def run(self, frames: Tensor, memory: Any = None) -> tuple[Tensor, Any]:
        """Return logits and memory; a network that wants exact flow gets some."""
        exact = (flow_of(frames),) if self.model.wants_flow else ()
        return self.model(frames, memory, *exact)


def check_model(
    model: str | VideoSegmenter,
    *,
    num_classes: int = 5,
    size: tuple[int, int] = (64, 96),
    times: int = 6,
    rare: float = 0.0,
    **options: object,
) -> None:
    """Ask a network everything that training, streaming and scoring rely on.

    Args:
        model: a network, which is not changed, or a registered name.
        num_classes: channels of its logits.
        size: height and width of the frames it is tried with.
        times: how many frames a clip has; more than its memory reaches.
        rare: share of numbers that rounding may turn, where outputs are choices and not sums.
        options: of a registered network.

    Raises:
        AssertionError: names the promise that is broken, and what was found.
    """
    torch.manual_seed(1)
    built = build_model(model, num_classes, **options) if isinstance(model, str) else model
    name = model if isinstance(model, str) else type(model).__name__
    trial = tried(copy.deepcopy(built), name, size=size, times=times, rare=rare)
    found = trial.logits.shape
    _hold(
        found == (2, times, num_classes, *size),
        f"{name}: logits are (B, T, classes, H, W): {(2, times, num_classes, *size)} expected, "
        f"{tuple(found)} found.",
    )
    for promise in PROMISES:
        promise(trial)


def tried(
    model: VideoSegmenter,
    name: str,
    *,
    size: tuple[int, int],
    times: int = 6,
    rare: float = 0.0,
    exact: bool = False,
) -> Trial:
    """Return the trial of a network, which is set to evaluation mode.

    Normalisation gets the statistics of the frames, in which no layer's output vanishes or
    explodes.
    """
    frames = torch.rand(2, times, 3, *size)
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.momentum = None
    flow = (flow_of(frames),) if model.wants_flow else ()
    with torch.no_grad():
        model.train()(frames, None, *flow)
        model.eval()
        logits = model(frames, None, *flow)[0]
    return Trial(name, model, frames, logits, rare, exact)


@torch.no_grad()
def stream_equals_clip(trial: Trial) -> None:
    """Hold frames one by one, and in other pieces, to the clip as a whole."""
    for cuts in (range(trial.times + 1), [0, 2, 3, trial.times]):
        memory, pieces = None, []
        for start, end in itertools.pairwise(cuts):
            logits, memory = trial.run(trial.frames[:1, start:end], memory)
            pieces.append(logits)
        _close(trial, "a stream equals its clip", torch.cat(pieces, 1), trial.logits[:1])


@torch.no_grad()
def streams_do_not_meet(trial: Trial) -> None:
    """Hold two streams in turns, and one that begins anew, to their clips."""
    memories: list[Any] = [None, None]
    for time in range(3):
        for lane in range(2):
            frame = trial.frames[lane : lane + 1, time : time + 1]
            logits, memories[lane] = trial.run(frame, memories[lane])
            expected = trial.logits[lane : lane + 1, time : time + 1]
            _close(trial, "streams in turns do not meet", logits, expected)
    again = trial.run(trial.frames[:1, :1])[0]
    _close(trial, "a new stream starts anew", again, trial.logits[:1, :1])


@torch.no_grad()
def memory_is_a_value(trial: Trial) -> None:
    """Hold a memory that went in to what it was."""
    _, memory = trial.run(trial.frames[:1, :3])
    before = [tensor.clone() for tensor in tensors(memory)]
    trial.run(trial.frames[:1, 3:], memory)
    same = all(
        torch.allclose(old, now, 0, 0, equal_nan=True)
        for old, now in zip(before, tensors(memory), strict=True)
    )
    _hold(same, f"{trial.name}: a memory that goes in is not changed: it was.")


@torch.no_grad()
def batch_equals_clips(trial: Trial) -> None:
    """Hold a clip alone to the same clip in a batch."""
    alone = trial.run(trial.frames[1:])[0]
    _close(trial, "a batch of clips equals clips one by one", alone, trial.logits[1:])


@torch.no_grad()
def no_frame_looks_ahead(trial: Trial) -> None:
    """Change one frame: no earlier one may notice, and none beyond the memory."""
    model, changed = trial.model, 1
    other = trial.frames[:1].clone()
    generator = torch.Generator().manual_seed(2)
    other[:, changed] = torch.rand(other[:, changed].shape, generator=generator)
    # Batches of one size: another size rounds differently.
    difference = trial.run(other)[0] - trial.run(trial.frames[:1])[0]
    moved = (difference.abs().amax((0, 2, 3, 4)) > _MOVED).tolist()
    last = trial.times if model.unbounded else changed + model.memory_depth
    allowed = [changed <= time <= last for time in range(trial.times)]
    ahead = [t for t, m in enumerate(moved) if m and t < changed]
    beyond = [t for t, m in enumerate(moved) if m and t > last]
    _hold(
        not ahead,
        f"{trial.name}: a frame depends on no later frame: frame {changed} was changed, and the "
        f"logits of frame {ahead[:1]} moved.",
    )
    _hold(
        not beyond,
        f"{trial.name}: a frame depends on memory_depth ({model.memory_depth}) earlier frames at "
        f"most: frame {changed} was changed, and the logits of frame {beyond[:1]} moved.",
    )
    _hold(moved[changed], f"{trial.name}: a frame depends on itself: it was changed for nothing.")
    if trial.exact:
        _hold(moved == allowed, f"{trial.name}: a frame depends on all that its memory reaches.")


@torch.no_grad()
def folding_changes_nothing(trial: Trial) -> None:
    """Hold the network with its normalisation folded into convolutions to itself."""
    fused = dataclasses.replace(trial, model=fuse_conv_bn(trial.model))
    folded = fused.run(trial.frames)[0]
    _close(trial, "folding normalisation changes nothing", folded, trial.logits)


@torch.no_grad()
def memory_fills_as_told(trial: Trial) -> None:
    """Hold the shapes of the memory, frame by frame, to ``filling_frames``."""
    memory, shapes = None, []
    for time in range(trial.times):
        shapes.append([tensor.shape for tensor in tensors(memory)])
        _, memory = trial.run(trial.frames[:1, time : time + 1], memory)
    first = max(trial.model.filling_frames, 1 if shapes[-1] else 0)
    _hold(
        all(shape == shapes[-1] for shape in shapes[first:]),
        f"{trial.name}: a memory is full after filling_frames ({trial.model.filling_frames}): it "
        "grew later on.",
    )


@torch.no_grad()
def memory_is_as_large_as_told(trial: Trial) -> None:
    """Hold the bytes of the memory to ``memory_bytes``."""
    _, memory = trial.run(trial.frames[:1])
    found = sum(tensor.numel() * tensor.element_size() for tensor in tensors(memory))
    told = trial.model.memory_bytes(*trial.frames.shape[-2:])
    _hold(
        found == told,
        f"{trial.name}: memory_bytes tells the memory's size: {told} told, {found} found.",
    )


PROMISES: tuple[Callable[[Trial], None], ...] = (
    stream_equals_clip,
    streams_do_not_meet,
    memory_is_a_value,
    batch_equals_clips,
    no_frame_looks_ahead,
    folding_changes_nothing,
    memory_fills_as_told,
    memory_is_as_large_as_told,
)


def tensors(memory: Any) -> list[Tensor]:
    """Return all tensors in a memory."""
    if isinstance(memory, Tensor):
        return [memory]
    if dataclasses.is_dataclass(memory):
        memory = [getattr(memory, field.name) for field in dataclasses.fields(memory)]
    if isinstance(memory, list | tuple):
        return [tensor for item in memory for tensor in tensors(item)]
    return []


def flow_of(frames: Tensor) -> Tensor:
    """Return a flow that depends on the frames alone, for networks that want an exact one.

    It moves the whole picture by up to six pixels; nobody knows some rows.

    Args:
        frames: (B, T, 3, H, W).

    Returns:
        (B, T, 2, H, W) pixels.
    """
    shift = 400 * (frames.mean((-1, -2))[:, :, :2] - 0.5).clamp(-0.015, 0.015)
    flow = shift[..., None, None].repeat(1, 1, 1, *frames.shape[-2:])
    flow[..., :9, :] = torch.nan
    return flow


def _close(trial: Trial, promise: str, found: Tensor, expected: Tensor) -> None:
    """Compare logits; where outputs are choices, rounding may turn a rare one."""
    scale = float(expected.abs().max())
    _hold(scale > _LEAST, f"{trial.name}: its logits are all but zero ({scale:.1e} at most).")
    far = ((found - expected).abs() > _RELATIVE * scale).float().mean()
    _hold(
        float(far) <= trial.rare,
        f"{trial.name}: {promise}: {float(far):.1%} of the logits differ.",
    )


def _hold(holds: bool, broken: str) -> None:
    if not holds:
        raise AssertionError(broken)
