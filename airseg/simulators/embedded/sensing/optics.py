"""What a real camera does to a perfect picture: exposure, motion blur, distortion, noise.

Only the colour image is blurred and made noisy. Distortion bends all images alike.
"""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from airseg.simulators.embedded.rendering.renderer import CameraView, Render
from airseg.simulators.embedded.settings import CaptureSetting, NoiseSetting

_REFERENCE_GAMMA = 1.4  # what AirSim's colour images have without a setting of their own
_SHUTTER = 0.5
_BLUR_SAMPLES = 9


def develop(
    render: Render,
    capture: CaptureSetting,
    noise: NoiseSetting | None,
    time_ns: int,
    view: CameraView,
) -> Render:
    """Return a render whose colour image looks as the camera's settings want it.

    Args:
        render: with flow, where `capture` asks for motion blur.
        capture: MotionBlurAmount and TargetGamma.
        noise: AirSim's noise, or None.
        time_ns: simulator time.
        view: from where it is seen. The noise of one instant and place is always the same, and is
            another in each flight: grain that frames of training and test share could be learnt.
    """
    rgb = render.rgb
    if capture.MotionBlurAmount > 0 and render.flow is not None:
        rgb = _blur(rgb, render.flow, capture.MotionBlurAmount)
    if capture.TargetGamma is not None and capture.TargetGamma != _REFERENCE_GAMMA:
        levels = np.linspace(0.0, 1.0, 256) ** (_REFERENCE_GAMMA / capture.TargetGamma)
        rgb = cv2.LUT(rgb, np.round(levels * 255).astype(np.uint8))
    if noise is not None and noise.Enabled:
        rgb = _add_noise(rgb, noise, _noise_seed(time_ns, view))
    return render if rgb is render.rgb else replace(render, rgb=rgb)


def adapt_exposure(glimpse: np.ndarray, capture: CaptureSetting) -> float:
    """Return the factor on light that brings a scene's brightness between the limits set.

    Args:
        glimpse: (h, w, 3) uint8, a small picture of the scene at exposure 1.
        capture: AutoExposureMinBrightness and MaxBrightness, 0 to 1.
    """
    brightness = max(float(glimpse.mean()) / 255.0, 0.01)
    low, high = capture.AutoExposureMinBrightness, capture.AutoExposureMaxBrightness
    wanted = float(np.clip(brightness, max(low, 0.3), max(high, 0.31)))
    # Display values go about as the square root of light.
    return float(np.clip((wanted / brightness) ** 2.0, 0.1, 12.0))


def distort(render: Render, parameters: np.ndarray) -> Render:
    """Bend every image as a lens does.

    Args:
        render: through an ideal pinhole.
        parameters: (5,) K1 K2 K3 P1 P2 of Brown's model, as OpenCV has them in another order.
    """
    if not parameters.any():
        return render
    height, width = render.depth_planar.shape
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    k1, k2, k3, p1, p2 = (float(v) for v in parameters)
    camera = np.array(
        [[render.focal, 0, width / 2 - 0.5], [0, render.focal, height / 2 - 0.5], [0, 0, 1]]
    )
    points = np.stack([x.ravel(), y.ravel()], 1)[:, None]
    straight = cv2.undistortPoints(points, camera, np.array([k1, k2, p1, p2, k3]), P=camera)
    maps = straight.reshape(height, width, 2).astype(np.float32)

    def bend(image: np.ndarray | None, how: int) -> np.ndarray | None:
        if image is None:
            return None
        return cv2.remap(image, maps, None, how, borderMode=cv2.BORDER_REPLICATE)  # type: ignore[call-overload]

    bent = {
        name: bend(getattr(render, name), cv2.INTER_NEAREST)
        for name in ("object_index", "depth_planar", "normals", "flow", "flow_depth")
    }
    return replace(render, rgb=bend(render.rgb, cv2.INTER_LINEAR), **bent)  # type: ignore[arg-type]


def _blur(rgb: np.ndarray, flow: np.ndarray, amount: float) -> np.ndarray:
    """Average a picture along the motion of each pixel while the shutter was open."""
    height, width = rgb.shape[:2]
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    limit = 0.1 * width
    motion = np.clip(np.nan_to_num(flow), -limit, limit) * np.float32(amount * _SHUTTER)
    total = np.zeros(rgb.shape, np.float32)
    for share in np.linspace(-0.5, 0.5, _BLUR_SAMPLES, dtype=np.float32):
        at_x, at_y = x + share * motion[..., 0], y + share * motion[..., 1]
        total += cv2.remap(rgb, at_x, at_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.round(total / _BLUR_SAMPLES).astype(np.uint8)


def _noise_seed(time_ns: int, view: CameraView) -> list[int]:
    place = np.concatenate([view.position, view.orientation]).astype(np.float64)
    return [time_ns, *place.view(np.uint64).tolist()]


def _add_noise(rgb: np.ndarray, noise: NoiseSetting, seed: list[int]) -> np.ndarray:
    """Add AirSim's interference: grain, waves, lines and shifts of single rows."""
    height, width = rgb.shape[:2]
    random = np.random.default_rng(seed)
    image = rgb.astype(np.float32)
    if noise.HorzDistortionContrib > 0 and noise.HorzDistortionStrength > 0:
        reach = noise.HorzDistortionContrib * noise.HorzDistortionStrength * width
        shifts = np.round(random.normal(0.0, 0.5 * reach, height)).astype(int)
        columns = np.clip(np.arange(width)[None] + shifts[:, None], 0, width - 1)
        image = image[np.arange(height)[:, None], columns]
    if noise.HorzWaveContrib > 0:
        phase = random.uniform(0.0, 2 * np.pi)
        rows = np.arange(height) / height * 2 * np.pi * max(noise.HorzWaveScreenSize, 0.1) * 6
        wave = np.sin(rows + phase) * noise.HorzWaveContrib * noise.HorzWaveStrength
        image *= 1.0 + 4.0 * wave[:, None, None].astype(np.float32)
    if noise.HorzNoiseLinesContrib > 0:
        struck = random.random(height) < noise.HorzNoiseLinesDensityY
        dashes = random.random((height, width)) < noise.HorzNoiseLinesDensityXY
        lines = (struck[:, None] & dashes)[..., None]  # type: ignore[index]
        image += lines * np.float32(60.0 * noise.HorzNoiseLinesContrib)
    if noise.RandContrib > 0:
        grain = random.standard_normal((height, width, 1), np.float32)
        image += grain * np.float32(255.0 * 0.2 * noise.RandContrib)
    return np.clip(np.round(image), 0, 255).astype(np.uint8)
