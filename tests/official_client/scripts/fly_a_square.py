import airsim

client = airsim.MultirotorClient()
client.confirmConnection()
client.enableApiControl(True)
client.armDisarm(True)
client.takeoffAsync().join()

speed = 6
size = 12
z = -6
for x, y in ((size, 0), (size, size), (0, size), (0, 0)):
    client.moveToPositionAsync(x, y, z, speed).join()
    p = client.simGetVehiclePose().position
    print("corner", round(p.x_val, 1), round(p.y_val, 1))
    assert abs(p.x_val - x) < 3 and abs(p.y_val - y) < 3

client.landAsync().join()
client.armDisarm(False)
client.reset()
client.enableApiControl(False)
print("done")
