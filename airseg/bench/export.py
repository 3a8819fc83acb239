"""Export a network for streams: the memory goes in and comes out as tensors.

A memory grows while a stream begins, and an exported program has fixed shapes; so there is one
program for each of the first frames, and one for all the others. Program 0 takes a frame alone,
program i the memory after i frames; the last one goes on for ever. A network with key frames has
two: program 0 runs on key frames, program 1 between them. Of one whose sub-networks take turns the
last ones do so, too.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from airseg.errors import RecipeError
from airseg.models.base import VideoSegmenter

FORMATS = ("onnx", "exported-program")
_TOLERANCE = 1e-3


@dataclass(frozen=True)
class Exported:
    """What was written.

    Attributes:
        paths: of the programs, in the order in which a stream needs them, and of the description.
        difference: the largest difference of logits from the network's own, relative to their
            largest value, over a stream that runs every program; or None where it was not checked.
    """

    paths: list[Path]
    difference: float | None


def flatten_memory(memory: Any) -> tuple[list[Tensor], Callable[[list[Tensor]], Any]]:
    """Return the tensors in a memory that are not empty, and how to put others into their place."""
    if isinstance(memory, Tensor):
        if memory.numel() == 0:
            return [], lambda tensors: memory
        return [memory], lambda tensors: tensors[0]
    if dataclasses.is_dataclass(memory) and not isinstance(memory, type):
        fields = [getattr(memory, f.name) for f in dataclasses.fields(memory)]
        found, rebuild = flatten_memory(tuple(fields))
        return found, lambda tensors: type(memory)(*rebuild(tensors))
    if isinstance(memory, tuple):
        parts = [flatten_memory(item) for item in memory]
        sizes = [len(found) for found, _ in parts]

        def restore(tensors: list[Tensor]) -> tuple:
            start, items = 0, []
            for size, (_, rebuild) in zip(sizes, parts, strict=True):
                items.append(rebuild(tensors[start : start + size]))
                start += size
            return tuple(items)

        return [t for found, _ in parts for t in found], restore
    return [], lambda tensors: memory


class _Program(nn.Module):
    """One frame of a stream: (1, 3, H, W) and memory tensors to (1, C, H, W) and memory tensors."""

    def __init__(self, model: VideoSegmenter, memory: Any) -> None:
        super().__init__()
        self.model = model
        self.inputs, self._rebuild = flatten_memory(memory)
        self.eval()

    def forward(self, frame: Tensor, *memory: Tensor) -> tuple[Tensor, ...]:
        logits, after = self.model.step(frame, self._rebuild(list(memory)))
        return logits, *flatten_memory(after)[0]


def export_model(
    model: VideoSegmenter, height: int, width: int, folder: Path, kind: str = "onnx"
) -> Exported:
    """Write the programs of a network, and check them.

    ONNX programs are run with onnxruntime where it is installed, others with PyTorch.

    Args:
        model: any network of airseg; it is put into evaluation mode.
        height, width: pixels of a frame.
        folder: where to write, made where it is missing.
        kind: ``onnx``, or ``exported-program`` for `torch.export.load`.

    Raises:
        RecipeError: there is no such kind, its library is missing, the network cannot be exported,
            or an exported program does not agree with it.
    """
    if kind not in FORMATS:
        raise RecipeError(f"there is no format '{kind}'. Formats: {', '.join(FORMATS)}.")
    if model.period > 1 and model.unbounded:
        raise RecipeError(
            "a network that chooses its key frames by content cannot be exported; leave out "
            "change_threshold."
        )
    model = model.eval()
    count = max(8, _count(model) + 1, model.period + 1)  # enough to run every program
    frames = torch.rand(1, count, 3, height, width, generator=torch.Generator().manual_seed(0))
    folder.mkdir(parents=True, exist_ok=True)
    programs, memory = [], None
    with torch.no_grad():
        for index in range(_count(model)):
            programs.append(_Program(model, memory))
            if index + 1 < _count(model):
                _, memory = model.step(frames[:, index], memory)
    paths = []
    for index, program in enumerate(programs):
        suffix = "onnx" if kind == "onnx" else "pt2"
        path = folder / f"frame{index}.{suffix}"
        write = _write_onnx if kind == "onnx" else _write_program
        write(program, frames[:, 0], path)
        paths.append(path)
    difference = _check(model, frames, paths, kind)
    described = _describe(model, programs, paths, height, width)
    description = folder / "export.json"
    description.write_text(json.dumps(described, indent=2) + "\n", encoding="utf-8")
    return Exported([*paths, description], difference)


def _count(model: VideoSegmenter) -> int:
    """Return how many programs a network's streams need."""
    if model.rotates:
        return model.filling_frames + model.period
    if model.period > 1:
        return 2
    return model.filling_frames + 1


def _program_of(model: VideoSegmenter, frame: int) -> int:
    """Return which program runs a frame of a stream, counted from 0."""
    if model.rotates and frame >= model.filling_frames:
        return model.filling_frames + (frame - model.filling_frames) % model.period
    if model.rotates:
        return frame
    if model.period > 1:
        return 0 if frame % model.period == 0 else 1
    return min(frame, _count(model) - 1)


def _names(count: int, prefix: str) -> list[str]:
    return [f"{prefix}{i}" for i in range(count)]


def _write_onnx(program: _Program, frame: Tensor, path: Path) -> None:
    try:
        import onnxscript  # noqa: F401  the exporter needs it, and says so less clearly
    except ImportError:
        raise RecipeError(
            "export to ONNX needs onnx and onnxscript. Run: pip install 'airseg[export]'"
        ) from None
    with torch.no_grad():
        outputs = program(frame, *program.inputs)
        try:
            torch.onnx.export(
                program,
                (frame, *program.inputs),
                path,
                input_names=["frame", *_names(len(program.inputs), "memory")],
                output_names=["logits", *_names(len(outputs) - 1, "next_memory")],
                dynamo=True,
                external_data=False,
                verbose=False,
            )
        except (RuntimeError, torch.onnx.OnnxExporterError) as cause:
            raise _cannot(program, "ONNX", cause) from None


def _write_program(program: _Program, frame: Tensor, path: Path) -> None:
    with torch.no_grad():
        try:
            exported = torch.export.export(program, (frame, *program.inputs))
        except RuntimeError as cause:
            raise _cannot(program, "an exported program", cause) from None
        torch.export.save(exported, path)


def _cannot(program: _Program, what: str, cause: Exception) -> RecipeError:
    reason = str(cause).strip().splitlines()[0][:160]
    return RecipeError(f"{program.model.paper} cannot be exported to {what}: {reason}")


def _check(model: VideoSegmenter, frames: Tensor, paths: list[Path], kind: str) -> float | None:
    """Stream frames through the programs and the network; return the largest difference."""
    runners = _onnx_runners(paths) if kind == "onnx" else [_torch_runner(p) for p in paths]
    if runners is None:
        return None
    memory: Any = None
    state: list[np.ndarray] = []
    worst = 0.0
    for t in range(max(len(paths), model.period) + 1):
        index = _program_of(model, t)
        given = [] if index == 0 else state
        logits, *state = runners[index]([frames[:, t].numpy(), *given])
        with torch.no_grad():
            expected, memory = model.step(frames[:, t], memory)
        scale = float(expected.abs().max()) or 1.0
        worst = max(worst, float(np.abs(logits - expected.numpy()).max()) / scale)
    if not worst < _TOLERANCE:
        raise RecipeError(
            f"the exported programs differ from the network by {worst:.2g} of its logits' range; "
            f"expected less than {_TOLERANCE}."
        )
    return worst


def _onnx_runners(paths: list[Path]) -> list[Callable] | None:
    try:
        import onnxruntime
    except ImportError:
        return None

    def runner(path: Path) -> Callable:
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        names = [i.name for i in session.get_inputs()]
        return lambda given: session.run(None, dict(zip(names, given, strict=True)))

    return [runner(path) for path in paths]


def _torch_runner(path: Path) -> Callable:
    module = torch.export.load(path).module()

    def run(given: list[np.ndarray]) -> list[np.ndarray]:
        with torch.no_grad():
            return [t.numpy() for t in module(*(torch.from_numpy(g) for g in given))]

    return run


def _describe(
    model: VideoSegmenter, programs: list[_Program], paths: list[Path], height: int, width: int
) -> dict[str, Any]:
    """Return what somebody who runs the programs has to know."""
    if model.rotates:
        turns = ", ".join(p.name for p in paths[model.filling_frames :])
        order = f"one after the other; {turns} take turns from there on"
    elif model.period > 1:
        order = f"{paths[0].name} on every {model.period}th frame, {paths[1].name} on the others"
    else:
        order = f"one after the other; {paths[-1].name} for all further frames"
    return {
        "format": 1,
        "network": model.paper,
        "frame": {"shape": [1, 3, height, width], "type": "float32", "range": [0.0, 1.0]},
        "order": order,
        "programs": [
            {"file": path.name, "memory": [list(t.shape) for t in program.inputs]}
            for path, program in zip(paths, programs, strict=True)
        ],
    }
