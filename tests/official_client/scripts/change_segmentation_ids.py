import time

import airsim
import numpy as np

client = airsim.MultirotorClient()
client.confirmConnection()

# everything to 0, then some groups to ids of their own
found = client.simSetSegmentationObjectID("[\\w]*", 0, True)
print("Done:", found)
for number, pattern in enumerate(["Road[\\w]*", "Car[\\w]*", "Landscape[\\w]*", "Roof.*"], 1):
    assert client.simSetSegmentationObjectID(pattern, number, True), pattern
client.simSetVehiclePose(
    airsim.Pose(airsim.Vector3r(0, 0, -40), airsim.to_quaternion(-1.2, 0, 0)), True)
time.sleep(0.1)
response = client.simGetImages(
    [airsim.ImageRequest("0", airsim.ImageType.Segmentation, False, False)])[0]
img1d = np.frombuffer(response.image_data_uint8, dtype=np.uint8)
img_bgr = img1d.reshape(response.height, response.width, 3)
colors = {tuple(c) for c in np.unique(img_bgr.reshape(-1, 3), axis=0)[:, ::-1].tolist()}
print(colors)
assert {(153, 108, 6), (89, 121, 72)} <= colors
assert client.simGetSegmentationObjectID("ground_not_there") == -1
client.reset()
client.simSetSegmentationObjectID(".*", 7, True)
# not a Multirotor script, but it runs with one
print("done")
