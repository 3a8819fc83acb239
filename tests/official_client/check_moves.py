"""Every way to move a multirotor: the official client's Async methods, one after the other."""

import sys
import time

import airsim
import numpy as np
from judge import check, raises, vector, verdict

FORWARD = airsim.DrivetrainType.ForwardOnly


def main():
    client = airsim.MultirotorClient(port=int(sys.argv[1]), timeout_value=120)
    client.reset()
    client.enableApiControl(True)
    check("arming answers True", client.armDisarm(True) is True)
    client.takeoffAsync().join()
    home = client.getHomeGeoPoint()

    def place():
        return vector(client.simGetVehiclePose().position)

    def attitude():
        return airsim.to_eularian_angles(client.simGetVehiclePose().orientation)

    def back(yaw=0):
        """Hover at (0, 0, -6): from wherever it is, the way back is not AirSim's to be trusted."""
        client.cancelLastTask()
        client.simSetVehiclePose(airsim.Pose(airsim.Vector3r(0, 0, -6)), True)
        client.rotateToYawAsync(yaw, 10, 3).join()
        client.simSetVehiclePose(
            airsim.Pose(airsim.Vector3r(0, 0, -6), airsim.to_quaternion(0, 0, np.radians(yaw))),
            True,
        )
        client.moveByVelocityAsync(0, 0, 0, 1).join()

    goal = client.moveToGPSAsync(home.latitude + 12 / 111320, home.longitude, home.altitude + 5, 6)
    check("moveToGPS arrives", goal.get() and np.linalg.norm(place() - [12, 0, -5]) < 1.5, place())
    back()
    check("moveToZ climbs", client.moveToZAsync(-14, 4).get() and abs(place()[2] + 14) < 1, place())
    back(90)
    client.moveByVelocityBodyFrameAsync(4, 0, 0, 2).join()
    check("forward of the body is east after a quarter turn", place()[1] > 3, place())
    client.moveByVelocityZBodyFrameAsync(-1, 0, -9, 3).join()
    check("moveByVelocityZBodyFrame goes to its height", abs(place()[2] + 9) < 1.0, place())
    back()
    client.moveByVelocityZAsync(1, 0, -5, 2).join()
    check("moveByVelocityZ flies on at its height", abs(place()[2] + 5) < 1.0, place())
    back()
    client.rotateByYawRateAsync(30, 1.5).join()
    check("rotateByYawRate has turned", 20 < np.degrees(attitude()[2]) < 60, attitude()[2])
    back()

    # These angles are radians, right wing down and, as the client negates it, nose down.
    leaning = client.moveByRollPitchYawZAsync(0, 0.2, 0, -6, 2)
    time.sleep(0.25)
    pitch, _, _ = attitude()
    leaning.join()
    check("a nose held down shows as a negative pitch", -0.25 < pitch < -0.1, pitch)
    check("and the drone goes forward at its height", place()[0] > 1.5, place())
    check("within a metre", abs(place()[2] + 6) < 1.0, place())
    back()
    client.moveByRollPitchYawThrottleAsync(0, 0, 0, 0.7, 1).join()
    check("more throttle than hovering needs climbs", place()[2] < -6.3, place())
    back()
    client.moveByRollPitchYawrateZAsync(0.2, 0, 0, -6, 1.5).join()
    check("roll to the right goes to the right", place()[1] > 0.5, place())
    back()
    client.moveByRollPitchYawrateThrottleAsync(0, 0, -0.5, 0.594, 1).join()
    yaw = attitude()[2]
    check("a yaw rate turns, with the client's sign", 0.2 < yaw < 0.8, yaw)
    back()
    client.moveByAngleRatesZAsync(0.1, 0, 0, -6, 2).join()
    check("angle rates lean the body", place()[1] > 0.3, place())
    back()
    client.moveByAngleRatesThrottleAsync(0, 0, 0, 0.594, 1).join()
    check("and the hovering throttle holds it up", abs(place()[2] + 6) < 1.5, place())
    client.moveByAngleZAsync(0, 0, -6, 0, 0.5).join()
    client.moveByAngleThrottleAsync(0, 0, 0.6, 0, 0.5).join()
    back()
    client.moveByMotorPWMsAsync(0.7, 0.7, 0.7, 0.7, 1).join()
    check("four strong motors climb", place()[2] < -6.3, place())
    back()
    sticks = airsim.RCData(pitch=-0.6, throttle=0.65, is_initialized=True, is_valid=True)
    check("sticks are taken", client.moveByRC(sticks) is None)
    check("a move by sticks runs its time", client.moveByManualAsync(2, 2, -8, 0.5).get() is True)
    back()

    client.setAngleLevelControllerGains()
    client.setAngleRateControllerGains()
    client.setVelocityControllerGains()
    client.setPositionControllerGains()
    raises(
        "setSafety is refused, as SimpleFlight does",
        lambda: client.client.call(
            "setSafety", 1, 0.5, 0, 0, airsim.Vector3r(), 100.0, -100.0, 0.0, ""
        ),
        "requires safety_eval_ptr_",
    )

    check("an empty path is flown at once", client.moveOnPathAsync([], 5).get() is True)
    check("a time of zero answers at once", client.moveByVelocityAsync(1, 0, 0, 0).get() is True)
    wrong = airsim.YawMode(True, 5)
    path = [airsim.Vector3r(5, 0, -6)]
    raises(
        "ForwardOnly refuses a yaw rate",
        lambda: client.moveOnPathAsync(path, 5, 60, FORWARD, wrong).get(),
        "Yaw cannot be specified as rate",
    )
    late = client.moveToPositionAsync(60, 0, -6, 3, timeout_sec=0.5).get()
    check("a move that runs out of time answers False", late is False)
    going = client.moveToPositionAsync(60, 0, -6, 3)
    client.cancelLastTask()
    check("a cancelled move answers False", going.get() is False)

    rotors = client.getRotorStates()
    check("four rotors turn", len(rotors.rotors) == 4 and rotors.rotors[0]["speed"] > 100)
    back()
    client.simSetWind(airsim.Vector3r(0, 30, 0))
    time.sleep(0.6)
    check("it is blown away", place()[1] > 0.3, place())
    client.simSetWind(airsim.Vector3r(0, 0, 0))
    back()
    check("hover answers False", client.hoverAsync().get() is False)
    client.goHomeAsync(timeout_sec=2).join()
    client.simSetVehiclePose(airsim.Pose(airsim.Vector3r(0, 0, -1)), True)
    client.moveByVelocityAsync(0, 0, 0, 1).join()
    check("land answers True", client.landAsync().get() is True)
    check("and comes down", place()[2] > -0.3, place())
    raises("an unknown vehicle is told", lambda: client.armDisarm(True, "Nobody"), "Nobody")
    verdict()


if __name__ == "__main__":
    main()
