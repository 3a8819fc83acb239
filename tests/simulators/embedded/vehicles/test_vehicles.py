"""Cars and free cameras, driven step by step without a server."""

import numpy as np
import pytest

from airseg.simulators.embedded.settings import VehicleSetting
from airseg.simulators.embedded.vehicles.vehicle import Car, FreeCamera
from airseg.simulators.protocol import CarControls

STEP_NS = 3_000_000


def run(vehicle, seconds):
    vehicle.step_physics(round(seconds * 1e9 / STEP_NS), STEP_NS, STEP_NS)
    if isinstance(vehicle, Car):
        vehicle.tick(0)


def test_a_car_speeds_up_turns_and_brakes(world):
    car = Car("car", VehicleSetting(), world)
    car.enable_api(True)
    car.controls = CarControls(throttle=0.6)
    run(car, 3)
    assert 4 < car.speed < 9
    assert car.body.velocity[0] == pytest.approx(car.speed)
    assert car.body.position[2] == 0
    car.controls = CarControls(throttle=0.2, steering=0.3)
    run(car, 0.5)
    assert car.body.yaw > 0.05
    car.controls = CarControls(brake=1.0)
    run(car, 2)
    assert car.speed == pytest.approx(0, abs=1e-9)


def test_a_car_needs_the_api(world):
    car = Car("car", VehicleSetting(), world)
    car.controls = CarControls(throttle=1.0)
    run(car, 1)
    assert car.speed == 0


def test_a_free_camera_stays_where_it_is_put_and_ignores_what_is_no_place(world):
    camera = FreeCamera("camera", VehicleSetting(X=10.0), world)
    camera.place(np.array([1.0, 2, -3]), np.array([1.0, 0, 0, 0]))
    camera.place(np.array([np.nan, 9, 9]), np.array([1.0, 0, 0, 0]))
    run(camera, 1)
    assert camera.actor.position.tolist() == [1, 2, -3]
    assert camera.body.position.tolist() == [10, 0, 0]
    camera.tick(0)
    assert camera.body.position.tolist() == [1, 2, -3]
