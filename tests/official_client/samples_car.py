"""What AirSim's sample scripts for cars do, kind by kind, and what they print."""

import sys
import time

import airsim
import numpy as np
from judge import check, pixels, run_samples, sample, vector


def drive(client, seconds, name="", **controls):
    client.enableApiControl(True, name)
    client.setCarControls(airsim.CarControls(**controls), name)
    time.sleep(seconds)


def place(client, name=""):
    return vector(client.simGetVehiclePose(name).position)


@sample
def drive_straight(client):
    drive(client, 0.6, throttle=0.5)
    x, y, _ = place(client)
    check("it drives north", x > 0.5 and abs(y) < 0.3, (x, y))


@sample
def hello_car(client):
    drive(client, 0.6, throttle=0.5, steering=1)
    state = client.getCarState()
    check("speed and gear are told", state.speed > 0.2 and state.gear >= 1, state.speed)
    yaw = airsim.to_eularian_angles(client.simGetVehiclePose().orientation)[2]
    check("steering right turns right", yaw > 0.02, yaw)


@sample
def reverse(client):
    drive(client, 0.6, throttle=-0.5, is_manual_gear=True, manual_gear=-1)
    check("in reverse it drives back", place(client)[0] < -0.1, place(client))


@sample
def brakes(client):
    drive(client, 0.5, throttle=0.5)
    drive(client, 0.8, brake=1)
    check("brakes stop it", abs(client.getCarState().speed) < 0.3, client.getCarState().speed)


@sample
def handbrake(client):
    drive(client, 0.5, throttle=0.5)
    drive(client, 0.8, handbrake=True)
    check("so does the handbrake", abs(client.getCarState().speed) < 0.5)
    check("which is told", client.getCarState().handbrake is True)


@sample
def car_monitor(client):
    drive(client, 0.4, throttle=0.7)
    state, controls = client.getCarState(), client.getCarControls()
    check("the engine is told", 0 < state.rpm <= state.maxrpm, state.rpm)
    check("controls set are controls read", abs(controls.throttle - 0.7) < 1e-6)
    speed = np.linalg.norm(vector(client.simGetGroundTruthKinematics().linear_velocity))
    check("speed and motion agree", abs(speed - abs(client.getCarState().speed)) < 2, speed)


@sample
def reset_test_car(client):
    drive(client, 0.5, throttle=1)
    client.reset()
    check("it is back at the start", np.abs(place(client)[:2]).max() < 0.1, place(client))
    check("its API control stays", client.isApiControlEnabled() is True)


@sample
def car_stress_test(client):
    for _ in range(5):
        drive(client, 0.02, throttle=1)
        client.reset()
    check("it drives after many resets", np.isfinite(place(client)).all())


@sample
def pause_continue_car(client):
    drive(client, 0.3, throttle=0.5)
    client.simPause(True)
    before, stamp = place(client), client.getCarState().timestamp
    time.sleep(0.05)
    check("paused, time stands still", client.getCarState().timestamp == stamp)
    client.simContinueForTime(0.5)
    while not client.simIsPause():
        time.sleep(0.01)
    check("half a second later it is further on", place(client)[0] > before[0])


@sample
def car_collision(client):
    drive(client, 0.3, throttle=0.3)
    check("nothing is hit on the road", client.simGetCollisionInfo().has_collided is False)


@sample
def multi_agent_car(client):
    drive(client, 0, "Car2", throttle=0.6)
    drive(client, 0.6, "Car1", throttle=-0.6, is_manual_gear=True, manual_gear=-1)
    one, two = place(client, "Car1"), place(client, "Car2")
    check("one goes back, the other north", one[0] < -0.1 and two[0] > 0.1, (one, two))


@sample
def runtime_car(client):
    added = client.simAddVehicle("Car3", "physxcar", airsim.Pose(airsim.Vector3r(0, 8, 0)))
    check("a third car joins", added is True and "Car3" in client.listVehicles())


@sample
def car_lidar(client):
    points = np.array(client.getLidarData("roof").point_cloud).reshape(-1, 3)
    check("the lidar sees from the roof", len(points) > 50, len(points))


@sample
def distance_sensor_multi(client):
    told = [client.getDistanceSensorData(name, "Car1").distance for name in ("down", "ahead")]
    check("the road is a metre below the sensor", abs(told[0] - 1) < 0.3, told)
    check("ahead is more room", told[1] > told[0], told)


@sample
def car_time_of_day(client):
    client.simPause(True)
    wanted = [airsim.ImageRequest("0", airsim.ImageType.Scene, False, False)]
    day = pixels(client.simGetImages(wanted)[0]).mean()
    client.simSetTimeOfDay(True, "2018-02-12 23:20:00")
    night = pixels(client.simGetImages(wanted)[0]).mean()
    client.simSetTimeOfDay(False)
    check("the night is darker than the day", night < day, (day, night))


@sample
def driver_camera(client):
    front = vector(client.simGetCameraInfo("0").pose.position)
    driver = vector(client.simGetCameraInfo("3").pose.position)
    check("camera 3 is the driver's, behind the front", driver[0] < front[0], (front, driver))


if __name__ == "__main__":
    run_samples(airsim.CarClient(port=int(sys.argv[1]), timeout_value=60))
