import airsim

client = airsim.MultirotorClient()
client.confirmConnection()
client.enableApiControl(True, "Drone1")
client.enableApiControl(True, "Drone2")
client.armDisarm(True, "Drone1")
client.armDisarm(True, "Drone2")

f1 = client.takeoffAsync(vehicle_name="Drone1")
f2 = client.takeoffAsync(vehicle_name="Drone2")
f1.join()
f2.join()

state1 = client.getMultirotorState(vehicle_name="Drone1")
print("state:", state1.kinematics_estimated.position)
f1 = client.moveToPositionAsync(-5, 5, -10, 5, vehicle_name="Drone1")
f2 = client.moveToPositionAsync(5, -5, -8, 5, vehicle_name="Drone2")
f1.join()
f2.join()
responses1 = client.simGetImages([
    airsim.ImageRequest("0", airsim.ImageType.DepthVis),
    airsim.ImageRequest("1", airsim.ImageType.Scene, False, False)], vehicle_name="Drone1")
responses2 = client.simGetImages([
    airsim.ImageRequest("1", airsim.ImageType.Scene)], vehicle_name="Drone2")
print("Drone1: %d images, Drone2: %d" % (len(responses1), len(responses2)))
p1 = client.simGetVehiclePose("Drone1").position
p2 = client.simGetVehiclePose("Drone2").position
assert abs(p1.z_val + 10) < 4 and abs(p2.z_val + 8) < 4
client.armDisarm(False, "Drone1")
client.armDisarm(False, "Drone2")
client.reset()
client.enableApiControl(False, "Drone1")
client.enableApiControl(False, "Drone2")
print("done")
