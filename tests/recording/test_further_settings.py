"""A user's settings.json beside the plans': joined where it adds, refused where it contradicts."""

import json

import cv2
import numpy as np
import pytest
import yaml
from command_line import run, said
from small_simulator import small_plan

from airseg.errors import SettingsError
from airseg.flight.plan import Companion, PlanCamera
from airseg.recording.further_settings import FurtherSettings
from airseg.recording.simulator_settings import settings_text
from airseg.recording.stored.storage import Recording
from airseg.simulators.embedded.settings import capture_setting, parse_settings

GRAIN = {"ImageType": 0, "Enabled": True, "RandContrib": 1.0}
NOISE = {"CameraDefaults": {"NoiseSettings": [GRAIN]}}


def captures(**values):
    return {"CameraDefaults": {"CaptureSettings": [values]}}


def further(**values):
    return FurtherSettings("mine.json", values)


def written(path, plan):
    path.write_text(yaml.safe_dump(plan.model_dump(mode="json", exclude_defaults=True)))


def joined(values, plan=None):
    return json.loads(settings_text([("walk", plan or small_plan())], further=further(**values)))


def test_noise_and_blur_come_beside_the_sizes_of_the_plan():
    blur = {"ImageType": 0, "MotionBlurAmount": 0.5}
    found = joined({"CameraDefaults": {"NoiseSettings": [GRAIN], "CaptureSettings": [blur]}})
    alone = json.loads(settings_text([("walk", small_plan())]))
    images = {e["ImageType"]: e for e in found["CameraDefaults"]["CaptureSettings"]}
    plain = {e["ImageType"]: e for e in alone["CameraDefaults"]["CaptureSettings"]}
    assert images[0] == plain[0] | blur
    assert {k: images[k] for k in (1, 5)} == {k: plain[k] for k in (1, 5)}
    # The simulator's own reader takes it as it is meant.
    settings = parse_settings(json.dumps(found)).camera_defaults
    assert settings.NoiseSettings[0].RandContrib == 1.0
    assert settings.CaptureSettings[0].MotionBlurAmount == 0.5
    assert settings.CaptureSettings[0].Width == small_plan().camera.width


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"SimMode": "Car"}, 'SimMode is "Car" and the plan needs "Multirotor"'),
        ({"ClockType": "ScalableClock"}, 'ClockType is "ScalableClock" and the plan needs'),
        (captures(Width=256), "CameraDefaults.CaptureSettings.0.Width is 256 and the plan needs"),
        ({"CameraDefaults": 3}, "CameraDefaults is 3 and the plan needs"),
        ({"Vehicles": {"Other": {"VehicleType": "SimpleFlight"}}}, "'Other' is no vehicle that"),
        ({"Vehicles": ["Other"]}, "Vehicles is"),
        ({"CameraDefaults": {"Pitch": -30.0}}, "is for the plan to say: camera.pitch_deg"),
        ({"TimeOfDay": {"Enabled": True}}, "TimeOfDay: is for the plan to say: time_of_day"),
        # With it, a camera that is told to sit at an angle would look at one point of the compass.
        ({"CameraDefaults": {"Gimbal": {"Stabilization": 1.0}}}, "CameraDefaults.Gimbal: is for"),
        ({"PhysicsEngineName": "ExternalPhysicsEngine"}, "PhysicsEngineName: is for the plan"),
        ({"Vehicles": {"Wing": {"AutoCreate": False}}}, "Vehicles.Wing.AutoCreate: is for"),
        ({"Vehicles": {"Wing": {"AllowAPIAlways": False}}}, "Vehicles.Wing.AllowAPIAlways: is"),
    ],
)
def test_what_a_plan_decides_cannot_be_replaced(values, told):
    with pytest.raises(SettingsError) as raised:
        joined(values, small_plan(companions={"Wing": Companion()}))
    assert str(raised.value).startswith("mine.json: ")
    assert told in str(raised.value)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"CameraDefaults": {"NoiseSetting": [GRAIN]}}, "Did you mean 'NoiseSettings'?"),
        ({"cameradefaults": {"NoiseSettings": [GRAIN]}}, "Did you mean 'CameraDefaults'?"),
        (captures(MotionBlurAmmount=0.5), "Did you mean 'MotionBlurAmount'?"),
        ({"CameraDefaults": {"NoiseSettings": [{"RandContrib": 1.0}]}}, "Enabled is left out"),
        ({"CameraDefaults": {"NoiseSettings": [GRAIN, GRAIN]}}, "two entries of ImageType 0"),
        (captures(ImageType=5, MotionBlurAmount=0.5), "CaptureSettings.5.MotionBlurAmount: is for"),
        (captures(AutoExposureMaxBrightness=0.3), "Write an AutoExposureSpeed above 0"),
        ({"ExternalCameras": {"tower": {}}}, "ExternalCameras: is for the plan"),
        ({"Vehicles": {"Wing": {"Sensors": {}}}}, "Vehicles.Wing.Sensors: is for"),
        ({"Vehicles": {"Wing": {"Cameras": {"1": {}}}}}, "the plan records no camera '1'"),
        ({"Wi\nnd": {}}, r"'Wi\nnd': is for the plan"),
        ({"SubWindows": []}, "SubWindows: is for the plan to decide, or changes nothing"),
        ({"Wind": {"X": "3"}}, "Wind.X"),
    ],
)
def test_what_would_do_nothing_to_a_recording_is_refused(values, told):
    """AirSim passes unknown keys by, and a recording without its noise would look like success."""
    with pytest.raises(SettingsError) as raised:
        joined(values, small_plan(companions={"Wing": Companion()}))
    assert str(raised.value).startswith("mine.json: ")
    assert told in str(raised.value)


def test_a_camera_of_the_plan_may_have_more():
    noisy = {"Cameras": {"0": {"NoiseSettings": [GRAIN]}}}
    plan = small_plan(companions={"Wing": Companion()})
    settings = parse_settings(json.dumps(joined({"Vehicles": {"Wing": noisy}}, plan)))
    camera = settings.vehicles["Wing"].Cameras["0"]
    assert camera.NoiseSettings[0].RandContrib == 1.0
    # An entry replaces the whole setting of its type (AirSim's facts, 4.3), so it has the size.
    assert capture_setting(camera, 0).Width == plan.camera.width
    assert settings.vehicles["Wing"].VehicleType == "SimpleFlight"


def test_every_camera_has_the_look_of_the_defaults():
    """The plan's entries with sizes would take the place of the defaults, as in AirSim."""
    wide = PlanCamera(width=96, height=48)
    plan = small_plan(cameras={"left": wide}, companions={"Wing": Companion(camera=wide)})
    blur = captures(MotionBlurAmount=0.5)
    own = {"Wing": {"Cameras": {"0": captures(MotionBlurAmount=0.25)["CameraDefaults"]}}}
    settings = parse_settings(json.dumps(joined(blur | {"Vehicles": own}, plan)))
    left = capture_setting(settings.vehicles["SimpleFlight"].Cameras["left"], 0)
    wing = capture_setting(settings.vehicles["Wing"].Cameras["0"], 0)
    assert (left.Width, left.MotionBlurAmount) == (96, 0.5)
    assert (wing.Width, wing.MotionBlurAmount) == (96, 0.25)


def test_what_only_says_where_a_simulator_listens_is_left_out(tmp_path):
    path = tmp_path / "mine.json"
    harmless = {"SettingsVersion": 1.2, "ApiServerPort": 5, "ViewMode": ""}
    path.write_text(json.dumps(harmless | NOISE))
    assert FurtherSettings.read(path).values == NOISE
    assert FurtherSettings.read(path).text() == further(**NOISE).text()
    path.write_text(json.dumps(harmless))
    assert FurtherSettings.read(path).text() == ""  # as if there were no file


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"CameraDefaults": {"NoiseSettings": [{"RandContrib": -1}]}}', "RandContrib"),
        ('{"CameraDefaults": {}, "CameraDefaults": {}}', "'CameraDefaults' stands twice"),
        ('{"ClockSpeed": ' + "1" * 5000 + "}", "not valid JSON"),
        ('{"ClockSpeed": 1} // fast', "not valid JSON"),
    ],
)
def test_what_cannot_be_read_is_told_with_its_file(tmp_path, text, told):
    path = tmp_path / "mine.json"
    path.write_text(text)
    with pytest.raises(SettingsError, match=rf"mine.json.*{told}"):
        FurtherSettings.read(path)


@pytest.mark.parametrize("vehicle", ["multirotor", "car", "camera"])
def test_the_file_that_airseg_wrote_for_a_plan_may_be_given_with_noise_added(tmp_path, vehicle):
    road = {"start": {"position": (0, 0, 0)}, "waypoints": [{"position": (9, 0, 0)}]}
    companions = {"Wing": {"camera": {"width": 96, "height": 48}}}
    plan = small_plan(vehicle=vehicle, flow=True, companions=companions, **road)
    content = json.loads(settings_text([("walk", plan)]))
    content["CameraDefaults"] |= NOISE["CameraDefaults"]
    (tmp_path / "mine.json").write_text(json.dumps(content))
    added = FurtherSettings.read(tmp_path / "mine.json")
    found = json.loads(settings_text([("walk", plan)], clock_is_exact=True, further=added))
    assert found == content


def test_wind_is_for_what_flies_by_itself():
    wind = FurtherSettings("mine.json", {"Wind": {"X": 5.0}})
    wind.refuse_still_air("step")
    with pytest.raises(SettingsError, match="Wind: moves nothing in mode pose"):
        wind.refuse_still_air("pose")


def test_what_contradicts_a_later_flight_is_told_before_the_first(tmp_path, capsys):
    (tmp_path / "mine.json").write_text(json.dumps(captures(Width=64)))
    for name, width in (("a", 64), ("b", 96)):
        written(tmp_path / f"{name}.yaml", small_plan(camera={"width": width, "height": 48}))
    plans = [tmp_path / "a.yaml", tmp_path / "b.yaml"]
    command = ("record", *plans, "--embedded", "--settings", tmp_path / "mine.json")
    code, _, err = run(capsys, *command, "--out", tmp_path / "out")
    assert code == 2
    assert "Width is 64 and the plan needs 96" in said(err)
    assert not (tmp_path / "out").exists()


def test_settings_are_the_embedded_simulators_alone(tmp_path, capsys):
    (tmp_path / "mine.json").write_text(json.dumps(NOISE))
    written(tmp_path / "walk.yaml", small_plan())
    command = ("record", tmp_path / "walk.yaml", "--settings", tmp_path / "mine.json")
    code, _, err = run(capsys, *command, "--out", tmp_path / "out")
    assert code == 2
    assert "--settings is for --embedded" in said(err)


def test_a_folder_of_recordings_is_flown_again_in_noise_and_keeps_its_splits(tmp_path, capsys):
    """Two flights by day, then both at dusk: as `make study` makes its third condition."""
    for name, split, x in (("north", "train", 0), ("south", "test", 20)):
        start = {"position": [x, 0, -3], "yaw_deg": 0}
        ahead = [{"position": [x + 12, 0, -3]}]
        plan = small_plan(split=split, start=start, waypoints=ahead)
        written(tmp_path / f"{name}.yaml", plan)
    plans = [tmp_path / "north.yaml", tmp_path / "south.yaml"]
    day = ("record", *plans, "--embedded", "--frames", 3, "--out", tmp_path / "day")
    assert run(capsys, *day)[0] == 0
    written(tmp_path / "dusk.yaml", small_plan())
    (tmp_path / "mine.json").write_text(json.dumps(NOISE))
    again = ("record", tmp_path / "dusk.yaml", "--replay", tmp_path / "day", "--embedded")
    noisy = (*again, "--settings", tmp_path / "mine.json", "--out", tmp_path / "noisy")
    code, _, err = run(capsys, *noisy)
    assert code == 0, err
    grain = []
    for name, split in (("north", "train"), ("south", "test")):
        found = Recording.open(tmp_path / "noisy" / f"{name}-dusk")
        clear = Recording.open(tmp_path / "day" / name)
        assert found.info.split == split
        assert found.info.notes["replayed"] == name
        pairs = [
            [cv2.imread(str(r.path / kind / "000002.png"), -1).astype(int) for r in (found, clear)]
            for kind in ("rgb", "seg")
        ]
        grain.append(np.subtract(*pairs[0]))
        assert np.std(grain[-1]) > 20
        # The same place but for the rounding of a pose: an edge may fall into the next pixel.
        assert np.count_nonzero(np.subtract(*pairs[1])) <= 0.005 * pairs[1][0].size
    # Noise that flights share at one instant could be learnt in training and known in a test.
    assert abs(np.corrcoef(grain[0].ravel(), grain[1].ravel())[0, 1]) < 0.1
    code, _, err = run(capsys, *noisy)
    assert code == 0
    assert err.count("already recorded") == 2
    code, _, err = run(capsys, *again, "--out", tmp_path / "noisy")
    assert code == 2
    assert "settings differ: beside the plan's, CameraDefaults.NoiseSettings.0.Enabled" in said(err)
    grain = GRAIN | {"RandContrib": 0.5}
    weaker = {"CameraDefaults": {"NoiseSettings": [grain]}}
    (tmp_path / "mine.json").write_text(json.dumps(weaker))
    code, _, err = run(capsys, *noisy)
    assert code == 2
    assert "RandContrib is 1.0 there and 0.5 now" in said(err)
    (tmp_path / "mine.json").write_text(json.dumps(NOISE).replace("1.0", "1"))
    assert run(capsys, *noisy)[0] == 0
