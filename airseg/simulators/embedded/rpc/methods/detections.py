"""RPC methods that tell which objects a camera sees, with boxes around them."""

from __future__ import annotations

import fnmatch
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from airseg.geometry import quaternion_multiply, rotation_matrix
from airseg.simulators.embedded.rpc.rpc_server import rpc
from airseg.simulators.embedded.sensing.cameras import Camera, camera_view
from airseg.simulators.embedded.simulation import Simulation
from airseg.simulators.embedded.vehicles.geodesy import geo_point
from airseg.simulators.protocol import Pose, Quaternionr, Vector3r

_DEFAULT_RADIUS_CM = 200.0 * 100
_LONGEST, _MOST_NAMES = 1023, 10_000  # no name of Unreal is longer


@dataclass
class _Filter:
    """What is looked for in one camera's images of one type."""

    names: list[str] = field(default_factory=list)
    radius_cm: float = _DEFAULT_RADIUS_CM


class DetectionApi:
    """Detections of meshes by name."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        self._filters: dict[tuple[int, int], _Filter] = {}

    @rpc("simAddDetectionFilterMeshName", str, int, str, str, bool)
    def add_name(
        self, camera: str, image_type: int, mesh: str, vehicle: str, external: bool
    ) -> None:
        """Look for meshes whose name fits, in any case, with ``*`` and ``?`` as wildcards."""
        names = self._filter(camera, image_type, vehicle, external).names
        if len(mesh) > _LONGEST or len(names) >= _MOST_NAMES:
            raise ValueError(
                f"a filter takes at most {_MOST_NAMES} names of {_LONGEST} characters each"
            )
        names.append(mesh)

    @rpc("simSetDetectionFilterRadius", str, int, float, str, bool)
    def set_radius(
        self, camera: str, image_type: int, radius_cm: float, vehicle: str, external: bool
    ) -> None:
        """Look only so far, centimetres."""
        if not radius_cm >= 0:
            raise ValueError(f"a radius of {radius_cm} cm is below 0")
        self._filter(camera, image_type, vehicle, external).radius_cm = radius_cm

    @rpc("simClearDetectionMeshNames", str, int, str, bool)
    def clear(self, camera: str, image_type: int, vehicle: str, external: bool) -> None:
        """Look for nothing any more."""
        self._filter(camera, image_type, vehicle, external).names.clear()

    @rpc("simGetDetections", str, int, str, bool)
    def detections(
        self, camera_name: str, image_type: int, vehicle_name: str, external: bool
    ) -> list[dict[str, Any]]:
        """Return what is seen: name, box in the image, box in its own frame, pose to the camera."""
        simulation = self._simulation
        wanted = self._filter(camera_name, image_type, vehicle_name, external)
        with simulation.lock:
            vehicle, camera = simulation.find_camera(camera_name, vehicle_name, external)
            view = camera_view(vehicle, camera, image_type)
            now_ns, bodies = simulation.clock.world_ns, simulation.body_placements()
        own = vehicle.body_index if vehicle else None
        seen = simulation.renderer.render(view, now_ns, bodies=bodies, without=own).object_index
        found = []
        for index in np.unique(seen):
            item = simulation.renderer.stage.objects[index]
            # Unreal's filter knows the names of actors, and those of the meshes they are made of.
            names = (item.name, item.kind)
            if index == 0 or not any(_fits(name, w) for w in wanted.names for name in names):
                continue
            described = self._describe(int(index), seen, view.position, view.orientation)
            if np.linalg.norm(described.pop("offset")) * 100 <= wanted.radius_cm:
                found.append(described)
        return found

    def _describe(
        self, index: int, seen: np.ndarray, eye: np.ndarray, orientation: np.ndarray
    ) -> dict[str, Any]:
        stage = self._simulation.renderer.stage
        placement = stage.placement(index)
        rows, columns = np.nonzero(seen == index)
        points = stage.points_of(index)
        own = rotation_matrix(placement.orientation)
        local = (points - placement.position) @ own
        offset = rotation_matrix(orientation).T @ (placement.position - eye)
        back = orientation * np.array([1.0, -1.0, -1.0, -1.0])
        turn = quaternion_multiply(back, placement.orientation)
        return {
            "name": stage.objects[index].name,
            "geo_point": geo_point(placement.position, self._simulation.settings.origin),
            "box2D": {
                "min": {"x_val": float(columns.min()), "y_val": float(rows.min())},
                "max": {"x_val": float(columns.max() + 1), "y_val": float(rows.max() + 1)},
            },
            "box3D": {
                "min": Vector3r.from_array(local.min(0)),
                "max": Vector3r.from_array(local.max(0)),
            },
            "relative_pose": Pose(Vector3r.from_array(offset), Quaternionr.from_array(turn)),
            "offset": offset,
        }

    def _filter(self, camera: str, image_type: int, vehicle: str, external: bool) -> _Filter:
        with self._simulation.lock:
            found: Camera = self._simulation.find_camera(camera, vehicle, external)[1]
        return self._filters.setdefault((id(found), image_type), _Filter())


def _fits(name: str, wildcards: str) -> bool:
    """Tell whether a name fits one with ``*`` and ``?``, which are all that Unreal knows.

    AirSim asks `FString::MatchesWildcard`, which heeds no case unless it is told to.
    """
    # Python's own matcher of wildcards never goes back, however many stars there are.
    return fnmatch.fnmatchcase(name.lower(), wildcards.lower().replace("[", "[[]"))
