"""Cameras that are there, and are the pinholes that a recording says they are."""

from __future__ import annotations

from typing import Any

from airseg.errors import LostSimulatorError, SimulatorError
from airseg.recording.flying.views import FIRST_CAMERA, View, told_settings
from airseg.simulators.protocol import ImageRequest, ImageType

_LENS = ("K1", "K2", "K3", "P1", "P2")
_SAME_FOV_DEG = 0.5  # AirSim may tell 89.9 of 90


def refuse_missing_cameras(client: Any, views: list[View]) -> None:
    """Refuse a plan's camera that the simulator does not have.

    Asking for its image is answered by an error; whatever else is asked of it ends AirSim 1.8
    (`UnrealImageCapture`, `PawnSimApi::getCamera`).

    Raises:
        SimulatorError: names the camera.
    """
    for view in views:
        if view.camera_name == FIRST_CAMERA:
            continue
        request = ImageRequest(view.camera_name, int(ImageType.Scene), False, False)
        try:
            client.simGetImages([request], *((view.vehicle,) if view.vehicle else ()))
        except LostSimulatorError:
            raise
        except Exception as cause:  # of our client or the official one
            raise SimulatorError(
                f"the simulator has no camera {view.camera_name} ({cause}). Write its "
                "settings.json with `airseg settings PLAN`, and restart it."
            ) from None


def refuse_no_pinhole(client: Any, view: View, span: str = "") -> None:
    """Refuse a camera that is not the pinhole that a recording says it is.

    Another program may have bent its lens, or changed its view angle.

    Args:
        client: the simulator.
        view: whose camera.
        span: the frames in question, for the message.
    """
    before = f"{span}: " if span else ""
    more = (view.vehicle,) if view.vehicle else ()
    fov_deg = float(client.simGetCameraInfo(view.camera_name, *more).fov)
    if abs(fov_deg - view.camera.fov_deg) > _SAME_FOV_DEG:
        raise SimulatorError(
            f"{before}camera {view.camera_name} sees {fov_deg:g} degrees, and the plan wants "
            f"{view.camera.fov_deg:g}. Does another program set it, or does the simulator not know "
            "simSetCameraFov?"
        )
    try:
        bent = map(float, client.simGetDistortionParams(view.camera_name, view.vehicle))
        told = [f"{name} {value:g}" for name, value in zip(_LENS, bent, strict=False) if value]
    except LostSimulatorError:
        raise
    except Exception:  # who cannot tell has no lenses: AirSim on Unity, and its older versions
        return
    if told:
        raise SimulatorError(
            f"{before}camera {view.camera_name} has a lens that bends its images "
            f"({', '.join(told)}), and recordings are a pinhole's. Set these to 0 with "
            "simSetDistortionParams, or restart the simulator."
        )


def refuse_parallel_rays(client: Any, view: View) -> None:
    """Refuse a camera whose settings draw it without perspective, which no view angle tells."""
    settings = told_settings(client)
    vehicles = _objects(settings, "Vehicles")
    own = _objects(vehicles, view.vehicle or next(iter(vehicles), ""))
    cameras = [_objects(own, "Cameras", view.camera_name), _objects(settings, "CameraDefaults")]
    for kind in (ImageType.Scene, ImageType.Segmentation, ImageType.DepthPlanar):
        entries = (_capture(camera, kind) for camera in cameras)
        entry: dict[str, Any] = next(filter(None, entries), {})  # one's own replaces the defaults
        if str(entry.get("ProjectionMode", "")).lower() == "orthographic":
            raise SimulatorError(
                f"camera {view.camera_name} draws {kind.name} images with ProjectionMode "
                "orthographic, and recordings are a pinhole's. Take it out of settings.json, and "
                "restart the simulator."
            )


def _objects(value: dict[str, Any], *names: str) -> dict[str, Any]:
    """Return the object under some names of settings; nothing where there is none."""
    for name in names:
        found = value.get(name)
        value = found if isinstance(found, dict) else {}
    return value


def _capture(camera: dict[str, Any], kind: int) -> dict[str, Any]:
    """Return what a camera's settings say of an image type, whose last entry counts."""
    entries = camera.get("CaptureSettings")
    listed = [e for e in entries if isinstance(e, dict)] if isinstance(entries, list) else []
    return next((e for e in reversed(listed) if e.get("ImageType", 0) == kind), {})
