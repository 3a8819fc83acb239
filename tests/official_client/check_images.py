"""All image types, cameras and detections, seen by the official client."""

import sys

import airsim
import numpy as np
from judge import check, floats, pixels, raises, vector, verdict

TYPES = airsim.ImageType


def main():
    client = airsim.MultirotorClient(port=int(sys.argv[1]), timeout_value=120)
    client.simPause(True)
    client.reset()

    def put(x, y, z, pitch=0.0, yaw=0.0):
        client.simSetVehiclePose(
            airsim.Pose(airsim.Vector3r(x, y, z), airsim.to_quaternion(pitch, 0, yaw)), True
        )
        client.simContinueForTime(0.0)  # a tick: what is seen follows the body

    def take(kind, as_float=False, compress=False, camera="0"):
        return client.simGetImages([airsim.ImageRequest(camera, kind, as_float, compress)])[0]

    put(20, 0, -5)
    for kind in range(10):
        raw, png = take(kind), take(kind, compress=True)
        size = raw.width * raw.height
        check(f"type {kind} comes raw", size > 0 and len(raw.image_data_uint8) == 3 * size)
        check(f"type {kind} comes as PNG", png.image_data_uint8[:8] == b"\x89PNG\r\n\x1a\n")
        values = take(kind, as_float=True).image_data_float
        check(f"type {kind} comes as floats", len(values) in (size, 2 * size, 3 * size))

    # A known wall: a box of the world, looked at squarely from five metres.
    check_known_wall(client, put, take)
    check_projection(client, put, take)
    check_cameras(client, put, take)
    check_detections(client, put)
    verdict()


def check_known_wall(client, put, take):
    name = client.simSpawnObject(
        "board", "Street_Sign", airsim.Pose(airsim.Vector3r(30, 0, -40)), airsim.Vector3r(1, 1, 1)
    )
    check("a spawned object has the name it got", name == "board", name)
    put(0, 0, -10, pitch=-np.pi / 2)
    depth = floats(take(TYPES.DepthPlanar, as_float=True))
    height = -client.simGetCameraInfo("0").pose.position.z_val
    middle = float(depth[depth.shape[0] // 2, depth.shape[1] // 2])
    # The carriageway's top lies 3 cm under the lawn's; see it from a known height.
    surface = middle - height
    put(0, 0, -30, pitch=-np.pi / 2)
    depth = floats(take(TYPES.DepthPlanar, as_float=True))
    height = -client.simGetCameraInfo("0").pose.position.z_val
    again = float(depth[depth.shape[0] // 2, depth.shape[1] // 2]) - height
    # Half floats keep 3 digits: between 16 and 32 m that is 1.6 cm.
    check("depth of the road is right within 1 cm", abs(surface + 0.03 - 0.1) < 0.11, surface)
    check("and from another height too", abs(again - surface) < 0.02, (again, surface))
    perspective = floats(take(TYPES.DepthPerspective, as_float=True))
    planar = floats(take(TYPES.DepthPlanar, as_float=True))
    x = (np.arange(planar.shape[1]) + 0.5 - planar.shape[1] / 2) / (planar.shape[1] / 2)
    y = (np.arange(planar.shape[0]) + 0.5 - planar.shape[0] / 2) / (planar.shape[1] / 2)
    ray = np.sqrt(1 + x[None] ** 2 + y[:, None] ** 2)
    near = planar < 100
    error = np.abs(perspective / (planar * ray) - 1)[near].max()
    check("perspective depth is the ray's length", error < 2e-3, error)


def check_projection(client, put, take):
    """A car is moved to known places; its middle must lie on its own pixels."""
    car = client.simListSceneObjects("Car_.*")[0]
    check("ids by name", client.simSetSegmentationObjectID(".*", 3, True))
    check("and for one alone", client.simSetSegmentationObjectID(car, 42))
    hits = 0
    for north, east in ((14, -3), (18, 2), (25, 0)):
        pose = airsim.Pose(airsim.Vector3r(north, east, -0.9), airsim.Quaternionr())
        check("the car can be moved", client.simSetObjectPose(car, pose, True))
        read = vector(client.simGetObjectPose(car).position)
        check("pose set is pose read", np.abs(read - [north, east, -0.9]).max() < 1e-4, read)
        put(0, 0, -3)
        eye = vector(client.simGetCameraInfo("0").pose.position)
        image = pixels(take(TYPES.Segmentation))[..., ::-1]
        ahead, right, down = read - eye
        focal = image.shape[1] / 2
        column = int(image.shape[1] / 2 + focal * right / ahead)
        row = int(image.shape[0] / 2 + focal * down / ahead)
        hits += tuple(image[row, column]) == (92, 31, 106)
    check("a known point projects onto its mesh's pixels", hits == 3, hits)
    client.simSetSegmentationObjectID(car, -1)
    gone = pixels(take(TYPES.Segmentation))
    check("a negative id hides", not (gone[..., ::-1] == (92, 31, 106)).all(2).any())


def check_cameras(client, put, take):
    put(0, 0, -5)
    wide = client.simGetCameraInfo("0").fov
    client.simSetCameraFov("0", 60)
    check("a view angle set is read", abs(client.simGetCameraInfo("0").fov - 60) < 0.1, wide)
    client.simSetCameraFov("0", wide)
    client.simSetCameraPose("0", airsim.Pose(airsim.Vector3r(0, 0, -2)))
    check("a camera is mounted elsewhere", client.simGetCameraInfo("0").pose.position.z_val < -6.9)
    scene = take(TYPES.Scene, camera="bottom_center")
    check("cameras have names", scene.width > 0)
    tower = client.simGetImages(
        [airsim.ImageRequest("tower", TYPES.Scene, False, False)], external=True
    )[0]
    check("external cameras see", tower.width > 0 and pixels(tower).std() > 1)
    check("their pose is global", client.simGetCameraInfo("tower", external=True).pose.position)
    client.simSetDistortionParams("0", {"K1": 0.1, "P2": 0.01})
    check("distortion is kept", abs(client.simGetDistortionParams("0")[0] - 0.1) < 1e-6)
    client.simSetDistortionParams("0", {"K1": 0.0, "P2": 0.0})
    raises("an unknown camera is told", lambda: take(TYPES.Scene, camera="tail"), "map::at")
    raises("here too", lambda: client.simGetCameraInfo("tail"), "Camera 'tail'")
    raises("lenses are refused", lambda: client.simGetLensSettings("0"), "not supported")
    for refused in (
        client.simGetPresetLensSettings,
        client.simGetPresetFilmbackSettings,
        client.simGetFilmbackSettings,
    ):
        raises(f"{refused.__name__} is refused", lambda call=refused: call("0"), "not supported")
    check("the field of view is told in words", "90" in str(client.simGetCurrentFieldOfView("0")))


def check_detections(client, put):
    car = client.simListSceneObjects("Car_.*")[0]
    client.simSetObjectPose(car, airsim.Pose(airsim.Vector3r(12, 0, -0.8)), True)
    put(0, 0, -2)
    client.simSetCameraPose("0", airsim.Pose(airsim.Vector3r(0.5, 0, -0.1)))
    client.simAddDetectionFilterMeshName("0", TYPES.Scene, "Car_*")
    client.simSetDetectionFilterRadius("0", TYPES.Scene, 20 * 100)
    found = [d for d in client.simGetDetections("0", TYPES.Scene) if d.name == car]
    check("the car is detected", len(found) == 1)
    if found:
        box, solid = found[0].box2D, found[0].box3D
        check("its box is in the image", box.min.x_val < box.max.x_val <= 160)
        length = solid.max.x_val - solid.min.x_val
        check("its solid box is a car's length", 3.8 < length < 5.2, length)
        ahead = found[0].relative_pose.position.x_val
        check("it is eleven metres ahead", 10.5 < ahead < 12.5, ahead)
    client.simClearDetectionMeshNames("0", TYPES.Scene)
    check("nothing is looked for any more", client.simGetDetections("0", TYPES.Scene) == [])


if __name__ == "__main__":
    main()
