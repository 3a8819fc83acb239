"""A multirotor in a world: what it stands on and runs into, and how its actor follows its body.

Held to AirSim's rules: a hit is noticed at a tick, told to the body at the next, and answered once.
"""

import json
from dataclasses import replace

import numpy as np
import pytest

from airseg.simulators.embedded.rendering.renderer import Renderer
from airseg.simulators.embedded.scene.world import World, WorldObject
from airseg.simulators.embedded.settings import (
    RemoteControlSetting,
    VehicleSetting,
    parse_settings,
)
from airseg.simulators.embedded.simulation import Simulation
from airseg.simulators.embedded.vehicles.multirotor import Multirotor
from airseg.simulators.embedded.vehicles.simple_flight import moves
from airseg.simulators.protocol import KinematicsState, RcData, Vector3r, YawMode

STEP_NS, FRAME_NS = 3_000_000, 16_666_667
LEVEL = np.array([1.0, 0.0, 0.0, 0.0])


class Stage:
    """Lets time pass for one vehicle, with a tick every sixtieth of a second."""

    def __init__(self, vehicle):
        self.vehicle, self.now_ns, self._tick_ns = vehicle, 0, FRAME_NS
        self.collisions = []

    def run(self, seconds):
        end = self.now_ns + round(seconds * 1e9)
        while self.now_ns < end:
            self.now_ns += STEP_NS
            self.vehicle.step_physics(1, STEP_NS, self.now_ns)
            if self.now_ns >= self._tick_ns:
                self._tick_ns += FRAME_NS
                before = self.vehicle.collision
                self.vehicle.tick(self.now_ns)
                if self.vehicle.collision is not before:
                    self.collisions.append(self.vehicle.collision)


def drone(world, at=None, **fields):
    vehicle = Multirotor("drone", VehicleSetting(**fields), world)
    vehicle.enable_api(True)
    if at is not None:
        vehicle.place(np.array(at, float), LEVEL)
        vehicle.tick(0)
    return vehicle


def fly(vehicle, velocity, seconds):
    pilot = vehicle.aircraft.autopilot
    order = np.array(velocity, float)
    vehicle.begin(moves.repeat(pilot, lambda: pilot.fly_at(order, YawMode()), seconds))


@pytest.fixture
def walled():
    """A world of a wall alone, half a metre thick, whose near side is three metres to the north."""
    ground, wall = (
        WorldObject(name, name[:-2], np.zeros(3), False) for name in ("Ground_0", "Wall_0")
    )
    box = np.array([[3.0, -20.0, -20.0, 3.5, 20.0, 0.0]])
    return World("walled", 0, [ground, wall], None, box, np.array([1]))


def test_spawned_above_the_ground_it_falls_rests_and_is_locked(world):
    vehicle = drone(world, Z=-0.7)
    stage = Stage(vehicle)
    stage.run(1.5)
    assert vehicle.body.position[2] == pytest.approx(0, abs=1e-6)
    assert vehicle.actor.position[2] == pytest.approx(0, abs=1e-6)
    assert not vehicle.body.velocity.any()
    hit = vehicle.collision
    assert hit.has_collided
    assert hit.normal.to_array().tolist() == [0, 0, -1]
    assert hit.position.z_val == pytest.approx(0.7, abs=1e-6)  # relative to its start
    assert hit.object_name == world.ground_name == "Landscape_0"
    assert vehicle.aircraft.state["is_grounded"]
    # Resting makes no new hits.
    vehicle.collision = replace(hit, has_collided=False)
    stage.run(0.5)
    assert not vehicle.collision.has_collided


def test_it_leaves_the_ground_when_its_thrust_reaches_its_weight(world):
    vehicle = drone(world)
    stage = Stage(vehicle)
    stage.run(0.1)
    pilot = vehicle.aircraft.autopilot
    low, high = np.full(4, 0.58), np.full(4, 0.61)  # it hovers at 0.594
    vehicle.begin(moves.repeat(pilot, lambda: pilot.drive_motors(low), 1.0))
    stage.run(0.5)
    assert vehicle.body.position[2] == pytest.approx(0, abs=1e-6)
    vehicle.begin(moves.repeat(pilot, lambda: pilot.drive_motors(high), 1.0))
    stage.run(0.5)
    assert vehicle.body.position[2] < -0.01


def test_a_landing_ends_on_the_ground_and_flying_is_believed_until_it_is_disarmed(world):
    vehicle = drone(world, (0, 0, -1))
    stage = Stage(vehicle)
    answers = []
    fly(vehicle, (0, 0, 0), 1.0)
    stage.run(1.0)
    vehicle.begin(moves.land(vehicle.aircraft.autopilot, 60)).then(answers.append)
    stage.run(8.0)
    assert answers == [True]
    assert vehicle.body.position[2] == pytest.approx(0, abs=1e-6)
    assert not vehicle.is_landed
    assert vehicle.arm(False)
    stage.run(0.2)
    assert vehicle.is_landed


def test_a_wall_stops_it_throws_it_back_and_is_named(walled):
    vehicle = drone(walled, (0, 0, -9))
    stage = Stage(vehicle)
    fly(vehicle, (4, 0, 0), 3.0)
    stage.run(2.0)
    hit = stage.collisions[0]
    assert hit.object_name == "Wall_0"
    assert hit.normal.to_array().tolist() == [-1, 0, 0]
    assert hit.position.x_val == pytest.approx(2.6, abs=1e-6)
    assert hit.impact_point.x_val == pytest.approx(3.0, abs=1e-6)
    stamps = [c.time_stamp for c in stage.collisions]
    assert stamps == sorted(set(stamps))
    assert vehicle.actor.position[0] <= 2.6


def test_a_bounce_keeps_about_half_the_speed(walled):
    vehicle = drone(walled)
    stage = Stage(vehicle)
    vehicle.set_kinematics(
        KinematicsState(position=Vector3r(0, 0, -9), linear_velocity=Vector3r(6, 0, 0))
    )
    vehicle.tick(0)
    while not stage.collisions:
        stage.run(FRAME_NS / 1e9)
    speed = vehicle.body.velocity[0]
    stage.run(2 * FRAME_NS / 1e9)
    # Restitution 0.55 where the whole body meets the wall; where a corner does, part of it turns.
    assert -0.56 * speed < vehicle.body.velocity[0] < 0


def test_a_pose_set_keeps_the_speed_frees_from_the_ground_and_leaves_the_goal(world):
    vehicle = drone(world)
    stage = Stage(vehicle)
    stage.run(0.1)
    assert vehicle.aircraft.state["is_grounded"]
    vehicle.place(np.array([0.0, 0, -20]), LEVEL)
    vehicle.set_kinematics(
        KinematicsState(position=Vector3r(0, 0, -20), linear_velocity=Vector3r(5, 0, 0))
    )
    vehicle.place(np.array([7.0, 0, -30]), LEVEL)
    assert vehicle.body.velocity.tolist() == [5, 0, 0]
    assert vehicle.actor.position[0] == 0
    vehicle.tick(stage.now_ns)
    assert vehicle.actor.position.tolist() == [7, 0, -30]
    stage.run(0.05)
    assert vehicle.body.position[0] == pytest.approx(7.25, abs=0.03)


def test_a_pose_behind_a_wall_is_reached_only_through_it(walled):
    behind = np.array([8.0, 0, -9])
    vehicle = drone(walled, (0, 0, -9))
    vehicle.place(behind, LEVEL, through=False)
    vehicle.tick(1)
    assert vehicle.actor.position == pytest.approx([2.6, 0, -9], abs=1e-6)
    assert vehicle.collision.has_collided
    vehicle.place(behind, LEVEL, through=True)
    vehicle.tick(2)
    assert vehicle.actor.position.tolist() == behind.tolist()


def test_collisions_can_be_switched_off(walled):
    vehicle = drone(walled, (0, 0, -9), EnableCollisions=False)
    vehicle.place(np.array([8.0, 0, -9]), LEVEL, through=False)
    vehicle.tick(1)
    assert vehicle.actor.position[0] == 8
    assert not vehicle.collision.has_collided


def test_with_passthrough_a_collision_is_noted_and_the_next_tick_goes_through(walled):
    vehicle = drone(walled, (0, 0, -9), EnableCollisionPassthrogh=True)
    vehicle.place(np.array([8.0, 0, -9]), LEVEL, through=False)
    vehicle.tick(1)
    assert vehicle.actor.position[0] == pytest.approx(2.6, abs=1e-6)
    assert vehicle.collision.has_collided
    vehicle.tick(2)
    assert vehicle.actor.position[0] == 8


def test_what_it_begins_inside_of_lets_it_out_and_stops_it_on_the_way_in(walled):
    vehicle = drone(walled, (2.8, 0, -9))
    vehicle.place(np.array([5.0, 0, -9]), LEVEL, through=False)
    vehicle.tick(1)
    assert vehicle.actor.position[0] == 2.8
    assert vehicle.collision.penetration_depth == pytest.approx(0.2, abs=1e-6)
    vehicle.place(np.array([0.0, 0, -9]), LEVEL, through=False)
    vehicle.tick(2)
    assert vehicle.actor.position[0] == 0


def test_with_the_external_engine_bodies_keep_the_pose_they_are_given(world):
    vehicle = drone(world)
    vehicle.prepare(122.0, is_external=True)
    vehicle.place(np.array([3.0, 4, -5]), LEVEL)
    stage = Stage(vehicle)
    fly(vehicle, (5, 0, 0), 1.0)
    stage.run(0.5)
    assert vehicle.body.position.tolist() == vehicle.actor.position.tolist() == [3, 4, -5]


def test_nothing_but_the_yaw_of_the_settings_turns_it_at_the_start(world):
    vehicle = drone(world, X=3.0, Roll=20.0, Pitch=30.0, Yaw=90.0)
    assert vehicle.body.yaw == pytest.approx(np.pi / 2)
    assert vehicle.body.orientation[[1, 2]].tolist() == [0, 0]
    assert vehicle.body.position.tolist() == [3, 0, 0]


def test_arming_is_a_state_machine_and_does_not_gate_flight(world):
    vehicle = drone(world, (0, 0, -20))
    stage = Stage(vehicle)
    assert vehicle.arm(True) is True  # armed from the start
    assert vehicle.arm(False) is True
    stage.run(0.05)
    assert vehicle.arm(False) is False
    fly(vehicle, (0, 0, -2.5), 2.0)
    stage.run(2.0)
    assert vehicle.body.velocity[2] == pytest.approx(-2.5, abs=0.1)
    assert vehicle.arm(True) is True
    vehicle.enable_api(False)
    assert vehicle.arm(True) is vehicle.arm(False) is False


@pytest.mark.parametrize(
    ("state", "armed", "disarmed"),
    [("", True, True), ("Inactive", True, True), ("Disarmed", True, True), ("Active", False, True)],
)
def test_the_default_state_decides_what_arming_answers(world, state, armed, disarmed):
    assert drone(world, DefaultVehicleState=state).arm(True) is armed
    assert drone(world, DefaultVehicleState=state).arm(False) is (state in ("", "Active"))
    vehicle = drone(world, DefaultVehicleState=state)
    vehicle.arm(True)
    assert vehicle.arm(False) is disarmed


def test_api_control_may_be_refused_silently(world):
    vehicle = drone(world, AllowAPIAlways=False)
    assert vehicle.api_enabled is False
    settings = RemoteControlSetting(AllowAPIWhenDisconnected=True)
    vehicle = drone(world, AllowAPIAlways=False, RC=settings)
    Stage(vehicle).run(0.05)
    vehicle.enable_api(True)
    assert vehicle.api_enabled is True


@pytest.mark.parametrize(("remote_id", "flies"), [(-1, True), (0, False)])
def test_sticks_steer_without_api_control_when_no_joystick_is_asked_for(world, remote_id, flies):
    settings = RemoteControlSetting(RemoteControlID=remote_id)
    vehicle = drone(world, (0, 0, -20), RC=settings)
    vehicle.enable_api(False)
    sticks = RcData(pitch=0.5, throttle=0.7, is_initialized=True, is_valid=True)
    vehicle.aircraft.autopilot.take_remote(sticks)
    Stage(vehicle).run(1.0)
    body = vehicle.body
    assert bool(body.velocity[2] < 0.0) is flies  # climbs, or falls with idle motors
    assert bool(body.position[0] > 0.5) is flies  # a stick pushed up to its half lowers the nose
    assert (vehicle.aircraft.autopilot.remote == sticks) is flies


def test_a_reset_brings_all_of_it_back_and_ends_the_task(world):
    vehicle = drone(world, (0, 0, -20))
    stage = Stage(vehicle)
    answers = []
    pilot = vehicle.aircraft.autopilot
    vehicle.begin(moves.land(pilot, 60)).then(answers.append)
    vehicle.arm(False)
    stage.run(0.5)
    vehicle.reset(stage.now_ns)
    assert answers == [False]
    assert vehicle.api_enabled is False
    assert vehicle.is_landed
    state = vehicle.aircraft.state
    assert state["now_ns"] == stage.now_ns
    assert vehicle.body.position.tolist() == vehicle.actor.position.tolist() == [0, 0, 0]
    for name in ("velocity", "acceleration", "angular_velocity", "rotor", "filtered", "integral"):
        assert not state[name].any()
    vehicle.enable_api(True)
    assert vehicle.arm(True)


def simulated(world, **text):
    return Simulation(world, Renderer(world), parse_settings(json.dumps(text)))


def test_the_wind_of_the_settings_blows_a_falling_drone_away(world):
    simulation = simulated(world, Wind={"Y": 12.0}, PhysicsEngineName="FastPhysicsEngine")
    vehicle = simulation.vehicles["SimpleFlight"]
    vehicle.place(np.array([0.0, 0, -50]), LEVEL)
    simulation.clock.continue_for_time(2.0)
    # Its side has 0.005838 m^2: 0.5 * f * rho * v^2 * t^2, a little less as it takes up speed.
    drift = 0.5 * 0.005838 * 1.2 * 12.0**2 * 2.0**2
    assert 0.85 * drift < vehicle.body.position[1] < drift
    assert abs(vehicle.body.position[0]) < 1e-6


def test_the_external_engine_of_the_settings_holds_bodies_where_they_are_put(world):
    simulation = simulated(world, PhysicsEngineName="ExternalPhysicsEngine")
    vehicle = simulation.vehicles["SimpleFlight"]
    vehicle.place(np.array([1.0, 2, -50]), LEVEL)
    simulation.clock.continue_for_time(0.5)
    assert vehicle.actor.position.tolist() == vehicle.body.position.tolist() == [1, 2, -50]


def test_what_starts_on_the_ground_stands_there_before_any_time_has_passed(world):
    vehicle = drone(world)
    vehicle.step_physics(5, STEP_NS, STEP_NS)
    assert vehicle.body.position.tolist() == [0, 0, 0]
    vehicle.place(np.array([0.0, 0, -3]), LEVEL)
    vehicle.reset(10 * STEP_NS)
    vehicle.step_physics(5, STEP_NS, 11 * STEP_NS)
    assert vehicle.body.position.tolist() == [0, 0, 0]
