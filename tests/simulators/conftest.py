"""Fixtures of the simulator tests."""

import pytest
from paused_simulators import paused  # noqa: F401
from raw_rpc import RawClient
from small_simulator import client, simulator, world  # noqa: F401


@pytest.fixture
def raw(simulator):  # noqa: F811
    connected = RawClient(simulator.port)
    yield connected
    connected.close()
