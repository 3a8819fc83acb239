"""From what was rendered to the pixels and numbers of AirSim's image types."""

from __future__ import annotations

import cv2
import numpy as np

from airseg.kernels import njit
from airseg.simulators.embedded.rendering.renderer import Render
from airseg.simulators.embedded.rendering.shading import SKY_DEPTH_M
from airseg.simulators.embedded.rendering.strips import in_strips
from airseg.simulators.embedded.sensing.segmentation_ids import ObjectColors
from airseg.simulators.protocol import ImageRequest, ImageResponse, ImageType

STEREO_BASELINE_M = 0.25
"""What `DisparityNormalized` assumes between two eyes."""

FLOW_RANGE = 0.05
"""The greatest motion that flow in 8 bits can tell, as a share of the image's width."""

_EXACT = (ImageType.Segmentation, ImageType.OpticalFlow)


def fill_response(
    response: ImageResponse,
    request: ImageRequest,
    render: Render,
    ids: ObjectColors,
    *,
    red_first: bool = False,
) -> ImageResponse:
    """Put the pixels a request asks for into its response.

    Args:
        response: to fill.
        request: type, and whether as floats, as PNG or raw.
        render: what was seen; with normals and flow where the type needs them.
        ids: what colour each object has in segmentation.
        red_first: order of raw bytes, as Cosys-AirSim has them.
    """
    response.height, response.width = render.depth_planar.shape[:2]
    if request.pixels_as_float:
        values = as_floats(request.image_type, render, ids)
        if request.image_type not in _EXACT:
            # Values pass through half floats on their way, as in AirSim.
            values = _through_half_floats(values)
        response.image_data_float = values.astype(np.float32, copy=False)
        return response
    bgr = as_bgr(request.image_type, render, ids)
    if request.compress:
        response.image_data_uint8 = cv2.imencode(".png", bgr)[1].tobytes()
    elif red_first:
        response.image_data_uint8 = cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB).tobytes()
    else:
        response.image_data_uint8 = bgr.tobytes()
    return response


def _through_half_floats(values: np.ndarray) -> np.ndarray:
    out = np.empty(values.shape, np.float32)

    def round_rows(top: int, bottom: int) -> None:
        limited = np.clip(values[top:bottom], -SKY_DEPTH_M, SKY_DEPTH_M)
        out[top:bottom] = limited.astype(np.float16)

    in_strips(len(values), round_rows, 120)
    return out


def as_floats(image_type: int, render: Render, ids: ObjectColors) -> np.ndarray:
    """Return an image type as floats: (H, W), or with 2 (flow) or 3 (normals) values a pixel.

    Segmentation as floats is the number of the object in `simListSceneObjects`, so that every mesh
    can be told from every other; optical flow is exact, see `motion.flow_since`.
    """
    depth = render.depth_planar
    if image_type == ImageType.DepthPlanar:
        return depth
    if image_type == ImageType.DepthPerspective:
        return np.minimum(depth * _ray_lengths(render), SKY_DEPTH_M)
    if image_type == ImageType.DepthVis:
        return np.minimum(depth / 100.0, 1.0)
    if image_type == ImageType.DisparityNormalized:
        return _disparity(render)
    if image_type == ImageType.Segmentation:
        return render.object_index.astype(np.float32)
    if image_type == ImageType.Infrared:
        return ids.ids_of(render.object_index).astype(np.float32)
    if image_type == ImageType.SurfaceNormals:
        return _unreal_normals(render)
    if image_type == ImageType.OpticalFlow:
        return _flow(render)
    return as_bgr(image_type, render, ids)[..., ::-1].mean(2) / 255.0


def as_bgr(image_type: int, render: Render, ids: ObjectColors) -> np.ndarray:
    """Return an image type as (H, W, 3) uint8, blue first."""
    if image_type == ImageType.Scene:
        return cv2.cvtColor(render.rgb, cv2.COLOR_RGB2BGR)
    if image_type == ImageType.Segmentation:
        everything = np.arange(int(render.object_index.max(initial=0)) + 1)
        colors = np.ascontiguousarray(ids.colors_of(everything)[:, ::-1])
        out = np.empty((*render.object_index.shape, 3), np.uint8)
        index = render.object_index
        in_strips(len(index), lambda top, bottom: _look_up(top, bottom, index, colors, out))
        return out
    if image_type == ImageType.SurfaceNormals:
        return ((_unreal_normals(render)[..., ::-1] * 0.5 + 0.5) * 255 + 0.5).astype(np.uint8)
    if image_type == ImageType.OpticalFlow:
        scaled = np.clip(_flow(render) / (FLOW_RANGE * render.rgb.shape[1]), -1, 1)
        out = np.zeros((*scaled.shape[:2], 3), np.uint8)
        out[..., 2:0:-1] = np.round(128 + 127 * scaled)
        return out
    if image_type == ImageType.OpticalFlowVis:
        return _flow_wheel(render)
    return np.repeat(_grey(image_type, render, ids)[..., None], 3, 2)


def _grey(image_type: int, render: Render, ids: ObjectColors) -> np.ndarray:
    if image_type == ImageType.Infrared:
        return (ids.ids_of(render.object_index) & 255).astype(np.uint8)
    if image_type == ImageType.DisparityNormalized:
        return (_disparity(render) * 255).astype(np.uint8)
    depth = render.depth_planar
    if image_type == ImageType.DepthPerspective:
        depth = depth * _ray_lengths(render)
    return (np.minimum(depth / 100.0, 1.0) * 255).astype(np.uint8)


def _disparity(render: Render) -> np.ndarray:
    """Return (H, W) float32, 0 to 1: disparity of two eyes over the image's width."""
    width = render.depth_planar.shape[1]
    return np.minimum(STEREO_BASELINE_M * render.focal / render.depth_planar / width, 1.0)


def _unreal_normals(render: Render) -> np.ndarray:
    """Return (H, W, 3) float32 normals with the third axis up, as Unreal draws them."""
    if render.normals is None:
        raise ValueError("rendered without normals")
    return render.normals * np.array([1.0, 1.0, -1.0], np.float32)


def _flow(render: Render) -> np.ndarray:
    """Return (H, W, 2) float32 pixels; 0 where the place of before was behind the camera."""
    if render.flow is None:
        raise ValueError("rendered without flow")
    return np.nan_to_num(render.flow)


def _flow_wheel(render: Render) -> np.ndarray:
    """Return flow as (H, W, 3) uint8 BGR: hue tells the direction, brightness how fast."""
    flow = _flow(render)
    size = np.hypot(flow[..., 0], flow[..., 1])
    hue = (np.degrees(np.arctan2(flow[..., 1], flow[..., 0])) % 360.0) / 2
    hsv = np.full((*flow.shape[:2], 3), 255, np.uint8)
    hsv[..., 0] = np.minimum(hue, 179).astype(np.uint8)
    hsv[..., 2] = (np.minimum(size / (FLOW_RANGE * flow.shape[1]), 1.0) * 255).astype(np.uint8)
    return cv2.cvtColor(hsv, cv2.COLOR_HSV2BGR)


def _ray_lengths(render: Render) -> np.ndarray:
    """Return (H, W) float32: how much longer the ray to a pixel is than its planar depth."""
    height, width = render.depth_planar.shape
    x = (np.arange(width) + 0.5 - width / 2) / render.focal
    y = (np.arange(height) + 0.5 - height / 2) / render.focal
    return np.sqrt(1 + x[None] ** 2 + y[:, None] ** 2).astype(np.float32)


@njit(cache=True, nogil=True)
def _look_up(top, bottom, index, table, out):  # noqa: ANN001, ANN202
    for row in range(top, bottom):
        for column in range(index.shape[1]):
            n = index[row, column]
            for c in range(3):
                out[row, column, c] = table[n, c]
