"""The doctor: the embedded simulator is well, and each of its faults is told."""

import json
import time

import pytest
from command_line import run, said
from small_simulator import (  # noqa: F401
    client,
    simulator,
    small_content,
    small_plan,
    small_settings,
    world,
)

from airseg.errors import SimulatorError
from airseg.recording import conformance
from airseg.recording.conformance import FAIL, PASS, UNSUPPORTED, examine
from airseg.recording.flying.assignment import RecordOptions
from airseg.recording.flying.mesh_ids import Palette
from airseg.recording.flying.recorder import Recorder
from airseg.recording.stored.storage import Recording
from airseg.simulators.client import SimulatorClient
from airseg.simulators.embedded.faults import FAULTS
from airseg.simulators.embedded.sensing.segmentation_ids import palette
from airseg.simulators.embedded.server import EmbeddedOptions, EmbeddedServer

DOCUMENTED = Palette({i: tuple(int(v) for v in c) for i, c in enumerate(palette())})
TOLD_BY_DOCTOR = {
    "hang": "did not answer simGetImages",
    "empty-image": "an empty Scene image",
    "wrong-size": "CaptureSettings",
    "repeat-frame": "repeats the picture",
    "time-jump": "time ran back by",
    "disconnect": "closed the connection",
}
TOLD_BY_RECORD = {
    "hang": "did not answer simGetImages ",
    "empty-image": "empty Scene image",
    "wrong-size": "32x24; the plan wants 64x48",
    "repeat-frame": "the camera moved but the picture is the one before",
    "time-jump": "simulator time went from",
    "disconnect": "lost the simulator",
}


@pytest.fixture(autouse=True)
def hurried(monkeypatch):
    """How fast captures come is told of fewer of them."""
    monkeypatch.setattr(conformance, "_THROUGHPUT_S", 0.05)


@pytest.fixture
def faulty(world, tmp_path):  # noqa: F811
    """Returns a function that starts a server with a fault and connects to it."""
    settings = small_settings(tmp_path / "settings.json")
    opened = []

    def start(fault, every):
        options = EmbeddedOptions(port=0, settings=settings, fault=fault, fault_every=every)
        server = EmbeddedServer(options, world)
        server.warm_up()
        server.start()
        connected = SimulatorClient(
            "127.0.0.1", server.port, timeout_s=1.5 if fault == "hang" else 20.0
        )
        opened.extend([connected.close, server.stop])
        connected.confirmConnection()
        return connected

    yield start
    while opened:  # what the list holds, a test that expects an error holds for long
        opened.pop(0)()


def test_the_embedded_simulator_passes_every_check(client):  # noqa: F811
    checks = list(examine(client))
    assert {c.name: c.found for c in checks if c.verdict != PASS} == {}
    assert len(checks) == 15
    stepping = next(c for c in checks if c.name == "stepping")
    assert "off its place by 0.000 ms" in stepping.found
    poses = next(c for c in checks if c.name == "poses")
    assert "0.000 mm and 0.000 degrees off" in poses.found
    assert checks[-1].found == "works: pose, step, realtime"


@pytest.mark.parametrize("fault", TOLD_BY_DOCTOR)
def test_the_doctor_tells_each_fault(faulty, fault):
    failed = [c for c in examine(faulty(fault, 4)) if c.verdict == FAIL]
    assert any(TOLD_BY_DOCTOR[fault] in f"{c.found} {c.remedy}" for c in failed), failed


@pytest.mark.parametrize("fault", TOLD_BY_RECORD)
def test_a_recording_stops_at_each_fault_and_keeps_what_came_before(faulty, tmp_path, fault):
    folder = tmp_path / "walk"
    recorder = Recorder(
        faulty(fault, 6), RecordOptions(palette=DOCUMENTED), lambda what, done, total: None
    )
    with pytest.raises(SimulatorError) as caught:
        recorder.record("walk", small_plan(speed_mps=5), folder)
    assert TOLD_BY_RECORD[fault] in str(caught.value)
    recording = Recording.open(folder)
    assert len(recording) == 4  # one capture warms up
    assert recording.info.status == "failed"
    assert TOLD_BY_RECORD[fault] in recording.info.reason


def test_every_fault_but_lateness_stops_a_recording():
    assert set(FAULTS) - {"delay"} == set(TOLD_BY_RECORD)


@pytest.mark.parametrize(("captures", "verdict"), [([], FAIL), ([0, 1, 5], PASS)])
def test_airsims_own_size_of_images_is_told_unless_it_is_asked_for(
    world,  # noqa: F811
    tmp_path,
    captures,
    verdict,
):
    """AirSim's settings.md: 256x144 where settings.json has no entry, or was not found."""
    entries = [{"ImageType": kind, "Width": 256, "Height": 144} for kind in captures]
    content = {"CameraDefaults": {"CaptureSettings": entries}} if entries else {}
    settings = tmp_path / "settings.json"
    settings.write_text(json.dumps({"SimMode": "Multirotor", **content}))
    server = EmbeddedServer(EmbeddedOptions(port=0, settings=settings), world)
    with server, SimulatorClient("127.0.0.1", server.port) as patient:
        check = next(c for c in examine(patient) if c.name == "images of one instant")
    assert "Scene 256x144" in check.found
    assert check.verdict == verdict
    assert ("`airseg settings PLAN`" in check.remedy) == (verdict == FAIL)


class Changed:
    """A client that does something otherwise, and the rest as it did."""

    def __init__(self, client):  # noqa: F811
        self._client = client

    def __getattr__(self, name):
        return getattr(self._client, name)


def test_a_method_that_is_missing_is_not_supported_rather_than_failed(client):  # noqa: F811
    class WithoutSteps(Changed):
        """Its clock runs, as in AirSim's ComputerVision mode."""

        def simGetImages(self, requests):
            answers = client.simGetImages(requests)
            for answer in answers:
                answer.time_stamp = time.monotonic_ns()
            return answers

        def simContinueForTime(self, seconds):
            client.call("simContinueForTimeOfMars", seconds)

    checks = {c.name: c for c in examine(WithoutSteps(client))}
    assert checks["stepping"].verdict == UNSUPPORTED


def check_of(client, name):  # noqa: F811
    """Return one check; those behind it are not made."""
    return next(c for c in examine(client) if c.name == name)


def test_a_lens_that_another_program_bent_is_told_as_record_tells_it(client):  # noqa: F811
    """AirSim keeps it until it ends, for all cameras (PIPCamera.cpp)."""
    client.call("simSetDistortionParam", "0", "K2", 0.25, "", False)
    try:
        check = check_of(client, "camera, weather and light")
    finally:
        client.call("simSetDistortionParam", "0", "K2", 0.0, "", False)
    assert check.verdict == FAIL
    assert "camera 0 has a lens that bends its images (K2 0.25)" in check.found
    assert check_of(client, "camera, weather and light").verdict == PASS


def test_weather_that_cannot_be_set_is_told_because_no_recording_begins_then(client):  # noqa: F811
    class WithoutWeather(Changed):
        def simEnableWeather(self, enable):
            client.call("simEnableWeatherOfMars", enable)

    check = check_of(WithoutWeather(client), "camera, weather and light")
    assert check.verdict == FAIL
    assert "could not find function" in check.found


def test_a_clock_that_nobody_steps_is_told_and_no_mode_works(
    world,  # noqa: F811
    tmp_path,
    monkeypatch,
):
    """ComputerVision and SteppableClock: every time stamp is the start's (airsim_behaviour 1.2)."""
    monkeypatch.setattr(conformance, "_STEPS", 5)
    settings = tmp_path / "settings.json"
    content = {**small_content("ComputerVision"), "ClockType": "SteppableClock"}
    settings.write_text(json.dumps(content))
    options = EmbeddedOptions(port=0, settings=settings, clock="airsim")
    with EmbeddedServer(options, world) as server, SimulatorClient("127.0.0.1", server.port) as cv:
        checks = {c.name: c for c in examine(cv)}
        recorder = Recorder(cv, RecordOptions(palette=DOCUMENTED), lambda *told: None)
        with pytest.raises(SimulatorError, match="a SteppableClock never moves"):
            recorder.record("walk", small_plan(vehicle="camera"), tmp_path / "walk")
    assert checks["stepping"].verdict == FAIL
    assert "leave ClockType out" in checks["stepping"].remedy
    assert checks["modes of record"].verdict == FAIL
    assert checks["modes of record"].found == "works: none; does not: pose, step, realtime"


def test_a_colour_that_belongs_to_no_id_is_told_as_record_tells_it(client):  # noqa: F811
    """An overlay, say: three rows have colours that ids do not change."""

    class WithOverlay(Changed):
        def simGetImages(self, requests):
            answers = client.simGetImages(requests)
            for answer in answers:
                if int(answer.image_type) == 5:
                    drawn = bytearray(answer.image_data_uint8)
                    drawn[: 64 * 3 * 3] = bytes(range(192)) * 3
                    answer.image_data_uint8 = bytes(drawn)
            return answers

    check = check_of(WithOverlay(client), "segmentation colours")
    assert check.verdict == FAIL
    assert "192 pixels of the segmentation image have colours that belong to no id" in check.found


def test_the_command_prints_a_line_for_each_check(simulator, capsys):  # noqa: F811
    address = f"127.0.0.1:{simulator.port}"
    code, out, _ = run(capsys, "doctor", "--simulator", address)
    assert code == 0
    assert out.count("pass") == 15
    code, out, _ = run(capsys, "doctor", "--simulator", address, "--json")
    assert {c["verdict"] for c in json.loads(out)} == {"pass"}


def test_an_unknown_fault_gets_the_nearest_name(capsys):
    code, _, err = run(capsys, "sim", "--fault", "hangs", "--port", "0")
    assert code == 2
    assert "Did you mean 'hang'" in said(err)
