"""The embedded simulator over the wire: images, time, poses, settings."""

import gc
import time
import weakref

import cv2
import numpy as np
import pytest
from raw_rpc import RawClient, pose, request
from small_simulator import HEIGHT, WIDTH, small_settings

from airseg.errors import SettingsError, SimulatorError
from airseg.simulators.embedded.clock import START_NS
from airseg.simulators.embedded.sensing.segmentation_ids import default_id, palette
from airseg.simulators.embedded.server import EmbeddedOptions, EmbeddedServer
from airseg.simulators.embedded.settings import (
    capture_setting,
    default_settings,
    parse_settings,
    read_settings,
)
from airseg.simulators.embedded.simulation import sun_direction

SCENE, PLANAR, PERSPECTIVE, VIS, SEGMENTATION, INFRARED = 0, 1, 2, 3, 5, 7


@pytest.fixture
def still(raw):
    """Return a simulator that stands still at the start of time."""
    raw.call("simPause", True)
    raw.call("reset")
    yield raw
    raw.call("reset")
    raw.call("simPause", False)


def images(raw, *requests):
    return raw.call("simGetImages", list(requests), "", False)


def image(answer):
    data = np.frombuffer(answer["image_data_uint8"], np.uint8)
    return data.reshape(answer["height"], answer["width"], 3)


def test_the_handshake_is_airsims(raw):
    assert raw.call("ping") is True
    assert raw.call("getServerVersion") == raw.call("getMinRequiredClientVersion") == 1


def test_one_request_is_one_instant_of_one_size(still):
    answers = images(still, request(SCENE), request(SEGMENTATION), request(PLANAR, as_float=True))
    assert {a["time_stamp"] for a in answers} == {START_NS}
    assert {(a["width"], a["height"]) for a in answers} == {(WIDTH, HEIGHT)}
    assert len(answers[0]["image_data_uint8"]) == WIDTH * HEIGHT * 3
    assert len(answers[2]["image_data_float"]) == WIDTH * HEIGHT
    assert answers[2]["image_data_uint8"] == b""


def test_raw_images_are_blue_first_and_equal_the_png(still):
    plain, packed = images(still, request(SCENE), request(SCENE, compress=True))
    decoded = cv2.imdecode(np.frombuffer(packed["image_data_uint8"], np.uint8), cv2.IMREAD_COLOR)
    assert np.array_equal(image(plain), decoded)


def test_depth_of_every_form_agrees(still):
    planar, ray, vis, grey = images(
        still,
        request(PLANAR, as_float=True),
        request(PERSPECTIVE, as_float=True),
        request(VIS, as_float=True),
        request(VIS),
    )
    depth = np.array(planar["image_data_float"])
    assert np.array_equal(depth, depth.astype(np.float16))
    assert depth.max() == 65504
    near = depth < 90
    assert (np.array(ray["image_data_float"])[near] >= depth[near] * 0.999).all()
    np.testing.assert_allclose(
        np.array(vis["image_data_float"])[near], depth[near] / 100, atol=1e-3
    )
    shown = image(grey)[..., 0].ravel()[near]
    np.testing.assert_allclose(shown, depth[near] * 2.55, atol=1.6)


def test_an_id_set_is_the_colour_and_the_grey_seen(still):
    still.put(pose(down=-10, w=0.7071068, y=-0.7071068))
    assert still.call("simSetSegmentationObjectID", "road_.*", 42, True)
    colors, grey = images(still, request(SEGMENTATION), request(INFRARED))
    assert tuple(image(colors)[HEIGHT // 2, WIDTH // 2][::-1]) == (92, 31, 106)
    assert image(grey)[HEIGHT // 2, WIDTH // 2].tolist() == [42, 42, 42]
    still.call("simSetSegmentationObjectID", "road_.*", -1, True)
    hidden = images(still, request(SEGMENTATION))[0]
    assert image(hidden)[HEIGHT // 2, WIDTH // 2].tolist() == [0, 0, 0]


def test_unknown_image_types_and_cameras_are_errors(raw):
    error = raw.error("simGetImages", [request(77)], "", False)
    assert "image type 77 is none of" in error
    error = raw.error("simGetImages", [request(SCENE, camera="tail")], "", False)
    assert error.endswith("this information: map::at.")
    assert "Camera 'tail' is not available" in raw.error("simGetCameraInfo", "tail", "", False)
    assert raw.call("ping") is True


def test_a_pose_set_is_the_pose_read_and_the_cameras(still):
    still.put(pose(12, -3, -7, w=0.8, z=0.6))
    read = still.call("simGetVehiclePose", "")
    assert read["position"] == {"x_val": 12.0, "y_val": -3.0, "z_val": -7.0}
    assert read["orientation"]["z_val"] == pytest.approx(0.6, abs=1e-6)
    still.call("simSetCameraPose", "0", pose(1, 0, 0), "", False)
    info = still.call("simGetCameraInfo", "0", "", False)
    place = info["pose"]["position"]
    nose = (1 - 2 * 0.36, 2 * 0.48)  # of the yaw whose quaternion is (0.8, 0, 0, 0.6)
    # A built-in camera's pose is relative to its mount, half a metre ahead of the middle.
    assert place["x_val"] == pytest.approx(12 + 1.5 * nose[0], abs=1e-5)
    assert place["y_val"] == pytest.approx(-3 + 1.5 * nose[1], abs=1e-5)
    still.call("simSetCameraPose", "0", pose(), "", False)


def test_steps_of_time_are_exact_to_the_nanosecond(still):
    for seconds, total in ((0.04, 40_000_000), (0.001, 41_000_000), (1 / 3, 374_333_333)):
        still.call("simContinueForTime", seconds)
        assert still.call("simIsPaused") is True
        assert images(still, request(SCENE))[0]["time_stamp"] - START_NS == total


def test_time_runs_when_it_is_not_paused(raw):
    raw.call("simPause", False)
    first = images(raw, request(SCENE))[0]["time_stamp"]
    for _ in range(50):
        if images(raw, request(SCENE))[0]["time_stamp"] > first:
            return
    pytest.fail("time stood still")


def test_the_same_calls_give_the_same_bytes_again_and_in_another_server(still, world, tmp_path):
    def fly(raw):
        raw.call("simPause", True)
        raw.call("reset")
        raw.call("simSetSegmentationObjectID", ".*", 7, True)
        raw.call("simSetSegmentationObjectID", "road_.*", 42, True)
        raw.call("enableApiControl", True, "")
        raw.call("armDisarm", True, "")
        raw.call("simSetVehiclePose", pose(5, 1, -4), True, "")
        raw.send("moveByVelocity", 3.0, 1.0, 0.0, 5.0, 0, {"is_rate": True, "yaw_or_rate": 0.0}, "")
        seen = []
        for _ in range(4):
            raw.call("simContinueForTime", 0.04)
            seen.append(images(raw, request(SCENE), request(SEGMENTATION)))
        return [(a["image_data_uint8"], a["camera_position"]) for both in seen for a in both]

    first = fly(still)
    assert fly(still) == first
    settings = small_settings(tmp_path / "settings.json")
    with EmbeddedServer(EmbeddedOptions(port=0, settings=settings), world) as other:
        elsewhere = RawClient(other.port)
        assert fly(elsewhere) == first
        elsewhere.close()


def test_what_a_stopped_server_drew_with_is_freed_at_once(world, tmp_path):
    """It is 150 MB, and the garbage collector, which counts objects, comes late."""
    settings = small_settings(tmp_path / "settings.json")
    gc.collect()
    gc.disable()
    try:
        server = EmbeddedServer(EmbeddedOptions(port=0, settings=settings), world)
        stage = weakref.ref(server.simulation.renderer.stage)
        with server:
            client = RawClient(server.port)
            images(client, request(SCENE))
            client.close()
        del server
        deadline = time.monotonic() + 10.0  # a thread that served ends a moment later
        while stage() is not None and time.monotonic() < deadline:
            time.sleep(0.01)
        assert stage() is None
    finally:
        gc.enable()


def test_a_full_reset_keeps_a_pause_and_segmentation_ids_and_restores_the_rest(still):
    still.call("simSetSegmentationObjectID", "Road_1", 77, False)
    still.put(pose(9, 9, -9))
    still.call("simEnableWeather", True)
    still.call("simSetWeatherParameter", 7, 0.9)
    still.call("simContinueForTime", 0.5)
    still.call("reset")
    assert still.call("simIsPaused") is True
    assert still.call("simGetSegmentationObjectID", "road_1") == 77
    assert still.call("simGetVehiclePose", "")["position"]["x_val"] == 0.0
    again = images(still, request(SCENE))[0]
    assert again["time_stamp"] == START_NS
    still.call("simEnableWeather", False)
    assert images(still, request(SCENE))[0]["image_data_uint8"] == again["image_data_uint8"]


NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("simSetCameraPose", ("0", pose(NAN), "", False)),
        ("simSetCameraFov", ("0", NAN, "", False)),
        ("simSetObjectPose", ("Car_0", pose(NAN), True)),
        ("simSetWeatherParameter", (7, NAN)),
        ("simContinueForTime", (NAN,)),
        ("simContinueForTime", (-1.0,)),
    ],
)
def test_what_is_no_number_is_refused_and_the_state_stays_whole(still, method, params):
    still.call("enableApiControl", True, "")
    still.call("armDisarm", True, "")
    error = still.error(method, *params)
    assert error is not None
    assert "threw an exception" in error
    still.call("simContinueForTime", 0.05)
    told = still.call("simGetVehiclePose", "")
    assert np.isfinite([*told["position"].values(), *told["orientation"].values()]).all()


def test_movable_objects_move_and_reset_brings_them_back(still):
    car = still.call("simListSceneObjects", "Car_0")[0]
    before = still.call("simGetObjectPose", car)
    assert still.call("simSetObjectPose", car, pose(3, 4, 0), True) is True
    assert still.call("simGetObjectPose", car)["position"]["x_val"] == 3.0
    assert still.call("simSetObjectPose", "Road_0", pose(), True) is False
    still.call("reset")
    assert still.call("simGetObjectPose", car) == before
    assert np.isnan(still.call("simGetObjectPose", "ghost")["position"]["x_val"])


def test_weather_and_time_of_day_change_the_picture(still):
    clear = image(images(still, request(SCENE))[0]).astype(int)
    still.call("simEnableWeather", True)
    still.call("simSetWeatherParameter", 7, 0.6)
    fog = image(images(still, request(SCENE))[0]).astype(int)
    assert np.abs(fog - clear).mean() > 3
    still.call("simEnableWeather", False)
    still.call("simSetTimeOfDay", True, "2024-06-21 23:30:00", False, 1.0, 60.0, True)
    night = image(images(still, request(SCENE))[0]).astype(int)
    assert night.mean() < 0.5 * clear.mean()
    assert still.call("simSetTimeOfDay", True, "noon", False, 1.0, 60.0, True) is None


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("ground", 148),
        ("cylinder2", 95),
        ("TemplateCube_Rounded_10", 241),
        ("OrangeBall", 28),
        ("templatecube", 0),
        ("Road_89", 171),
        ("Hedge", 2),
        ("default_x", 0),
    ],
)
def test_default_ids_are_airsims_hash(name, number):
    assert default_id(name) == number


def test_the_palette_has_256_colours_with_the_documented_ones():
    colors = [tuple(int(v) for v in c) for c in palette()]
    assert len(set(colors)) == 256
    known = {0: (0, 0, 0), 1: (153, 108, 6), 19: (0, 53, 65), 42: (92, 31, 106)}
    assert {i: colors[i] for i in known} == known
    assert colors[255] == (255, 255, 255)


def test_segmentation_names_follow_airsims_rules(raw):
    assert raw.call("simSetSegmentationObjectID", "Road_1", 9, False) is True
    assert raw.call("simGetSegmentationObjectID", "road_1") == 9
    assert raw.call("simGetSegmentationObjectID", "Road_1") == -1
    assert raw.call("simSetSegmentationObjectID", "road_1", 8, False) is False
    assert raw.call("simSetSegmentationObjectID", "Roa", 8, True) is False
    assert raw.call("simSetSegmentationObjectID", "roAd_1", 8, True) is True


def test_settings_replace_a_types_whole_entry_and_leave_others_small():
    text = '{"CameraDefaults": {"CaptureSettings": [{"ImageType": 0, "Width": 640}]}, "Extra": 1}'
    camera = parse_settings(text).camera_defaults
    assert (capture_setting(camera, 0).Width, capture_setting(camera, 0).Height) == (640, 144)
    assert (capture_setting(camera, 5).Width, capture_setting(camera, 5).Height) == (256, 144)
    assert capture_setting(default_settings().camera_defaults, 5).Width == 640


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", r"settings\.json:1: not valid JSON"),
        ("[]", "expected a JSON object"),
        ('{"SimMode": "Plane"}', "SimMode"),
        ('{"ApiServerPort": "x"}', "ApiServerPort"),
        ('{"CameraDefaults": {"CaptureSettings": [{"Width": 0}]}}', "CaptureSettings.0.Width"),
    ],
)
def test_wrong_settings_are_told_on_one_line(tmp_path, text, said):
    path = tmp_path / "settings.json"
    path.write_text(text)
    with pytest.raises(SettingsError, match=said) as caught:
        read_settings(path)
    assert "\n" not in str(caught.value)


def test_a_taken_port_is_told(simulator, world):
    with pytest.raises(SimulatorError, match="cannot listen on"):
        EmbeddedServer(EmbeddedOptions(port=simulator.port), world)


def test_the_sun_stands_in_the_south_at_noon_and_below_ground_at_midnight():
    from datetime import datetime

    north, east, down = sun_direction(datetime(2024, 6, 21, 12), 47.6)
    assert north < -0.3
    assert abs(east) < 0.05
    assert down < -0.8
    assert sun_direction(datetime(2024, 6, 21, 0), 47.6)[2] > 0.2


def test_every_mesh_tells_its_triangles(raw):
    meshes = raw.call("simGetMeshPositionVertexBuffers")
    assert len(meshes) > 5000
    cars = [mesh for mesh in meshes if mesh["name"].startswith("Car_")]
    vertices = np.array(cars[0]["vertices"]).reshape(-1, 3)
    assert 1.5 < np.abs(vertices).max() < 3.0  # about the car's middle
    assert max(cars[0]["indices"]) == len(vertices) - 1
    assert len(cars[0]["indices"]) % 3 == 0
