"""The two dialects of the RPC: AirSim 1.8, and Cosys-AirSim 3 where it differs on the wire."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from airseg.simulators.embedded.rpc.methods.annotations import (
    AnnotationApi,
    LayeredRequest,
    layered,
)
from airseg.simulators.embedded.rpc.methods.cameras import CameraApi
from airseg.simulators.embedded.rpc.methods.cosys_sensors import CosysSensorApi
from airseg.simulators.embedded.rpc.methods.objects import ObjectApi
from airseg.simulators.embedded.rpc.rpc_server import NO, Method, methods_of
from airseg.simulators.embedded.simulation import Simulation
from airseg.simulators.protocol import Pose, Quaternionr, Vector3r

AIRSIM, COSYS = "airsim", "cosys"
DIALECTS = (AIRSIM, COSYS)
_COSYS_VERSION = 4

# Methods whose last parameter, whether the camera is an external one, Cosys-AirSim dropped.
_WITHOUT_EXTERNAL = (
    "simGetImages",
    "simGetCameraInfo",
    "simGetCurrentFieldOfView",
    "simSetCameraPose",
    "simSetCameraFov",
    "simSetDistortionParam",
    "simGetDistortionParams",
)
# Methods where the name of an annotation layer took its place; these know no layers here.
_WITH_LAYER = (
    "simAddDetectionFilterMeshName",
    "simSetDetectionFilterRadius",
    "simClearDetectionMeshNames",
    "simGetDetections",
)


def cosys_methods(methods: dict[str, Method], simulation: Simulation) -> dict[str, Method]:
    """Return the methods as Cosys-AirSim's clients call them.

    Args:
        methods: AirSim's, by name.
        simulation: with instance segmentation.
    """
    changed = dict(methods)
    cameras = CameraApi(simulation, red_first=True)
    images = Method(([LayeredRequest], str, bool), cameras.images)
    changed["simGetImages"] = images
    for name in _WITHOUT_EXTERNAL:
        kinds, function = changed[name].kinds, changed[name].function
        changed[name] = Method(kinds[:-1], _finding_external(function, name, simulation))
    one = layered(changed["simGetImages"].function)
    changed["simGetImage"] = Method((str, int, str, str), one)
    changed |= methods_of(AnnotationApi(simulation))
    for name in _WITH_LAYER:
        kinds, function = methods[name].kinds, methods[name].function
        changed[name] = Method((*kinds[:-1], str), _without_layer(function))
    for name, method in methods.items():
        if method.support == NO:  # lenses: one parameter less there
            changed[name] = Method(method.kinds[:-1], method.function, NO, method.note)
    for name in ("simSetLightIntensity", "simGetLidarSegmentation"):
        changed.pop(name, None)
    return changed | _own_methods(methods, simulation)


def _finding_external(
    function: Callable[..., Any], name: str, simulation: Simulation
) -> Callable[..., Any]:
    """Call with the flag that is missing: an external camera is known by its name."""

    def call(*params: Any) -> Any:
        camera = params[0][0].camera_name if name == "simGetImages" and params[0] else params[0]
        return function(*params, camera in simulation.external_cameras)

    return call


def _without_layer(function: Callable[..., Any]) -> Callable[..., Any]:
    def call(*params: Any) -> Any:
        if params[-1]:
            raise LookupError(f"there is no annotation layer '{params[-1]}'")
        return function(*params[:-1], False)

    return call


def _own_methods(methods: dict[str, Method], simulation: Simulation) -> dict[str, Method]:
    """Return what only Cosys-AirSim has."""
    objects = ObjectApi(simulation)
    sensors = CosysSensorApi(simulation)

    def names() -> list[str]:
        return [name for name in simulation.object_names[: simulation.object_count] if name]

    def pose(name: str, ned: bool) -> Pose:
        found = objects.pose(name)
        return found if ned else _unreal(found)

    def poses(ned: bool, only_visible: bool) -> list[Pose]:
        return [pose(name, ned) for name in names()]

    def tags(expression: str) -> list[list[str]]:
        listed = methods["simListSceneObjects"].function(expression)
        return [[name, ""] for name in listed]

    def lidar(sensor: str, name: str) -> dict[str, Any]:
        scan = sensors.lidar(sensor, name)
        ids = scan.pop("segmentation")
        return {**scan, "groundtruth": [str(i) for i in ids]}

    def state(name: str) -> dict[str, Any]:
        kinematics = methods["simGetGroundTruthKinematics"].function(name)
        return {"kinematics_estimated": kinematics, "timestamp": simulation.clock.now_ns}

    def colors() -> list[Vector3r]:
        table = simulation.segmentation.colors_of(np.arange(simulation.object_count))
        return [Vector3r(*(float(v) for v in row)) for row in table]

    own: dict[str, Method] = {
        "getServerVersion": Method((), lambda: _COSYS_VERSION),
        "getMinRequiredClientVersion": Method((), lambda: _COSYS_VERSION),
        "simGetObjectPose": Method((str, bool), pose),
        "simListInstanceSegmentationObjects": Method((), names),
        "simListInstanceSegmentationPoses": Method((bool, bool), poses),
        "simGetInstanceSegmentationColorMap": Method((), colors),
        "simListSceneObjectsTags": Method((str,), tags),
        "simSetWorldLightIntensity": methods["simSetLightIntensity"],
        "getLidarData": Method((str, str), lidar),
        "getEchoData": Method((str, str), sensors.echo),
        "getGPULidarData": Method((str, str), sensors.gpu_lidar),
    }
    if simulation.mode == "ComputerVision":
        own["getComputerVisionState"] = Method((str,), state)
    return own


def _unreal(pose: Pose) -> Pose:
    """Return a pose in Unreal's frame: centimetres, the third axis up."""
    p, q = pose.position, pose.orientation
    return Pose(
        Vector3r(100 * p.x_val, 100 * p.y_val, -100 * p.z_val),
        Quaternionr(q.w_val, -q.x_val, -q.y_val, q.z_val),
    )
