"""What every vehicle has; free cameras, and cars: how each moves when simulator time advances."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import replace

import numpy as np

from airseg.geometry import wrap_angle
from airseg.simulators.embedded.scene.world import World
from airseg.simulators.embedded.settings import VehicleSetting
from airseg.simulators.embedded.vehicles.body import Actor, Body, Motion, Obstacles
from airseg.simulators.protocol import CarControls, CollisionInfo, KinematicsState


class Vehicle(ABC):
    """A body with a start, an actor that shows it, and a record of what it hit.

    The body is the truth, which physics moves; the actor is what is seen and carries the cameras,
    and follows at ticks of the game. How the two hang together is each kind's own.

    Args:
        name: as in the settings.
        setting: where it starts.
        world: what it may run into.
        now_ns: simulator time.
    """

    has_api = True
    body_index: int | None = None
    """Object index of what others see of it; None for what has no body."""

    def __init__(self, name: str, setting: VehicleSetting, world: World, now_ns: int = 0) -> None:
        self.name, self.setting, self.world = name, setting, world
        self.origin = np.array([setting.X, setting.Y, setting.Z], float)
        self.obstacles = Obstacles(world)
        self.collision = CollisionInfo()
        self._api_enabled = False
        self.body: Motion = self._start()
        self.actor = Actor(self.body.position.copy(), self.body.orientation)

    @abstractmethod
    def _start(self) -> Motion:
        """Return a body at rest at the start."""

    def reset(self, now_ns: int) -> None:
        """Go back to the start, at once."""
        self.body = self._start()
        self.actor.move(self.body.position, self.body.orientation)
        self.collision = CollisionInfo()

    @property
    def api_enabled(self) -> bool:
        """Whether the API is in control."""
        return self._api_enabled

    def enable_api(self, enabled: bool) -> None:
        """Give control to the API, or take it away."""
        self._api_enabled = enabled

    def arm(self, armed: bool) -> bool:
        """Arm or disarm; tell whether that could be done."""
        return True

    @abstractmethod
    def place(self, position: np.ndarray, orientation: np.ndarray, *, through: bool = True) -> None:
        """Put the body somewhere at once, as fast as it is; position (3,) is global.

        `through` says whether what shows it goes there through what is in the way.
        """

    @abstractmethod
    def set_kinematics(self, kinematics: KinematicsState, *, through: bool = True) -> None:
        """Set the body's motion, relative to the start; `through` as in `place`.

        Where the body is but a record, of cars and free cameras, it lasts until the next tick.
        """

    @abstractmethod
    def step_physics(self, count: int, step_ns: int, first_ns: int) -> None:
        """Move the body by whole steps; `first_ns` is the time at the end of the first."""

    def tick(self, now_ns: int) -> None:
        """Let the actor follow the body, as at every tick of the game."""
        self.actor.move(self.body.position, self.body.orientation)


class RecordedVehicle(Vehicle):
    """A vehicle whose body is a record of what the engine moves."""

    body: Body

    def _start(self) -> Body:
        roll, pitch, yaw = np.radians([self.setting.Roll, self.setting.Pitch, self.setting.Yaw])
        return Body(self.origin.copy(), float(yaw), float(roll), float(pitch))

    def set_kinematics(self, kinematics: KinematicsState, *, through: bool = True) -> None:
        position = kinematics.position.to_array() + self.origin
        self.body.place(position, kinematics.orientation.to_array())
        self.body.velocity = kinematics.linear_velocity.to_array()
        self.body.angular_velocity = kinematics.angular_velocity.to_array()
        self.body.acceleration = kinematics.linear_acceleration.to_array()

    def step_physics(self, count: int, step_ns: int, first_ns: int) -> None:
        for k in range(count):
            self.step(step_ns / 1e9, first_ns + k * step_ns)

    def step(self, span_s: float, now_ns: int) -> None:
        """Move for a span of simulator time, seconds."""

    def _collide(self, body: Body, radius: float, now_ns: int) -> None:
        hit = self.obstacles.push_out(body, radius, now_ns)
        if hit is not None:
            self.collision = hit


class FreeCamera(RecordedVehicle):
    """ComputerVision mode: it goes where it is put, at once and through anything.

    What the body is, a record of where the actor is, is written at ticks.
    """

    has_api = False

    def place(self, position: np.ndarray, orientation: np.ndarray, *, through: bool = True) -> None:
        self.actor.move(position, orientation / (np.linalg.norm(orientation) or 1.0))

    def tick(self, now_ns: int) -> None:
        still = np.zeros(3)
        self.body.place(self.actor.position, self.actor.orientation)
        self.body.velocity = self.body.angular_velocity = self.body.acceleration = still


# What of a car runs into things: its box, clear of the ground it stands on.
_CAR_LOW, _CAR_HIGH = np.array([-2.2, -0.9, -1.4]), np.array([2.2, 0.9, -0.2])


class Car(RecordedVehicle):
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

    def __init__(self, name: str, setting: VehicleSetting, world: World, now_ns: int = 0) -> None:
        super().__init__(name, setting, world, now_ns)
        self.chassis = self._start()
        self.controls = CarControls()
        self.speed = 0.0
        self._ticked_ns = now_ns

    def reset(self, now_ns: int) -> None:
        super().reset(now_ns)
        self.chassis = self._start()
        self.controls, self.speed = CarControls(), 0.0

    def place(self, position: np.ndarray, orientation: np.ndarray, *, through: bool = True) -> None:
        """Put the car somewhere at once; the record of its motion follows at the next tick."""
        if np.isfinite([*position, *orientation]).all():
            if not through:
                position = self._swept(position)
            self.chassis.place(position, orientation)
            self.actor.move(self.chassis.position, self.chassis.orientation)

    def _swept(self, position: np.ndarray) -> np.ndarray:
        """Return how far it gets on the straight way somewhere; what it hits, it notes."""
        reached, hit = self.obstacles.sweep(
            self.chassis.position, position, _CAR_LOW, _CAR_HIGH, self._ticked_ns
        )
        if hit is not None:
            self.collision = hit
        return reached

    def enable_api(self, enabled: bool) -> None:
        """Give control to the API, or take it away; either lets go of pedals and wheel."""
        if enabled != self.api_enabled:
            self.controls = CarControls()
        super().enable_api(enabled)

    def tick(self, now_ns: int) -> None:
        if not self.api_enabled:
            self.controls = CarControls()  # of a keyboard that nobody touches
        self.body = replace(self.chassis)
        self._ticked_ns = now_ns
        super().tick(now_ns)

    def step(self, span_s: float, now_ns: int) -> None:
        body = self.chassis
        controls = self.controls if self.api_enabled else CarControls()
        before = self.speed
        throttle = float(np.clip(controls.throttle, -1, 1))
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
