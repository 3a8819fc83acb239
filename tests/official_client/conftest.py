"""Fixtures of the official clients' tests."""

from small_simulator import world  # noqa: F401
