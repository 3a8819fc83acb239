"""Drive a simulator with the client of Cosys-AirSim 3.5, which nobody here wrote.

Arguments: SimMode and port.
"""

import sys

import cosysairsim as airsim
import numpy as np
from judge import check, floats, pixels, raises, vector, verdict

TYPES = airsim.ImageType


def main():
    mode, port = sys.argv[1], int(sys.argv[2])
    kind = airsim.MultirotorClient if mode == "Multirotor" else airsim.ComputerVisionClient
    client = kind(port=port, timeout_value=60)
    client.confirmConnection()
    check("the server is of version 4", client.getServerVersion() == 4)
    client.simPause(True)
    client.reset()
    check_images(client)
    check_instances(client)
    check_cameras(client)
    if mode == "Multirotor":
        check_flight(client)
    else:
        client.enableApiControl(True)
        check("a free camera has an API here", client.isApiControlEnabled())
        state = client.getComputerVisionState()
        check("and a state", abs(state.kinematics_estimated.position.z_val + 10) < 0.2)
    verdict()


def put(client, x, y, z, pitch=0.0):
    pose = airsim.Pose(airsim.Vector3r(x, y, z), airsim.euler_to_quaternion(0, pitch, 0))
    client.simSetVehiclePose(pose, True)
    client.simContinueForTime(0.0)  # a tick: what is seen of a multirotor follows its body


def check_images(client):
    put(client, 0, 0, -10, pitch=-np.pi / 2)
    wanted = [
        airsim.ImageRequest("0", TYPES.Scene, False, False),
        airsim.ImageRequest("0", TYPES.Segmentation, False, False),
        airsim.ImageRequest("0", TYPES.DepthPlanar, True, False),
    ]
    scene, segmentation, depth = client.simGetImages(wanted)
    check("one size", {(r.width, r.height) for r in (scene, segmentation, depth)} == {(160, 120)})
    check("one time", len({r.time_stamp for r in (scene, segmentation, depth)}) == 1)
    middle = floats(depth)[60, 80]
    check("depth straight down is the height", abs(middle - 10) < 0.7, middle)
    png = client.simGetImage("0", TYPES.Scene)
    check("simGetImage answers a PNG", bytes(png[:4]) == b"\x89PNG")
    # A lawn seen from above is greener than blue: red comes first here.
    put(client, 20, 20, -60, pitch=-np.pi / 2)
    red, green, blue = pixels(client.simGetImages(wanted[:1])[0]).reshape(-1, 3).mean(0)
    check("red comes first", blue < red and blue < green, (red, green, blue))
    check_annotations(client)


def check_annotations(client):
    raises(
        "an annotation layer that is not there is told",
        lambda: client.simGetImage("0", TYPES.Annotation, "", "nothing"),
        "there is no annotation layer 'nothing'",
    )
    put(client, 0, 0, -20, pitch=-np.pi / 2)
    check(
        "objects take a colour",
        client.simSetAnnotationObjectColor("layer", "Road_.*", 9, 8, 7, True),
    )
    road = client.simListAnnotationObjects("layer")[0]
    check("those of the layer are listed", road.startswith("Road_"), road)
    check("the colour is read", client.simGetAnnotationObjectColor("layer", road) == "9,8,7")
    wanted = airsim.ImageRequest("0", TYPES.Annotation, False, False, "layer")
    image = pixels(client.simGetImages([wanted])[0]).reshape(-1, 3)
    found = {tuple(int(v) for v in color) for color in np.unique(image, axis=0)}
    check("and seen, on black", found == {(0, 0, 0), (9, 8, 7)}, found)


def check_instances(client):
    names = client.simListInstanceSegmentationObjects()
    check("every mesh is an instance", len(names) > 5000 and len(set(names)) == len(names))
    colors = client.simGetSegmentationColorMap()
    put(client, 0, 0, -20, pitch=-np.pi / 2)
    wanted = [
        airsim.ImageRequest("0", TYPES.Segmentation, False, False),
        airsim.ImageRequest("0", TYPES.Segmentation, True, False),
    ]
    shown, numbers = client.simGetImages(wanted)
    image, index = pixels(shown), floats(numbers).astype(int)
    check("each has the colour of its place in the client's list", (image == colors[index]).all())
    road = next(names[i] for i in np.unique(index) if names[i].startswith("Road_"))
    check(
        "ids are places in the list", client.simGetSegmentationObjectID(road) == names.index(road)
    )
    check("an id can be set", client.simSetSegmentationObjectID(road, 1_000_000))
    check("and read", client.simGetSegmentationObjectID(road) == 1_000_000)
    image = pixels(client.simGetImages(wanted[:1])[0])
    check("and seen", (image == colors[1_000_000]).all(2).any())
    poses = client.simListInstanceSegmentationPoses()
    check("instances have poses", len(poses) == len(names))
    tags = client.simListSceneObjectsTags("Road_.*")
    check("objects have tags", len(tags) > 10)


def check_cameras(client):
    check("cameras tell their view", abs(client.simGetCameraInfo("0").fov - 90) < 0.1)
    client.simSetCameraFov("0", 70)
    check("which can be set", abs(client.simGetCameraInfo("0").fov - 70) < 0.1)
    client.simSetCameraFov("0", 90)
    client.simSetCameraPose("0", airsim.Pose(airsim.Vector3r(0, 0, -1)))
    client.simSetDistortionParam("0", "K1", 0.1)
    check("distortion is kept", abs(client.simGetDistortionParams("0")[0] - 0.1) < 1e-6)
    client.simSetDistortionParam("0", "K1", 0.0)
    tower = client.simGetCameraInfo("tower").pose.position
    check("external cameras are known by name", np.allclose(vector(tower), [10, 0, -25]))
    client.simAddDetectionFilterMeshName("0", TYPES.Scene, "Road_*")
    check("roads are detected", len(client.simGetDetections("0", TYPES.Scene)) > 0)
    put(client, 0, 0, -10)
    car = client.simListSceneObjects("Car_.*")[0]
    ned = vector(client.simGetObjectPose(car).position)
    unreal = vector(client.simGetObjectPose(car, False).position)
    check("poses come in both frames", np.allclose(unreal, ned * [100, 100, -100], rtol=1e-5))


def check_flight(client):
    client.simPause(False)
    client.reset()
    client.enableApiControl(True)
    client.armDisarm(True)
    client.takeoffAsync().join()
    client.moveToPositionAsync(10, 0, -4, 5).join()
    here = vector(client.simGetVehiclePose().position)
    check("it arrives, and flies on", np.linalg.norm(here - [10, 0, -4]) < 3, here)
    scan = client.getLidarData("scanner")
    points = np.array(scan.point_cloud).reshape(-1, 3)
    check("the lidar sees", len(points) > 500 and len(scan.groundtruth) == len(points))
    check_own_sensors(client)
    client.landAsync().join()


def check_own_sensors(client):
    client.simPause(True)
    put(client, 0, 0, -10)
    turn = np.array(client.getGPULidarData("turner").point_cloud).reshape(-1, 5)
    check("the GPU lidar sees five numbers a point", len(turn) > 300, len(turn))
    names = client.simListInstanceSegmentationObjects()
    colors = client.simGetSegmentationColorMap()[: len(names)].astype(int)
    known = set((colors[:, 0] << 16 | colors[:, 1] << 8 | colors[:, 2]).tolist())
    check("its colours are those of instances", set(turn[:, 3].astype(int).tolist()) <= known)
    echo = client.getEchoData("sonar")
    heard = np.array(echo.point_cloud).reshape(-1, 6)
    check("the echo sensor hears the ground", len(heard) > 20, len(heard))
    way = np.linalg.norm(heard[:, :3], axis=1)
    check("whose way is there and back", np.allclose(heard[:, 4], 2 * way, rtol=1e-4))
    check("each echo has a name", set(echo.groundtruth) <= set(names))


if __name__ == "__main__":
    main()
