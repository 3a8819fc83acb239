"""Faults on purpose, so that a recorder's defences can be tested against a server that has them.

Each fault is one that real simulators show: AirSim stops answering, delivers an image of no size
or of another size than was set, repeats a picture, jumps in time, or crashes.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from airseg.errors import SettingsError, did_you_mean
from airseg.simulators.embedded.answers import Disconnect
from airseg.simulators.embedded.rpc.rpc_server import Method
from airseg.simulators.protocol import ImageResponse

_DELAY_S = 0.2
_JUMP_NS = 10**9
_CAPTURE = "simGetImages"

FAULTS = {
    "hang": "the call never answers",
    "empty-image": "the first image has no pixels",
    "wrong-size": "the last image is half as wide and high",
    "repeat-frame": "the picture is the one before, with a new time and pose",
    "time-jump": "time stamps lie a second back",
    "disconnect": "the connection closes",
    "delay": f"the answer comes {_DELAY_S:g} s late",
}
"""Name of each fault and what it does."""


def check_fault(fault: str | None) -> None:
    """Raise SettingsError where there is no such fault; None is none at all."""
    if fault and fault not in FAULTS:
        raise SettingsError(f"there is no fault '{fault}'.{did_you_mean(fault, FAULTS, 'Faults')}")


def with_fault(methods: dict[str, Method], fault: str, every: int) -> dict[str, Method]:
    """Return methods of which capturing goes wrong now and then.

    Only captures of two images and more count, so that the measuring of segmentation colours before
    a recording is spared.

    Args:
        methods: what the server answers.
        fault: one of `FAULTS`.
        every: which captures go wrong: the `every`-th, the `2 * every`-th, and so on.
    """
    capture = methods[_CAPTURE]
    return {**methods, _CAPTURE: replace(capture, function=_Faulty(capture.function, fault, every))}


class _Faulty:
    """Captures, and spoils some."""

    def __init__(self, capture: Callable[..., list[ImageResponse]], fault: str, every: int) -> None:
        self._capture, self._fault, self._every = capture, fault, every
        self._lock = threading.Lock()
        self._count = 0
        self._before: list[ImageResponse] = []

    def __call__(self, requests: list[Any], *rest: Any) -> list[ImageResponse]:
        answers = self._capture(requests, *rest)
        if len(requests) < 2:
            return answers
        with self._lock:
            self._count += 1
            is_due = self._count % self._every == 0
            before, self._before = self._before, [replace(a) for a in answers]
        if is_due:
            _spoil(self._fault, answers, before)
        return answers


def _spoil(fault: str, answers: list[ImageResponse], before: list[ImageResponse]) -> None:
    if fault == "hang":
        threading.Event().wait()
    elif fault == "disconnect":
        raise Disconnect("on purpose")
    elif fault == "delay":
        time.sleep(_DELAY_S)
    elif fault == "empty-image":
        answers[0].image_data_uint8, answers[0].width, answers[0].height = b"", 0, 0
    elif fault == "wrong-size":
        _halve(answers[-1])
    elif fault == "time-jump":
        for answer in answers:
            answer.time_stamp -= _JUMP_NS
    elif fault == "repeat-frame" and len(before) == len(answers):
        for answer, old in zip(answers, before, strict=True):
            answer.image_data_uint8 = old.image_data_uint8
            answer.image_data_float = old.image_data_float


def _halve(answer: ImageResponse) -> None:
    """Give an image half its width and height, as settings without an entry for its type would."""
    answer.width //= 2
    answer.height //= 2
    pixels = answer.width * answer.height
    answer.image_data_uint8 = answer.image_data_uint8[: 3 * pixels]
    answer.image_data_float = np.asarray(answer.image_data_float, np.float32).ravel()[:pixels]
