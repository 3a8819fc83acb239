"""Taking images: from the requests of one call to one rendering a camera, and its images."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from airseg.simulators.embedded.rendering.renderer import Atmosphere, CameraView, Render
from airseg.simulators.embedded.rendering.stage import Placement
from airseg.simulators.embedded.sensing.cameras import Camera, camera_view
from airseg.simulators.embedded.sensing.encoding import fill_response
from airseg.simulators.embedded.sensing.optics import adapt_exposure, develop, distort
from airseg.simulators.embedded.sensing.segmentation_ids import ObjectColors
from airseg.simulators.embedded.settings import CaptureSetting
from airseg.simulators.embedded.simulation import Simulation
from airseg.simulators.embedded.vehicles.vehicle import Vehicle
from airseg.simulators.protocol import (
    ImageRequest,
    ImageResponse,
    ImageType,
    Quaternionr,
    Vector3r,
)

_FLOW = (ImageType.OpticalFlow, ImageType.OpticalFlowVis)
_GLIMPSE = (64, 48)
_MOST_IMAGES = 256  # a request takes 50 bytes, and its answer may take a million times as many
ANNOTATION = 11
"""Cosys-AirSim's further image type."""


@dataclass(frozen=True)
class _Moment:
    """What all images of a call share: one frame.

    Attributes:
        time_ns: simulator time; world_ns: time of the world that is drawn.
        atmosphere, bodies: of then.
        vehicle: whose cameras look, or None.
    """

    time_ns: int
    world_ns: int
    atmosphere: Atmosphere
    bodies: dict[int, Placement]
    vehicle: Vehicle | None

    @property
    def own_body(self) -> int | None:
        return self.vehicle.body_index if self.vehicle else None


class Capturing:
    """Answers image requests of one simulation.

    Args:
        simulation: what is looked at.
        red_first: order of raw bytes.
    """

    def __init__(self, simulation: Simulation, *, red_first: bool) -> None:
        self._simulation, self._red_first = simulation, red_first

    def take(
        self, requests: list[ImageRequest], vehicle_name: str, external: bool
    ) -> list[ImageResponse]:
        """Return the images of one instant; those of one camera and size share one rendering.

        Raises:
            LookupError: no such vehicle or camera.
            ValueError: no such image type, or more images than memory may have room for.
        """
        if len(requests) > _MOST_IMAGES:
            raise ValueError(f"{len(requests)} images are asked for; one call gives {_MOST_IMAGES}")
        simulation = self._simulation
        if external and not simulation.external_cameras:
            return [_no_camera(request) for request in requests]
        for request in requests:
            if request.image_type == ANNOTATION and simulation.dialect == "cosys":
                simulation.annotation_layer(getattr(request, "annotation_name", ""))
            elif request.image_type not in list(ImageType):
                names = ", ".join(t.name for t in ImageType)
                raise ValueError(f"image type {request.image_type} is none of: {names}")
        simulation.clock.begin_picture()
        with simulation.lock:
            found = [self._find(r.camera_name, vehicle_name, external) for r in requests]
            views = [
                camera_view(vehicle, camera, request.image_type)
                for request, (vehicle, camera) in zip(requests, found, strict=True)
            ]
            moment = _Moment(
                simulation.clock.now_ns,
                simulation.clock.world_ns,
                simulation.atmosphere(),
                simulation.body_placements(),
                found[0][0] if found else None,
            )
        renders: dict[tuple, Render] = {}
        responses = []
        for request, view, (_, camera) in zip(requests, views, found, strict=True):
            key = (id(camera), view.fov_deg, view.width, view.height)
            if key not in renders:
                kinds = [
                    r.image_type
                    for r, v, (_, c) in zip(requests, views, found, strict=True)
                    if (id(c), v.fov_deg, v.width, v.height) == key
                ]
                renders[key] = self._render(camera, view, kinds, moment)
            responses.append(self._answer(request, view, camera, renders[key], moment))
        return responses

    def _find(
        self, camera_name: str, vehicle_name: str, external: bool
    ) -> tuple[Vehicle | None, Camera]:
        """Return a camera and its vehicle.

        Raises:
            LookupError: there is none; the message is that of AirSim's standard library.
        """
        try:
            return self._simulation.find_camera(camera_name, vehicle_name, external)
        except LookupError as cause:
            if str(cause).startswith("Camera"):
                raise LookupError("map::at") from cause
            raise

    def _render(
        self, camera: Camera, view: CameraView, kinds: list[int], moment: _Moment
    ) -> Render:
        renderer = self._simulation.renderer
        look = camera.capture(ImageType.Scene)
        instant = renderer.instant(view, moment.world_ns, moment.bodies)
        key = b"%d" % moment.world_ns + view.position.tobytes() + view.orientation.tobytes()
        before = camera.remember(key, instant)
        blurred = ImageType.Scene in kinds and look.MotionBlurAmount > 0
        wants_flow = blurred or any(kind in _FLOW for kind in kinds)
        render = renderer.render(
            view,
            moment.world_ns,
            moment.atmosphere,
            exposure=self._exposure(look, view, moment) if ImageType.Scene in kinds else 1.0,
            normals=ImageType.SurfaceNormals in kinds,
            before=before if wants_flow else None,
            bodies=moment.bodies,
            without=moment.own_body,
        )
        return distort(render, camera.distortion)

    def _exposure(self, look: CaptureSetting, view: CameraView, moment: _Moment) -> float:
        factor = 2.0**look.AutoExposureBias
        if look.AutoExposureSpeed > 0:
            small = CameraView(view.position, view.orientation, view.fov_deg, *_GLIMPSE)
            glimpse = self._simulation.renderer.render(
                small,
                moment.world_ns,
                moment.atmosphere,
                bodies=moment.bodies,
                without=moment.own_body,
            )
            factor *= adapt_exposure(glimpse.rgb, look)
        return factor

    def _answer(
        self,
        request: ImageRequest,
        view: CameraView,
        camera: Camera,
        render: Render,
        moment: _Moment,
    ) -> ImageResponse:
        if request.image_type == ImageType.Scene:
            kind = ImageType.Scene
            look, noise = camera.capture(kind), camera.noise(kind)
            render = develop(render, look, noise, moment.world_ns, view)
        origin = moment.vehicle.origin if moment.vehicle else np.zeros(3)
        response = ImageResponse(
            camera_name=request.camera_name,
            camera_position=Vector3r.from_array(view.position - origin),
            camera_orientation=Quaternionr.from_array(view.orientation),
            time_stamp=moment.time_ns,
            pixels_as_float=request.pixels_as_float,
            compress=request.compress,
            image_type=int(request.image_type),
        )
        colors: ObjectColors = self._simulation.segmentation
        if request.image_type == ANNOTATION:
            # The layer is drawn as segmentation is, in its own colours.
            colors = self._simulation.annotation_layer(getattr(request, "annotation_name", ""))
            request = replace(request, image_type=ImageType.Segmentation, pixels_as_float=False)
        fill_response(response, request, render, colors, red_first=self._red_first)
        clock = self._simulation.clock
        if clock.stamps_one_by_one:
            response.time_stamp = clock.now_ns  # it is stamped once it has been read back
        return response


def _no_camera(request: ImageRequest) -> ImageResponse:
    """Return what AirSim answers for external cameras where there are none at all."""
    return ImageResponse(
        camera_name=request.camera_name,
        message="camera is not set",
        pixels_as_float=request.pixels_as_float,
        compress=request.compress,
        image_type=int(request.image_type),
    )
