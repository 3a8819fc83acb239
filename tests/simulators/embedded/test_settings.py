"""AirSim's settings.json: vehicles, cameras and clock are where the file says."""

import json

import pytest
from raw_rpc import RawClient, pose, request

from airseg.errors import SettingsError
from airseg.simulators.embedded.server import EmbeddedOptions, EmbeddedServer, resolve_settings
from airseg.simulators.embedded.settings import default_settings, parse_settings, read_settings

TWO_DRONES = {
    "SimMode": "Multirotor",
    "CameraDefaults": {"CaptureSettings": [{"ImageType": 0, "Width": 24, "Height": 16}]},
    "Vehicles": {
        "First": {"VehicleType": "SimpleFlight"},
        "Second": {
            "VehicleType": "SimpleFlight",
            "X": 10,
            "Y": -1,
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


def test_vehicles_of_the_file_are_there_in_its_order(two_drones):
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
    assert "Camera 'tail' is not available" in two_drones.error(
        "simGetImages", [request(0, camera="tail")], "First", False
    )


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
    with pytest.raises(SettingsError, match=r"none\.json: cannot read the simulator's settings"):
        read_settings(tmp_path / "none.json")
    with pytest.raises(SettingsError, match="Did you mean"):
        default_settings("Multirotors")
