import time

import airsim

client = airsim.CarClient()
client.confirmConnection()
client.reset()
client.enableApiControl(True)
car_controls = airsim.CarControls()

for idx in range(2):
    car_state = client.getCarState()
    print("Speed %d, Gear %d" % (car_state.speed, car_state.gear))
    car_controls.throttle = 0.5
    car_controls.steering = 0
    client.setCarControls(car_controls)
    time.sleep(1.0)
    assert client.getCarState().speed > 0

    car_controls.throttle = 0.5
    car_controls.steering = 0.3
    client.setCarControls(car_controls)
    time.sleep(0.6)

    car_controls.throttle = 0
    car_controls.brake = 1
    client.setCarControls(car_controls)
    time.sleep(1.2)
    car_controls.brake = 0

    car_controls.throttle = -0.5
    car_controls.is_manual_gear = True
    car_controls.manual_gear = -1
    car_controls.steering = 0
    client.setCarControls(car_controls)
    time.sleep(1.0)
    assert client.getCarState().speed < 0
    car_controls.is_manual_gear = False
    car_controls.manual_gear = 0
    car_controls.throttle = 0

    responses = client.simGetImages([
        airsim.ImageRequest("0", airsim.ImageType.DepthVis),
        airsim.ImageRequest("1", airsim.ImageType.Scene, False, False)])
    print("Retrieved images: %d" % len(responses))
    print("Collision:", client.simGetCollisionInfo().has_collided)
client.reset()
client.enableApiControl(False)
print("done")
