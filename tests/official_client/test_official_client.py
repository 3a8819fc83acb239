"""The official clients, each in an environment of its own, accept the embedded simulator.

The simulators run in this process, so that it can be told which methods the clients have called.
"""

import json
import os
import re
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from airseg.simulators.embedded.rpc.method_table import support_table
from airseg.simulators.embedded.rpc.rpc_server import NO
from airseg.simulators.embedded.server import EmbeddedOptions, EmbeddedServer

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
AIRSIM = Path(
    os.environ.get("AIRSEG_OFFICIAL_CLIENT_PYTHON") or ROOT / ".venv-airsim" / "bin" / "python"
)
COSYS = Path(os.environ.get("AIRSEG_COSYS_CLIENT_PYTHON") or ROOT / ".venv-cosys/bin/python")
SCRIPTS = sorted(p.name for p in (HERE / "scripts").glob("*.py"))

pytestmark = [
    pytest.mark.official_client,
    pytest.mark.skipif(
        not (AIRSIM.exists() and COSYS.exists()),
        reason=f"needs {AIRSIM} and {COSYS}; `make test` makes both",
    ),
]


def settings_text(mode, folder, **more):
    captures = [{"ImageType": k, "Width": 160, "Height": 120} for k in range(10)]
    return {
        "SimMode": mode,
        "ClockSpeed": 5.0,
        "CameraDefaults": {"CaptureSettings": captures},
        "ExternalCameras": {"tower": {"X": 10, "Y": 0, "Z": -25, "Pitch": -60}},
        "Recording": {"Folder": str(folder / "airsim")},
        **more,
    }


DRONE = {
    "VehicleType": "SimpleFlight",
    "Sensors": {
        "below": {"SensorType": 5, "Enabled": True, "Pitch": -90},
        "scanner": {
            "SensorType": 6,
            "Enabled": True,
            "NumberOfChannels": 16,
            "PointsPerSecond": 60_000,
            "VerticalFOVUpper": 5,
            "VerticalFOVLower": -40,
        },
    },
}


CAR = {
    "VehicleType": "PhysXCar",
    "Sensors": {
        "roof": {"SensorType": 6, "Enabled": True, "PointsPerSecond": 20_000},
        "down": {"SensorType": 5, "Enabled": True, "Pitch": -90},
        "ahead": {"SensorType": 5, "Enabled": True},
    },
}
CHAPTERS = {
    "multirotor": ("Multirotor", {"Vehicles": {"Drone1": DRONE}}),
    "sensors": ("Multirotor", {"Vehicles": {"Drone1": DRONE}}),
    "car": ("Car", {"Vehicles": {"Car1": CAR, "Car2": {**CAR, "X": 0, "Y": 4, "Z": 0}}}),
    "vision": ("ComputerVision", {}),
}


@pytest.fixture(scope="module")
def called():
    """Which methods the clients have called so far."""
    return set()


@pytest.fixture(scope="module")
def serve(world, called, tmp_path_factory):
    """Return a function that starts a simulator, once for each kind, and its port and folder."""
    running = {}

    def start(mode, dialect="airsim", **more):
        key = (mode, dialect, json.dumps(more))
        if key not in running:
            folder = tmp_path_factory.mktemp(mode)
            path = folder / "settings.json"
            path.write_text(json.dumps(settings_text(mode, folder, **more)))
            options = EmbeddedOptions(
                port=0, settings=path, dialect=dialect, ideal=("full-reset",), files=folder
            )
            server = EmbeddedServer(options, world)
            _note_calls(server, called)
            server.start()
            running[key] = (server, folder)
        server, folder = running[key]
        return server.port, folder

    yield start
    while running:
        _, (server, _) = running.popitem()
        server.stop()


def _note_calls(server, called):
    methods = server._rpc._methods

    def noting(name, function):
        def call(*params):
            called.add(name)
            return function(*params)

        return call

    for name, method in methods.items():
        methods[name] = replace(method, function=noting(name, method.function))


def run(python, script, *arguments, folder=None, seconds=150):
    return subprocess.run(
        [str(python), str(script), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
        cwd=folder,
    )


def accept(done):
    assert done.returncode == 0, done.stdout + done.stderr
    assert "all passed" in done.stdout


def one_drone(serve):
    return serve("Multirotor", Vehicles={"Drone1": DRONE})


@pytest.mark.parametrize("script", ["check_multirotor", "check_moves", "check_images"])
def test_a_multirotor_flies_and_sees(serve, script):
    port, _ = one_drone(serve)
    accept(run(AIRSIM, HERE / f"{script}.py", port))


def test_the_world_can_be_read_and_changed(serve):
    port, folder = one_drone(serve)
    accept(run(AIRSIM, HERE / "check_world.py", port, folder))


@pytest.mark.parametrize(
    ("what", "mode"), [("car", "Car"), ("camera", "ComputerVision"), ("several", "Multirotor")]
)
def test_other_modes_and_several_vehicles(serve, what, mode):
    drones = {
        "Drone1": {"VehicleType": "SimpleFlight"},
        "Drone2": {"VehicleType": "SimpleFlight", "X": 0, "Y": 4, "Z": 0},
    }
    more = {"Vehicles": drones} if what == "several" else {}
    port, _ = serve(mode, **more)
    accept(run(AIRSIM, HERE / "check_other_modes.py", what, port))


def test_every_supported_method_has_been_called_by_the_official_client(called):
    if len(called) < 50:
        pytest.skip("runs after the other tests of this file")
    supported = {name for name, support, _ in support_table() if support != NO}
    # Millions of numbers, which the client decodes one by one, for minutes: see test_server.
    too_large = {"simGetMeshPositionVertexBuffers"}
    assert supported - called - too_large == set()


@pytest.mark.slow
@pytest.mark.parametrize("chapter", CHAPTERS)
def test_samples_of_each_chapter_do_what_they_print(serve, chapter):
    mode, more = CHAPTERS[chapter]
    port, folder = serve(mode, **more)
    done = run(AIRSIM, HERE / f"samples_{chapter}.py", port, folder, seconds=280)
    print(done.stdout)
    accept(done)


def test_more_than_ninety_kinds_of_samples_are_run():
    kinds = [
        name
        for path in HERE.glob("samples_*.py")
        for name in re.findall(r"^@sample\ndef (\w+)", path.read_text(), re.MULTILINE)
    ]
    assert len(set(kinds)) == len(kinds)
    assert len(kinds) > 90


@pytest.mark.parametrize(
    "mode", [pytest.param("Multirotor", marks=pytest.mark.slow), "ComputerVision"]
)
def test_the_client_of_cosys_airsim_flies_and_sees(serve, mode):
    more = {"Annotation": [{"Name": "layer", "Type": 0, "Default": 0}]}
    if mode == "Multirotor":
        own = {
            "sonar": {"SensorType": 7, "Enabled": True, "DistanceLimit": 60},
            "turner": {"SensorType": 8, "Enabled": True, "NumberOfChannels": 8},
        }
        more["Vehicles"] = {"Drone1": {**DRONE, "Sensors": {**DRONE["Sensors"], **own}}}
    port, _ = serve(mode, "cosys", **more)
    accept(run(COSYS, HERE / "check_cosys_client.py", mode, port))


@pytest.mark.parametrize("script", SCRIPTS)
def test_scripts_that_people_have_run_unchanged(serve, script, tmp_path):
    text = (HERE / "scripts" / script).read_text()
    if "CarClient" in text:
        port, _ = serve("Car")
    elif "simSetVehiclePose" in text and "Multirotor" not in text:
        port, _ = serve("ComputerVision")
    elif "Drone2" in text:
        drones = {
            "Drone1": {"VehicleType": "SimpleFlight"},
            "Drone2": {"VehicleType": "SimpleFlight", "X": 0, "Y": 4, "Z": 0},
        }
        port, _ = serve("Multirotor", Vehicles=drones)
    else:
        port, _ = one_drone(serve)
    done = subprocess.run(
        [str(AIRSIM), str(HERE / "run_at_port.py"), str(port), str(HERE / "scripts" / script)],
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "done" in done.stdout
