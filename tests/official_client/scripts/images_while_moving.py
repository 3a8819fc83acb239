import os
import tempfile

import airsim
import numpy as np

client = airsim.MultirotorClient()
client.confirmConnection()
client.enableApiControl(True)
client.armDisarm(True)
client.takeoffAsync().join()
move = client.moveToPositionAsync(25, 0, -6, 5)

folder = os.path.join(tempfile.gettempdir(), "airsim_drone")
os.makedirs(folder, exist_ok=True)
stamps = []
for index in range(6):
    responses = client.simGetImages([
        airsim.ImageRequest("0", airsim.ImageType.DepthVis),
        airsim.ImageRequest("1", airsim.ImageType.DepthPerspective, True),
        airsim.ImageRequest("1", airsim.ImageType.Scene),
        airsim.ImageRequest("1", airsim.ImageType.Scene, False, False)])
    for number, response in enumerate(responses):
        filename = os.path.join(folder, f"{index}_{number}")
        if response.pixels_as_float:
            airsim.write_pfm(filename + ".pfm", airsim.get_pfm_array(response))
        elif response.compress:
            airsim.write_file(filename + ".png", response.image_data_uint8)
        else:
            img1d = np.frombuffer(response.image_data_uint8, dtype=np.uint8)
            img_rgb = img1d.reshape(response.height, response.width, 3)
            assert img_rgb.std() > 1
    assert len({r.time_stamp for r in responses}) == 1
    stamps.append(responses[0].time_stamp)
move.join()
assert stamps == sorted(stamps) and stamps[-1] > stamps[0]
client.reset()
print("done")
