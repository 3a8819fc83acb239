"""What AirSim's sample scripts for sensors, recording and several images do on a multirotor."""

import sys
import time

import airsim
import numpy as np
from judge import check, pixels, raises, run_samples, sample, vector

TYPES = airsim.ImageType


def put(client, z):
    client.simPause(True)
    client.simSetVehiclePose(airsim.Pose(airsim.Vector3r(0, 0, z)), True)
    client.simContinueForTime(0.0)


def cloud(scan):
    return np.array(scan.point_cloud, np.float32).reshape(-1, 3)


@sample
def imu(client):
    felt = vector(client.getImuData().linear_acceleration)
    check("at rest it feels its weight", np.allclose(felt, [0, 0, -9.81], atol=0.1), felt)


@sample
def barometer(client):
    put(client, -50)
    client.simContinueForTime(0.1)
    told = client.getBarometerData()
    check("it tells the height over the sea", abs(told.altitude - 172) < 1, told.altitude)
    check("and the reference pressure", abs(told.qnh - 1013.25) < 0.1, told.qnh)


@sample
def magnetometer(client):
    field = vector(client.getMagnetometerData().magnetic_field_body)
    check("facing north the field points ahead and down", field[0] > 0.1 and field[2] > 0.2, field)


@sample
def distance_sensor(client):
    put(client, -10)
    told = client.getDistanceSensorData("below")
    check("the ground is ten metres below", abs(told.distance - 10) < 0.5, told.distance)
    check("within its limits", told.min_distance < told.distance < told.max_distance)


@sample
def drone_lidar(client):
    put(client, -10)
    client.simContinueForTime(0.2)
    points = cloud(client.getLidarData("scanner"))
    check("it sees points", len(points) > 100, len(points))
    check("many on the ground", (np.abs(points[:, 2]) < 0.4).mean() > 0.2)


@sample
def lidar_segmentation(client):
    put(client, -10)
    client.simContinueForTime(0.2)
    points, ids = client.getLidarData("scanner"), client.simGetLidarSegmentation("scanner")
    check("each point has an id", len(ids) == len(cloud(points)), len(ids))


@sample
def sensor_that_is_not_there(client):
    said = "No lidar with name nothing exist on vehicle"
    raises("it is told in AirSim's words", lambda: client.getLidarData("nothing"), said)


@sample
def environment(client):
    put(client, -50)
    told = client.simGetGroundTruthEnvironment()
    check("the air is thinner up there", told.air_pressure < 101325, told.air_pressure)
    check("gravity points down", abs(told.gravity.z_val - 9.8) < 0.1)


@sample
def record(client):
    client.startRecording()
    check("it records", client.isRecording() is True)
    time.sleep(0.2)
    client.stopRecording()
    check("until it is stopped", client.isRecording() is False)


@sample
def stereo(client):
    put(client, -6)
    wanted = [airsim.ImageRequest(str(k), TYPES.Scene, False, False) for k in (1, 2)]
    right, left = client.simGetImages(wanted)
    apart = vector(right.camera_position) - vector(left.camera_position)
    # "The distance between left and right is fixed at 25 cm": AirSim's image_apis.md.
    check("two eyes stand a quarter of a metre apart", abs(apart[1] - 0.25) < 0.01, apart)
    check("and see different things", (pixels(right) != pixels(left)).any())
    check("at one moment", right.time_stamp == left.time_stamp)


@sample
def every_type_of_image(client):
    put(client, -6)
    answers = client.simGetImages([airsim.ImageRequest("0", k, False, False) for k in range(10)])
    check("ten kinds of images", [r.image_type for r in answers] == list(range(10)))
    check("none is empty", min(len(r.image_data_uint8) for r in answers) > 0)


@sample
def images_without_a_request(client):
    check("no request, no image", client.simGetImages([]) == [])


if __name__ == "__main__":
    run_samples(airsim.MultirotorClient(port=int(sys.argv[1]), timeout_value=60))
