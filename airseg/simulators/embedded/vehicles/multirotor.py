"""A multirotor in the world: its body, the actor that shows it, and what is in the way."""

from __future__ import annotations

import numpy as np

from airseg.geometry import IDENTITY, euler_from_quaternion, quaternion_from_euler
from airseg.simulators.embedded.answers import Deferred
from airseg.simulators.embedded.scene.world import World
from airseg.simulators.embedded.settings import VehicleSetting
from airseg.simulators.embedded.vehicles.simple_flight.aircraft import Aircraft
from airseg.simulators.embedded.vehicles.simple_flight.flight import think
from airseg.simulators.embedded.vehicles.simple_flight.moves import Loop
from airseg.simulators.embedded.vehicles.simple_flight.state import VEHICLE_STATES
from airseg.simulators.embedded.vehicles.vehicle import Vehicle
from airseg.simulators.protocol import (
    CollisionInfo,
    KinematicsState,
    Quaternionr,
    RcData,
    Vector3r,
)

_SIDE_M, _TOP_M = 0.4, 0.25
_LOW = np.array([-_SIDE_M, -_SIDE_M, -_TOP_M])
_HIGH = np.array([_SIDE_M, _SIDE_M, 0.0])
_FOLLOW, _SWEEP, _TELEPORT = range(3)
_NO_JOYSTICK = RcData()
_STANDING_M = 1e-3


class FlyingBody:
    """A multirotor's body as `body.Body` shows one: its position is the world's.

    Args:
        state: record of `simple_flight.state.STATE`.
        origin: (3,) where the vehicle started, which the record's positions are relative to.
    """

    def __init__(self, state: np.void, origin: np.ndarray) -> None:
        self._state, self._origin = state, origin

    @property
    def position(self) -> np.ndarray:
        """(3,) NED metres."""
        return self._state["position"] + self._origin

    @property
    def orientation(self) -> np.ndarray:
        """(4,) quaternion w x y z, body to world."""
        return self._state["orientation"].copy()

    @property
    def velocity(self) -> np.ndarray:
        """(3,) m/s."""
        return self._state["velocity"].copy()

    @property
    def acceleration(self) -> np.ndarray:
        """(3,) m/s^2."""
        return self._state["acceleration"].copy()

    @property
    def angular_velocity(self) -> np.ndarray:
        """(3,) rad/s about the body's axes."""
        return self._state["angular_velocity"].copy()

    @property
    def yaw(self) -> float:
        """Heading, radians."""
        return euler_from_quaternion(self._state["orientation"])[2]

    def kinematics(self, origin: np.ndarray) -> KinematicsState:
        """Return the state with positions relative to `origin`."""
        state = self._state
        return KinematicsState(
            position=Vector3r.from_array(self.position - origin),
            orientation=Quaternionr.from_array(state["orientation"]),
            linear_velocity=Vector3r.from_array(state["velocity"]),
            angular_velocity=Vector3r.from_array(state["angular_velocity"]),
            linear_acceleration=Vector3r.from_array(state["acceleration"]),
            angular_acceleration=Vector3r.from_array(state["angular_acceleration"]),
        )


class Multirotor(Vehicle):
    """A quadrotor flown by SimpleFlight.

    Physics moves the body alone. At a tick what the actor has hit is told to the body, and then the
    actor follows the body as far as it gets: a collision is noticed a tick before it is answered.
    """

    def __init__(self, name: str, setting: VehicleSetting, world: World, now_ns: int = 0) -> None:
        self.aircraft = Aircraft(
            now_ns,
            VEHICLE_STATES[setting.DefaultVehicleState],
            api_is_always_allowed=setting.AllowAPIAlways,
        )
        self._state = self.aircraft.state
        self._state["api_is_allowed_without_remote"] = setting.RC.AllowAPIWhenDisconnected
        self._pending = _FOLLOW
        self._has_teleported = False
        super().__init__(name, setting, world, now_ns)
        self._stand()

    def prepare(self, altitude_m: float, *, is_external: bool) -> None:
        """Take in what the settings say about the world.

        Args:
            altitude_m: height of the world's origin above the sea.
            is_external: whether bodies keep the pose they are given, as ExternalPhysicsEngine has
                it: no force moves them.
        """
        self._state["home_altitude"] = altitude_m - self.origin[2]
        self._state["is_external"] = is_external

    def _start(self) -> FlyingBody:
        # At the start only the yaw of the settings counts.
        state = self._state
        for key in ("velocity", "angular_velocity", "acceleration", "angular_acceleration"):
            state[key] = 0.0
        state["position"] = 0.0
        state["orientation"] = quaternion_from_euler(0.0, 0.0, np.radians(self.setting.Yaw))
        return FlyingBody(state, self.origin)

    def reset(self, now_ns: int) -> None:
        super().reset(now_ns)
        self.aircraft.restart(now_ns)
        self._pending, self._has_teleported = _FOLLOW, False
        self._stand()

    def _stand(self) -> None:
        """Hold to the ground what starts on it, as if it had fallen the last millimetre before.

        Else nothing could take off right after a reset: AirSim refuses that to whatever moves.
        """
        north, east, down = self.origin
        gap = abs(self.world.ground_height(north, east) - down)
        self._state["is_grounded"] = bool(gap < _STANDING_M)

    @property
    def api_enabled(self) -> bool:
        """Whether the API is in control, or the remote control."""
        return bool(self._state["has_api_control"])

    def enable_api(self, enabled: bool) -> None:
        self.aircraft.autopilot.enable_api(enabled)

    def arm(self, armed: bool) -> bool:
        pilot = self.aircraft.autopilot
        return pilot.arm() if armed else pilot.disarm()

    @property
    def wind(self) -> np.ndarray:
        """(3,) how the air moves, m/s NED."""
        return self._state["wind"].copy()

    @wind.setter
    def wind(self, velocity: np.ndarray) -> None:
        self._state["wind"] = velocity

    @property
    def is_landed(self) -> bool:
        """What the flight controller believes; after a landing under API control it is False."""
        return bool(self._state["is_landed"])

    def begin(self, loop: Loop) -> Deferred:
        """Take on a task; the one before it ends with the answer False."""
        return self.aircraft.begin(loop)

    def place(self, position: np.ndarray, orientation: np.ndarray, *, through: bool = True) -> None:
        """Put the body somewhere at once; it keeps its speed, its task and its goal.

        Args:
            position, orientation: (3,) of the world, and (4,).
            through: whether the actor follows through what is in the way.
        """
        state = self._state
        state["position"], state["orientation"] = position - self.origin, orientation
        state["is_grounded"] = False
        self._pending = _TELEPORT if through else _SWEEP

    def set_kinematics(self, kinematics: KinematicsState, *, through: bool = True) -> None:
        position = kinematics.position.to_array() + self.origin
        self.place(position, kinematics.orientation.to_array(), through=through)
        state = self._state
        state["velocity"] = kinematics.linear_velocity.to_array()
        state["angular_velocity"] = kinematics.angular_velocity.to_array()
        state["acceleration"] = kinematics.linear_acceleration.to_array()
        state["angular_acceleration"] = kinematics.angular_acceleration.to_array()
        think(self.aircraft.states)

    def step_physics(self, count: int, step_ns: int, first_ns: int) -> None:
        self._state["now_ns"] = first_ns - step_ns
        self.aircraft.step(count, step_ns)

    def tick(self, now_ns: int) -> None:
        self._tell_of_collision()
        if self.setting.RC.RemoteControlID >= 0:
            self.aircraft.autopilot.take_remote(_NO_JOYSTICK)
        position, orientation = self.body.position, self.body.orientation
        if not np.isfinite([*position, *orientation]).all():
            return
        length = float(np.linalg.norm(orientation))
        orientation = orientation / length if length > 0 else IDENTITY
        self._has_teleported = self._pending == _TELEPORT or self._may_pass()
        self._pending = _FOLLOW
        if not self._has_teleported and (position != self.actor.position).any():
            position, hit = self.obstacles.sweep(self.actor.position, position, _LOW, _HIGH, now_ns)
            if hit is not None:
                self.collision = self._as_seen_from_start(hit)
        self.actor.move(position, orientation)

    def _may_pass(self) -> bool:
        """Tell whether the actor goes through things: then every other tick has no sweep."""
        setting = self.setting
        passes = setting.EnableCollisionPassthrogh and self.collision.has_collided
        return not setting.EnableCollisions or (passes and not self._has_teleported)

    def _tell_of_collision(self) -> None:
        told, state = self.collision, self._state
        state["has_collided"] = told.has_collided
        if told.has_collided:
            state["collision_ns"] = told.time_stamp
            state["normal"] = told.normal.to_array()
            state["impact"] = told.impact_point.to_array()
            state["stopped_at"] = told.position.to_array()
            state["depth"] = told.penetration_depth

    def _as_seen_from_start(self, hit: CollisionInfo) -> CollisionInfo:
        hit.impact_point = Vector3r.from_array(hit.impact_point.to_array() - self.origin)
        hit.position = Vector3r.from_array(hit.position.to_array() - self.origin)
        return hit
