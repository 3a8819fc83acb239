"""A user's settings.json beside the plans': joined where it adds, refused where it contradicts."""

import json

import cv2
import numpy as np
import pytest
import yaml
from command_line import run, said
from small_simulator import small_plan

from airseg.errors import SettingsError
from airseg.flight.plan import Companion
from airseg.recording.further_settings import FurtherSettings
from airseg.recording.simulator_settings import settings_text
from airseg.recording.stored.storage import Recording
from airseg.simulators.embedded.settings import parse_settings

GRAIN = {"ImageType": 0, "Enabled": True, "RandContrib": 1.0}
NOISE = {"CameraDefaults": {"NoiseSettings": [GRAIN]}}


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
        (
            {"CameraDefaults": {"CaptureSettings": [{"ImageType": 0, "Width": 256}]}},
            "CameraDefaults.CaptureSettings.0.Width is 256 and the plan needs",
        ),
        ({"CameraDefaults": 3}, "CameraDefaults is 3 and the plan needs"),
        ({"Vehicles": {"Other": {"VehicleType": "SimpleFlight"}}}, "Vehicles: Other flies in no"),
        ({"Vehicles": ["Other"]}, "Vehicles is"),
    ],
)
def test_what_a_plan_decides_cannot_be_replaced(values, told):
    with pytest.raises(SettingsError) as raised:
        joined(values, small_plan(companions={"Wing": Companion()}))
    assert str(raised.value).startswith("mine.json: ")
    assert told in str(raised.value)


def test_a_vehicle_of_the_plan_may_have_more():
    found = joined(
        {"Vehicles": {"Wing": {"Sensors": {"Imu": {"SensorType": 2}}}}},
        small_plan(companions={"Wing": Companion()}),
    )
    assert found["Vehicles"]["Wing"]["Sensors"] == {"Imu": {"SensorType": 2}}
    assert found["Vehicles"]["Wing"]["VehicleType"] == "SimpleFlight"


def test_what_only_says_where_a_simulator_listens_is_left_out(tmp_path):
    path = tmp_path / "mine.json"
    path.write_text(
        json.dumps({"SettingsVersion": 1.2, "ApiServerPort": 5, "ViewMode": ""} | NOISE)
    )
    assert FurtherSettings.read(path).values == NOISE
    assert FurtherSettings.read(path).text() == further(**NOISE).text()
    path.write_text('{"CameraDefaults": {"NoiseSettings": [{"RandContrib": -1}]}}')
    with pytest.raises(SettingsError, match=r"mine.json: .*RandContrib"):
        FurtherSettings.read(path)


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
    assert "settings differ: the plan's and {" in said(err)
    assert "the plan's and nothing else now" in said(err)
