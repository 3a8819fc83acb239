"""What AirSim's sample scripts for multirotors do, kind by kind, and what they print.

Each function is named after the script, or the part of one, whose calls it makes. Where AirSim
answers what one would not expect, so it is here: `takeoff` says False, a short way is not flown.
"""

import math
import sys
import time

import airsim
import numpy as np
from judge import check, floats, pixels, run_samples, sample, vector

FORWARD, FREE = airsim.DrivetrainType.ForwardOnly, airsim.DrivetrainType.MaxDegreeOfFreedom
LANDED, FLYING = airsim.LandedState.Landed, airsim.LandedState.Flying
TYPES = airsim.ImageType


def place(client, name=""):
    return vector(client.simGetVehiclePose(name).position)


def yaw_deg(client):
    return math.degrees(airsim.to_eularian_angles(client.simGetVehiclePose().orientation)[2])


def hover(client, z=-6.0):
    """Take control in the air; take-off itself is a sample of its own."""
    client.enableApiControl(True)
    client.simSetVehiclePose(airsim.Pose(airsim.Vector3r(0, 0, z)), True)
    client.moveByVelocityAsync(0, 0, 0, 1).join()


def image(client, kind, as_float=False, compress=False, camera="0"):
    return client.simGetImages([airsim.ImageRequest(camera, kind, as_float, compress)])[0]


@sample
def hello_drone(client):
    client.enableApiControl(True)
    check("it stands on the ground", client.getMultirotorState().landed_state == LANDED)
    check("arming answers True", client.armDisarm(True) is True)
    check("takeoff answers False, as in AirSim", client.takeoffAsync().get() is False)
    check("and has taken off", client.getMultirotorState().landed_state == FLYING)
    client.moveToPositionAsync(-10, 10, -10, 5).join()
    here = place(client)
    check("it is near (-10, 10, -10)", np.linalg.norm(here - [-10, 10, -10]) < 3, here)
    check("hover answers False, as in AirSim", client.hoverAsync().get() is False)
    responses = client.simGetImages(
        [
            airsim.ImageRequest("0", TYPES.DepthVis),
            airsim.ImageRequest("1", TYPES.DepthPerspective, True),
            airsim.ImageRequest("1", TYPES.Scene),
            airsim.ImageRequest("1", TYPES.Scene, False, False),
        ]
    )
    sizes = [len(r.image_data_uint8) or len(r.image_data_float) for r in responses]
    check("four images are retrieved", len(responses) == 4 and min(sizes) > 0, sizes)


@sample
def takeoff(client):
    client.enableApiControl(True)
    before = place(client)[2]
    client.takeoffAsync().join()
    rise = before - place(client)[2]
    check("it stops half a metre short of two", abs(rise - 1.54) < 0.25, rise)


@sample
def land(client):
    hover(client, -1.0)
    check("landing answers True", client.landAsync().get() is True)
    check("it still says that it flies", client.getMultirotorState().landed_state == FLYING)
    client.armDisarm(False)
    client.moveByMotorPWMsAsync(0, 0, 0, 0, 0.5).join()
    check("until its motors stop", client.getMultirotorState().landed_state == LANDED)


@sample
def arm(client):
    check("without control arming is refused", client.armDisarm(True) is False)
    client.enableApiControl(True)
    check("with control it is armed already", client.armDisarm(True) is True)


@sample
def disarm(client):
    client.enableApiControl(True)
    check("disarming answers True", client.armDisarm(False) is True)
    check("once", client.armDisarm(False) is False)
    client.moveByVelocityAsync(0, 0, -2, 1).join()
    check("and the next move flies all the same", place(client)[2] < -0.5, place(client))


@sample
def state(client):
    told = client.getMultirotorState()
    check("the state is told in words", "kinematics_estimated" in str(told))
    check("with the place on Earth", abs(told.gps_location.latitude - 47.641468) < 1e-3)
    check("and a time", told.timestamp > 1.6e18)


@sample
def clock_speed(client):
    hover(client)
    before = client.getMultirotorState().timestamp
    client.moveByVelocityAsync(0, 0, 0, 1).join()
    passed = (client.getMultirotorState().timestamp - before) / 1e9
    check("durations are seconds of the simulator", passed >= 1, passed)


@sample
def box(client):
    hover(client)
    answers = [
        client.moveByVelocityZAsync(vx, vy, -6, 0.5, mode, airsim.YawMode(False, yaw)).get()
        for mode in (FREE, FORWARD)
        for vx, vy, yaw in ((3, 0, 0), (0, 3, 0), (-3, 0, 0), (0, -3, 0))
    ]
    check("all sides of both boxes are flown", answers == [True] * 8, answers)


@sample
def velocity(client):
    hover(client)
    check("the move runs its time", client.moveByVelocityAsync(3, -1, 0, 2).get() is True)
    x, y, _ = place(client)
    check("north and west", x > 2 and y < -0.5, (x, y))


@sample
def velocity_of_the_body(client):
    hover(client)
    client.rotateToYawAsync(90).join()
    client.moveByVelocityBodyFrameAsync(3, 0, 0, 2).join()
    check("forward is east after a quarter turn", place(client)[1] > 2, place(client))


@sample
def coasting(client):
    hover(client)
    client.moveToPositionAsync(20, 0, -6, 5).join()
    answered = place(client)[0]
    client.moveToPositionAsync(20.5, 0, -6, 5).join()  # nearer than the lookahead: nothing is sent
    time.sleep(0.3)
    check("it flies on after the answer", place(client)[0] > answered + 0.5, place(client))


@sample
def short_way(client):
    hover(client)
    answer = client.moveToPositionAsync(0.5, 0, -6, 5).get()
    check("a way shorter than the lookahead answers False", answer is False)


@sample
def yaw_mode(client):
    hover(client)
    client.moveByVelocityAsync(1, 0, 0, 3, FREE, airsim.YawMode(False, 45)).join()
    check("an angle is held", abs(yaw_deg(client) - 45) < 15, yaw_deg(client))
    client.moveByVelocityAsync(0, 3, 0, 3, FORWARD, airsim.YawMode(False, 0)).join()
    check("forward only looks along the way", abs(yaw_deg(client) - 90) < 20, yaw_deg(client))
    client.moveByVelocityAsync(0, 0, 0, 1, FREE, airsim.YawMode(True, 40)).join()
    check("a rate turns on", yaw_deg(client) > 100, yaw_deg(client))


@sample
def rotate(client):
    hover(client)
    check("the turn is made", client.rotateToYawAsync(60, 20, 5).get() is True)
    check("to within its margin", abs(yaw_deg(client) - 60) < 15, yaw_deg(client))
    check("a rate runs its time", client.rotateByYawRateAsync(30, 0.5).get() is True)


@sample
def move_to_z(client):
    hover(client)
    climbs = client.moveToZAsync(-12, 3).get()
    check("it climbs", climbs is True and abs(place(client)[2] + 12) < 1, place(client))


@sample
def manual_mode_demo(client):
    hover(client)
    check("sticks are followed", client.moveByManualAsync(1e6, 1e6, -1e6, 0.5).get() is True)


@sample
def remote_control(client):
    client.moveByRC(airsim.RCData(throttle=1.0, is_initialized=True, is_valid=True))
    time.sleep(0.2)
    check("without a joystick's number it does nothing", abs(place(client)[2]) < 0.3)


@sample
def roll_pitch_yaw(client):
    hover(client)
    client.moveByRollPitchYawZAsync(0, 0.1, 0, -6, 1).join()
    client.moveByRollPitchYawrateThrottleAsync(0, 0.1, 0, 0.6, 1).join()
    check("a nose held down flies north", place(client)[0] > 0.5, place(client))


@sample
def angle_rates(client):
    hover(client)
    client.moveByAngleRatesZAsync(0.1, 0, 0, -6, 1.5).join()
    check("a rolling body flies east", place(client)[1] > 0.1, place(client))


@sample
def motors(client):
    hover(client)
    client.moveByMotorPWMsAsync(0.7, 0.7, 0.7, 0.7, 0.7).join()
    check("strong motors climb", place(client)[2] < -6.1, place(client))
    rotors = client.getRotorStates().rotors
    check("four rotors turn", len(rotors) == 4 and min(r["speed"] for r in rotors) > 100)


@sample
def controller_gains(client):
    hover(client)
    client.setVelocityControllerGains(airsim.VelocityControllerGains())
    client.setAngleRateControllerGains(airsim.AngleRateControllerGains())
    check("the client's own gains fly", client.moveByVelocityAsync(2, 0, 0, 1).get() is True)


@sample
def reset_test_drone(client):
    hover(client)
    client.moveByVelocityAsync(3, 0, 0, 1).join()
    client.reset()
    check("it is back at the start", np.abs(place(client)).max() < 0.1, place(client))
    check("nobody controls it", client.isApiControlEnabled() is False)


@sample
def continue_for_frames(client):
    client.simPause(True)
    before = client.getMultirotorState().timestamp
    client.simContinueForFrames(6)
    passed = (client.getMultirotorState().timestamp - before) / 1e9
    check("six frames are a tenth of a second", abs(passed - 0.1) < 0.001, passed)
    check("and it is paused again", client.simIsPause() is True)


@sample
def stability_test(client):
    hover(client)
    places = []
    for _ in range(5):
        client.moveByVelocityAsync(0, 0, 0, 0.5).join()
        places.append(place(client))
    check("it stays where it hovers", np.ptp(places, axis=0).max() < 0.3, np.ptp(places, axis=0))


@sample
def cancel(client):
    hover(client)
    going = client.moveToPositionAsync(60, 0, -6, 3)
    client.cancelLastTask()
    check("a cancelled move answers False", going.get() is False)
    late = client.moveToPositionAsync(60, 0, -6, 3, timeout_sec=0.5).get()
    check("so does one whose time is over", late is False)


@sample
def go_home(client):
    hover(client, -3.0)
    check("home is half a metre too near: False", client.goHomeAsync(15).get() is False)
    check("it came near", np.linalg.norm(place(client)) < 1.5, place(client))


@sample
def gps(client):
    home = client.getHomeGeoPoint()
    there = client.getGpsData().gnss.geo_point
    check("the receiver is at home", abs(there.latitude - home.latitude) < 1e-5)
    hover(client)
    goal = home.latitude + 10 / 111_320
    client.moveToGPSAsync(goal, home.longitude, home.altitude + 6, 5).join()
    check("ten metres north are ten metres", abs(place(client)[0] - 10) < 2, place(client))


@sample
def wind(client):
    hover(client)
    client.simSetWind(airsim.Vector3r(0, 20, 0))
    client.moveByVelocityAsync(0, 0, 0, 1).join()
    check("it is pushed east", place(client)[1] > 0.1, place(client))
    client.simSetWind(airsim.Vector3r(0, 0, 0))


@sample
def teleport(client):
    client.simPause(True)
    client.simSetVehiclePose(airsim.Pose(airsim.Vector3r(7, 8, -9)), True)
    truth = vector(client.simGetGroundTruthKinematics().position)
    check("the body is there at once", np.allclose(truth, [7, 8, -9], atol=1e-4), truth)
    check("what is seen is not", np.abs(place(client)).max() < 0.5, place(client))
    client.simContinueForTime(0.0)
    check("until the next tick", np.allclose(place(client), [7, 8, -9], atol=1e-4))


@sample
def kinematics(client):
    client.simPause(True)
    moving = airsim.KinematicsState()
    moving.position, moving.linear_velocity = airsim.Vector3r(0, 0, -20), airsim.Vector3r(3, 0, 0)
    client.simSetKinematics(moving, True)
    read = client.simGetGroundTruthKinematics().linear_velocity.x_val
    check("a velocity that is set is read", abs(read - 3) < 1e-5, read)


@sample
def collision(client):
    client.simGetCollisionInfo()
    client.simSetVehiclePose(airsim.Pose(airsim.Vector3r(0, 0, -0.1)), True)
    time.sleep(0.4)
    hit = client.simGetCollisionInfo()
    check("the fall ends on something with a name", hit.has_collided and hit.object_name != "")
    check("which is told once", client.simGetCollisionInfo().has_collided is False)


@sample
def add_drone(client):
    start = airsim.Pose(airsim.Vector3r(0, 9, 0))
    added = client.simAddVehicle("Added", "simpleflight", start)
    check("another drone joins", added is True and "Added" in client.listVehicles())
    client.enableApiControl(True, "Added")
    client.takeoffAsync(vehicle_name="Added").join()
    check("and takes off", place(client, "Added")[2] < -1, place(client, "Added"))


@sample
def point_cloud(client):
    hover(client)
    depth = image(client, TYPES.DepthPerspective, as_float=True)
    rows = airsim.get_pfm_array(depth)
    check("depths come as rows", rows.shape == (depth.height, depth.width) and rows.min() > 0)


@sample
def navigate(client):
    hover(client)
    depth = floats(image(client, TYPES.DepthPlanar, as_float=True))
    columns = np.array_split(depth, 3, axis=1)
    nearest = [float(part.min()) for part in columns]
    check("each third has a nearest thing", all(0 < n < 1e5 for n in nearest), nearest)


@sample
def opencv_show(client):
    kinds = [TYPES.DepthVis, TYPES.Segmentation, TYPES.Scene, TYPES.SurfaceNormals]
    heads = {bytes(client.simGetImage("0", kind)[:8]) for kind in kinds}
    check("every kind comes as a PNG", heads == {b"\x89PNG\r\n\x1a\n"}, heads)


@sample
def gimbal(client):
    down = airsim.Pose(airsim.Vector3r(0.5, 0, 0), airsim.to_quaternion(-0.5, 0, 0))
    client.simSetCameraPose("0", down)
    pitch = airsim.to_eularian_angles(client.simGetCameraInfo("0").pose.orientation)[0]
    check("the camera looks down", abs(pitch + 0.5) < 0.01, pitch)


@sample
def line_of_sight(client):
    home = client.getHomeGeoPoint()
    above, below = airsim.GeoPoint(), airsim.GeoPoint()
    for point, height in ((above, 60), (below, -20)):
        point.latitude, point.longitude = home.latitude, home.longitude
        point.altitude = home.altitude + height
    hover(client)
    seen = client.simTestLineOfSightToPoint(above), client.simTestLineOfSightToPoint(below)
    check("the sky is in sight, the depths are not", seen == (True, False), seen)


@sample
def set_fog(client):
    client.simPause(True)
    clear = pixels(image(client, TYPES.Scene)).astype(float)
    client.simEnableWeather(True)
    client.simSetWeatherParameter(airsim.WeatherParameter.Fog, 0.9)
    veiled = pixels(image(client, TYPES.Scene)).astype(float)
    check("fog veils", abs(veiled - clear).mean() > 3, abs(veiled - clear).mean())
    client.simSetWeatherParameter(airsim.WeatherParameter.Fog, 0)
    client.simEnableWeather(False)


@sample
def set_trace_line(client):
    check("a trace is taken", client.simSetTraceLine([1.0, 0.0, 0.0, 1.0], 3.0) is None)


if __name__ == "__main__":
    run_samples(airsim.MultirotorClient(port=int(sys.argv[1]), timeout_value=60))
