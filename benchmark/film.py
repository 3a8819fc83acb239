"""Draw the README's film: colour, the eleven classes, and every object by itself, along a plan.

python benchmark/film.py docs/film.webp
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
import numpy as np
from contact_sheet import class_colors
from PIL import Image

from airseg.flight.plan import load_plan
from airseg.flight.trajectory import plan_trajectory
from airseg.simulators.embedded.clock import START_NS
from airseg.simulators.embedded.rendering.renderer import CameraView, Renderer
from airseg.simulators.embedded.worlds.catalogue import build_world

_GAP = 4


def main() -> None:
    """Draw the film."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--plan", default="loop_walk")
    parser.add_argument("--every", type=int, default=3, help="of the plan's frames")
    parser.add_argument("--frames", type=int, default=40)
    parser.add_argument("--width", type=int, default=256, help="of each of the three, pixels")
    options = parser.parse_args()
    _, plan = load_plan(options.plan)
    path = plan_trajectory(plan)
    world = build_world(plan.environment, plan.seed or 0)
    renderer = Renderer(world)
    classes = class_colors(plan.environment, world)
    # Objects have colours that say nothing but that they differ; the same ones every time.
    objects = np.random.default_rng(3).integers(40, 256, classes.shape).astype(np.uint8)
    size = (options.width, options.width * 3 // 4)
    frames = []
    for i in range(0, min(len(path), options.every * options.frames), options.every):
        view = CameraView(path.position[i], path.orientation[i])
        seen = renderer.render(view, START_NS + int(path.time_ns[i]))
        shown = [cv2.resize(seen.rgb, size, interpolation=cv2.INTER_AREA)]
        for colors in (classes, objects):
            drawn = colors[seen.object_index]
            shown.append(cv2.resize(drawn, size, interpolation=cv2.INTER_NEAREST))
        gap = np.full((size[1], _GAP, 3), 255, np.uint8)
        frames.append(Image.fromarray(np.hstack([shown[0], gap, shown[1], gap, shown[2]])))
    pause = 1000 * options.every / plan.rate_hz
    frames[0].save(
        options.out,
        save_all=True,
        append_images=frames[1:],
        duration=round(pause),
        loop=0,
        quality=60,
        method=4,
    )
    kib = options.out.stat().st_size // 1024
    print(f"{options.out}: {len(frames)} frames of {frames[0].width}x{frames[0].height}, {kib} KiB")


if __name__ == "__main__":
    main()
