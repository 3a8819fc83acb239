"""Run a network as a stream in a certain way: precision, mode, layout, with or without copies."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor

from airseg.bench.export import flatten_memory
from airseg.bench.speed.settings import Setting
from airseg.models.base import VideoSegmenter
from airseg.models.fusion import fuse_conv_bn
from airseg.models.label_maps import label_map

_DTYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}
_DIFFERENT_FRAMES = 4


class UnsupportedError(Exception):
    """A way to run that this device, or this network, has not got; says why."""


class Stream:
    """Endless frames through a network; each call of `step` takes one.

    The memory is full from the first frame on, and the first frame is at place 0 of the period.

    Args:
        model: in evaluation mode; it stays as it is.
        setting: how to run it.
        height, width: pixels of a frame.
        device: where.

    Raises:
        UnsupportedError: that way is not possible here.
    """

    def __init__(
        self,
        model: VideoSegmenter,
        setting: Setting,
        height: int,
        width: int,
        device: torch.device,
    ) -> None:
        _refuse(setting, device)
        self.setting, self.period, self._device = setting, model.period, device
        self._turn = 0
        self._host = _host_frames(setting.streams, height, width, device)
        self.cast = ""
        prepared = fuse_conv_bn(model) if setting.folded else copy.deepcopy(model)
        prepared = prepared.to(device)
        if setting.channels_last:
            prepared = prepared.to(memory_format=torch.channels_last)
        self._dtype = _DTYPES.get(setting.precision, torch.float32)
        self._autocast = False
        if setting.precision in _DTYPES:
            self._lower(model, prepared)
        else:
            self._model = prepared
        self._frames = [self._upload(f) for f in self._host]
        with self._context():
            self._memory = self._fill()
            self._take = self._prepare()

    def step(self) -> Tensor:
        """Take one more frame; returns logits (B, 1, C, h, w) or labels (B, 1, H, W)."""
        turn = self._turn % len(self._host)
        self._turn += 1
        with self._context():
            frame = self._upload(self._host[turn]) if self.setting.copies else self._frames[turn]
            output = self._take(frame)
            return output.to("cpu") if self.setting.copies else output

    def _infer(self, frame: Tensor, memory: Any) -> tuple[Tensor, Any]:
        logits, memory = self._model.coarse_standing(frame, memory)
        if self.setting.output == "logits":
            return logits, memory
        size, aligned = frame.shape[-2:], self._model.align_corners
        return label_map(logits, size, align_corners=aligned), memory

    def _upload(self, frame: Tensor) -> Tensor:
        """Return a host's (B, H, W, 3) uint8 frame as the network wants it: (B, 1, 3, H, W)."""
        moved = frame.to(self._device, non_blocking=True).permute(0, 3, 1, 2)
        if not self.setting.channels_last:
            moved = moved.contiguous()
        kind = torch.float32 if self._autocast else self._dtype
        return (moved.to(kind) / 255)[:, None]

    def _fill(self) -> Any:
        """Return the memory after whole periods that fill it, one frame at least."""
        needed = max(self._model.filling_frames, 1)
        memory = None
        for i in range(self.period * -(-needed // self.period)):
            _, memory = self._model.coarse_standing(self._frames[i % len(self._frames)], memory)
        return memory

    def _prepare(self) -> Callable[[Tensor], Tensor]:
        infer: Callable[[Tensor, Any], tuple[Tensor, Any]] = self._infer
        if self.setting.mode.startswith("compiled"):
            infer = self._compile()
        if self.setting.mode.endswith("graph"):
            return CapturedStream(infer, self._frames[0], self._memory, self.period).replay

        def take(frame: Tensor) -> Tensor:
            output, self._memory = infer(frame, self._memory)
            return output

        return take

    def _compile(self) -> Callable[[Tensor, Any], tuple[Tensor, Any]]:
        """Return the compiled function, compiled for every place of the period."""
        torch._dynamo.reset()  # programs of earlier settings count towards its limit
        compiled = torch.compile(self._infer, dynamic=False)
        memory = self._memory
        try:
            for i in range(2 * self.period):
                _, memory = compiled(self._frames[i % len(self._frames)], memory)
        except Exception as cause:  # whatever the compiler or its C++ compiler meets
            lines = str(cause).strip().splitlines() or [type(cause).__name__]
            raise UnsupportedError(f"torch.compile: {lines[0][:160]}") from None
        return compiled

    def _lower(self, model: VideoSegmenter, prepared: VideoSegmenter) -> None:
        """Round the weights; where a network computes some parts in fp32, let autocast choose."""
        self._model = prepared.to(self._dtype)
        try:
            with self._context():
                frame = self._upload(self._host[0])
                _, memory = self._model.coarse_standing(frame, None)
                self._model.coarse_standing(frame, memory)
            self.cast = "weights"
            return
        except RuntimeError as cause:
            if "dtype" not in str(cause) and "type" not in str(cause):
                raise
        self._autocast, self.cast = True, "autocast"
        whole = fuse_conv_bn(model) if self.setting.folded else copy.deepcopy(model)
        self._model = whole.to(self._device)
        if self.setting.channels_last:
            self._model = self._model.to(memory_format=torch.channels_last)

    @contextmanager
    def _context(self) -> Iterator[None]:
        # A graph would go on reading rounded weights that autocast's cache has let go of.
        keep = not self.setting.mode.endswith("graph")
        autocast = (
            torch.autocast(self._device.type, self._dtype, cache_enabled=keep)
            if self._autocast
            else None
        )
        tf32 = _tf32(self.setting.precision == "tf32")
        with torch.inference_mode(), tf32, autocast or nullcontext():
            yield


class CapturedStream:
    """A stream as CUDA graphs, one for each place of the period, that share one memory.

    A graph reads and writes fixed addresses: the frame is copied into one, and each graph ends by
    writing the new memory over the old.

    Args:
        infer: of a frame and a memory: what to return, and the memory after it.
        frame: one of those to come.
        memory: full, before place 0.
        period: how many graphs.

    Raises:
        UnsupportedError: the memory changes its shape, or the network needs the host in between.
    """

    def __init__(
        self,
        infer: Callable[[Tensor, Any], tuple[Tensor, Any]],
        frame: Tensor,
        memory: Any,
        period: int,
    ) -> None:
        self._frame = frame.clone()
        self._place = 0
        tensors, rebuild = flatten_memory(memory)
        self._memory = [t.clone() for t in tensors]
        self._graphs: list[tuple[torch.cuda.CUDAGraph, Tensor]] = []
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            warm = memory
            for _ in range(3 * period):
                _, warm = infer(self._frame, warm)
        torch.cuda.current_stream().wait_stream(side)
        pool = torch.cuda.graph_pool_handle()
        for _ in range(period):
            graph = torch.cuda.CUDAGraph()
            try:
                with torch.cuda.graph(graph, pool=pool):
                    output, rebuild = advance_in_place(infer, self._frame, self._memory, rebuild)
            except RuntimeError as cause:
                reason = str(cause).strip().splitlines()[0][:160]
                raise UnsupportedError(f"cannot be captured: {reason}") from None
            self._graphs.append((graph, output))

    def replay(self, frame: Tensor) -> Tensor:
        """Take one more frame; what is returned is overwritten a period later."""
        graph, output = self._graphs[self._place]
        self._place = (self._place + 1) % len(self._graphs)
        self._frame.copy_(frame)
        graph.replay()
        return output


def advance_in_place(
    infer: Callable[[Tensor, Any], tuple[Tensor, Any]],
    frame: Tensor,
    tensors: list[Tensor],
    rebuild: Callable[[list[Tensor]], Any],
) -> tuple[Tensor, Callable[[list[Tensor]], Any]]:
    """Take one frame and write the new memory over the old one's tensors.

    Returns:
        What `infer` returns, and how to make the next memory of the same tensors.

    Raises:
        UnsupportedError: the new memory has other shapes than the old.
    """
    output, after = infer(frame, rebuild(tensors))
    found, again = flatten_memory(after)
    if [t.shape for t in found] != [t.shape for t in tensors]:
        raise UnsupportedError("the memory changes its shape from frame to frame")
    # All are read before any is written: a new tensor may be a view of an old one.
    homes = {t.untyped_storage().data_ptr() for t in tensors}
    fresh = [t.clone() if t.untyped_storage().data_ptr() in homes else t for t in found]
    for old, new in zip(tensors, fresh, strict=True):
        old.copy_(new)
    return output, again


def _refuse(setting: Setting, device: torch.device) -> None:
    """Raise where a device has not got what a setting asks for."""
    if device.type == "cuda":
        if setting.precision == "bf16" and not torch.cuda.is_bf16_supported():
            raise UnsupportedError("bf16: not on this GPU")
        return
    if setting.mode.endswith("graph"):
        raise UnsupportedError("CUDA graphs: CUDA only")
    if setting.precision in ("tf32", "fp16"):
        raise UnsupportedError(f"{setting.precision}: CUDA only")


def _host_frames(streams: int, height: int, width: int, device: torch.device) -> list[Tensor]:
    """Return a few (B, H, W, 3) uint8 frames of noise, in pinned memory for a GPU."""
    generator = torch.Generator().manual_seed(0)
    shape = (streams, height, width, 3)
    frames = [
        torch.randint(0, 256, shape, generator=generator, dtype=torch.uint8)
        for _ in range(_DIFFERENT_FRAMES)
    ]
    return [f.pin_memory() for f in frames] if device.type == "cuda" else frames


@contextmanager
def _tf32(allowed: bool) -> Iterator[None]:
    matmul, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    before = (matmul.allow_tf32, cudnn.allow_tf32)
    matmul.allow_tf32 = cudnn.allow_tf32 = allowed
    try:
        yield
    finally:
        matmul.allow_tf32, cudnn.allow_tf32 = before
