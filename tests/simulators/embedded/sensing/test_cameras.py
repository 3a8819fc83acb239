"""Cameras over the wire: every image type, external cameras, gimbals, lenses, noise."""

import json

import cv2
import numpy as np
import pytest
from raw_rpc import RawClient

from airseg.simulators.embedded.server import EmbeddedOptions, EmbeddedServer

WIDTH, HEIGHT = 64, 48
SCENE, PLANAR, DISPARITY, SEGMENTATION, NORMALS, FLOW, FLOW_VIS = 0, 1, 4, 5, 6, 8, 9


def settings_text(**camera):
    captures = [{"ImageType": k, "Width": WIDTH, "Height": HEIGHT} for k in range(10)]
    for entry in captures[:1]:
        entry.update(camera.pop("scene", {}))
    defaults = {"CaptureSettings": captures, **camera}
    return {
        "SimMode": "Multirotor",
        "CameraDefaults": defaults,
        "ExternalCameras": {"tower": {"X": 30, "Y": 0, "Z": -20, "Pitch": -90}},
        "Vehicles": {
            "Drone1": {
                "VehicleType": "SimpleFlight",
                "Cameras": {
                    "level": {"Gimbal": {"Stabilization": 1, "Pitch": 0, "Roll": 0}},
                },
            },
            "Drone2": {"VehicleType": "SimpleFlight", "X": 2, "Y": 0, "Z": -3},
        },
    }


@pytest.fixture(scope="module")
def serve(world, tmp_path_factory):
    """Return a function that starts a paused simulator with camera settings, and its client."""
    opened = []

    def start(**camera):
        path = tmp_path_factory.mktemp("settings") / "settings.json"
        path.write_text(json.dumps(settings_text(**camera)))
        options = EmbeddedOptions(port=0, settings=path, ideal=("full-reset",))
        server = EmbeddedServer(options, world)
        server.start()
        client = RawClient(server.port)
        client.call("simPause", True)
        client.call("reset")
        opened.append((client, server))
        return client

    yield start
    while opened:  # what the list holds, a test that expects an error holds for long
        client, server = opened.pop()
        client.close()
        server.stop()


@pytest.fixture(scope="module")
def plain(serve):
    return serve()


def request(kind, *, floats=False, camera="0", compress=False):
    return {
        "camera_name": camera,
        "image_type": kind,
        "pixels_as_float": floats,
        "compress": compress,
    }


def pose(north, east, down, **turn):
    place = {"x_val": float(north), "y_val": float(east), "z_val": float(down)}
    level = {"w_val": 1.0, "x_val": 0.0, "y_val": 0.0, "z_val": 0.0}
    turned = {f"{axis}_val": value for axis, value in turn.items()}
    return {"position": place, "orientation": {**level, **turned}}


def take(client, *requests, vehicle="Drone1", external=False):
    return client.call("simGetImages", list(requests), vehicle, external)


def pixels(answer):
    data = np.frombuffer(answer["image_data_uint8"], np.uint8)
    return data.reshape(HEIGHT, WIDTH, 3)


def floats(answer, channels=1):
    values = np.array(answer["image_data_float"], np.float32)
    return values.reshape(HEIGHT, WIDTH, channels).squeeze()


def put(client, *where, vehicle="Drone1", **turn):
    client.put(pose(*where, **turn), vehicle)


def test_every_image_type_comes_raw_as_png_and_as_floats(plain):
    for kind in range(10):
        raw, png, values = take(
            plain, request(kind), request(kind, compress=True), request(kind, floats=True)
        )
        decoded = cv2.imdecode(np.frombuffer(png["image_data_uint8"], np.uint8), cv2.IMREAD_COLOR)
        np.testing.assert_array_equal(decoded, pixels(raw))
        channels = {NORMALS: 3, FLOW: 2, FLOW_VIS: 1}.get(kind, 1)
        assert len(values["image_data_float"]) == WIDTH * HEIGHT * channels
        assert values["image_data_uint8"] == b""


def test_flow_over_the_wire_is_between_the_last_two_instants(plain):
    plain.call("reset")
    put(plain, 0, 0, -10, w=0.7071068, y=-0.7071068)  # straight down
    first = take(plain, request(FLOW, floats=True))[0]
    assert np.abs(floats(first, 2)).max() < 1e-9
    put(plain, 0.5, 0, -10, w=0.7071068, y=-0.7071068)
    moved, depth = take(plain, request(FLOW, floats=True), request(PLANAR, floats=True))
    u, v = floats(moved, 2)[HEIGHT // 2, WIDTH // 2]
    height = floats(depth)[HEIGHT // 2, WIDTH // 2]
    # Going north makes the ground go down the image.
    assert (u, v) == (pytest.approx(0, abs=1e-4), pytest.approx(32.0 * 0.5 / height, abs=0.01))
    again = take(plain, request(FLOW, floats=True))[0]
    assert again["image_data_float"] == moved["image_data_float"]


def test_segmentation_as_floats_tells_every_mesh_from_every_other(plain):
    names = plain.call("simListSceneObjects", ".*")
    put(plain, 0, 0, -30, w=0.7071068, y=-0.7071068)
    numbers = floats(take(plain, request(SEGMENTATION, floats=True))[0])
    seen = {names[int(n)] for n in np.unique(numbers)}
    assert len(seen) > 10
    assert any(name.startswith("Road_") for name in seen)


def test_disparity_is_what_two_eyes_a_quarter_of_a_metre_apart_would_see(plain):
    put(plain, 0, 0, -5, w=0.7071068, y=-0.7071068)
    disparity, depth = take(plain, request(DISPARITY, floats=True), request(PLANAR, floats=True))
    near = floats(depth) < 1000
    expected = 0.25 * 32.0 / floats(depth)[near] / WIDTH
    np.testing.assert_allclose(floats(disparity)[near], expected, rtol=3e-3)


def test_normals_of_the_ground_are_drawn_as_unreal_draws_them(plain):
    put(plain, 0, 0, -5, w=0.7071068, y=-0.7071068)
    values, colors = take(plain, request(NORMALS, floats=True), request(NORMALS))
    np.testing.assert_allclose(floats(values, 3)[HEIGHT // 2, WIDTH // 2], [0, 0, 1], atol=1e-3)
    blue, green, red = pixels(colors)[HEIGHT // 2, WIDTH // 2]
    assert (red, green, blue) == (128, 128, 255)


def test_an_external_camera_stands_in_the_world(plain):
    info = plain.call("simGetCameraInfo", "tower", "", True)
    assert info["pose"]["position"] == {"x_val": 30.0, "y_val": 0.0, "z_val": -20.0}
    put(plain, 50, 0, -5)
    depth = floats(take(plain, request(PLANAR, floats=True, camera="tower"), external=True)[0])
    assert depth[HEIGHT // 2, WIDTH // 2] == pytest.approx(20.0, abs=0.1)
    assert "Camera 'tower'" in plain.error("simGetCameraInfo", "tower", "", False)
    plain.call("simSetCameraPose", "tower", pose(0, 0, -50), "", True)
    moved = plain.call("simGetCameraInfo", "tower", "", True)["pose"]["position"]
    assert moved["z_val"] == -50.0
    plain.call("reset")
    back = plain.call("simGetCameraInfo", "tower", "", True)["pose"]["position"]
    assert back["z_val"] == -20.0


def test_a_gimbal_keeps_its_angles_while_the_vehicle_leans(plain):
    put(plain, 0, 0, -5, w=0.9659258, y=-0.2588190)  # nose 30 degrees down
    fixed = plain.call("simGetCameraInfo", "0", "Drone1", False)["pose"]["orientation"]
    held = plain.call("simGetCameraInfo", "level", "Drone1", False)["pose"]["orientation"]
    assert fixed["y_val"] == pytest.approx(-0.2588, abs=1e-3)
    assert held["y_val"] == pytest.approx(0.0, abs=1e-6)


def test_a_drone_sees_the_other_but_not_itself(plain):
    plain.call("reset")
    put(plain, 0, 0, -3)
    names = plain.call("simListSceneObjects", ".*")
    numbers = floats(take(plain, request(SEGMENTATION, floats=True))[0])
    seen = {names[int(n)] for n in np.unique(numbers)}
    assert "Drone2" in seen
    assert "Drone1" not in seen
    assert plain.call("simSetSegmentationObjectID", "Drone2", 7, False)


def test_a_lens_bends_labels_and_colours_alike_and_a_reset_straightens_it(plain):
    plain.call("reset")
    put(plain, 0, 0, -6)
    straight = pixels(take(plain, request(SEGMENTATION))[0])
    plain.call("simSetDistortionParam", "0", "K1", 0.4, "Drone1", False)
    bent = pixels(take(plain, request(SEGMENTATION))[0])
    assert plain.call("simGetDistortionParams", "0", "Drone1", False)[0] == pytest.approx(0.4)
    assert (bent != straight).any()
    assert {tuple(c) for c in bent.reshape(-1, 3)} <= {tuple(c) for c in straight.reshape(-1, 3)}
    middle = (slice(HEIGHT // 2 - 2, HEIGHT // 2 + 2), slice(WIDTH // 2 - 2, WIDTH // 2 + 2))
    np.testing.assert_array_equal(bent[middle], straight[middle])
    assert "K9" in plain.error("simSetDistortionParam", "0", "K9", 0.1, "Drone1", False)
    plain.call("reset")
    put(plain, 0, 0, -6)
    np.testing.assert_array_equal(pixels(take(plain, request(SEGMENTATION))[0]), straight)


def test_noise_is_drawn_into_colours_only_and_is_the_same_for_the_same_instant(plain, serve):
    noisy = serve(NoiseSettings=[{"ImageType": 0, "Enabled": True, "RandContrib": 0.3}])
    results = []
    for client in (plain, noisy, noisy):
        client.call("reset")
        put(client, 0, 0, -4)
        results.append([pixels(a) for a in take(client, request(SCENE), request(SEGMENTATION))])
    clean, first, second = results
    np.testing.assert_array_equal(first[0], second[0])
    assert np.abs(first[0].astype(int) - clean[0]).mean() > 3
    np.testing.assert_array_equal(first[1], clean[1])
    noisy.call("simContinueForTime", 0.04)
    later = pixels(take(noisy, request(SCENE))[0])
    assert np.abs(later.astype(int) - first[0]).mean() > 3


def test_motion_blur_softens_a_turning_camera_and_nothing_else(plain, serve):
    blurred = serve(scene={"MotionBlurAmount": 1.0})

    def sharpness(client, turn):
        client.call("reset")
        put(client, 0, 0, -4)
        take(client, request(SCENE))
        put(client, 0, 0, -4, w=float(np.cos(turn / 2)), z=float(np.sin(turn / 2)))
        image = pixels(take(client, request(SCENE))[0]).astype(float)
        return np.abs(np.diff(image, axis=1)).mean()

    assert sharpness(blurred, 0.15) < 0.8 * sharpness(plain, 0.15)
    assert sharpness(blurred, 0.0) == pytest.approx(sharpness(plain, 0.0), rel=0.01)


def test_exposure_bias_brightens_and_adaptation_lifts_the_night(plain, serve):
    def brightness(client):
        client.call("reset")
        put(client, 0, 0, -4)
        day = pixels(take(client, request(SCENE))[0]).mean()
        client.call("simSetTimeOfDay", True, "2024-06-21 23:00:00", False, 1.0, 60.0, True)
        return day, pixels(take(client, request(SCENE))[0]).mean()

    day, night = brightness(plain)
    biased, _ = brightness(serve(scene={"AutoExposureBias": 1.0}))
    _, lifted = brightness(serve(scene={"AutoExposureSpeed": 100}))
    assert biased > day + 10
    assert lifted > 1.5 * night
