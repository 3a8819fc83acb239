"""`airseg sim` says what a person asked of it, and to programs that start it no more than that."""

import pytest
from command_line import run
from small_simulator import world  # noqa: F401

from airseg.cli import sim
from airseg.simulators.embedded import server


@pytest.mark.parametrize(("started_by", "told"), [([], True), (["--exit-with-stdin"], False)])
def test_kindness_is_told_to_whoever_asked_for_it(
    capsys,
    monkeypatch,
    world,  # noqa: F811
    started_by,
    told,
):
    """`airseg record --embedded` starts a simulator that resets fully: its choice, not a user's."""
    for name in ("warm_up", "serve_forever"):
        monkeypatch.setattr(server.EmbeddedServer, name, lambda server: None)
    plain = server.EmbeddedServer
    monkeypatch.setattr(server, "EmbeddedServer", lambda options: plain(options, world))
    monkeypatch.setattr(sim, "_stop_on_signals", lambda server: None)
    monkeypatch.setattr(sim, "_stop_at_end_of_input", lambda server: None)
    code, out, err = run(capsys, "sim", "--port", "0", "--ideal", "full-reset", *started_by)
    assert code == 0
    assert "listening on 127.0.0.1:" in out
    assert ("kinder than AirSim: full-reset" in err) == told


def test_a_port_that_is_none_is_told(capsys):
    code, _, err = run(capsys, "sim", "--port", "99999")
    assert code == 2
    assert "'--port': 99999 is not in the range" in err
