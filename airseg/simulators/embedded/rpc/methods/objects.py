"""RPC methods that bring, take, move and paint objects, and read the world's shapes."""

from __future__ import annotations

import colorsys
import math
import re
import warnings
import zlib
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from PIL import Image

from airseg.simulators.embedded.rpc.rpc_server import PARTLY, rpc
from airseg.simulators.embedded.scene.world import NEAR, srgb
from airseg.simulators.embedded.simulation import Simulation
from airseg.simulators.embedded.vehicles.geodesy import geo_point
from airseg.simulators.embedded.vehicles.multirotor import Multirotor
from airseg.simulators.embedded.worlds.parts.basic_shapes import BASIC_SHAPES, basic_shape
from airseg.simulators.protocol import Pose, Quaternionr, Vector3r

_MARKERS = "accepted; markers are never drawn into images"
_ONE_COLOR = "paints the whole object in one colour"
_LARGEST_GRID = 64_000_000
_LARGEST_TEXTURE_BYTES = 64_000_000
_LARGEST_TEXTURE_PIXELS = 64_000_000
_BINVOX = b"#binvox 1"


class ObjectApi:
    """Objects of the world."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation

    @rpc("simGetObjectPose", str)
    def pose(self, name: str) -> Pose:
        """Return where an object is; all NaN if there is none of that name."""
        simulation = self._simulation
        index = simulation.object_index(name)
        if index is None:
            nan = math.nan
            return Pose(Vector3r(nan, nan, nan), Quaternionr(nan, nan, nan, nan))
        with simulation.lock:
            found = simulation.body_placements().get(index)
            now_ns = simulation.clock.world_ns
        if found is not None:
            position, orientation = found.position, found.orientation
        else:
            position, orientation = simulation.renderer.object_pose(index, now_ns)
        return Pose(Vector3r.from_array(position), Quaternionr.from_array(orientation))

    @rpc("simSetObjectPose", str, Pose, bool)
    def set_pose(self, name: str, pose: Pose, teleport: bool) -> bool:
        """Move an object that can be moved; tell whether it could."""
        index = self._movable(name)
        if index is None:
            return False
        position, orientation = pose.position.to_array(), pose.orientation.to_array()
        if not np.isfinite([*position, *orientation]).all() or not orientation.any():
            raise ValueError("the pose has a component that is no number")
        self._simulation.renderer.set_object_pose(index, position, orientation)
        return True

    @rpc("simGetObjectScale", str)
    def scale(self, name: str) -> Vector3r:
        """Return an object's scale along its axes; all 0 if there is none of that name."""
        index = self._simulation.object_index(name)
        if index is None:
            return Vector3r(0.0, 0.0, 0.0)
        return Vector3r.from_array(self._simulation.renderer.object_scale(index))

    @rpc("simSetObjectScale", str, Vector3r)
    def set_scale(self, name: str, scale: Vector3r) -> bool:
        """Stretch an object that can be moved; tell whether it could be."""
        index = self._movable(name)
        if index is None:
            return False
        self._simulation.renderer.set_object_scale(index, _checked_scale(scale))
        return True

    @rpc(
        "simSpawnObject",
        str,
        str,
        Pose,
        Vector3r,
        bool,
        bool,
        support=PARTLY,
        note="assets are the world's own families; nothing falls",
    )
    def spawn(
        self, name: str, asset: str, pose: Pose, scale: Vector3r, physics: bool, blueprint: bool
    ) -> str:
        """Bring a copy of an asset that `simListAssets` names; return the name it got."""
        simulation = self._simulation
        position, orientation = pose.position.to_array(), pose.orientation.to_array()
        factors = _checked_scale(scale)
        if not np.isfinite([*position, *orientation]).all() or not orientation.any():
            raise ValueError("the pose has a component that is no number")
        with simulation.lock:
            final = _free_name(name or asset, simulation.object_names)
            unit = orientation / np.linalg.norm(orientation)
            shape = basic_shape(asset) if asset in BASIC_SHAPES else None
            index = simulation.renderer.spawn(asset, final, position, unit, factors, shape)
            if index is None:
                raise LookupError(f"there is no asset '{asset}'; simListAssets names them")
            simulation.segmentation.add(final)
        return final

    @rpc("simDestroyObject", str)
    def destroy(self, name: str) -> bool:
        """Take an object away until the next reset; tell whether there was one."""
        simulation = self._simulation
        with simulation.lock:
            index = simulation.object_index(name)
            if index is None or index in simulation.body_placements():
                return False
            simulation.renderer.destroy(index)
        return True

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

    @rpc("simSetLightIntensity", str, float, support=PARTLY, note="the sun alone: LightSource")
    def set_light(self, name: str, intensity: float) -> bool:
        """Make the sun brighter or darker; 1 is as built."""
        if name != "LightSource":
            return False
        if not 0 <= intensity <= 100:
            raise ValueError(f"an intensity of {intensity} is not between 0 and 100")
        self._simulation.sun_brightness = intensity
        return True

    @rpc("simSetWind", Vector3r)
    def set_wind(self, wind: Vector3r) -> None:
        """Let the air move, metres a second NED; multirotors lean against it."""
        if self._simulation.mode != "Multirotor":
            raise NotImplementedError("setWind not implemented by SimMode")
        blowing = wind.to_array()
        if not np.isfinite(blowing).all():
            raise ValueError("the wind has a component that is no number")
        with self._simulation.lock:
            for vehicle in self._simulation.vehicles.values():
                if isinstance(vehicle, Multirotor):
                    vehicle.wind = blowing

    @rpc("simLoadLevel", str, support=PARTLY, note="only the world that is running")
    def load_level(self, level: str) -> bool:
        """Tell whether a level is the world that is running."""
        return level == self._simulation.world.name

    @rpc("simGetWorldExtents")
    def extents(self) -> list[dict[str, Any]]:
        """Return the lowest and the highest corner of the world, without the far hills."""
        low, high = self._bounds()
        origin = self._simulation.settings.origin
        return [geo_point(low, origin), geo_point(high, origin)]

    @rpc(
        "simGetMeshPositionVertexBuffers",
        support=PARTLY,
        note="metres NED; coarse where there are levels of detail",
    )
    def meshes(self) -> list[dict[str, Any]]:
        """Return the triangles of every object: vertices about its position."""
        stage = self._simulation.renderer.stage
        g = stage.geometry
        found = []
        for index, item in enumerate(stage.objects):
            parts = [p for p in stage.parts_of(index) if g.level[p] != NEAR]
            if not parts or stage.is_hidden(index):
                continue
            position = stage.placement(index).position
            vertices, indices, count = [], [], 0
            for p in parts:
                first, last = g.vertex_start[p], g.vertex_start[p + 1]
                faces = g.triangles[g.triangle_start[p] : g.triangle_start[p + 1]]
                vertices.append(g.vertices[first:last] - position)
                indices.append(faces - first + count)
                count += last - first
            found.append(
                {
                    "position": Vector3r.from_array(position),
                    "orientation": Quaternionr(),
                    "vertices": np.concatenate(vertices).astype(np.float32).ravel(),
                    "indices": np.concatenate(indices).astype(np.uint32).ravel(),
                    "name": item.name,
                }
            )
        return found

    @rpc(
        "simCreateVoxelGrid",
        Vector3r,
        int,
        int,
        int,
        float,
        str,
        support=PARTLY,
        note="solid things as boxes, and the ground; into the folder of --files",
    )
    def voxels(
        self, centre: Vector3r, x: int, y: int, z: int, resolution: float, file: str
    ) -> bool:
        """Write which cells of a grid are solid, as a binvox file in the clients' folder."""
        path = self._simulation.client_files.path(file)
        if min(x, y, z) <= 0 or not resolution > 0:
            raise ValueError("a voxel grid needs sizes and a resolution above 0")
        shape = tuple(max(round(side / resolution), 1) for side in (x, y, z))
        if np.prod(shape, dtype=float) > _LARGEST_GRID:
            raise ValueError(f"a grid of {shape} cells is too large")
        low = centre.to_array() - np.array([x, y, z]) / 2
        solid = np.zeros(shape, bool)
        for box in self._simulation.world.collision_boxes:
            first = np.ceil((box[:3] - low) / resolution - 0.5).astype(int)
            last = np.floor((box[3:] - low) / resolution - 0.5).astype(int) + 1
            first, last = np.maximum(first, 0), np.minimum(last, shape)
            if (first < last).all():
                solid[first[0] : last[0], first[1] : last[1], first[2] : last[2]] = True
        depth = low[2] + (np.arange(shape[2]) + 0.5) * resolution
        solid[:, :, depth > 0] = True
        _write_binvox(path, solid[:, :, ::-1], low, resolution)
        return True

    @rpc("simFlushPersistentMarkers", support=PARTLY, note=_MARKERS)
    def flush_markers(self) -> None:
        """Clear markers; none are ever drawn."""

    @rpc("simPlotPoints", [Vector3r], [float], float, float, bool, support=PARTLY, note=_MARKERS)
    @rpc("simPlotLineStrip", [Vector3r], [float], float, float, bool, support=PARTLY, note=_MARKERS)
    @rpc("simPlotLineList", [Vector3r], [float], float, float, bool, support=PARTLY, note=_MARKERS)
    @rpc(
        "simPlotArrows",
        [Vector3r],
        [Vector3r],
        [float],
        float,
        float,
        float,
        bool,
        support=PARTLY,
        note=_MARKERS,
    )
    @rpc(
        "simPlotStrings",
        [str],
        [Vector3r],
        float,
        [float],
        float,
        support=PARTLY,
        note=_MARKERS,
    )
    @rpc("simPlotTransforms", [Pose], float, float, float, bool, support=PARTLY, note=_MARKERS)
    @rpc(
        "simPlotTransformsWithNames",
        [Pose],
        [str],
        float,
        float,
        float,
        [float],
        float,
        support=PARTLY,
        note=_MARKERS,
    )
    def plot(self, *what: Any) -> None:
        """Take markers that are never drawn."""

    def _movable(self, name: str) -> int | None:
        """Return the index of an object that can be moved, or None."""
        index = self._simulation.object_index(name)
        if index is None or not self._simulation.renderer.stage.objects[index].movable:
            return None
        return index

    def _paint(self, names: list[str], color: tuple[float, float, float]) -> list[str]:
        painted = []
        for name in names:
            index = self._simulation.object_index(name)
            if index is not None:
                self._simulation.renderer.set_object_material(index, color)
                painted.append(name)
        return painted

    def _bounds(self) -> tuple[np.ndarray, np.ndarray]:
        boxes = self._simulation.world.collision_boxes
        if not len(boxes):
            return np.zeros(3), np.zeros(3)
        low, high = boxes[:, :3].min(0), boxes[:, 3:].max(0)
        return np.array([*low[:2], max(high[2], 0.0)]), np.array([*high[:2], low[2]])


def _free_name(wished: str, names: list[str]) -> str:
    """Return a name for a new object as AirSim does: with a number, if others contain it."""
    others = [name for name in names if wished in name]
    if not others:
        return wished
    numbers = [int(found[0]) for name in others if (found := re.findall(r"\d+$", name))]
    return f"{wished}{max(numbers, default=0) + 1}"


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


def _checked_scale(scale: Vector3r) -> np.ndarray:
    factors = scale.to_array()
    if not np.isfinite(factors).all() or not (np.abs(factors) > 1e-4).all():
        raise ValueError("the scale has a component that is 0 or no number")
    return np.abs(factors)


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
        if re.search(color, name, re.IGNORECASE):
            return srgb(*values)
    number = zlib.crc32(name.encode())
    return srgb(*colorsys.hsv_to_rgb(number % 360 / 360, 0.55, 0.75))


def _write_binvox(path: Path, solid: np.ndarray, low: np.ndarray, resolution: float) -> None:
    """Write an (x, y, z up) grid in the run-length form of binvox (Min 2004).

    Raises:
        FileExistsError: what is there is no binvox file, so that nothing else can be overwritten.
    """
    if path.exists() and not (path.is_file() and _starts_with(path, _BINVOX)):
        raise FileExistsError(f"{path} exists and is no binvox file; it stays as it is")
    # binvox walks x slowest, then z, then y fastest.
    cells = solid.transpose(0, 2, 1).ravel()
    edges = np.flatnonzero(np.diff(cells)) + 1
    bounds = np.concatenate([[0], edges, [len(cells)]])
    runs = bytearray()
    for start, end in pairwise(bounds):
        length, value = int(end - start), int(cells[start])
        while length > 0:
            runs += bytes([value, min(length, 255)])
            length -= 255
    x, y, z = solid.shape
    header = f"\ndim {x} {z} {y}\ntranslate {low[0]} {low[1]} {low[2]}\n"
    header += f"scale {max(solid.shape) * resolution}\ndata\n"
    path.write_bytes(_BINVOX + header.encode() + bytes(runs))


def _starts_with(path: Path, start: bytes) -> bool:
    with path.open("rb") as file:
        return file.read(len(start)) == start
