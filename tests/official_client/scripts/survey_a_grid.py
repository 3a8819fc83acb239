import airsim


class SurveyNavigator:
    def __init__(self, size, step, altitude):
        self.boxsize, self.stripewidth, self.altitude, self.velocity = size, step, altitude, 5
        self.client = airsim.MultirotorClient()
        self.client.confirmConnection()
        self.client.enableApiControl(True)

    def start(self):
        self.client.armDisarm(True)
        landed = self.client.getMultirotorState().landed_state
        if landed == airsim.LandedState.Landed:
            self.client.takeoffAsync().join()
        x = -self.boxsize
        z = -self.altitude
        self.client.moveToPositionAsync(0, 0, z, self.velocity).join()
        path = []
        while x < self.boxsize:
            path.append(airsim.Vector3r(x, self.boxsize, z))
            x += self.stripewidth
            path.append(airsim.Vector3r(x, self.boxsize, z))
            path.append(airsim.Vector3r(x, -self.boxsize, z))
            x += self.stripewidth
            path.append(airsim.Vector3r(x, -self.boxsize, z))
        trip_time = 300
        ok = self.client.moveOnPathAsync(
            path, self.velocity, trip_time, airsim.DrivetrainType.ForwardOnly,
            airsim.YawMode(False, 0), self.velocity + (self.velocity / 2), 1).get()
        print("survey flown:", ok)
        end = self.client.simGetVehiclePose().position
        assert end.distance_to(path[-1]) < 3, end
        self.client.armDisarm(False)


SurveyNavigator(12, 6, 20).start()
airsim.MultirotorClient().reset()
print("done")
