"""One order to a multirotor: a loop of goals, and the answer that waits for its end."""

from __future__ import annotations

from airseg.simulators.embedded.answers import Deferred
from airseg.simulators.embedded.vehicles.simple_flight.moves import Loop

_PERIOD_NS = 20_000_000


class Task:
    """Runs a loop, see `moves`, each time its turn comes.

    Attributes:
        answer: resolves when the loop ends: with what it returns, or with False when cancelled.
        wake_ns: simulator time of the next turn; None when it has ended.
    """

    def __init__(self, loop: Loop) -> None:
        self.answer = Deferred()
        self.wake_ns: int | None = 0
        self._loop = loop

    def run(self, now_ns: int) -> None:
        """Take a turn."""
        try:
            next(self._loop)
        except StopIteration as end:
            self._end(bool(end.value))
        else:
            self.wake_ns = now_ns + _PERIOD_NS

    def cancel(self) -> None:
        """End it with the answer False, unless it has ended."""
        if self.wake_ns is not None:
            self._loop.close()
            self._end(False)

    def _end(self, result: bool) -> None:
        self.wake_ns = None
        self.answer.resolve(result)
