"""AirSim's settings.json: vehicles, cameras and clock are where the file says."""

import json

import pytest
from raw_rpc import RawClient, pose, request

from airseg.errors import SettingsError
from airseg.simulators.embedded.server import EmbeddedOptions, EmbeddedServer, resolve_settings
from airseg.simulators.embedded.settings import (
    capture_setting,
    default_settings,
    parse_settings,
    read_settings,
)

TWO_DRONES = {
    "SimMode": "Multirotor",
    "CameraDefaults": {"CaptureSettings": [{"ImageType": 0, "Width": 24, "Height": 16}]},
    "Vehicles": {
        "First": {"VehicleType": "SimpleFlight"},
        "Second": {
            "VehicleType": "SimpleFlight",
            "X": 10,
            "Y": -1,
            "Z": 0,
            "Cameras": {
                "tail": {
                    "X": -1,
                    "Pitch": -90,
                    "CaptureSettings": [{"ImageType": 0, "Width": 40, "Height": 30}],
                }
            },
        },
    },
}


@pytest.fixture(scope="module")
def two_drones(world, tmp_path_factory):
    path = tmp_path_factory.mktemp("two") / "settings.json"
    path.write_text(json.dumps(TWO_DRONES))
    with EmbeddedServer(EmbeddedOptions(port=0, settings=path), world) as server:
        raw = RawClient(server.port)
        raw.call("simPause", True)
        yield raw
        raw.close()


def test_the_vehicles_of_the_file_are_there(two_drones):
    assert two_drones.call("listVehicles") == ["First", "Second"]
    assert json.loads(two_drones.call("getSettingsString")) == TWO_DRONES


def test_positions_count_from_each_vehicles_own_start(two_drones):
    two_drones.put(pose(1, 2, -3), "Second")
    read = two_drones.call("simGetVehiclePose", "Second")["position"]
    assert read == {"x_val": 1.0, "y_val": 2.0, "z_val": -3.0}
    assert two_drones.call("simGetVehiclePose", "First")["position"]["x_val"] == 0.0
    tail = two_drones.call("simGetCameraInfo", "tail", "Second", False)["pose"]["position"]
    assert tail["x_val"] == pytest.approx(0.0)


def test_an_own_camera_has_its_own_size_and_the_others_the_defaults(two_drones):
    own, front = two_drones.call(
        "simGetImages", [request(0, camera="tail"), request(0)], "Second", False
    )
    assert (own["width"], own["height"]) == (40, 30)
    assert (front["width"], front["height"]) == (24, 16)
    error = two_drones.error("simGetImages", [request(0, camera="tail")], "First", False)
    assert error.endswith("The exception contained this information: map::at.")


def test_an_order_to_one_vehicle_leaves_the_other_alone(two_drones):
    for name in ("First", "Second"):
        two_drones.put(pose(down=-5), name)
    two_drones.call("enableApiControl", True, "Second")
    assert two_drones.call("isApiControlEnabled", "Second") is True
    assert two_drones.call("isApiControlEnabled", "First") is False
    assert two_drones.call("isApiControlEnabled", "") is False  # no name means the first


def test_the_options_host_and_port_win_over_the_files(tmp_path):
    path = tmp_path / "settings.json"
    path.write_text('{"ApiServerPort": 5000, "LocalHostIp": "0.0.0.0"}')
    assert resolve_settings(EmbeddedOptions(settings=path)).port == 5000
    assert resolve_settings(EmbeddedOptions(settings=path)).host == "0.0.0.0"
    options = EmbeddedOptions(settings=path, port=0, host="127.0.0.1")
    settings = resolve_settings(options)
    assert (settings.host, settings.port) == ("127.0.0.1", 0)


def test_a_file_saved_by_windows_notepad_is_read(tmp_path):
    path = tmp_path / "settings.json"
    path.write_bytes(b"\xef\xbb\xbf" + b'{\r\n  "SimMode": "Car"\r\n}\r\n')
    settings = read_settings(path)
    assert settings.sim_mode == "Car"
    assert list(settings.vehicles) == ["PhysXCar"]


def test_an_empty_mode_means_multirotor_and_an_empty_host_this_machine_only():
    settings = parse_settings('{"SimMode": "", "LocalHostIp": ""}')
    assert (settings.sim_mode, settings.host) == ("Multirotor", "127.0.0.1")


def test_a_file_that_is_not_there_and_an_unknown_mode_are_told(tmp_path):
    with pytest.raises(SettingsError, match=r"none\.json: there is no such file"):
        read_settings(tmp_path / "none.json")
    with pytest.raises(SettingsError, match="Did you mean"):
        default_settings("Multirotors")


def vehicles(mode="Multirotor", **named):
    return parse_settings(json.dumps({"SimMode": mode, "Vehicles": named}))


FLIES = {"VehicleType": "SimpleFlight"}


def test_only_vehicles_of_the_mode_that_are_to_be_created_are_created():
    settings = vehicles(
        One=FLIES,
        Later={**FLIES, "AutoCreate": False},
        Car={"VehicleType": "PhysXCar"},
        Untyped={},
        Two={"VehicleType": "px4multirotor"},
    )
    assert list(settings.vehicles) == ["One", "Two"]
    assert [line.split(":")[0] for line in settings.told] == ["Vehicles.Car", "Vehicles.Untyped"]


def test_a_place_counts_as_a_whole_or_not_at_all():
    settings = vehicles(Half={**FLIES, "X": 3, "Y": 4}, Whole={**FLIES, "X": 3, "Y": 4, "Z": -1})
    assert (settings.vehicles["Half"].X, settings.vehicles["Whole"].X) == (0, 3)
    assert "of X, Y and Z one is missing" in settings.told[0]


def test_what_is_not_there_is_told_and_left_out_and_the_rest_starts():
    text = {
        "SimMode": "SkidVehicle",
        "CameraDefaults": {"CaptureSettings": [{"Width": 7680, "Height": 100}]},
        "Vehicles": {
            "Robot": {
                "VehicleType": "CPHusky",
                "Sensors": {
                    "echo": {"SensorType": 7, "Enabled": True},
                    "uwb": {"SensorType": 10, "Enabled": True},
                    "scanner": {"SensorType": 6, "PointsPerSecond": 30_000_000},
                },
            }
        },
    }
    settings = parse_settings(json.dumps(text))
    assert settings.sim_mode == "Car"
    assert capture_setting(settings.camera_defaults, 0).Width == 4096
    assert set(settings.vehicles["Robot"].Sensors) == {"echo", "scanner"}
    told = " ".join(settings.told)
    assert "SkidVehicle" in told
    assert "Width 7680 is too large" in told
    assert "uwb: SensorType 10 is not simulated" in told


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ({"SimMode": "Submarine"}, "Unknown SimMode: Submarine, failed to set default vehicle"),
        ({"ClockType": "SundialClock"}, "clock_type SundialClock is not recognized"),
    ],
)
def test_what_stops_the_start_is_told_in_airsims_words(text, said):
    with pytest.raises(SettingsError, match=said):
        parse_settings(json.dumps(text))


@pytest.mark.parametrize(
    ("mode", "clock_type", "steppable"),
    [
        ("Multirotor", "", True),
        ("Multirotor", "ScalableClock", False),
        ("Car", "", False),
        ("Car", "SteppableClock", True),
        ("ComputerVision", "", False),
    ],
)
def test_each_mode_has_the_clock_that_airsim_gives_it(mode, clock_type, steppable):
    settings = parse_settings(json.dumps({"SimMode": mode, "ClockType": clock_type}))
    assert settings.is_steppable is steppable
