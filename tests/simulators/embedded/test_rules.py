"""Rules of AirSim that scripts of others rely on: names, defaults, answers and errors.

Held to AirSim's sources and to what its own server code was seen to answer.
"""

import json
import math

import numpy as np
import pytest
from raw_rpc import pose, request

from airseg.simulators.embedded.settings import parse_settings

NAN = float("nan")
SMALL = {"CaptureSettings": [{"ImageType": k, "Width": 32, "Height": 24} for k in range(10)]}
SENSORS = {
    "scanner": {
        "SensorType": 6,
        "Enabled": True,
        "NumberOfChannels": 4,
        "PointsPerSecond": 9_600,
        "HorizontalFOVStart": -90,
        "HorizontalFOVEnd": 90,
        "VerticalFOVUpper": -20,
        "VerticalFOVLower": -40,
        "DataFrame": "SensorLocalFrame",
    },
    "around": {
        "SensorType": 6,
        "Enabled": True,
        "NumberOfChannels": 4,
        "PointsPerSecond": 9_600,
        "HorizontalFOVStart": -180,
        "HorizontalFOVEnd": 180,
        "VerticalFOVUpper": -20,
        "VerticalFOVLower": -40,
        "DataFrame": "SensorLocalFrame",
    },
    "off": {"SensorType": 5},
    "down": {"SensorType": 5, "Enabled": True, "Pitch": -90},
}
DRONE = {"VehicleType": "SimpleFlight", "X": 0, "Y": 0, "Z": 0}
MODES = {
    "Multirotor": {"b": {**DRONE, "Sensors": SENSORS}, "B": {**DRONE, "Y": 5}},
    "Car": {
        "Car": {
            "VehicleType": "PhysXCar",
            "Sensors": {"down": {"SensorType": 5, "Enabled": True, "Pitch": -90}},
        }
    },
    "ComputerVision": {"Eye": {"VehicleType": "ComputerVision"}},
}


@pytest.fixture(scope="module")
def serve(paused):
    """Return a function that returns a paused client of a simulator of a mode."""

    def start(mode="Multirotor", **more):
        common = {"SimMode": mode, "CameraDefaults": SMALL, "Vehicles": MODES[mode]}
        return paused.client({**common, **more})

    return start


@pytest.fixture
def drones(serve):
    return serve()


def told(client, method, *params):
    """Return what AirSim's own part of an error says."""
    return client.error(method, *params).partition("this information: ")[2]


def test_vehicles_are_sorted_by_the_bytes_of_their_names_and_the_first_is_the_default(drones):
    assert drones.call("listVehicles")[:2] == ["B", "b"]
    drones.put(pose(3, 0, -2))
    assert drones.call("simGetVehiclePose", "B")["position"]["x_val"] == 3


def test_the_last_vehicle_to_be_watched_is_the_default(world):
    from airseg.simulators.embedded.rendering.renderer import Renderer
    from airseg.simulators.embedded.simulation import Behaviour, Simulation

    named = {n: {**DRONE, "IsFpvVehicle": n in "ac"} for n in ("c", "b", "a", "d")}
    settings = parse_settings(json.dumps({"Vehicles": named}))
    assert Simulation(world, Renderer(world), settings).vehicle("").name == "c"
    ideal = Behaviour(ideal=frozenset({"first-vehicle"}))
    plain = parse_settings(json.dumps({"Vehicles": {"z": DRONE, "a": DRONE}}))
    assert Simulation(world, Renderer(world), plain, "airsim", ideal).vehicle("").name == "z"


def test_a_vehicle_that_is_added_loses_its_orientation_and_may_have_none(drones):
    turned = pose(0, 20, -1, w=0.7071068, z=0.7071068)
    assert drones.call("simAddVehicle", "New", "SimpleFlight", turned, "") is True
    yaw = drones.call("simGetVehiclePose", "New")["orientation"]
    assert abs(2 * math.degrees(math.asin(yaw["z_val"]))) < 3.2
    assert drones.call("simAddVehicle", "Zero", "simpleflight", pose(0, 30, -1, w=0), "") is True
    assert drones.call("simAddVehicle", "Car", "physxcar", pose(), "") is False
    assert drones.call("listVehicles") == ["B", "New", "Zero", "b"]
    assert drones.call("simGetVehiclePose", "")["position"]["x_val"] == 0  # still B


def test_each_kind_of_vehicle_has_its_own_camera_names_and_mounts(serve):
    def place(client, name):
        info = client.call("simGetCameraInfo", name, "", False)["pose"]["position"]
        return [round(v, 4) for v in info.values()]

    car, eye = serve("Car"), serve("ComputerVision")
    assert place(car, "") == place(car, "0") == place(car, "front_center") == [2, 0, -1]
    assert place(car, "3") == place(car, "fpv") == [0, -0.25, -1.25]
    assert place(car, "4") == place(car, "back_center") == [-2, 0, -1]
    assert "not available" in told(car, "simGetCameraInfo", "bottom_center", "", False)
    assert place(eye, "") == place(eye, "fpv") == [0, 0, 0]
    assert (place(eye, "1"), place(eye, "2")) == ([0, 0.125, 0], [0, -0.125, 0])
    down = eye.call("simGetCameraInfo", "3", "", False)["pose"]["orientation"]
    assert down["y_val"] == pytest.approx(-math.sqrt(0.5), abs=1e-6)


@pytest.mark.parametrize("mode", MODES)
def test_two_eyes_are_a_quarter_of_a_metre_apart(serve, mode):
    """Its `image_apis.md`: the distance between left and right is fixed at 25 cm."""
    client = serve(mode)
    right, left = (
        client.call("simGetCameraInfo", name, "", False)["pose"]["position"] for name in "12"
    )
    apart = [right[axis] - left[axis] for axis in ("x_val", "y_val", "z_val")]
    assert apart == pytest.approx([0, 0.25, 0], abs=1e-6)


def test_where_unreal_compares_names_it_heeds_no_case(drones):
    """Its maps and wildcards (`FString`) do not; expressions of lists and plain ids do."""
    car = drones.call("simListSceneObjects", "Car_.*")[0]
    assert drones.call("simSetObjectPose", car.upper(), pose(12, 0, -0.8), True) is True
    assert drones.call("simGetObjectPose", car.lower())["position"]["x_val"] == 12
    assert drones.call("simGetObjectScale", car.swapcase())["x_val"] == 1
    drones.put(pose(0, 0, -2))
    drones.call("simContinueForTime", 0.0)
    drones.call("simAddDetectionFilterMeshName", "0", 0, "cAr_*", "", False)
    drones.call("simSetDetectionFilterRadius", "0", 0, 2000.0, "", False)
    assert car in [d["name"] for d in drones.call("simGetDetections", "0", 0, "", False)]
    assert drones.call("simListSceneObjects", car.upper()) == []
    assert drones.call("simSetSegmentationObjectID", car.upper(), 7, False) is False
    assert drones.call("simDestroyObject", car.upper()) is False


def test_a_camera_of_the_settings_takes_the_place_of_one_name_alone(serve):
    own = {"0": {"X": 1, "Y": 2, "Z": 3, "CaptureSettings": [{"ImageType": 5, "Width": 50}]}}
    client = serve(Vehicles={"Drone": {**DRONE, "Cameras": own}})
    first, front = client.call(
        "simGetImages", [request(0), request(0, camera="front_center")], "", False
    )
    assert list(first["camera_position"].values()) == [1, 2, 3]
    assert list(front["camera_position"].values()) != [1, 2, 3]
    ids = client.call("simGetImages", [request(5)], "", False)[0]
    # The defaults of all cameras hold where the camera's own entries say nothing.
    assert (first["width"], ids["width"], ids["height"]) == (32, 50, 144)


def test_without_external_cameras_an_image_of_one_is_empty_and_says_so(drones):
    answer = drones.call("simGetImages", [request(0)], "", True)[0]
    assert answer["message"] == "camera is not set"
    assert (answer["width"], answer["height"], answer["time_stamp"]) == (0, 0, 0)


def test_errors_about_vehicles_and_sensors_are_airsims(serve):
    drones, car, eye = serve(), serve("Car"), serve("ComputerVision")
    tail = "is not available. This could either because this is"
    assert f"Vehicle API for 'ghost' {tail}" in told(drones, "getMultirotorState", "ghost")
    assert f"Vehicle Sim-API for 'ghost' {tail}" in told(drones, "simGetVehiclePose", "ghost")
    assert f"Vehicle API for 'Eye' {tail}" in told(eye, "enableApiControl", True, "Eye")
    for client, method in ((drones, "getCarState"), (car, "getMultirotorState")):
        assert client.error(method, "") == (
            f"rpclib: server could not find function '{method}' with argument count 1."
        )
    missing = "No lidar with name x exist on vehicle."
    assert told(drones, "getLidarData", "x", "b") == missing
    assert told(car, "getImuData", "", "") == "No IMU with name  exist on vehicle."
    assert told(eye, "simSetWind", pose()["position"]) == "setWind not implemented by SimMode."


def test_sensors_are_off_unless_they_are_enabled_and_default_ones_depend_on_the_mode(serve):
    drones, car = serve(), serve("Car")
    assert told(drones, "getDistanceSensorData", "off", "b").startswith("No distance sensor")
    for name in ("Imu", "Barometer", "Gps", "Magnetometer"):
        assert drones.call(f"get{name}Data", "", "b")["time_stamp"]
    assert car.call("getGpsData", "", "")["is_valid"]
    assert told(car, "getBarometerData", "", "").startswith("No barometer")


def test_what_looks_out_of_a_car_stands_a_metre_up_and_of_a_drone_not(serve):
    car, drones = serve("Car"), serve()
    assert car.call("getDistanceSensorData", "", "")["relative_pose"]["position"]["z_val"] == -1
    mount = drones.call("getDistanceSensorData", "down", "b")["relative_pose"]["position"]
    assert mount["z_val"] == 0


def test_a_lidar_turns_from_start_to_end_modulo_360_and_all_around_if_they_are_equal(drones):
    drones.put(pose(0, 0, -10), "b")

    def bearings(name):
        cloud = drones.call("getLidarData", name, "b")["point_cloud"]
        points = np.array(cloud).reshape(-1, 3)
        return np.degrees(np.arctan2(points[:, 1], points[:, 0]))

    ahead, around = bearings("scanner"), bearings("around")
    assert len(ahead) > 300
    assert np.abs(ahead).max() < 91
    assert len(around) > 700
    assert np.histogram(around, 8, (-180, 180))[0].min() > 60


def test_weather_that_is_set_while_it_is_off_becomes_none(drones):
    still = drones.call("simGetImages", [request(0)], "", False)[0]["image_data_uint8"]

    def picture():
        return drones.call("simGetImages", [request(0)], "", False)[0]["image_data_uint8"]

    drones.call("simSetWeatherParameter", 7, 0.8)
    drones.call("simEnableWeather", True)
    assert picture() == still
    drones.call("simSetWeatherParameter", 7, 0.8)
    foggy = picture()
    assert foggy != still
    drones.call("simEnableWeather", False)
    assert picture() == still
    drones.call("simSetWeatherParameter", 8, 0.5)  # on is exactly 1
    assert picture() == still
    drones.call("simSetWeatherParameter", 8, 1.0)
    assert picture() == foggy
    assert drones.call("simSetWeatherParameter", 77, 1.0) is None
    drones.call("simSetWeatherParameter", 7, 0.0)
    drones.call("simEnableWeather", False)


def test_objects_that_are_not_there_are_no_errors(drones):
    assert drones.call("simSetObjectPose", "ghost", pose(NAN), True) is False
    assert list(drones.call("simGetObjectScale", "ghost").values()) == [0, 0, 0]
    assert drones.call("simSetObjectScale", "ghost", pose()["position"]) is False
    assert drones.call("simDestroyObject", "ghost") is False


def test_plain_shapes_are_there_and_a_new_name_gets_the_next_number(drones):
    assert {"1M_Cube_Chamfer", "Sphere", "Cylinder", "Cone"} <= set(drones.call("simListAssets"))
    one = {"x_val": 1.0, "y_val": 1.0, "z_val": 1.0}
    where = pose(4, 5, -2)  # of the world: B starts 5 m east

    def spawn(name):
        return drones.call("simSpawnObject", name, "1M_Cube_Chamfer", where, one, False, False)

    assert [spawn("Box9"), spawn("Box9"), spawn("Box")] == ["Box9", "Box910", "Box911"]
    drones.put(pose(0, 0, -2))
    depth = drones.call("simGetImages", [request(1, as_float=True)], "", False)[0]
    eye = depth["camera_position"]["x_val"]
    assert depth["image_data_float"][32 * 12 + 16] == pytest.approx(3.5 - eye, abs=0.01)
    for name in ("Box9", "Box910", "Box911"):
        assert drones.call("simDestroyObject", name) is True


def test_ids_above_255_are_taken_and_drawn_as_the_last_colour(drones):
    assert drones.call("simSetSegmentationObjectID", ".*", 999, True) is True
    assert drones.call("simGetSegmentationObjectID", "road_1") == 999
    drones.put(pose(0, 0, -20))
    image = drones.call("simGetImages", [request(5)], "", False)[0]["image_data_uint8"]
    assert set(image) == {255}


def test_a_car_is_driven_under_api_control_only_and_a_change_lets_go(serve):
    car = serve("Car")
    controls = {"throttle": 0.7, "handbrake": False}
    car.call("enableApiControl", False, "")
    car.call("setCarControls", controls, "")
    car.call("simContinueForTime", 1.0)
    assert car.call("getCarState", "")["speed"] == 0
    assert car.call("armDisarm", False, "") is True
    car.call("enableApiControl", True, "")
    car.call("setCarControls", controls, "")
    car.call("simContinueForTime", 1.0)
    assert car.call("getCarState", "")["speed"] > 1
    car.call("enableApiControl", False, "")
    assert car.call("getCarControls", "")["throttle"] == 0


def test_airsims_recorder_writes_its_own_files(serve, tmp_path):
    entries = [{"CameraName": "0", "ImageType": 1, "PixelsAsFloat": True}]
    recording = {"Folder": str(tmp_path), "Cameras": entries}
    client = serve(Recording=recording)
    client.put(pose(0, 0, -12))
    client.call("startRecording")
    for _ in range(4):
        client.call("simContinueForTime", 0.06)
    client.call("stopRecording")
    table = next(tmp_path.glob("*/airsim_rec.txt")).read_text().splitlines()
    rows = [dict(zip(table[0].split("\t"), row.split("\t"), strict=True)) for row in table[1:]]
    pictures = {row["VehicleName"]: row["ImageFile"] for row in rows}
    # A camera without a vehicle belongs to the first one by name; the other has rows all the same.
    assert pictures["B"].startswith("img_B_0_1_")
    assert pictures["b"] == ""
    stamp = client.call("getMultirotorState", "")["timestamp"]
    assert abs(int(rows[-1]["TimeStamp"]) - stamp // 1_000_000) < 1000
    head, size, scale, data = next(tmp_path.glob("*/images/*.pfm")).read_bytes().split(b"\n", 3)
    assert (head, size, scale) == (b"Pf", b"32 24", b"-1")
    depth = np.frombuffer(data, "<f4").reshape(24, 32)
    assert depth[0].min() > depth[-1].max()  # the sky comes first, the ground last


def test_a_car_that_may_not_pass_stops_at_what_is_in_the_way_and_notes_it(serve, world):
    car = serve("Car")
    walls = [i for i, o in enumerate(world.objects) if o.kind == "Outer_Wall_Half"]
    box = world.collision_boxes[list(world.collision_object).index(walls[0])]
    east = float(box[1] + box[4]) / 2
    before, behind = float(box[0]) - 4, float(box[3]) + 4
    car.call("simSetVehiclePose", pose(before, east, 0), True, "")
    car.call("simSetVehiclePose", pose(behind, east, 0), False, "")
    stopped = car.call("simGetVehiclePose", "")["position"]["x_val"]
    assert before <= stopped <= box[0] - 2.1
    told = car.call("simGetCollisionInfo", "")
    assert told["has_collided"] is True
    assert told["object_name"]
    assert car.call("simGetCollisionInfo", "")["has_collided"] is False
    car.call("simSetVehiclePose", pose(behind, east, 0), True, "")
    assert car.call("simGetVehiclePose", "")["position"]["x_val"] == pytest.approx(behind)


def test_a_gimbal_acts_at_ticks_by_its_share_and_not_while_paused(serve):
    half = {"Gimbal": {"Stabilization": 0.5, "Pitch": 0, "Roll": 0, "Yaw": 0}}
    eye = {"VehicleType": "ComputerVision", "Cameras": {"held": half}}
    client = serve("ComputerVision", Vehicles={"Eye": eye})

    def pitch():
        q = client.call("simGetCameraInfo", "held", "", False)["pose"]["orientation"]
        return math.degrees(2 * math.asin(q["y_val"]))

    lean = math.radians(40) / 2
    client.call("simSetVehiclePose", pose(w=math.cos(lean), y=math.sin(lean)), True, "")
    seen = [pitch()]
    for _ in range(3):
        client.call("simContinueForTime", 0.0)
        seen.append(pitch())
    np.testing.assert_allclose(seen, [40, 20, 10, 5], atol=1e-3)
