"""RPC methods that paint objects in other colours."""

from __future__ import annotations

import colorsys
import warnings
import zlib
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from airseg.simulators.embedded.rpc.rpc_server import PARTLY, rpc
from airseg.simulators.embedded.scene.world import srgb
from airseg.simulators.embedded.simulation import Simulation

_ONE_COLOR = "paints the whole object in one colour"
_LARGEST_TEXTURE_BYTES = 64_000_000
_LARGEST_TEXTURE_PIXELS = 64_000_000


class PaintingApi:
    """What objects look like."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation

    @rpc("simSetObjectMaterial", str, str, int, support=PARTLY, note=_ONE_COLOR)
    def set_material(self, name: str, material: str, component: int) -> bool:
        """Paint an object in a colour that belongs to a material's name."""
        return self._paint([name], _color_of(material)) == [name]

    @rpc("simSetObjectMaterialFromTexture", str, str, int, support=PARTLY, note=_ONE_COLOR)
    def set_texture(self, name: str, texture: str, component: int) -> bool:
        """Paint an object in the mean colour of an image file of the server's machine."""
        if self._simulation.object_index(name) is None:
            return False
        return self._paint([name], srgb(*_mean_color(Path(texture)))) == [name]

    @rpc(
        "simSwapTextures",
        str,
        int,
        int,
        int,
        support=PARTLY,
        note="tags are names or families; each number is one colour",
    )
    def swap_textures(self, tags: str, texture: int, component: int, material: int) -> list[str]:
        """Paint the objects of some names or families; return which ones."""
        wanted = {tag.strip() for tag in tags.split(",") if tag.strip()}
        stage = self._simulation.renderer.stage
        names = [o.name for o in stage.objects if o.name in wanted or o.kind in wanted]
        return self._paint(names, _color_of(f"texture {texture}"))

    def _paint(self, names: list[str], color: tuple[float, float, float]) -> list[str]:
        painted = []
        for name in names:
            index = self._simulation.object_index(name)
            if index is not None:
                self._simulation.renderer.set_object_material(index, color)
                painted.append(name)
        return painted


def _mean_color(path: Path) -> tuple[float, float, float]:
    """Return the mean red, green and blue of an image file, 0 to 1.

    Raises:
        ValueError: it is no image of a sensible size. A device or a pipe has no end, and a file of
            a few bytes may have any number of pixels, so both are asked before they are read.
    """
    if not path.is_file() or path.stat().st_size > _LARGEST_TEXTURE_BYTES:
        raise ValueError(f"{path} is no file of at most {_LARGEST_TEXTURE_BYTES} bytes")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path) as image:
                width, height = image.size
    except (OSError, ValueError, Image.DecompressionBombError):
        width, height = 0, 0
    if not 0 < width * height <= _LARGEST_TEXTURE_PIXELS:
        raise ValueError(f"{path} is no image of at most {_LARGEST_TEXTURE_PIXELS} pixels")
    pixels = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_COLOR)
    if pixels is None:
        raise ValueError(f"{path} is no image that can be read")
    blue, green, red = pixels.reshape(-1, 3).mean(0) / 255.0
    return float(red), float(green), float(blue)


def _color_of(name: str) -> tuple[float, float, float]:
    """Return the linear albedo of a colour's name, or one that belongs to any other name."""
    known = {
        "red": (0.75, 0.12, 0.1),
        "green": (0.15, 0.6, 0.2),
        "blue": (0.12, 0.25, 0.7),
        "white": (0.9, 0.9, 0.9),
        "black": (0.06, 0.06, 0.06),
        "yellow": (0.85, 0.75, 0.15),
        "grey": (0.5, 0.5, 0.5),
    }
    for color, values in known.items():
        if color in name.lower():
            return srgb(*values)
    number = zlib.crc32(name.encode())
    return srgb(*colorsys.hsv_to_rgb(number % 360 / 360, 0.55, 0.75))
