"""The errors airseg raises on purpose.

Every message says what was found, what was expected and what to do. The command line prints
the message on one line and exits with code 2; a traceback appears only with ``--debug``.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class AirsegError(Exception):
    """Any mistake in the input or the surroundings that a user can do something about."""


class PlanError(AirsegError):
    """A flight plan cannot be read, or asks for something impossible."""


class LabelMapError(AirsegError):
    """A label map cannot be read, or leaves meshes without a class."""


class RecordingError(AirsegError):
    """A recording is damaged, incomplete, or does not fit what is asked of it."""


class OtherFormatError(RecordingError):
    """A recording is of a format that this airseg does not read, which is no damage."""


class DatasetError(AirsegError):
    """A dataset file is damaged, of an unknown version, or lacks what is asked of it."""


class RecipeError(AirsegError):
    """A benchmark recipe cannot be read, or asks for something impossible."""


class SimulatorError(AirsegError):
    """The simulator cannot be reached, stopped answering, or delivered unusable data."""


class RpcError(SimulatorError):
    """The simulator answered a call with an error of its own."""


class LostSimulatorError(SimulatorError):
    """The simulator cannot be reached, closed the connection, or did not answer in time."""


class HubError(AirsegError):
    """A repository of the Hugging Face Hub cannot be read or written."""


class SettingsError(AirsegError):
    """A simulator's settings.json cannot be used."""


def first_line(cause: object, most: int = 200) -> str:
    """Return the first line of what an exception of a library says; its kind if it says nothing."""
    lines = str(cause).strip().splitlines() or [type(cause).__name__]
    return lines[0][:most]


def did_you_mean(name: str, known: Iterable[str], heading: str = "") -> str:
    """Return `` Did you mean 'x'?`` for the nearest known name, or what there is.

    Args:
        name: what the user wrote.
        known: the names that exist.
        heading: of the list of all names that is returned where none is near, such as `` Maps: a,
            b.``; without a heading that is an empty string.
    """
    known = list(known)
    # What goes on where the name ends is nearer than what is spelt like it: speed_mps, not seed.
    longer = [k for k in known if k.startswith(f"{name}_")]
    close = difflib.get_close_matches(name, longer or known, n=1, cutoff=0 if longer else 0.5)
    if close:
        return f" Did you mean '{close[0]}'?"
    return f" {heading}: {', '.join(known) or 'none'}." if heading else ""


def no_such(kind: str, name: str, known: Iterable[str]) -> str:
    """Return what to say of a name that nothing has: the nearest one there is, or all.

    Args:
        kind: what it should be the name of.
        name: what the user wrote.
        known: the names that exist.
    """
    return f"there is no {kind} '{name}'.{did_you_mean(name, known, 'There are')}"
