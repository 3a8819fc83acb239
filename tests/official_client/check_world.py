"""Objects, weather, light, sensors, markers and recording, through the official client."""

import math
import sys
import time
from pathlib import Path

import airsim
import numpy as np
from judge import check, pixels, raises, vector, verdict

SCENE = airsim.ImageType.Scene


def main():
    client = airsim.MultirotorClient(port=int(sys.argv[1]), timeout_value=120)
    client.simPause(True)
    client.reset()
    folder = Path(sys.argv[2])
    check_objects(client)
    check_light(client)
    check_sensors(client)
    check_things_that_are_not_drawn(client)
    check_files(client, folder)
    verdict()


def place_vehicle(client, x, y, z, yaw=0.0):
    client.simSetVehiclePose(
        airsim.Pose(airsim.Vector3r(x, y, z), airsim.to_quaternion(0, 0, yaw)), True
    )
    client.simContinueForTime(0.0)  # a tick: what is seen follows the body


def picture(client):
    return pixels(client.simGetImages([airsim.ImageRequest("0", SCENE, False, False)])[0]).copy()


def check_objects(client):
    names, assets = client.simListSceneObjects(), client.simListAssets()
    check("assets are families", "Rock" in assets and len(assets) > 30, len(assets))
    missing = client.simGetObjectPose("nothing").position.x_val
    check("a missing object is nowhere", math.isnan(missing))
    house = next(n for n in names if n.startswith("Roof"))
    still = client.simSetObjectPose(house, airsim.Pose(), True)
    check("a roof cannot be moved", still is False)
    pose = airsim.Pose(airsim.Vector3r(9, 0, -1))
    rock = client.simSpawnObject("boulder", "Rock", pose, airsim.Vector3r(2, 2, 2), False)
    check("it is listed", client.simListSceneObjects("boulder") == [rock])
    check("a new mesh has id 0", client.simGetSegmentationObjectID("boulder") == 0)
    scale = vector(client.simGetObjectScale(rock))
    check("its scale is read", np.allclose(scale, 2), scale)
    check("and set", client.simSetObjectScale(rock, airsim.Vector3r(3, 3, 3)))
    place_vehicle(client, 0, 0, -1.5)
    before = picture(client)
    check("it takes a colour", client.simSetObjectMaterial(rock, "M_Red"))
    check("which is seen", (picture(client) != before).any())
    image = Path(__file__).parents[2] / "docs" / "worlds.jpg"
    painted = client.simSetObjectMaterialFromTexture(rock, str(image))
    check("and the colour of a picture", painted is True)
    check("textures swap", client.simSwapTextures(rock, 3) == [rock])
    check("it is destroyed", client.simDestroyObject(rock) is True)
    check("once", client.simDestroyObject(rock) is False)
    raises(
        "an unknown asset is told",
        lambda: client.simSpawnObject("x", "Unicorn", pose, airsim.Vector3r(1, 1, 1)),
        "simListAssets",
    )
    check("the world's level is loaded", client.simLoadLevel("neighborhood") is True)
    check("no other is", client.simLoadLevel("Blocks") is False)
    low, high = client.simGetWorldExtents()
    check("the world has extents", high.latitude > low.latitude and high.altitude > low.altitude)


def check_light(client):
    place_vehicle(client, 0, 0, -3)
    day = picture(client).mean()
    client.simSetTimeOfDay(True, "2024-06-21 23:30:00")
    night = picture(client).mean()
    check("night is dark", night < 0.5 * day, (day, night))
    client.simSetTimeOfDay(False)
    check("and day comes back", abs(picture(client).mean() - day) < 3)
    clear = picture(client).std()
    client.simEnableWeather(True)
    client.simSetWeatherParameter(airsim.WeatherParameter.Fog, 0.8)
    check("fog hides", picture(client).std() < 0.8 * clear)
    client.simSetWeatherParameter(airsim.WeatherParameter.Fog, 0)
    for kind in ("Rain", "Roadwetness", "Snow", "RoadSnow", "MapleLeaf", "RoadLeaf", "Dust"):
        plain = picture(client)
        client.simSetWeatherParameter(getattr(airsim.WeatherParameter, kind), 0.8)
        check(f"{kind} is seen", (picture(client) != plain).any())
        client.simSetWeatherParameter(getattr(airsim.WeatherParameter, kind), 0)
    client.simEnableWeather(False)
    dim = client.client.call("simSetLightIntensity", "LightSource", 0.2)
    check("the sun is dimmed", dim is True and picture(client).mean() < day)
    client.client.call("simSetLightIntensity", "LightSource", 1.0)


def check_sensors(client):
    place_vehicle(client, 0, 0, -10, yaw=math.pi / 2)
    imu = client.getImuData()
    felt = vector(imu.linear_acceleration)
    check("at rest the IMU feels gravity upwards", abs(felt[2] + 9.8) < 0.1, felt)
    check("its time is the simulator's", imu.time_stamp > 1_600_000_000_000_000_000)
    barometer = client.getBarometerData()
    check("the barometer is 10 m up", abs(barometer.altitude - 132) < 0.5, barometer.altitude)
    check("where the air is a little thin", 99_000 < barometer.pressure < 100_500)
    gps = client.getGpsData()
    check("GPS has a fix", gps.is_valid and gps.gnss.fix_type == 3)
    check("near home", abs(gps.gnss.geo_point.latitude - 47.641468) < 1e-4)
    field = vector(client.getMagnetometerData().magnetic_field_body)
    check("nose to the east, north is to the left", field[1] < -0.2, field)
    environment = client.simGetGroundTruthEnvironment()
    check("gravity points down", abs(environment.gravity.z_val - 9.8) < 0.1)
    state = client.simGetGroundTruthKinematics()
    check("kinematics agree with the pose", abs(state.position.z_val + 10) < 1e-4)
    distance = client.getDistanceSensorData("below")
    check("the ground is ten metres below", abs(distance.distance - 10) < 0.2, distance.distance)
    scan = client.getLidarData("scanner")
    points = np.array(scan.point_cloud).reshape(-1, 3)
    check("the lidar sees points", len(points) > 500, len(points))
    check("within its range", np.linalg.norm(points - [0, 0, -10], axis=1).max() < 101)
    low = np.abs(points[:, 2]) < 0.3
    check("many of them on the ground", low.mean() > 0.2, low.mean())
    check("each with an id", len(client.simGetLidarSegmentation("scanner")) == len(points))
    missing = "No lidar with name x exist on vehicle"
    raises("a sensor that is not there is told", lambda: client.getLidarData("x"), missing)
    home = client.getHomeGeoPoint()
    above = airsim.GeoPoint()
    above.latitude, above.longitude, above.altitude = home.latitude, home.longitude, 172.0
    check("the sky above is in sight", client.simTestLineOfSightToPoint(above) is True)
    under = airsim.GeoPoint()
    under.latitude, under.longitude, under.altitude = home.latitude, home.longitude, 100.0
    check("what is under the ground is not", client.simTestLineOfSightToPoint(under) is False)
    check("nor from above", client.simTestLineOfSightBetweenPoints(above, under) is False)
    moving = airsim.KinematicsState()
    moving.position, moving.linear_velocity = airsim.Vector3r(0, 0, -20), airsim.Vector3r(3, 0, 0)
    client.simSetKinematics(moving, True)
    speed = client.simGetGroundTruthKinematics().linear_velocity.x_val
    check("a motion set is the motion read", abs(speed - 3) < 1e-5, speed)


def check_things_that_are_not_drawn(client):
    points = [airsim.Vector3r(0, 0, -2), airsim.Vector3r(5, 0, -2)]
    client.simPlotPoints(points)
    client.simPlotLineStrip(points)
    client.simPlotLineList(points)
    client.simPlotArrows(points[:1], points[1:])
    client.simPlotStrings(["here"], points[:1])
    client.simPlotTransforms([airsim.Pose()])
    client.simPlotTransformsWithNames([airsim.Pose()], ["there"])
    client.simSetTraceLine([1.0, 0.0, 0.0, 1.0], 2.0)
    client.simFlushPersistentMarkers()
    client.simPrintLogMessage("hello", "world", 1)
    check("there is no console", client.simRunConsoleCommand("stat fps") is False)
    check("settings are told", '"SimMode"' in client.getSettingsString())


def check_files(client, folder):
    voxels = folder / "world.binvox"
    made = client.simCreateVoxelGrid(airsim.Vector3r(0, 0, 0), 20, 20, 10, 0.5, str(voxels))
    head = voxels.read_bytes()[:40]
    check("voxels are a binvox file", made is True and head.startswith(b"#binvox 1\ndim 40 20 40"))
    client.simPause(False)
    check("nothing is recorded", client.isRecording() is False)
    client.startRecording()
    check("now it is", client.isRecording() is True)
    time.sleep(0.5)
    client.stopRecording()
    check("and no more", client.isRecording() is False)
    made = sorted((folder / "airsim").iterdir())
    check("there is a folder of the recording", len(made) == 1, made)
    rows = (made[0] / "airsim_rec.txt").read_text().splitlines()
    check("its table has a header and rows", rows[0].startswith("VehicleName\tTimeStamp\tPOS_X"))
    image = made[0] / "images" / rows[1].split("\t")[-1]
    check("whose images exist", image.stat().st_size > 1000)


if __name__ == "__main__":
    main()
