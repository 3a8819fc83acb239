"""Comparing the pose that images report with the plan, while recording."""

from __future__ import annotations

from typing import Any

import numpy as np

from airseg.errors import SimulatorError
from airseg.flight.plan import PoseTolerance
from airseg.geometry import compose_poses, pose_difference
from airseg.recording.flying.mounting import camera_offset
from airseg.recording.flying.placement import Poses
from airseg.recording.flying.views import View


class PoseCheck:
    """Holds every frame's cameras against the plan.

    A camera's place on its vehicle is asked from the simulator once, as its mount may have an
    offset of its own.

    Args:
        client: the simulator, whose time stands still.
        views: what is recorded.
        tolerance: how far off a frame may be; None writes it down only.
        notes: of the recording so far.
    """

    def __init__(
        self,
        client: Any,
        views: list[View],
        tolerance: PoseTolerance | None,
        notes: dict[str, Any],
    ) -> None:
        self._views, self._tolerance = views, tolerance
        self._offsets = [camera_offset(client, view) for view in views]
        self._largest_mm = float(notes.get("largest_pose_error_mm", 0.0))
        self._largest_deg = float(notes.get("largest_pose_error_deg", 0.0))

    def is_off(self, poses: Poses, seen: list[np.ndarray]) -> bool:
        """Tell whether images show anything but the plan.

        Args:
            poses: where the plan wants the vehicles.
            seen: (7,) pose of each view's camera.
        """
        errors = self._errors(poses, seen)
        return self._tolerance is not None and not all(self._tolerance.holds(*e) for e in errors)

    def check(self, frame: int, poses: Poses, seen: list[np.ndarray]) -> None:
        """Raise if a frame's images show anything but the plan; remember how far off it was.

        Raises:
            SimulatorError: they are further off than the plan allows.
        """
        for view, (metres, degrees) in zip(self._views, self._errors(poses, seen), strict=True):
            if self._tolerance and not self._tolerance.holds(metres, degrees):
                where = f" of view {view.sequence.lstrip('-')}" if view.sequence else ""
                raise SimulatorError(
                    f"frame {frame}: the camera{where} is {metres * 1e3:.1f} mm and {degrees:.2f} "
                    f"degrees off the plan, which allows {self._tolerance.position_mm:g} mm and "
                    f"{self._tolerance.angle_deg:g} degrees (pose_tolerance). Does another program "
                    "move the vehicle? `airseg doctor` tells which modes work here."
                )
            self._largest_mm = max(self._largest_mm, metres * 1e3)
            self._largest_deg = max(self._largest_deg, degrees)

    def notes(self) -> dict[str, Any]:
        """Return what goes into the recording."""
        return {
            "largest_pose_error_mm": round(self._largest_mm, 6),
            "largest_pose_error_deg": round(self._largest_deg, 6),
        }

    def _errors(self, poses: Poses, seen: list[np.ndarray]) -> list[tuple[float, float]]:
        return [
            pose_difference(pose, compose_poses(poses[view.vehicle], offset))
            for view, pose, offset in zip(self._views, seen, self._offsets, strict=True)
        ]
