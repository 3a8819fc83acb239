import time

import airsim

client = airsim.MultirotorClient()
client.confirmConnection()
client.enableApiControl(True)
client.armDisarm(True)
client.takeoffAsync().join()
client.moveByVelocityAsync(2, 0, 0, 100)
time.sleep(1)

for i in range(4):
    client.simPause(True)
    assert client.simIsPause()
    before = client.getMultirotorState()
    time.sleep(0.1)
    assert client.getMultirotorState().timestamp == before.timestamp
    client.simContinueForTime(0.2)
    while not client.simIsPause():
        time.sleep(0.01)
    after = client.getMultirotorState()
    moved = after.kinematics_estimated.position.x_val - before.kinematics_estimated.position.x_val
    print("step", (after.timestamp - before.timestamp) / 1e9, "s", moved, "m")
    assert moved > 0.005
    client.simPause(False)
    time.sleep(0.05)
client.reset()
print("done")
