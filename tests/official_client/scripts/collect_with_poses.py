# SimMode ComputerVision: grab images at many places, as data sets are made
import os
import pprint
import random

import airsim
import numpy as np

pp = pprint.PrettyPrinter(indent=4)
client = airsim.VehicleClient()
client.confirmConnection()
random.seed(1)
for x in range(5):
    yaw = random.uniform(-3.1, 3.1)
    pose = airsim.Pose(airsim.Vector3r(x * 5.0, 0, -2), airsim.to_quaternion(0.1, 0.05, yaw))
    client.simSetVehiclePose(pose, True)
    responses = client.simGetImages([
        airsim.ImageRequest("0", airsim.ImageType.DepthVis),
        airsim.ImageRequest("0", airsim.ImageType.DepthPerspective, True),
        airsim.ImageRequest("0", airsim.ImageType.Segmentation),
        airsim.ImageRequest("0", airsim.ImageType.Scene),
        airsim.ImageRequest("0", airsim.ImageType.SurfaceNormals),
        airsim.ImageRequest("0", airsim.ImageType.Infrared)])
    for i, response in enumerate(responses):
        if response.pixels_as_float:
            airsim.write_pfm(f"cv_{x}_{i}.pfm", airsim.get_pfm_array(response))
        else:
            airsim.write_file(f"cv_{x}_{i}.png", response.image_data_uint8)
    got = client.simGetVehiclePose()
    assert abs(got.position.x_val - 5.0 * x) < 0.01
    roll, pitch = airsim.to_eularian_angles(got.orientation)[1], airsim.to_eularian_angles(got.orientation)[0]
    assert abs(pitch - 0.1) < 0.01 and abs(roll - 0.05) < 0.01
assert len(os.listdir(".")) == 30
client.simSetVehiclePose(airsim.Pose(airsim.Vector3r(0, 0, 0), airsim.to_quaternion(0, 0, 0)), True)
print("done")
