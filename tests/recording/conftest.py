"""Fixtures of the recording tests."""

from small_simulator import client, simulator, world  # noqa: F401
