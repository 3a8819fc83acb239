"""Traffic lights, lamps, signs and other things on poles, under the names that a world gives."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from airseg.simulators.embedded.rendering import materials as m
from airseg.simulators.embedded.scene.world import NEAR, Frame, WorldBuilder, srgb
from airseg.simulators.embedded.worlds.parts.placing import Assembly, Triple, begin

_STEEL, _BLACK = srgb(0.42, 0.43, 0.44), srgb(0.1, 0.1, 0.11)
_WARM = srgb(0.88, 0.84, 0.7)


def add_traffic_light(builder: WorldBuilder, at: Frame, kind: str, *, reach: float = 0.0) -> None:
    """Add a traffic light whose lamps face back along u.

    Args:
        builder: what to add it to.
        at: foot of the pole; traffic comes towards it along u.
        kind: its family.
        reach: length of an arm over the street, along -v; 0 for none.
    """
    pole = begin(builder, kind, at)
    tall = 5.6 if reach else 3.2
    pole.add("cylinder", (0, 0, tall / 2), (0.16, 0.16, tall), _STEEL, m.PLAIN)
    heads = [(0.0, 2.75)]
    if reach:
        pole.box((0, -reach / 2, tall - 0.1), (0.1, reach, 0.1), _STEEL, m.PLAIN)
        heads.append((-reach + 0.15, tall - 0.5))
    lit = int(builder.random.integers(3))
    colors = (srgb(0.85, 0.12, 0.1), srgb(0.9, 0.6, 0.1), srgb(0.15, 0.75, 0.4))
    for v, height in heads:
        pole.box((-0.12, v, height), (0.26, 0.34, 0.98), _BLACK, m.PLAIN)
        for k, color in enumerate(colors):
            shown = color if k == lit else tuple(0.22 * c for c in color)
            place = (-0.25, v, height + 0.3 * (1 - k))
            pole.box(place, (0.06, 0.2, 0.2), shown, m.LAMP if k == lit else m.PLAIN)
    pole.block((0, 0, tall / 2), (0.25, 0.25, tall))


def add_lantern(builder: WorldBuilder, at: Frame, kind: str, color: Triple) -> None:
    """Add an old-fashioned lamp of cast iron."""
    lamp = begin(builder, kind, at)
    lamp.add("trunk", (0, 0, 0.35), (0.34, 0.34, 0.7), color, m.PLAIN)
    lamp.add("cylinder", (0, 0, 1.9), (0.12, 0.12, 3.2), color, m.PLAIN)
    lamp.add("trunk", (0, 0, 3.72), (0.24, 0.24, 0.46), _WARM, m.LAMP)
    lamp.add("pyramid", (0, 0, 4.06), (0.5, 0.5, 0.24), color, m.PLAIN)
    builder.add_light(at, (0, 0, 3.7))
    lamp.block((0, 0, 2.1), (0.3, 0.3, 4.2))


def add_arm_lamp(
    builder: WorldBuilder, at: Frame, kind: str, color: Triple, *, tall: float = 5.6
) -> None:
    """Add a lamp on a pole whose arm reaches 1.2 m along u."""
    lamp = begin(builder, kind, at)
    lamp.add("trunk", (0, 0, tall / 2), (0.2, 0.2, tall), color, m.PLAIN)
    lamp.box((0.55, 0, tall - 0.05), (1.1, 0.09, 0.09), color, m.PLAIN)
    lamp.box((0.95, 0, tall - 0.14), (0.5, 0.28, 0.14), _WARM, m.LAMP)
    builder.add_light(at, (0.95, 0, tall - 0.2))
    lamp.block((0, 0, tall / 2), (0.25, 0.25, tall))


def add_bollard_light(builder: WorldBuilder, at: Frame, kind: str) -> None:
    """Add a knee-high light beside a path."""
    lamp = begin(builder, kind, at)
    lamp.add("cylinder", (0, 0, 0.4), (0.18, 0.18, 0.8), _BLACK, m.PLAIN)
    lamp.add("cylinder", (0, 0, 0.88), (0.2, 0.2, 0.16), _WARM, m.LAMP)
    lamp.block((0, 0, 0.5), (0.2, 0.2, 1.0))


def add_sign(builder: WorldBuilder, at: Frame, kind: str, face: str) -> None:
    """Add a sign that faces back along u.

    Args:
        builder: what to add it to.
        at: foot of its post.
        kind: its family.
        face: ``stop``, ``danger``, ``limit``, ``parking``, ``warning`` or ``name``.
    """
    sign = begin(builder, kind, at)
    tall = 2.9 if face == "name" else 2.5
    sign.add("cylinder", (0, 0, tall / 2), (0.08, 0.08, tall), _STEEL, m.PLAIN)
    _FACES[face](sign, tall)
    sign.block((0, 0, tall / 2), (0.2, 0.5, tall))


def _plates(sign: Assembly, height: float, sizes: Sequence[float], colors: Sequence) -> None:
    """Add square plates, each before the last."""
    for k, (size, color) in enumerate(zip(sizes, colors, strict=True)):
        sign.box((-0.05 - 0.012 * k, 0, height), (0.03, size, size), srgb(*color), m.PLAIN)


def _disc(sign: Assembly, height: float, sizes: Sequence[float], colors: Sequence) -> None:
    """Add round plates as boxes at two angles, each pair before the last."""
    for k, (size, color) in enumerate(zip(sizes, colors, strict=True)):
        for wide, high in ((1.0, 0.42), (0.42, 1.0), (0.78, 0.78)):
            plate = (0.03, size * wide, size * high)
            sign.box((-0.05 - 0.012 * k, 0, height), plate, srgb(*color), m.PLAIN)


_WHITE, _RED = (0.9, 0.9, 0.88), (0.7, 0.1, 0.12)


def _stop(sign: Assembly, tall: float) -> None:
    _disc(sign, tall - 0.3, (0.8, 0.72), (_WHITE, _RED))
    sign.box((-0.09, 0, tall - 0.3), (0.02, 0.5, 0.14), srgb(*_WHITE), m.PLAIN)


def _danger(sign: Assembly, tall: float) -> None:
    for k, (size, color) in enumerate(((0.8, _RED), (0.52, _WHITE))):
        plate = (0.03, size, 0.87 * size)
        sign.add(
            "gable", (-0.05 - 0.012 * k, 0, tall - 0.32), plate, srgb(*color), m.PLAIN, yaw=0.0
        )


def _limit(sign: Assembly, tall: float) -> None:
    _disc(sign, tall - 0.32, (0.68, 0.52), (_RED, _WHITE))
    sign.box((-0.09, -0.08, tall - 0.32), (0.02, 0.1, 0.24), srgb(0.1, 0.1, 0.1), m.PLAIN)
    sign.box((-0.09, 0.09, tall - 0.32), (0.02, 0.12, 0.24), srgb(0.1, 0.1, 0.1), m.PLAIN)


def _parking(sign: Assembly, tall: float) -> None:
    _plates(sign, tall - 0.3, (0.62, 0.54), (_WHITE, (0.12, 0.28, 0.58)))
    sign.box((-0.09, -0.08, tall - 0.3), (0.02, 0.08, 0.36), srgb(*_WHITE), m.PLAIN)
    sign.box((-0.09, 0.04, tall - 0.22), (0.02, 0.2, 0.18), srgb(*_WHITE), m.PLAIN)


def _warning(sign: Assembly, tall: float) -> None:
    _plates(sign, tall - 0.36, (0.66, 0.58), ((0.1, 0.1, 0.1), (0.85, 0.66, 0.12)))
    sign.box((-0.09, 0, tall - 0.3), (0.02, 0.1, 0.3), srgb(0.1, 0.1, 0.1), m.PLAIN)


def _name(sign: Assembly, tall: float) -> None:
    green = srgb(0.14, 0.34, 0.26)
    sign.box((0, 0, tall - 0.15), (0.05, 1.1, 0.22), green, m.PLAIN)
    sign.box((0, 0, tall - 0.42), (1.0, 0.05, 0.22), green, m.PLAIN)


_FACES = {
    "stop": _stop,
    "danger": _danger,
    "limit": _limit,
    "parking": _parking,
    "warning": _warning,
    "name": _name,
}


def add_bollards(builder: WorldBuilder, at: Frame, kind: str, count: int, spacing: float) -> None:
    """Add a row of posts along v, as one object."""
    row = begin(builder, kind, at)
    for k in range(count):
        v = (k - (count - 1) / 2) * spacing
        row.add("trunk", (0, v, 0.45), (0.24, 0.24, 0.9), _BLACK, m.PLAIN)
        row.add("ball", (0, v, 0.95), (0.2, 0.2, 0.18), _BLACK, m.PLAIN, level=NEAR)
        row.block((0, v, 0.5), (0.25, 0.25, 1.0))


def add_pole_line(
    builder: WorldBuilder, places: Sequence[Frame], kinds: tuple[str, str], color: Triple
) -> None:
    """Add wooden poles (first family) with cables (second family) from each to the next.

    Args:
        builder: what to add it to.
        places: feet of the poles, in order; cross arms lie along v.
        kinds: families of the poles and of the cables.
        color: linear albedo of the wood.
    """
    for at in places:
        pole = begin(builder, kinds[0], at)
        pole.add("trunk", (0, 0, 4.4), (0.3, 0.3, 8.8), color, m.BARK)
        pole.box((0, 0, 8.2), (0.14, 1.9, 0.16), color, m.PLANKS)
        pole.block((0, 0, 4.4), (0.35, 0.35, 8.8))
    for here, there in pairwise(places):
        cable = begin(builder, kinds[1], here)
        for v in (-0.85, 0.85):
            _hang(cable, here.point(0, v), there.point(0, v), 8.3)


def _hang(
    cable: Assembly, start: tuple[float, float], stop: tuple[float, float], height: float
) -> None:
    """Hang one wire in eight straight pieces that sag in the middle."""
    run = np.array(stop) - np.array(start)
    yaw = float(np.arctan2(run[1], run[0]))
    shares = np.linspace(0.0, 1.0, 9)
    heights = height - 0.9 * 4 * shares * (1 - shares)
    piece = float(np.hypot(*run)) / 8
    for k in range(8):
        middle = np.array(start) + run * (k + 0.5) / 8
        rise = float(heights[k + 1] - heights[k])
        cable.builder.add_part(
            cable.owner,
            "box",
            Frame(float(middle[0]), float(middle[1]), yaw),
            (0.0, 0.0, float(heights[k] + heights[k + 1]) / 2),
            (float(np.hypot(piece, rise)) + 0.02, 0.035, 0.035),
            _BLACK,
            m.PLAIN,
            tilt=float(np.arctan2(rise, piece)),
        )


def add_mailbox(builder: WorldBuilder, at: Frame, kind: str, color: Triple) -> None:
    """Add a letter box on a post that opens towards -u."""
    box = begin(builder, kind, at)
    box.lid((0, 0, 0.5), (0.1, 0.1, 1.0), srgb(0.42, 0.33, 0.25), m.PLANKS)
    box.add("vault", (-0.05, 0, 1.22), (0.5, 0.24, 0.28), color, m.PAINT)
    box.box((-0.02, 0, 1.06), (0.5, 0.24, 0.1), color, m.PAINT)
    box.block((0, 0, 0.65), (0.4, 0.25, 1.3))


def add_planter(builder: WorldBuilder, at: Frame, kind: str, color: Triple, size: float) -> None:
    """Add a pot of clay or stone."""
    pot = begin(builder, kind, at)
    pot.add("trunk", (0, 0, 0.3 * size), (size, size, 0.6 * size), color, m.ROCK, tilt=np.pi)
    pot.block((0, 0, 0.3 * size), (size, size, 0.6 * size))
