"""What AirSim's sample scripts do without a vehicle: cameras, objects, ids, weather, markers."""

import math
import sys
from pathlib import Path

import airsim
import numpy as np
from judge import check, floats, pixels, run_samples, sample, vector

TYPES = airsim.ImageType


def put(client, x, y, z, pitch=0.0, yaw=0.0):
    pose = airsim.Pose(airsim.Vector3r(x, y, z), airsim.to_quaternion(pitch, 0, yaw))
    client.simSetVehiclePose(pose, True)


def scene(client, kind=TYPES.Scene, camera="0", **more):
    wanted = [airsim.ImageRequest(camera, kind, False, False)]
    return pixels(client.simGetImages(wanted, **more)[0]).copy()


@sample
def cv_mode(client):
    stamps = []
    for x in (0, 5, 10):
        put(client, x, 0, -2)
        responses = client.simGetImages(
            [
                airsim.ImageRequest("0", TYPES.DepthVis),
                airsim.ImageRequest("1", TYPES.DepthPerspective, True),
                airsim.ImageRequest("2", TYPES.Segmentation),
                airsim.ImageRequest("0", TYPES.Scene),
            ]
        )
        stamps.append(responses[0].time_stamp)
        check("the camera is where it was put", abs(responses[0].camera_position.x_val - x) < 1e-3)
    check("time goes on", stamps == sorted(set(stamps)), stamps)


@sample
def getpos(client):
    put(client, 3, 4, -5, yaw=0.5)
    pose = client.simGetVehiclePose()
    angles = airsim.to_eularian_angles(pose.orientation)
    check("place and heading are told", np.allclose(vector(pose.position), [3, 4, -5], atol=1e-4))
    check("in radians", abs(angles[2] - 0.5) < 1e-3, angles)


@sample
def ground_truth(client):
    told = client.simGetGroundTruthKinematics()
    check("a free camera has no speed", np.abs(vector(told.linear_velocity)).max() < 1e-6)


@sample
def cv_navigate(client):
    put(client, 0, 0, -2)
    depth = floats(client.simGetImages([airsim.ImageRequest("0", TYPES.DepthPlanar, True)])[0])
    clear = [float((part > 5).mean()) for part in np.array_split(depth, 3, axis=1)]
    check("somewhere the way is clear", max(clear) > 0.2, clear)


@sample
def fov_change(client):
    put(client, 0, 0, -5)
    before = scene(client)
    client.simSetCameraFov("0", 40)
    check("the angle is told", abs(client.simGetCameraInfo("0").fov - 40) < 0.1)
    check("and seen", (scene(client) != before).any())
    client.simSetCameraFov("0", 90)


@sample
def external_camera(client):
    info = client.simGetCameraInfo("tower", external=True)
    place = vector(info.pose.position)
    check("it stands in the world", np.allclose(place, [10, 0, -25], atol=1e-3), place)
    before = scene(client, camera="tower", external=True)
    moved = airsim.Pose(airsim.Vector3r(20, 5, -25), airsim.to_quaternion(-1, 0, 0))
    client.simSetCameraPose("tower", moved, external=True)
    check("and can be moved", (scene(client, camera="tower", external=True) != before).any())


@sample
def distortion(client):
    client.simSetDistortionParams("0", {"K1": 0.05, "P1": 0.01})
    told = client.simGetDistortionParams("0")
    check("five numbers are kept", len(told) == 5 and abs(told[0] - 0.05) < 1e-6, told)
    client.simSetDistortionParams("0", {"K1": 0.0, "P1": 0.0})


@sample
def image_benchmarker(client):
    client.simPause(True)  # or the traffic goes on
    put(client, 0, 0, -5)
    first = scene(client)
    check("the same pose is the same picture", all((scene(client) == first).all() for _ in "12"))
    client.simPause(False)


@sample
def seg_palette(client):
    put(client, 0, 0, -40, pitch=-math.pi / 2)
    colors = set()
    for number in (1, 2, 3):
        client.simSetSegmentationObjectID(".*", number, True)
        colors |= {tuple(c) for c in np.unique(scene(client, 5).reshape(-1, 3), axis=0).tolist()}
    known = {(6, 108, 153), (191, 105, 112), (72, 121, 89)}  # blue first
    check("ids 1 to 3 have the colours of the palette", known <= colors, colors)


@sample
def segmentation(client):
    check("an expression finds meshes", client.simSetSegmentationObjectID("car_.*", 9, True))
    check("a name without one is exact", not client.simSetSegmentationObjectID("car_", 9))
    car = client.simListSceneObjects("Car_.*")[0]
    check("ids are read in lower case", client.simGetSegmentationObjectID(car.lower()) == 9)
    check("or not at all", client.simGetSegmentationObjectID("no such mesh") == -1)


@sample
def capture_ir_segmentation(client):
    put(client, 0, 0, -10, pitch=-0.8)
    client.simSetSegmentationObjectID(".*", 0, True)
    client.simSetSegmentationObjectID("Road.*", 200, True)
    values = np.unique(scene(client, TYPES.Infrared))
    check("what is warm is bright, the rest dark", values.tolist() == [0, 200], values)


@sample
def objects(client):
    car = client.simListSceneObjects("Car_.*")[0]
    pose = client.simGetObjectPose(car)
    pose.position.x_val += 1
    moved = client.simSetObjectPose(car, pose, True)
    read = client.simGetObjectPose(car).position.x_val
    check("a car can be moved", moved is True and abs(read - pose.position.x_val) < 1e-3)
    nowhere = client.simGetObjectPose("nothing").position.x_val
    check("an unknown object is nowhere", math.isnan(nowhere))


@sample
def create_objects(client):
    assets = client.simListAssets()
    check("assets are listed", "Cube" in assets or "Rock" in assets, len(assets))
    where, size = airsim.Pose(airsim.Vector3r(5, 5, -1)), airsim.Vector3r(1, 1, 1)
    made = client.simSpawnObject("mine", "Rock", where, size, False)
    again = client.simSpawnObject("mine", "Rock", where, size, False)
    check("a second of a name gets a number", (made, again) == ("mine", "mine1"), (made, again))
    check("both are destroyed", all(client.simDestroyObject(name) for name in (made, again)))


@sample
def scale_objects(client):
    car = client.simListSceneObjects("Car_.*")[0]
    client.simSetObjectScale(car, airsim.Vector3r(2, 2, 2))
    check("a scale is kept", np.allclose(vector(client.simGetObjectScale(car)), 2))


@sample
def change_texture_example(client):
    car = client.simListSceneObjects("Car_.*")[0]
    check("an object is painted", client.simSetObjectMaterial(car, "Red") is True)
    check("textures are swapped", client.simSwapTextures(car, 1) == [car])


@sample
def weather(client):
    client.simPause(True)
    put(client, 0, 0, -5)
    clear = scene(client)
    client.simSetWeatherParameter(airsim.WeatherParameter.Snow, 0.8)
    check("what is set while it is off becomes 0", (scene(client) == clear).all())
    client.simEnableWeather(True)
    for kind in ("Rain", "Snow", "Fog", "Dust"):
        client.simSetWeatherParameter(getattr(airsim.WeatherParameter, kind), 0.8)
        check(f"{kind} is seen", (scene(client) != clear).any())
        client.simSetWeatherParameter(getattr(airsim.WeatherParameter, kind), 0)
    client.simEnableWeather(False)
    client.simPause(False)


@sample
def light_control(client):
    before = scene(client).mean()
    client.simSetLightIntensity("LightSource", 0.2)
    check("the sun is dimmed", scene(client).mean() < before)
    client.simSetLightIntensity("LightSource", 1.0)


@sample
def time_of_day(client):
    day = scene(client).mean()
    client.simSetTimeOfDay(True, "2024-06-21 23:30:00", celestial_clock_speed=10)
    check("the night is dark", scene(client).mean() < day)
    client.simSetTimeOfDay(False)


@sample
def plot_markers(client):
    points = [airsim.Vector3r(k, 0, -2) for k in range(4)]
    client.simPlotPoints(points, is_persistent=True)
    client.simPlotLineStrip(points, duration=1)
    client.simPlotArrows(points[:2], points[2:])
    client.simPlotStrings(["a"], points[:1])
    client.simPlotTransforms([airsim.Pose()])
    check("markers are taken", client.simFlushPersistentMarkers() is None)


@sample
def unreal_console_commands(client):
    check("there is no console: False", client.simRunConsoleCommand("stat fps") is False)
    check("messages are taken", client.simPrintLogMessage("hello", "there", 0) is None)


@sample
def detection(client):
    car = client.simListSceneObjects("Car_.*")[0]
    client.simSetObjectPose(car, airsim.Pose(airsim.Vector3r(12, 0, -0.8)), True)
    put(client, 0, 0, -2)
    client.simSetDetectionFilterRadius("0", TYPES.Scene, 80 * 100)
    client.simAddDetectionFilterMeshName("0", TYPES.Scene, "Car_*")
    scene(client)
    found = [d.name for d in client.simGetDetections("0", TYPES.Scene)]
    check("the car ahead is found", car in found, found)
    client.simClearDetectionMeshNames("0", TYPES.Scene)
    check("without names nothing is", client.simGetDetections("0", TYPES.Scene) == [])


@sample
def world_extents(client):
    low, high = client.simGetWorldExtents()
    check("the north is north of the south", high.latitude > low.latitude)


@sample
def voxel_grid(client):
    path = Path(sys.argv[2]) / "sample.binvox"
    client.simCreateVoxelGrid(airsim.Vector3r(0, 0, 0), 10, 10, 10, 1, str(path))
    check("a binvox file is written", path.read_bytes().startswith(b"#binvox"))


@sample
def generate_stereo_data(client):
    put(client, 0, 0, -3)
    left, right = scene(client, camera="front_left"), scene(client, camera="front_right")
    check("both eyes see", left.std() > 1 and (left != right).any())


@sample
def event_simulator(client):
    put(client, 0, 0, -3)
    before = scene(client).astype(float)
    put(client, 0.5, 0, -3)
    events = np.abs(np.log(scene(client) + 1.0) - np.log(before + 1.0)) > 0.2
    check("moving makes events", 0 < events.mean() < 0.9, events.mean())


if __name__ == "__main__":
    run_samples(airsim.VehicleClient(port=int(sys.argv[1]), timeout_value=60))
