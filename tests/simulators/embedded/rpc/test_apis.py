"""The table of methods says what the server does, and leaves nothing out."""

import re
from pathlib import Path

import pytest
from raw_rpc import RawClient
from small_simulator import small_settings

from airseg.simulators.embedded.rpc.method_table import support_table
from airseg.simulators.embedded.rpc.rpc_server import NO, PARTLY, YES
from airseg.simulators.embedded.server import EmbeddedOptions, EmbeddedServer

ROOT = Path(__file__).parents[4]


def test_each_method_is_supported_partly_or_not_and_says_what_is_missing():
    table = support_table()
    assert len({name for name, _, _ in table}) == len(table) > 120
    for name, support, note in table:
        assert support in (YES, PARTLY, NO), name
        assert bool(note) == (support != YES), name


def test_no_method_of_the_official_client_is_left_out():
    sources = sorted(ROOT.glob(".venv-airsim/lib/python3*/site-packages/airsim/client.py"))
    if not sources:
        pytest.skip("the official client is not installed; `make test` installs it")
    called = set(re.findall(r"client\.call(?:_async)?\(['\"](\w+)['\"]", sources[0].read_text()))
    assert len(called) > 100
    assert called - {name for name, _, _ in support_table()} == set()


@pytest.mark.parametrize("mode", ["Multirotor", "Car", "ComputerVision"])
def test_a_method_that_is_not_supported_says_so(world, tmp_path, mode):
    settings = small_settings(tmp_path / "settings.json", mode)
    with EmbeddedServer(EmbeddedOptions(port=0, settings=settings), world) as server:
        client = RawClient(server.port)
        for name, support, _ in support_table():
            if support == NO:
                count = len(server._rpc._methods[name].kinds)
                assert "is not supported by the embedded" in client.error(name, *[0] * count)
        assert "could not find function" in client.error("simInventSomething", 1)
        client.close()
