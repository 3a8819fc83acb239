"""Regular expressions of label maps: for whole mesh names, and never for longer than a moment.

A map comes from anybody, and an expression such as ``(a+)+b`` takes Python's own engine years on
thirty letters; the `regex` package reads the same expressions and can be told when to stop.
"""

from __future__ import annotations

import regex

from airseg.errors import LabelMapError

_LIMIT_S = 0.5
_LONGEST = 2000


class NamePattern:
    """An expression that a whole name must match, upper and lower case being the same.

    Args:
        text: the expression.

    Raises:
        ValueError: it is none, or a very long one.
    """

    def __init__(self, text: str) -> None:
        if len(text) > _LONGEST:
            raise ValueError(f"an expression of more than {_LONGEST:,} characters")
        try:
            self._pattern = regex.compile(text, regex.IGNORECASE)
        except (regex.error, OverflowError, RecursionError, MemoryError) as cause:
            raise ValueError(f"'{text}' is not a regular expression: {cause}") from None
        self.text = text

    def fullmatch(self, name: str) -> bool:
        """Tell whether the whole of a name matches.

        Raises:
            LabelMapError: that cannot be told within half a second.
        """
        try:
            return self._pattern.fullmatch(name, timeout=_LIMIT_S) is not None
        except TimeoutError:
            raise LabelMapError(
                f"the expression '{self.text}' takes more than {_LIMIT_S} s on the name "
                f"'{name[:60]}': it repeats what repeats already. Write it more simply."
            ) from None
