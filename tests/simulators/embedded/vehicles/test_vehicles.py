"""Vehicles, driven step by step without a server: limits, arrival, tasks and collisions."""

import numpy as np
import pytest

from airseg.simulators.embedded.settings import VehicleSetting
from airseg.simulators.embedded.vehicles.tasks import FlyVelocity, FollowPath, Land, Spin, Turn
from airseg.simulators.embedded.vehicles.vehicle import Car, FreeCamera, Multirotor
from airseg.simulators.protocol import CarControls, DrivetrainType, YawMode

STEP_S = 0.003


def drone(world, at=(0, 0, -5), *, ready=True):
    vehicle = Multirotor("drone", VehicleSetting(), world)
    vehicle.api_enabled = vehicle.armed = ready
    vehicle.place(np.array(at, float), np.array([1.0, 0, 0, 0]))
    return vehicle


def run(vehicle, seconds, watch=lambda vehicle: None):
    for k in range(round(seconds / STEP_S)):
        vehicle.step(STEP_S, k)
        watch(vehicle)
    if isinstance(vehicle, Car):
        vehicle.tick(0)


def result(task):
    answers = []
    task.answer.then(answers.append)
    return answers[0] if answers else None


def path_to(vehicle, *points, speed=6.0, timeout=1e9, drivetrain=0, yaw=None):
    line = np.array([vehicle.body.position, *points], float)
    return FollowPath(line, speed, timeout, drivetrain, yaw or YawMode(), -1.0)


def test_it_arrives_within_half_a_metre_and_stays(world):
    vehicle = drone(world)
    task = path_to(vehicle, (20, 1, -8))
    vehicle.begin(task)
    run(vehicle, 10)
    assert result(task) is True
    assert np.linalg.norm(vehicle.body.position - [20, 1, -8]) < 0.5
    run(vehicle, 3)
    assert np.linalg.norm(vehicle.body.position - [20, 1, -8]) < 0.2


def test_it_keeps_near_a_path_with_corners(world):
    vehicle = drone(world, (0, 0, -20))
    task = path_to(vehicle, (30, 0, -20), (30, 30, -20), speed=5)
    vehicle.begin(task)
    off = []
    run(
        vehicle,
        20,
        lambda v: off.append(min(abs(v.body.position[1]), abs(v.body.position[0] - 30))),
    )
    assert result(task) is True
    assert max(off) < 2.0


def test_speed_acceleration_yaw_rate_and_tilt_stay_within_limits(world):
    vehicle = drone(world, (0, 0, -30))
    vehicle.begin(
        path_to(
            vehicle,
            (80, 0, -30),
            speed=100,
            drivetrain=DrivetrainType.ForwardOnly,
            yaw=YawMode(False, 90),
        )
    )
    before = [vehicle.body.velocity.copy(), vehicle.body.yaw]

    def watch(v):
        change = np.linalg.norm(v.body.velocity - before[0]) / STEP_S
        turn = abs(np.angle(np.exp(1j * (v.body.yaw - before[1])))) / STEP_S
        assert change <= Multirotor.MAX_ACCELERATION_MPS2 + 1e-6
        assert np.linalg.norm(v.body.velocity) <= Multirotor.MAX_SPEED_MPS + 1e-6
        assert turn <= Multirotor.MAX_YAW_RATE + 1e-6
        assert max(abs(v.body.roll), abs(v.body.pitch)) <= np.radians(35.1)
        before[:] = [v.body.velocity.copy(), v.body.yaw]

    run(vehicle, 8, watch)


def test_it_lowers_its_nose_to_speed_up_and_leans_right_to_go_right(world):
    vehicle = drone(world)
    vehicle.begin(path_to(vehicle, (50, 0, -5)))
    run(vehicle, 0.4)
    assert vehicle.body.pitch < -0.1
    vehicle = drone(world)
    vehicle.begin(path_to(vehicle, (0, 30, -5)))
    run(vehicle, 0.4)
    assert vehicle.body.roll > 0.1


def test_forward_only_points_the_nose_along_the_path(world):
    vehicle = drone(world)
    task = path_to(
        vehicle, (0, 25, -5), drivetrain=DrivetrainType.ForwardOnly, yaw=YawMode(False, 0)
    )
    vehicle.begin(task)
    run(vehicle, 3)
    assert np.degrees(vehicle.body.yaw) == pytest.approx(90, abs=4)


def test_a_new_task_ends_the_old_one_with_false(world):
    vehicle = drone(world)
    first = path_to(vehicle, (90, 0, -5))
    vehicle.begin(first)
    run(vehicle, 0.3)
    vehicle.begin(Spin(vehicle.body.position, 0.5, 0.2))
    assert result(first) is False


def test_timeouts_are_false_for_places_and_true_for_durations(world):
    vehicle = drone(world)
    task = path_to(vehicle, (90, 0, -5), timeout=0.5)
    vehicle.begin(task)
    run(vehicle, 0.6)
    assert result(task) is False
    timed = FlyVelocity(np.array([1.0, 0, 0]), 0.5, 0, YawMode())
    vehicle.begin(timed)
    run(vehicle, 0.6)
    assert result(timed) is True


def test_turning_ends_within_its_margin(world):
    vehicle = drone(world)
    task = Turn(vehicle.body.position, np.radians(-120), np.radians(5), 20)
    vehicle.begin(task)
    run(vehicle, 5)
    assert result(task) is True
    assert np.degrees(vehicle.body.yaw) == pytest.approx(-120, abs=5.1)


def test_landing_ends_on_the_ground(world):
    vehicle = drone(world, (0, 0, -1.5))
    task = Land(vehicle.body.position, 60)
    vehicle.begin(task)
    run(vehicle, 8)
    assert result(task) is True
    assert vehicle.is_landed


def test_without_arming_it_falls_and_without_the_api_it_does_not_start(world):
    vehicle = drone(world, (0, 0, -5), ready=False)
    run(vehicle, 3)
    assert vehicle.body.position[2] == pytest.approx(0, abs=1e-6)
    vehicle.begin(path_to(vehicle, (0, 0, -5)))
    run(vehicle, 1)
    assert vehicle.is_landed


def test_a_wall_stops_it_and_says_what_it_was(world):
    houses = [i for i, o in enumerate(world.objects) if o.kind == "Outer_Wall_Half"]
    box = world.collision_boxes[list(world.collision_object).index(houses[0])]
    middle = (box[:3] + box[3:]) / 2
    vehicle = drone(world, (box[0] - 3, middle[1], -1.5))
    vehicle.begin(path_to(vehicle, (box[3], middle[1], -1.5), speed=4))
    run(vehicle, 3)
    assert vehicle.collision.has_collided
    assert vehicle.collision.object_name
    assert vehicle.body.position[0] < box[0]


def test_a_car_speeds_up_turns_and_brakes(world):
    car = Car("car", VehicleSetting(), world)
    car.api_enabled = True
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
