"""A car, a free camera, and several drones at once; which one, the first argument says."""

import sys
import time

import airsim
import numpy as np
from judge import check, raises, vector, verdict


def drive(client, seconds):
    """Let so much of the simulator's time pass, however busy the machine is; then it stands."""
    client.simPause(True)
    client.simContinueForTime(seconds)
    while not client.simIsPause():
        time.sleep(0.01)


def check_car(port):
    client = airsim.CarClient(port=port, timeout_value=60)
    client.confirmConnection()
    client.reset()
    client.enableApiControl(True)
    check("API control is on", client.isApiControlEnabled())
    controls = airsim.CarControls(throttle=0.6)
    client.setCarControls(controls)
    drive(client, 0.8)
    state = client.getCarState()
    check("full of throttle it drives", state.speed > 1, state.speed)
    check("north", state.kinematics_estimated.position.x_val > 0.5)
    check("its gear and engine are told", state.gear >= 1 and 500 < state.rpm < state.maxrpm)
    check("controls set are controls read", abs(client.getCarControls().throttle - 0.6) < 1e-6)
    client.setCarControls(airsim.CarControls(throttle=0.4, steering=1))
    drive(client, 0.8)
    yaw = airsim.to_eularian_angles(client.simGetVehiclePose().orientation)[2]
    check("steering to the right turns it to the right", yaw > 0.1, yaw)
    client.setCarControls(airsim.CarControls(brake=1))
    drive(client, 1.0)
    client.simPause(False)
    check("brakes stop it", abs(client.getCarState().speed) < 0.2, client.getCarState().speed)
    client.simPause(True)
    before = client.getCarState().timestamp
    drive(client, 0.5)
    after = client.getCarState().timestamp
    check("half a second is half a second", after - before == 500_000_000, after - before)
    client.simContinueForFrames(6)
    check("frames are sixtieths", client.getCarState().timestamp - after == 99_999_996)
    client.simPause(False)
    raises("a car cannot take off", lambda: client.client.call("takeoff", 5.0, ""), "takeoff")


def check_camera(port):
    client = airsim.VehicleClient(port=port, timeout_value=60)
    client.confirmConnection()
    client.reset()
    raises("there is no vehicle to control", lambda: client.enableApiControl(True), "Vehicle API")
    places = [(0, 0, -2, 0.0), (30, 5, -12, 0.6), (60, -40, -25, -1.2)]
    for x, y, z, yaw in places:
        pose = airsim.Pose(airsim.Vector3r(x, y, z), airsim.to_quaternion(-0.2, 0, yaw))
        client.simSetVehiclePose(pose, True)
        read = client.simGetVehiclePose()
        check("pose set is pose read", np.abs(vector(read.position) - [x, y, z]).max() < 1e-4)
        image = client.simGetImages([airsim.ImageRequest("0", 0, False, False)])[0]
        seen = vector(image.camera_position)
        check("and where the image was taken", np.abs(seen - [x, y, z]).max() < 1e-4, seen)
    nan = float("nan")
    client.simSetVehiclePose(airsim.Pose(airsim.Vector3r(1, nan, nan)), True)
    kept = vector(client.simGetVehiclePose().position)
    check("what is no place is ignored", np.abs(kept - [60, -40, -25]).max() < 1e-4, kept)


def check_several(port):
    client = airsim.MultirotorClient(port=port, timeout_value=60)
    client.reset()
    check("both are listed", sorted(client.listVehicles())[:2] == ["Drone1", "Drone2"])
    third = airsim.Pose(airsim.Vector3r(0, 12, -1), airsim.Quaternionr(0, 0, 0, 0))
    if "Drone3" not in client.listVehicles():
        check("a third joins", client.simAddVehicle("Drone3", "simpleflight", third) is True)
    check("but not twice", client.simAddVehicle("Drone3", "simpleflight", third) is False)
    check("nor a car", client.simAddVehicle("Car", "physxcar", third) is False)
    names = ["Drone1", "Drone2", "Drone3"]
    for name in names:
        client.enableApiControl(True, name)
        client.armDisarm(True, name)
        client.simGetCollisionInfo(name)  # it may have fallen to the ground, which counts as a hit
    flights = [client.takeoffAsync(vehicle_name=name) for name in names]
    for flight in flights:
        flight.join()
    client.simGetCollisionInfo("Drone1")  # tells of the ground it stood on, once
    moves = [
        client.moveToPositionAsync(8, 0, -4 - i, 5, vehicle_name=name)
        for i, name in enumerate(names)
    ]
    arrived = [move.get() for move in moves]
    check("all three arrive", all(arrived))
    for i, name in enumerate(names):
        here = vector(client.simGetVehiclePose(name).position)
        # It does not brake, and flies on and back while the others are asked.
        check(f"{name} is where it was sent", np.linalg.norm(here - [8, 0, -4 - i]) < 4, here)
    apart = vector(client.simGetObjectPose("Drone2").position)
    check("object poses are global", abs(apart[1] - 4) < 1.5, apart)
    check("each has cameras", client.simGetImage("0", 0, "Drone3")[:4] == b"\x89PNG")
    check("nobody hit anything", not client.simGetCollisionInfo("Drone1").has_collided)
    client.reset()


if __name__ == "__main__":
    {"car": check_car, "camera": check_camera, "several": check_several}[sys.argv[1]](
        int(sys.argv[2])
    )
    verdict()
