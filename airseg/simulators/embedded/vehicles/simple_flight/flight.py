"""The steps of a multirotor: many in one call."""

from __future__ import annotations

from airseg.kernels import njit
from airseg.simulators.embedded.vehicles.simple_flight.firmware import decide
from airseg.simulators.embedded.vehicles.simple_flight.physics import move


@njit(cache=True)
def advance(states, count, step_ns):  # noqa: ANN001, ANN201
    """Let a multirotor fly for a number of steps, each `step_ns` nanoseconds long.

    Args:
        states: (1,) array of `STATE`, changed in place; its time goes on.
        count, step_ns: how many steps and how long each.
    """
    r = states[0]
    for _ in range(count):
        r.now_ns += step_ns
        if not r.is_external:
            move(r, step_ns * 1e-9)
        decide(r)


@njit(cache=True)
def think(states):  # noqa: ANN001, ANN201
    """Run the flight controller once more without moving, as `simSetKinematics` does."""
    decide(states[0])
