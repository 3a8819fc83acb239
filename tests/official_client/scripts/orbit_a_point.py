import math
import time

import airsim

radius, speed, height, centre = 8, 5, -10, (0.0, 12.0)
client = airsim.MultirotorClient()
client.confirmConnection()
client.enableApiControl(True)
client.armDisarm(True)
client.takeoffAsync().join()
client.moveToPositionAsync(centre[0] + radius, centre[1], height, speed).join()

count, previous = 0.0, None
gaps = []
for step in range(60):
    p = client.getMultirotorState().kinematics_estimated.position
    dx, dy = p.x_val - centre[0], p.y_val - centre[1]
    gaps.append(abs(math.hypot(dx, dy) - radius))
    angle = math.atan2(dy, dx)
    if previous is not None:
        count += (angle - previous + math.pi) % (2 * math.pi) - math.pi
    previous = angle
    lookahead = speed / radius
    ahead = angle + lookahead
    x, y = centre[0] + radius * math.cos(ahead), centre[1] + radius * math.sin(ahead)
    length = math.hypot(x - p.x_val, y - p.y_val)
    vx, vy = speed * (x - p.x_val) / length, speed * (y - p.y_val) / length
    yaw = math.degrees(math.atan2(centre[1] - p.y_val, centre[0] - p.x_val))
    client.moveByVelocityZAsync(
        vx, vy, height, 1, airsim.DrivetrainType.MaxDegreeOfFreedom, airsim.YawMode(False, yaw))
    time.sleep(0.05)
print("turned by", math.degrees(count), "worst gap", max(gaps))
assert count > 1.5, count
client.reset()
print("done")
