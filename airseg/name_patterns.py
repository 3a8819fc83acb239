"""Regular expressions of others, for whole names: none takes longer than a moment.

A label map comes from anybody, and so does a call to the embedded simulator. An expression such as
``(a+)+b`` takes Python's own engine years on thirty letters; the `regex` package reads the same
expressions and can be told when to stop.
"""

from __future__ import annotations

import functools
import re
import time

import regex

from airseg.errors import AirsegError

_LIMIT_S = 0.5
_LONGEST = 2000
# As long as it takes to name each mesh of a large world; built in half a second.
_LONGEST_OF_CLIENTS = 100_000
# Five times what it really is, so that only what is slow is counted.
_USUAL_BUILD_S, _USUAL_MATCH_S = 1e-3, 20e-6
_LOOK_EVERY_S = 0.01
_PATIENCE_S = 2.0
_PARTS = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\{(\d+)(?:,\d*)?\}|.", re.DOTALL)


class SlowPatternError(AirsegError):
    """Expressions take longer on names than anybody wants to wait."""


class Patience:
    """How long many expressions may take together, each of which may be just about fast enough.

    Work with expressions stands in a ``with`` block, and says after each step how long that usually
    takes; what takes longer is counted, in processor time, so that a busy machine changes nothing.
    """

    def __init__(self) -> None:
        self._left = _PATIENCE_S
        self._began = self._looked = self._usual = 0.0

    def __enter__(self) -> Patience:
        self._began, self._looked, self._usual = time.thread_time(), time.perf_counter(), 0.0
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self._count()

    def after(self, *, built: int = 0, matched: int = 0) -> None:
        """Go on after expressions were built, or names were matched.

        Raises:
            SlowPatternError: the patience is at its end.
        """
        self._usual += built * _USUAL_BUILD_S + matched * _USUAL_MATCH_S
        # Asking for processor time takes as long as matching a name.
        if time.perf_counter() - self._looked > _LOOK_EVERY_S:
            self._count()
            self.__enter__()

    def _count(self) -> None:
        self._left -= max(time.thread_time() - self._began - self._usual, 0)
        if self._left < 0:
            raise SlowPatternError(
                f"the expressions take more than {_PATIENCE_S:g} s together: each repeats what "
                "repeats already, or counts far. Write them more simply."
            )


class NamePattern:
    """An expression that a whole name must match.

    Args:
        text: the expression.
        any_case: whether upper and lower case are the same.
        longest: the most characters, with counts such as ``{300}`` written out: that is what the
            engine does with them, so that a few of them in each other fill the memory.

    Raises:
        ValueError: it is no expression, or a very long one.
    """

    def __init__(self, text: str, *, any_case: bool = True, longest: int = _LONGEST) -> None:
        if len(text) > longest or _written_out(text) > longest:
            raise ValueError(
                f"an expression of more than {longest:,} characters, counts written out"
            )
        try:
            self._pattern = regex.compile(text, regex.IGNORECASE if any_case else 0)
        except (regex.error, OverflowError, RecursionError, MemoryError) as cause:
            raise ValueError(f"'{text}' is not a regular expression: {cause}") from None
        self.text = text

    def fullmatch(self, name: str) -> bool:
        """Tell whether the whole of a name matches.

        Raises:
            SlowPatternError: that cannot be told within half a second.
        """
        try:
            return self._pattern.fullmatch(name, timeout=_LIMIT_S) is not None
        except TimeoutError:
            raise SlowPatternError(
                f"the expression '{self.text[:200]}' takes more than {_LIMIT_S} s on the name "
                f"'{name[:60]}': it repeats what repeats already. Write it more simply."
            ) from None


@functools.lru_cache(maxsize=512)  # a recorder asks the same of all meshes at every flight
def places_of_matches(text: str, names: tuple[str, ...], *, any_case: bool) -> tuple[int, ...]:
    """Return the places of the names that a client's expression matches wholly.

    Raises:
        ValueError: it is no expression.
        SlowPatternError: it takes too long on one name, or on all of them.
    """
    found = []
    with Patience() as patience:
        pattern = NamePattern(text, any_case=any_case, longest=_LONGEST_OF_CLIENTS)
        for place, name in enumerate(names):
            if pattern.fullmatch(name):
                found.append(place)
            patience.after(matched=1)
    return tuple(found)


def _written_out(text: str) -> int:
    """Return how long an expression is once its counts are written out."""
    open_groups, last = [0], 0
    for part in _PARTS.finditer(text):
        count = part[1]
        if part[0] == "(":
            open_groups.append(0)
            continue
        if part[0] == ")" and len(open_groups) > 1:
            last = open_groups.pop()
            open_groups[-1] += last
        elif count:
            open_groups[-1] += last * max(int(count[:9]) - 1, 0)
        else:
            last = 1
            open_groups[-1] += 1
    return sum(open_groups)
