"""Drive a simulator with the official `airsim` client, which nobody here wrote.

Run it with the Python of an environment that has `airsim` 1.8.1 and nothing of ours:

    .venv-airsim/bin/python tests/official_client/check_multirotor.py PORT
"""

import sys
import time

import airsim
import numpy as np
from judge import check, pixels, verdict

STEP_NS = 40_000_000
# The documented colour of id 42, red first.
COLOR_42 = (92, 31, 106)


def request(kind, as_float=False):
    return airsim.ImageRequest("0", kind, as_float, False)


def place(client):
    p = client.simGetVehiclePose().position
    return np.array([p.x_val, p.y_val, p.z_val])


def check_objects(client):
    names = client.simListSceneObjects()
    check("lists at least 250 objects", len(set(names)) >= 250, len(names))
    roads = client.simListSceneObjects("Road_.*")
    check("lists objects by expression", roads and all(n.startswith("Road_") for n in roads))
    check("sets an id by exact name", client.simSetSegmentationObjectID(roads[0], 7) is True)
    check("reads the id back", client.simGetSegmentationObjectID(roads[0].lower()) == 7)
    check("an exact name is case-sensitive", not client.simSetSegmentationObjectID("road_0", 9))
    check("sets ids by expression", client.simSetSegmentationObjectID("road_.*", 42, True))
    check("an unknown mesh has no id", client.simGetSegmentationObjectID("nothing") == -1)


def check_images(client):
    client.simPause(True)
    down = airsim.Pose(airsim.Vector3r(0, 0, -10), airsim.to_quaternion(-np.pi / 2, 0, 0))
    client.simSetVehiclePose(down, True)
    client.simContinueForTime(0.0)  # a tick: what is seen follows the body
    wanted = [
        request(airsim.ImageType.Scene),
        request(airsim.ImageType.Segmentation),
        request(airsim.ImageType.DepthPlanar, as_float=True),
    ]
    scene, segmentation, depth = client.simGetImages(wanted)
    sizes = {(r.width, r.height) for r in (scene, segmentation, depth)}
    check("three images of one request have one size", len(sizes) == 1, sizes)
    stamps = {r.time_stamp for r in (scene, segmentation, depth)}
    check("and one time stamp", len(stamps) == 1)
    check("the scene is no flat colour", len(np.unique(pixels(scene))) > 20)
    ids = pixels(segmentation)
    middle = ids[ids.shape[0] // 2, ids.shape[1] // 2]
    check("id 42 is drawn in its documented colour", tuple(middle[::-1]) == COLOR_42, middle)
    values = np.array(depth.image_data_float).reshape(depth.height, depth.width)
    far = values[depth.height // 2, depth.width // 2]
    height = -depth.camera_position.z_val
    check("depth straight down is the height", abs(far - height) < 0.05, f"{far} of {height}")
    road = (ids[..., ::-1] == COLOR_42).all(2)
    off = np.abs(values[road] - far).max()
    share = round(float(road.mean()), 3)
    check("the colour lies where the road's depth is", off < 0.2 and 0.1 < share < 0.95, share)
    png = client.simGetImage("0", airsim.ImageType.Scene)
    check("simGetImage answers a PNG", png[:8] == b"\x89PNG\r\n\x1a\n")
    info = client.simGetCameraInfo("0")
    check("the camera's view angle is told", abs(info.fov - 90) < 1, info.fov)


def check_time(client):
    before = client.simGetImages([request(airsim.ImageType.Scene)])[0].time_stamp
    for _ in range(3):
        client.simContinueForTime(0.04)
    after = client.simGetImages([request(airsim.ImageType.Scene)])[0].time_stamp
    check("three steps of 40 ms take exactly that", after - before == 3 * STEP_NS, after - before)
    check("time stands still after a step", client.simIsPause())
    client.simPause(False)


def check_flight(client):
    client.reset()
    client.enableApiControl(True)
    check("API control is on", client.isApiControlEnabled())
    time.sleep(0.2)  # after a reset it falls the last millimetres, and cannot take off meanwhile
    check("it is armed from the start", client.armDisarm(True) is True)
    start = place(client)
    check("takeoff answers False, as in AirSim", client.takeoffAsync().get() is False)
    check("half a metre short of two", abs(place(client)[2] - start[2] + 1.54) < 0.2, place(client))
    state = client.getMultirotorState()
    check("it is flying", state.landed_state == airsim.LandedState.Flying)
    arrived = client.moveToPositionAsync(20, 0, -5, 6).get()
    gap = np.linalg.norm(place(client) - [20, 0, -5])
    check("moveToPosition arrives, and flies on", arrived and gap < 1.5, gap)
    client.hoverAsync().join()
    path = [airsim.Vector3r(16, 0, -5), airsim.Vector3r(10, 1, -6), airsim.Vector3r(2, 1, -6)]
    forward = airsim.YawMode(False, 0)
    arrived = client.moveOnPathAsync(path, 6, 60, airsim.DrivetrainType.ForwardOnly, forward).get()
    gap = np.linalg.norm(place(client) - [2, 1, -6])
    check("moveOnPath arrives", arrived and gap < 1.5, gap)
    yaw = np.degrees(airsim.to_eularian_angles(client.simGetVehiclePose().orientation)[2])
    check("and ForwardOnly has turned the nose to the way back", abs(yaw) > 150, yaw)
    client.rotateToYawAsync(90).join()
    yaw = np.degrees(airsim.to_eularian_angles(client.simGetVehiclePose().orientation)[2])
    check("rotateToYaw turns to 90 degrees", abs(yaw - 90) < 15, yaw)
    first = client.moveToPositionAsync(100, 2, -6, 5)
    second = client.moveByVelocityAsync(0, 0, -1, 0.5)
    check("a new task ends the one before with False", first.get() is False)
    check("a timed move ends with True", second.get() is True)
    check("nothing was hit", not client.simGetCollisionInfo().has_collided)
    client.moveToZAsync(-1, 3).join()
    client.moveByVelocityAsync(0, 0, 0, 1).join()  # at rest: land gives up on what climbs
    client.landAsync().join()
    height = -place(client)[2]
    check("land comes down to the ground", height < 0.2, height)


def main():
    client = airsim.MultirotorClient(port=int(sys.argv[1]), timeout_value=120)
    client.confirmConnection()
    check("answers a ping", client.ping())
    check_objects(client)
    check_images(client)
    check_time(client)
    check_flight(client)
    verdict()


if __name__ == "__main__":
    main()
