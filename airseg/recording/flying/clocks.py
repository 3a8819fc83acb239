"""Holding every time stamp against what it must be, and keeping book of what was off."""

from __future__ import annotations

from typing import Any

from airseg.errors import SimulatorError

_LISTED_AT_MOST = 1000
_OFF_IN_A_ROW = 5


class StepCheck:
    """Time stamps of a flight whose clock is stepped: each lies a step after the one before.

    One late step is written down; a clock that stays off its place cannot be flown by.

    Args:
        step_ns: between frames.
        last: the last frame that was recorded before, a row of `frames.csv`, or None.
        notes: of the recording so far.
        tolerance_ns: how far a frame's time may lie from its place in the row of frames, counted
            from the first frame of this run; None sets no limit.
    """

    def __init__(
        self,
        step_ns: int,
        last: dict[str, Any] | None,
        notes: dict[str, Any],
        tolerance_ns: int | None = None,
    ) -> None:
        self._step_ns = step_ns
        self._before = int(last["timestamp_ns"]) if last else None
        self._largest_error_ns = int(notes.get("largest_step_error_ns", 0))
        self._largest_drift_ns = int(notes.get("largest_drift_ns", 0))
        self._late = list(notes.get("off_their_place", []))
        self._late_count = int(notes.get("off_their_place_count", 0))
        self._tolerance_ns = tolerance_ns
        self._in_a_row = 0
        self._origin: tuple[int, int] | None = None

    def check(self, frame: int, slot: int, timestamp_ns: int) -> None:
        """Raise if time stood still, ran backwards or drifted; remember how far off it was."""
        begins = self._origin is None
        self._check_drift(frame, timestamp_ns)
        before, self._before = self._before, timestamp_ns
        if before is None:
            return
        step = timestamp_ns - before
        if step <= 0:
            raise SimulatorError(
                f"frame {frame}: simulator time went from {before} to {timestamp_ns} ns; it must "
                f"advance by {self._step_ns} ns a frame. Was the simulator restarted or reset, or "
                "its clock set back? In ComputerVision mode a SteppableClock never moves: leave "
                "ClockType out of settings.json."
            )
        if not begins:  # what lies between two runs is no step
            self._largest_error_ns = max(self._largest_error_ns, abs(step - self._step_ns))

    def notes(self) -> dict[str, Any]:
        """Return what goes into the recording."""
        return {
            "largest_step_error_ns": self._largest_error_ns,
            "largest_drift_ns": self._largest_drift_ns,
            "off_their_place": self._late,
            "off_their_place_count": self._late_count,
        }

    def close(self, slots: int | None) -> None:
        """Take note that the flight is over."""

    def _check_drift(self, frame: int, timestamp_ns: int) -> None:
        if self._origin is None:
            self._origin = (frame, timestamp_ns)
        first, began_ns = self._origin
        drift = timestamp_ns - began_ns - (frame - first) * self._step_ns
        self._largest_drift_ns = max(self._largest_drift_ns, abs(drift))
        if self._tolerance_ns is None or abs(drift) <= self._tolerance_ns:
            self._in_a_row = 0
            return
        self._in_a_row += 1
        self._late_count += 1
        if len(self._late) < _LISTED_AT_MOST:
            self._late.append(frame)
        if self._in_a_row > _OFF_IN_A_ROW:
            raise SimulatorError(
                f"frame {frame}: simulator time is {abs(drift) / 1e6:.1f} ms "
                f"{'ahead of' if drift > 0 else 'behind'} its place, as in the {_OFF_IN_A_ROW} "
                "frames before it more than the plan's time_tolerance_ms of "
                f"{self._tolerance_ns / 1e6:g}: the simulator does not step as it is told to. Take "
                "load off its machine, use --mode pose, or allow more in the plan."
            )


class LatenessCheck:
    """Time stamps of a flight in real time: a frame later than half a step is late.

    Args:
        step_ns: between time slots.
        last: the last frame that was recorded before, or None.
        notes: of the recording so far.
    """

    def __init__(self, step_ns: int, last: dict[str, Any] | None, notes: dict[str, Any]) -> None:
        self._step_ns = step_ns
        self._before = int(last["timestamp_ns"]) if last else None
        self._slot = round(last["plan_time_ns"] / step_ns) if last else -1
        self._origin: int | None = None
        self._late = list(notes.get("late", []))
        self._late_count = int(notes.get("late_count", 0))
        self._dropped = int(notes.get("dropped", 0))
        self._largest_ns = int(notes.get("largest_lateness_ns", 0))

    def check(self, frame: int, slot: int, timestamp_ns: int) -> None:
        """Raise if time stood still or ran backwards; note lateness and slots left out."""
        if self._before is not None and timestamp_ns <= self._before:
            raise SimulatorError(
                f"frame {frame}: simulator time went from {self._before} to {timestamp_ns} ns. "
                "Was the simulator restarted, paused or reset, or does it repeat images?"
            )
        self._before = timestamp_ns
        self._dropped += slot - self._slot - 1
        self._slot = slot
        if self._origin is None:
            self._origin = timestamp_ns - slot * self._step_ns
        lateness = timestamp_ns - self._origin - slot * self._step_ns
        self._largest_ns = max(self._largest_ns, lateness)
        if lateness > self._step_ns // 2:
            self._late_count += 1
            if len(self._late) < _LISTED_AT_MOST:
                self._late.append(frame)

    def close(self, slots: int | None) -> None:
        """Take note that the flight is over: slots after the last frame are left out too."""
        if slots is not None and self._slot < slots - 1:
            self._dropped += slots - 1 - self._slot
            self._slot = slots - 1

    def notes(self) -> dict[str, Any]:
        """Return what goes into the recording: late frames, dropped slots, the worst lateness."""
        return {
            "late": self._late,
            "late_count": self._late_count,
            "dropped": self._dropped,
            "largest_lateness_ns": self._largest_ns,
        }
