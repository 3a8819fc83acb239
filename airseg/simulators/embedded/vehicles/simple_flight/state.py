"""Everything that one multirotor's steps read and change: a record, so that compiled code can.

Axes of the controllers are AirSim's: 0 roll (which moves along y), 1 pitch (moves along x), 2 yaw,
3 throttle (moves along z). Positions are relative to the vehicle's start, North-East-Down.
"""

from __future__ import annotations

import numpy as np

UNKNOWN, PASSTHROUGH, ANGLE_LEVEL, ANGLE_RATE, VELOCITY, POSITION = range(6)
"""What the goal of an axis is."""

RATE_LOOP, LEVEL_LOOP, VELOCITY_LOOP, POSITION_LOOP = range(4)
"""The loops of the cascade, from the inside out."""

INACTIVE, BEING_ARMED, ARMED, ACTIVE, BEING_DISARMED, DISARMED, NEVER = range(7)
VEHICLE_STATES = {
    "": ARMED,
    "Armed": ARMED,
    "Inactive": INACTIVE,
    "Disarmed": DISARMED,
    "Active": ACTIVE,
    "BeingArmed": BEING_ARMED,
    "BeingDisarmed": BEING_DISARMED,
    "Unknown": NEVER,
}
"""The states of the arming machine, by the names that `DefaultVehicleState` takes."""

SEA_LEVEL_DENSITY = 1.225
IDLE_THROTTLE = 0.1 / 1.5
MASS_KG = 1.0
ROTOR_THRUST_N = 4.179446268
ROTOR_TORQUE_NM = 0.055562
ROTOR_SPEED_RAD_S = 6396.667 / 60 * 2 * np.pi
ROTOR_TURNS = (1.0, 1.0, -1.0, -1.0)
"""The sign of each rotor's yaw torque: front right, rear left, front left, rear right."""

_PER_LOOP = (np.float64, (4, 4))

STATE = np.dtype(
    [
        ("now_ns", np.int64),
        # The body: metres, m/s, m/s^2; rad/s and rad/s^2 of the body's own axes.
        ("position", np.float64, 3),
        ("orientation", np.float64, 4),
        ("velocity", np.float64, 3),
        ("angular_velocity", np.float64, 3),
        ("acceleration", np.float64, 3),
        ("angular_acceleration", np.float64, 3),
        ("wind", np.float64, 3),
        ("home_altitude", np.float64),
        ("is_external", np.bool_),  # moved by whoever sets its pose, not by forces
        # Rotors, 0 to 1: what the controller asks for, after the filter, and what pulls now.
        ("motor", np.float64, 4),
        ("filtered", np.float64, 4),
        ("rotor", np.float64, 4),
        # What the actor has hit, as of the last tick.
        ("is_grounded", np.bool_),
        ("has_collided", np.bool_),
        ("collision_ns", np.int64),
        ("answered_ns", np.int64),
        ("normal", np.float64, 3),
        ("impact", np.float64, 3),
        ("stopped_at", np.float64, 3),
        ("depth", np.float64),
        # The flight controller: who gives the goal, and what it is.
        ("has_api_control", np.bool_),
        ("allows_api_control", np.bool_),
        ("vehicle_state", np.int64),
        ("is_landed", np.bool_),
        ("has_taken_off", np.bool_),
        ("has_timed_out", np.bool_),
        ("goal", np.float64, 4),
        ("goal_mode", np.int64, 4),
        ("goal_ms", np.int64),
        # The remote control: roll, pitch, yaw, throttle and two switches.
        ("api_is_always_allowed", np.bool_),
        ("api_is_allowed_without_remote", np.bool_),
        ("remote_is_connected", np.bool_),
        ("channels", np.float64, 4),
        ("switches", np.float64, 2),
        ("level_switch", np.float64),
        ("remote_goal", np.float64, 4),
        ("remote_mode", np.int64, 4),
        ("remote_ms", np.int64),
        ("request_ms", np.int64),
        # The cascade's memory, a row for each loop and a column for each axis.
        ("mode", np.int64, 4),
        ("output", np.float64, 4),
        ("kp", *_PER_LOOP),
        ("ki", *_PER_LOOP),
        ("kd", *_PER_LOOP),
        ("gains_have_changed", np.bool_),
        ("integral", *_PER_LOOP),
        ("last_error", *_PER_LOOP),
        ("last_ms", np.int64, (4, 4)),
    ]
)

# Roll, pitch, yaw, throttle of each loop, from the inside out.
_KP = ((0.25, 0.25, 0.25, 1.0), (2.5, 2.5, 2.5, 1.0), (0.2, 0.2, 0.0, 2.0), (0.25, 0.25, 0.0, 0.25))
_KI_VELOCITY_Z = 2.0

_STANDARD_MODE = (ANGLE_LEVEL, ANGLE_LEVEL, ANGLE_RATE, PASSTHROUGH)
_DEFAULT_LEVEL_SWITCH = -1e30  # unlike any switch, so that the first reading sets the mode


def new_state(
    now_ns: int, vehicle_state: int = ARMED, *, api_is_always_allowed: bool = True
) -> np.ndarray:
    """Return a (1,) array of `STATE`: at rest at the start, level, as AirSim has it after a reset.

    Args:
        now_ns: simulator time.
        vehicle_state: of the arming machine, one of `VEHICLE_STATES`.
        api_is_always_allowed: else a switch of the remote control allows it.
    """
    states = np.zeros(1, STATE)
    state = states[0]
    state["orientation"][0] = 1.0
    state["api_is_always_allowed"] = api_is_always_allowed
    state["home_altitude"] = 122.0
    state["kp"][:] = _KP
    state["ki"][VELOCITY_LOOP, 3] = _KI_VELOCITY_Z
    restart(states, now_ns, vehicle_state)
    return states


def restart(states: np.ndarray, now_ns: int, vehicle_state: int) -> None:
    """Set rotors, collisions and the flight controller back; gains and settings stay."""
    state = states[0]
    for name in ("motor", "filtered", "rotor", "output", "integral", "last_error", "mode"):
        state[name] = 0
    for name in ("is_grounded", "has_collided", "has_api_control", "has_taken_off"):
        state[name] = False
    state["collision_ns"] = state["answered_ns"] = 0
    state["now_ns"] = now_ns
    state["goal_ms"] = now_ns // 1_000_000
    state["last_ms"] = now_ns // 1_000_000
    state["vehicle_state"] = vehicle_state
    state["is_landed"], state["has_timed_out"] = True, False
    state["allows_api_control"] = state["api_is_always_allowed"]
    state["remote_goal"] = state["goal"] = 0.0
    state["remote_mode"] = state["goal_mode"] = _STANDARD_MODE
    state["remote_ms"] = state["request_ms"] = 0
    state["level_switch"] = _DEFAULT_LEVEL_SWITCH
