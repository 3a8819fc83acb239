"""Conditions under which networks are compared, made from any dataset: nothing is recorded anew.

Pictures change before the network sees them, at the camera's own resolution; labels never do. The
noise of a frame depends on its sequence and number alone, so that every network sees the same.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from airseg.errors import RecipeError, no_such

FOG_LIGHT = np.array([199.0, 206.0, 214.0], np.float32)
"""Colour of the fog itself: RGB, a little bluer than grey."""

_EXTINCTION = 3.912
"""-ln 0.02: at the visibility, 2 % of the contrast is left (Koschmieder 1924)."""

_FULL_WELL = 10_000.0
_READ_NOISE = 5.0
_GAMMA = 2.2
_STEPS = 4096


@dataclass(frozen=True)
class Picture:
    """One frame as recorded.

    Attributes:
        rgb: (H, W, 3) uint8.
        depth: (H, W) metres along the optical axis, or None.
        focal: pixels, or None.
        sequence, index: whose frame it is.
    """

    rgb: np.ndarray
    depth: np.ndarray | None
    focal: float | None
    sequence: str
    index: int

    def random(self, what: str) -> np.random.Generator:
        """Return the generator of this frame's noise."""
        return np.random.default_rng([zlib.crc32(f"{what} {self.sequence}".encode()), self.index])


@dataclass(frozen=True)
class Condition:
    """Something that makes frames harder, in steps.

    Attributes:
        name: for ``--conditions`` and files.
        title: as a heading; axis: what the levels are.
        levels: in order, the first as recorded; shown: their text. Of the frame rate, levels are
            strides, and the text is that of 25 frames a second.
        how: one sentence about how it is made.
        change: from a picture and a level to (H, W, 3) uint8, or None where frames stay.
        needs_depth: whether the dataset must hold depth.
    """

    name: str
    title: str
    axis: str
    levels: tuple[float, ...]
    shown: tuple[str, ...]
    how: str
    change: Callable[[Picture, float], np.ndarray] | None = None
    needs_depth: bool = False


def add_noise(picture: Picture, deviation: float) -> np.ndarray:
    """Return a frame with Gaussian noise.

    Args:
        picture: the frame.
        deviation: of each value, of 255.
    """
    if not deviation:
        return picture.rgb
    noise = picture.random("noise").standard_normal(picture.rgb.shape, np.float32)
    noise *= deviation
    noise += picture.rgb
    return np.clip(np.rint(noise, out=noise), 0, 255, out=noise).astype(np.uint8)


def add_fog(picture: Picture, visibility_m: float) -> np.ndarray:
    """Return a frame in homogeneous fog, by Koschmieder's law along each pixel's ray.

    Args:
        picture: the frame, with depth and focal length.
        visibility_m: metres at which 2 % of the contrast is left; infinite for none.
    """
    if not np.isfinite(visibility_m):
        return picture.rgb
    if picture.depth is None or picture.focal is None:
        raise ValueError("fog needs depth and a focal length")
    height, width = picture.depth.shape
    lengthening = _ray_lengths(height, width, picture.focal)
    distance = np.fmin(picture.depth.astype(np.float32), np.float32(1e5)) * lengthening
    clear = np.exp(distance * np.float32(-_EXTINCTION / visibility_m))[..., None]
    mixed = (picture.rgb - FOG_LIGHT) * clear + FOG_LIGHT
    return np.clip(np.rint(mixed), 0, 255).astype(np.uint8)


def darken(picture: Picture, light: float) -> np.ndarray:
    """Return a frame taken in less light and amplified to the same brightness.

    White in full light frees 10,000 electrons of a pixel; fewer of them arrive, they vary as counts
    do, and reading them adds 5 (both Gaussian). Gain hides the darkness and shows the noise.

    Args:
        picture: the frame.
        light: share of the light, 0 to 1; 1 changes nothing.
    """
    if light >= 1:
        return picture.rgb
    to_linear, to_value = _gamma_tables()
    electrons = to_linear[picture.rgb] * np.float32(_FULL_WELL * light)
    noise = picture.random("dark").standard_normal(picture.rgb.shape, np.float32)
    noise *= np.sqrt(electrons + np.float32(_READ_NOISE**2))
    electrons += noise
    electrons *= np.float32((_STEPS - 1) / (_FULL_WELL * light))
    return to_value[np.clip(electrons, 0, _STEPS - 1).astype(np.uint16)]


CONDITIONS: tuple[Condition, ...] = (
    Condition(
        "rate",
        "Frame rate",
        "frames a second",
        (1, 2, 5, 10),
        ("25", "12.5", "5", "2.5"),
        "Frames are left out between those the network sees; the same frames are scored at every "
        "rate. The less often frames come, the farther the picture moves from one to the next.",
    ),
    Condition(
        "noise",
        "Sensor noise",
        "standard deviation, of 255",
        (0.0, 10.0, 20.0, 40.0),
        ("none", "10", "20", "40"),
        "Gaussian noise on each value of the camera's picture, new in every frame. A network that "
        "sees a smaller picture sees less of it: shrinking averages.",
        add_noise,
    ),
    Condition(
        "fog",
        "Fog",
        "visibility, m",
        (float("inf"), 100.0, 50.0, 25.0),
        ("clear", "100", "50", "25"),
        "Homogeneous fog computed from depth by Koschmieder's law.",
        add_fog,
        needs_depth=True,
    ),
    Condition(
        "darkness",
        "Darkness",
        "share of the light",
        (1.0, 1 / 4, 1 / 16, 1 / 64),
        ("full", "1/4", "1/16", "1/64"),
        "Fewer photons, counted and amplified to the same brightness: shot noise and read noise. A "
        "network that sees a smaller picture sees less of it: shrinking averages.",
        darken,
    ),
)
"""Changes of what a network sees; frame rate is a change of when."""

DEPTHS = (0, 1, 2, 4, 8)
"""Depths of memory that networks with a depth are tested at."""


@lru_cache(maxsize=4)
def _ray_lengths(height: int, width: int, focal: float) -> np.ndarray:
    x = (np.arange(width, dtype=np.float32) + 0.5 - 0.5 * width) / focal
    y = (np.arange(height, dtype=np.float32) + 0.5 - 0.5 * height) / focal
    return np.sqrt(1 + x**2 + y[:, None] ** 2).astype(np.float32)


@lru_cache(maxsize=1)
def _gamma_tables() -> tuple[np.ndarray, np.ndarray]:
    values = np.arange(256) / 255
    linear = np.arange(_STEPS) / (_STEPS - 1)
    to_value = np.rint(255 * linear ** (1 / _GAMMA)).astype(np.uint8)
    return (values**_GAMMA).astype(np.float32), to_value


NAMES = (*(c.name for c in CONDITIONS), "depth")
"""Conditions that take passes of their own; motion, occlusion and class size come for free."""


def check_conditions(names: Iterable[str]) -> None:
    """Raise RecipeError where a condition is unknown; to be asked before anything is trained."""
    for name in names:
        if name not in NAMES:
            raise RecipeError(no_such("condition", name, NAMES))
