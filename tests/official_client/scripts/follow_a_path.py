# Along the well-known loop of the neighborhood, a shorter version.
import sys

import airsim

client = airsim.MultirotorClient()
client.confirmConnection()
client.enableApiControl(True)
client.armDisarm(True)

state = client.getMultirotorState()
if state.landed_state == airsim.LandedState.Landed:
    print("taking off...")
    client.takeoffAsync().join()
else:
    client.hoverAsync().join()

z = -7
client.moveToZAsync(z, 3).join()
result = client.moveOnPathAsync(
    [airsim.Vector3r(25, 0, z), airsim.Vector3r(40, -6, z), airsim.Vector3r(20, -10, z),
     airsim.Vector3r(0, 0, z)],
    8, 120,
    airsim.DrivetrainType.ForwardOnly, airsim.YawMode(False, 0), 20, 1).join()
client.moveToPositionAsync(0, 0, z, 2).join()
pos = client.getMultirotorState().kinematics_estimated.position
print(pos)
if abs(pos.x_val) > 2 or abs(pos.y_val) > 2:
    sys.exit("did not come back")
client.landAsync().join()
client.armDisarm(False)
client.enableApiControl(False)
client.reset()
print("done")
