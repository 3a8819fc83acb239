"""RPC methods that list, bring, take and move objects, and give them segmentation ids."""

from __future__ import annotations

import math

import numpy as np

from airseg.name_patterns import places_of_matches
from airseg.simulators.embedded.rpc.rpc_server import PARTLY, rpc
from airseg.simulators.embedded.simulation import Simulation
from airseg.simulators.embedded.worlds.parts.basic_shapes import BASIC_SHAPES, basic_shape
from airseg.simulators.protocol import Pose, Quaternionr, Vector3r

_LONGEST_NAME = 1023  # NAME_SIZE of Unreal, less the zero behind it


class ObjectApi:
    """Objects of the world."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation

    @rpc("simListSceneObjects", str)
    def list_objects(self, name_regex: str) -> list[str]:
        """Return the names that an expression matches wholly, letters' case included."""
        names = tuple(name for name in self._simulation.object_names if name)
        return [names[k] for k in places_of_matches(name_regex, names, any_case=False)]

    @rpc("simListAssets")
    def list_assets(self) -> list[str]:
        """Return the families of meshes, and the plain shapes."""
        return [*self._simulation.world.assets, *BASIC_SHAPES]

    @rpc("simSetSegmentationObjectID", str, int, bool)
    def set_segmentation_id(self, mesh_name: str, object_id: int, is_name_regex: bool) -> bool:
        """Give an id to a mesh or to all that match."""
        return self._simulation.segmentation.set(mesh_name, object_id, is_name_regex)

    @rpc("simGetSegmentationObjectID", str)
    def segmentation_id(self, mesh_name: str) -> int:
        """Return the id of a mesh whose name is given in lower case, or -1."""
        return self._simulation.segmentation.get(mesh_name)

    @rpc("simGetObjectPose", str)
    def pose(self, name: str) -> Pose:
        """Return where an object is; all NaN if there is none of that name."""
        simulation = self._simulation
        index = simulation.object_index(name, any_case=True)
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
        index = self._simulation.object_index(name, any_case=True)
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
        if len(name) > _LONGEST_NAME:
            raise ValueError(f"a name of more than {_LONGEST_NAME} characters; Unreal has none")
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

    def _movable(self, name: str) -> int | None:
        """Return the index of an object that can be moved, or None."""
        index = self._simulation.object_index(name, any_case=True)
        if index is None or not self._simulation.renderer.stage.objects[index].movable:
            return None
        return index


def _free_name(wished: str, names: list[str]) -> str:
    """Return a name for a new object as AirSim does: with a number, if others contain it."""
    others = [name for name in names if wished in name]
    if not others:
        return wished
    # No expression: looking for digits at the end takes hours in a long name of digits.
    ends = [name[len(name.rstrip("0123456789")) :] for name in others]
    numbers = [int(end) for end in ends if end]
    return f"{wished}{max(numbers, default=0) + 1}"


def _checked_scale(scale: Vector3r) -> np.ndarray:
    factors = scale.to_array()
    if not np.isfinite(factors).all() or not (np.abs(factors) > 1e-4).all():
        raise ValueError("the scale has a component that is 0 or no number")
    return np.abs(factors)
