"""RPC methods that read the world as a whole: its extents, its triangles, which cells are solid."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from airseg.simulators.embedded.rpc.rpc_server import PARTLY, rpc
from airseg.simulators.embedded.scene.world import NEAR
from airseg.simulators.embedded.simulation import Simulation
from airseg.simulators.embedded.vehicles.geodesy import geo_point
from airseg.simulators.protocol import Quaternionr, Vector3r

_LARGEST_GRID = 64_000_000
_BINVOX = b"#binvox 1"


class WorldShapeApi:
    """The shape of the world."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation

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

    def _bounds(self) -> tuple[np.ndarray, np.ndarray]:
        boxes = self._simulation.world.collision_boxes
        if not len(boxes):
            return np.zeros(3), np.zeros(3)
        low, high = boxes[:, :3].min(0), boxes[:, 3:].max(0)
        return np.array([*low[:2], max(high[2], 0.0)]), np.array([*high[:2], low[2]])


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
