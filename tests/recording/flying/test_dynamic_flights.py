"""Flights by the vehicle's own dynamics: what does not fly is no recording of a flight."""

import json

import pytest
from small_simulator import small_content, small_plan
from test_recorder import DOCUMENTED

from airseg.errors import SimulatorError
from airseg.recording import conformance
from airseg.recording.flying.assignment import RecordOptions
from airseg.recording.flying.recorder import Recorder
from airseg.recording.stored.storage import Recording
from airseg.simulators.client import SimulatorClient
from airseg.simulators.embedded.server import EmbeddedOptions, EmbeddedServer

STEP = {"mode": "step", "rate_hz": 1, "speed_mps": 10, "depth": False}


@pytest.fixture
def connect(world, tmp_path):
    """Returns a function that starts a simulator of some settings and connects to it."""
    opened = []

    def start(**settings):
        path = tmp_path / "settings.json"
        path.write_text(json.dumps({**small_content(), **settings}))
        server = EmbeddedServer(EmbeddedOptions(port=0, settings=path), world)
        server.start()
        client = SimulatorClient("127.0.0.1", server.port)
        opened.extend([client.close, server.stop])
        return client

    yield start
    while opened:
        opened.pop(0)()


def fly(client, folder, **fields):
    recorder = Recorder(client, RecordOptions(palette=DOCUMENTED), lambda *told: None)
    return recorder.record(folder.name, small_plan(**{**STEP, **fields}), folder)


def test_a_multirotor_that_stays_where_it_is_put_is_told_before_it_is_recorded(
    connect, tmp_path, monkeypatch
):
    """ExternalPhysicsEngine: moves do nothing (airsim_behaviour, chapter 3)."""
    client = connect(PhysicsEngineName="ExternalPhysicsEngine")
    with pytest.raises(SimulatorError, match="ExternalPhysicsEngine, by which a multirotor stays"):
        fly(client, tmp_path / "fly")
    assert len(Recording.open(tmp_path / "fly")) == 0
    monkeypatch.setattr(conformance, "_STEPS", 3)
    (modes,) = (c for c in conformance.examine(client) if c.name == "modes of record")
    assert modes.found == "works: pose, realtime; does not: step"


def test_a_multirotor_that_nobody_may_control_is_told(connect, tmp_path):
    """`enableApiControl` says nothing then (airsim_behaviour 5.2)."""
    drone = {"VehicleType": "SimpleFlight", "AllowAPIAlways": False}
    with pytest.raises(SimulatorError, match="lets nobody control the multirotor"):
        fly(connect(Vehicles={"Drone": drone}), tmp_path / "fly")


class Held:
    """A simulator in which somebody takes every order back at once."""

    def __init__(self, client):
        self._client = client

    def __getattr__(self, name):
        return getattr(self._client, name)

    def moveOnPathAsync(self, *order, **more):
        class Never:
            def done(self):
                return False

        return Never()


def test_a_flight_that_never_arrives_is_none_unless_it_is_cut_off(connect, tmp_path):
    client = Held(connect())
    with pytest.raises(SimulatorError, match=r"is \d\.\d m from the end of its path after three"):
        fly(client, tmp_path / "fly")
    assert fly(client, tmp_path / "cut", duration_s=1.0).frames > 1
