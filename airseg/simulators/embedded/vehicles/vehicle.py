"""Multirotor, car and free camera: how each moves when simulator time advances."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from airseg.geometry import rotate, wrap_angle
from airseg.simulators.embedded.scene.world import World
from airseg.simulators.embedded.settings import VehicleSetting
from airseg.simulators.embedded.vehicles.body import Actor, Body, Obstacles
from airseg.simulators.embedded.vehicles.tasks import Attitude, FollowPath, Hold, Task, Wish
from airseg.simulators.protocol import CarControls, CollisionInfo, RcData

_GRAVITY = 9.81
HOVER_THROTTLE = 0.594
"""The throttle at which a multirotor keeps its height, as in AirSim's generic quadrotor."""


class Vehicle:
    """A body with a start, an actor that shows it, and a record of what it hit.

    The body is the truth, which physics moves; the actor is what is seen and carries the cameras,
    and follows at ticks of the game. How the two hang together is each kind's own.

    Args:
        name: as in the settings.
        setting: where it starts.
        world: what it may run into.
    """

    has_api = True
    body_index: int | None = None
    """Object index of what others see of it; None for what has no body."""

    def __init__(self, name: str, setting: VehicleSetting, world: World) -> None:
        self.name, self.setting, self.world = name, setting, world
        self.origin = np.array([setting.X, setting.Y, setting.Z], float)
        self.obstacles = Obstacles(world)
        self.collision = CollisionInfo()
        self.api_enabled = False
        self.wind = np.zeros(3)
        self.body = self._start()
        self.actor = Actor(self.body.position.copy(), self.body.orientation)

    def _start(self) -> Body:
        roll, pitch, yaw = np.radians([self.setting.Roll, self.setting.Pitch, self.setting.Yaw])
        return Body(self.origin.copy(), float(yaw), float(roll), float(pitch))

    def reset(self) -> None:
        """Go back to the start, at once."""
        self.body = self._start()
        self.actor.move(self.body.position, self.body.orientation)
        self.collision = CollisionInfo()
        self.api_enabled = False

    def place(self, position: np.ndarray, orientation: np.ndarray) -> None:
        """Put the body somewhere at once, as fast as it is; position (3,) is global."""
        self.body.place(position, orientation)

    def set_kinematics(
        self, position: np.ndarray, orientation: np.ndarray, velocity: np.ndarray
    ) -> None:
        """Set the body's motion; (3,) velocity in m/s NED.

        Where the body is but a record, of cars and free cameras, it lasts until the next tick.
        """
        self.body.place(position, orientation)
        self.body.velocity = np.array(velocity, float)

    def step_physics(self, count: int, step_ns: int, first_ns: int) -> None:
        """Move the body by whole steps; `first_ns` is the time at the end of the first."""
        for k in range(count):
            self.step(step_ns / 1e9, first_ns + k * step_ns)

    def step(self, span_s: float, now_ns: int) -> None:
        """Move for a span of simulator time, seconds."""

    def tick(self, now_ns: int) -> None:
        """Let the actor follow the body, as at every tick of the game."""
        self.actor.move(self.body.position, self.body.orientation)

    def _collide(self, body: Body, radius: float, now_ns: int) -> None:
        hit = self.obstacles.push_out(body, radius, now_ns)
        if hit is not None:
            self.collision = hit


class FreeCamera(Vehicle):
    """ComputerVision mode: it goes where it is put, at once and through anything.

    What the body is, a record of where the actor is, is written at ticks.
    """

    has_api = False

    def place(self, position: np.ndarray, orientation: np.ndarray) -> None:
        self.actor.move(position, orientation / (np.linalg.norm(orientation) or 1.0))

    def tick(self, now_ns: int) -> None:
        still = np.zeros(3)
        self.body.place(self.actor.position, self.actor.orientation)
        self.body.velocity = self.body.angular_velocity = self.body.acceleration = still


class Multirotor(Vehicle):
    """A quadrotor that answers velocity wishes with bounded acceleration, and tilts to get it."""

    MAX_SPEED_MPS = 20.0
    MAX_ACCELERATION_MPS2 = 6.0
    MAX_YAW_RATE = np.radians(90.0)
    RADIUS_M = 0.4
    _VELOCITY_LAG_S = 0.25
    _TILT_LAG_S = 0.12
    _YAW_GAIN = 3.0
    _MAX_TILT = np.radians(35.0)
    _DRAG_PER_S = 0.25

    def __init__(self, name: str, setting: VehicleSetting, world: World) -> None:
        super().__init__(name, setting, world)
        self.armed = False
        self.remote = RcData()
        self.task: Task = Hold(self.body.position)

    def reset(self) -> None:
        self.task.finish(False)
        super().reset()
        self.armed = False
        self.remote = RcData()
        self.task = Hold(self.body.position)

    def place(self, position: np.ndarray, orientation: np.ndarray) -> None:
        super().place(position, orientation)
        if isinstance(self.task, Hold):
            self.task = Hold(self.body.position)

    def begin(self, task: Task) -> None:
        """Take on a task; the one before it ends with the answer False."""
        self.task.finish(False)
        self.task = task

    @property
    def is_landed(self) -> bool:
        """Whether it stands on the ground."""
        body = self.body
        return bool(body.position[2] >= self._ground() - 0.05 and abs(body.velocity[2]) < 0.05)

    def step(self, span_s: float, now_ns: int) -> None:
        powered = self.armed and self.api_enabled
        if powered:
            wish = self.task.wish(self.body)
            self.task.count_down(span_s)
            if self.task.finished:
                end = self.task.end if isinstance(self.task, FollowPath) else self.body.position
                self.task = Hold(end)
        else:
            wish = Wish(np.zeros(3))
        self._turn(wish, span_s)
        if wish.attitude is not None:
            self._lean(wish.attitude, span_s)
        else:
            self._accelerate(wish, span_s, powered=powered)
            self._tilt(span_s, powered=powered)
        self._collide(self.body, self.RADIUS_M, now_ns)
        self._stand_on_ground(now_ns)

    def _accelerate(self, wish: Wish, span_s: float, *, powered: bool) -> None:
        body = self.body
        if powered:
            wanted = wish.velocity
            speed = float(np.linalg.norm(wanted))
            if speed > self.MAX_SPEED_MPS:
                wanted = wanted * (self.MAX_SPEED_MPS / speed)
            acceleration = (wanted - body.velocity) / self._VELOCITY_LAG_S
            size = float(np.linalg.norm(acceleration))
            if size > self.MAX_ACCELERATION_MPS2:
                acceleration *= self.MAX_ACCELERATION_MPS2 / size
        else:
            air = self.wind - body.velocity
            acceleration = np.array([0.0, 0.0, _GRAVITY]) + 0.1 * air
            if self.is_landed:
                acceleration = -body.velocity / max(span_s, 1e-6)
        body.acceleration = acceleration
        before = body.velocity
        body.velocity = before + acceleration * span_s
        body.position = body.position + 0.5 * (before + body.velocity) * span_s

    def _lean(self, attitude: Attitude, span_s: float) -> None:
        """Take on an attitude and go where thrust, gravity and air push."""
        body = self.body
        if attitude.is_rate:
            body.roll += attitude.roll * span_s
            body.pitch += attitude.pitch * span_s
            body.angular_velocity[:2] = attitude.roll, attitude.pitch
        else:
            share = min(span_s / self._TILT_LAG_S, 1.0)
            body.roll += share * (attitude.roll - body.roll)
            body.pitch += share * (attitude.pitch - body.pitch)
        limit = np.radians(80.0)  # Euler angles end at 90 degrees
        body.roll = float(np.clip(body.roll, -limit, limit))
        body.pitch = float(np.clip(body.pitch, -limit, limit))
        if attitude.throttle is not None:
            thrust = float(np.clip(attitude.throttle, 0.0, 1.0)) / HOVER_THROTTLE * _GRAVITY
        else:
            rise = (body.position[2] - (attitude.height_z or 0.0)) * 1.2
            climb = float(np.clip(rise, -4.0, 4.0)) + body.velocity[2]
            upright = max(np.cos(body.roll) * np.cos(body.pitch), 0.3)
            thrust = float(np.clip((_GRAVITY + 3.0 * climb) / upright, 0.0, 2.0 * _GRAVITY))
        up = rotate(body.orientation, np.array([0.0, 0.0, -thrust]))
        air = self.wind - body.velocity
        body.acceleration = up + np.array([0.0, 0.0, _GRAVITY]) + self._DRAG_PER_S * air
        before = body.velocity
        body.velocity = before + body.acceleration * span_s
        body.position = body.position + 0.5 * (before + body.velocity) * span_s

    def _turn(self, wish: Wish, span_s: float) -> None:
        body = self.body
        rate = wish.yaw_rate
        if wish.yaw is not None:
            rate = self._YAW_GAIN * wrap_angle(wish.yaw - body.yaw)
        rate = float(np.clip(rate, -self.MAX_YAW_RATE, self.MAX_YAW_RATE))
        body.yaw = wrap_angle(body.yaw + rate * span_s)
        body.angular_velocity = np.array([0.0, 0.0, rate])

    def _tilt(self, span_s: float, *, powered: bool) -> None:
        """Lean into the acceleration: nose down to speed up, right wing down to go right."""
        body = self.body
        # Part of the thrust works against the air, so a fast flight leans even when steady.
        air = body.velocity - self.wind
        push = body.acceleration + 0.08 * air if powered else np.zeros(3)
        c, s = np.cos(body.yaw), np.sin(body.yaw)
        forward, right = c * push[0] + s * push[1], -s * push[0] + c * push[1]
        lift = max(_GRAVITY - push[2], 3.0)
        share = min(span_s / self._TILT_LAG_S, 1.0)
        limit = self._MAX_TILT
        body.pitch += share * (
            float(np.clip(np.arctan2(-forward, lift), -limit, limit)) - body.pitch
        )
        body.roll += share * (float(np.clip(np.arctan2(right, lift), -limit, limit)) - body.roll)

    def _ground(self) -> float:
        return self.world.ground_height(self.body.position[0], self.body.position[1])

    def _stand_on_ground(self, now_ns: int) -> None:
        body, ground = self.body, self._ground()
        if body.position[2] > ground:
            body.position = np.array([*body.position[:2], ground])
            body.velocity = np.array([*body.velocity[:2] * 0.8, min(body.velocity[2], 0.0)])


class Car(Vehicle):
    """A car on its wheels: a bicycle that follows the ground.

    Its chassis moves; actor and body, a record of its motion, are copied from it at ticks.
    """

    MAX_SPEED_MPS = 33.0
    RADIUS_M = 0.95
    WHEELBASE_M = 2.6
    MAX_STEERING = np.radians(35.0)
    _POWER_MPS2 = 4.5
    _BRAKES_MPS2 = 9.0
    _RIDE_HEIGHT_M = 0.6

    def __init__(self, name: str, setting: VehicleSetting, world: World) -> None:
        super().__init__(name, setting, world)
        self.chassis = self._start()
        self.controls = CarControls()
        self.speed = 0.0

    def reset(self) -> None:
        enabled = self.api_enabled
        super().reset()
        self.api_enabled = enabled
        self.chassis = self._start()
        self.controls, self.speed = CarControls(), 0.0

    def place(self, position: np.ndarray, orientation: np.ndarray) -> None:
        """Put the car somewhere at once; the record of its motion follows at the next tick."""
        if np.isfinite([*position, *orientation]).all():
            self.chassis.place(position, orientation)
            self.actor.move(self.chassis.position, self.chassis.orientation)

    def tick(self, now_ns: int) -> None:
        self.body = replace(self.chassis)
        super().tick(now_ns)

    def step(self, span_s: float, now_ns: int) -> None:
        body, controls = self.chassis, self.controls
        before = self.speed
        throttle = float(np.clip(controls.throttle, -1, 1)) if self.api_enabled else 0.0
        if controls.is_manual_gear and controls.manual_gear < 0:
            throttle = -abs(throttle)
        push = throttle * self._POWER_MPS2 * (1 - abs(self.speed) / self.MAX_SPEED_MPS)
        slow = 0.25 + 0.02 * abs(self.speed)
        slow += self._BRAKES_MPS2 * float(np.clip(controls.brake, 0, 1))
        slow += self._BRAKES_MPS2 if controls.handbrake else 0.0
        self.speed += push * span_s
        self.speed -= np.sign(self.speed) * min(slow * span_s, abs(self.speed))
        steering = float(np.clip(controls.steering, -1, 1)) * self.MAX_STEERING
        # At speed the tyres slide rather than pull more than about one g.
        rate = self.speed * np.tan(steering) / self.WHEELBASE_M
        rate = float(
            np.clip(rate, -8.0 / max(abs(self.speed), 0.5), 8.0 / max(abs(self.speed), 0.5))
        )
        body.yaw = wrap_angle(body.yaw + rate * span_s)
        heading = np.array([np.cos(body.yaw), np.sin(body.yaw), 0.0])
        body.velocity = heading * self.speed
        body.position = body.position + body.velocity * span_s
        body.acceleration = heading * (self.speed - before) / max(span_s, 1e-9)
        body.angular_velocity = np.array([0.0, 0.0, rate])
        ground = self.world.ground_height(body.position[0], body.position[1])
        body.position[2] = ground
        body.roll = body.pitch = 0.0
        self._hit_things(now_ns)

    def _hit_things(self, now_ns: int) -> None:
        """Collide at bonnet height, where walls and other cars are."""
        body = self.chassis
        body.position = body.position - np.array([0.0, 0.0, self._RIDE_HEIGHT_M])
        speed = body.velocity.copy()
        self._collide(body, self.RADIUS_M - 0.4, now_ns)
        body.position[2] = self.world.ground_height(body.position[0], body.position[1])
        if not np.array_equal(speed, body.velocity):
            heading = np.array([np.cos(body.yaw), np.sin(body.yaw), 0.0])
            self.speed = float(body.velocity @ heading)


VEHICLES: dict[str, type[Vehicle]] = {
    "Multirotor": Multirotor,
    "Car": Car,
    "ComputerVision": FreeCamera,
}
