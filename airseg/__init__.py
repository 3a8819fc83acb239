"""Labelled synthetic video from AirSim flights, and the benchmark built on it.

What a program needs of airseg, by one import that takes no time: names are looked up when they are
first used, so that recording never waits for torch.

    import airseg

    airseg.record("loop_walk", "recordings", frames=100)
    airseg.relabel("recordings", "dataset.h5", label_map="neighborhood")
    with airseg.open("dataset.h5") as dataset:
        for frames, labels in airseg.clips(dataset, split="train", length=4):
            ...
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airseg.bench.trained import load_model
    from airseg.dataset.reading.reader import Dataset
    from airseg.dataset.reading.reader import open_dataset as open
    from airseg.dataset.reading.video_clips import VideoClips
    from airseg.dataset.reading.video_clips import video_clips as clips
    from airseg.errors import AirsegError
    from airseg.library import record, relabel
    from airseg.models.registry import build_model, list_models
    from airseg.version import __version__

__all__ = [
    "AirsegError",
    "Dataset",
    "VideoClips",
    "__version__",
    "build_model",
    "clips",
    "list_models",
    "load_model",
    "open",
    "record",
    "relabel",
]

_FOUND_IN = {
    "AirsegError": ("airseg.errors", "AirsegError"),
    "Dataset": ("airseg.dataset.reading.reader", "Dataset"),
    "VideoClips": ("airseg.dataset.reading.video_clips", "VideoClips"),
    "__version__": ("airseg.version", "__version__"),
    "build_model": ("airseg.models.registry", "build_model"),
    "clips": ("airseg.dataset.reading.video_clips", "video_clips"),
    "list_models": ("airseg.models.registry", "list_models"),
    "load_model": ("airseg.bench.trained", "load_model"),
    "open": ("airseg.dataset.reading.reader", "open_dataset"),
    "record": ("airseg.library", "record"),
    "relabel": ("airseg.library", "relabel"),
}


def __getattr__(name: str) -> Any:
    """Import what a name stands for, and keep it."""
    if name not in _FOUND_IN:
        raise AttributeError(f"module 'airseg' has no attribute '{name}'")
    module, attribute = _FOUND_IN[name]
    try:
        value = getattr(importlib.import_module(module), attribute)
    except ModuleNotFoundError as missing:
        from airseg.extras import how_to_install

        if advice := how_to_install(missing.name):
            raise ImportError(f"airseg.{name}: {advice}") from None
        raise
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
