"""Attributes of HDF5 objects, read with suspicion: whatever they hold, the error is one line.

A file comes from anybody. An attribute may be missing, of another type, an array, no valid text,
JSON of the wrong kind, or JSON nested so deeply that parsing it overflows the stack.
"""

from __future__ import annotations

import json
import math
from typing import Any

import h5py
import numpy as np

from airseg.dataset.format.schema import DETAIL_ATTRIBUTES
from airseg.errors import DatasetError
from airseg.path_names import PATH_NAMES, is_path_name

PACK_AGAIN = "Pack it again with 'airseg relabel'."
DAMAGE = (OSError, RuntimeError, KeyError, ValueError, TypeError, OverflowError, AttributeError)
"""What h5py raises over a file whose own tables are damaged."""

_SHOWN = 40


class Attributes:
    """The attributes of one HDF5 object, with errors that name what is missing.

    Args:
        path: the file, for messages.
        place: the object's name inside it, for messages.
        attributes: h5py's view of them.
    """

    def __init__(self, path: object, place: str, attributes: h5py.AttributeManager) -> None:
        self._path, self._place, self._attributes = path, place, attributes

    def __contains__(self, name: str) -> bool:
        return name in self._attributes

    def _get(self, name: str) -> Any:
        if name not in self._attributes:
            raise DatasetError(
                f"{self._path}: {self._place} has no attribute '{name}', so it is no airseg "
                f"dataset. {PACK_AGAIN}"
            )
        try:
            return self._attributes[name]
        except Exception as cause:  # h5py raises almost anything for types it does not know
            raise self._wrong(name, "readable", type(cause).__name__) from None

    def _wrong(self, name: str, expected: str, found: object) -> DatasetError:
        shown = " ".join(ascii(found).split())
        shown = shown if len(shown) <= _SHOWN else shown[:_SHOWN] + "..."
        return DatasetError(
            f"{self._path}: {self._place}: attribute '{name}' should be {expected}, found {shown}. "
            f"{PACK_AGAIN}"
        )

    def text(self, name: str) -> str:
        """Return a text attribute."""
        value = self._get(name)
        try:
            text = value.decode() if isinstance(value, bytes) else value
            if isinstance(text, str):
                text.encode()  # h5py hides invalid bytes as surrogates, which cannot be printed
                return str(text)
        except UnicodeError:
            pass
        raise self._wrong(name, "a text", value)

    def word(self, name: str) -> str:
        """Return a text that can be printed on one line."""
        text = self.text(name)
        if not is_printable(text):
            raise self._wrong(name, "a printable text of one line", text)
        return text

    def number(self, name: str) -> float:
        """Return a number attribute, which is finite."""
        value = self._get(name)
        is_number = isinstance(value, int | float | np.integer | np.floating)
        if not is_number or not math.isfinite(value):
            raise self._wrong(name, "a number", value)
        return value

    def integer(self, name: str, lowest: int, highest: int) -> int:
        """Return a whole number between two others."""
        value = self.number(name)
        if value != int(value) or not lowest <= value <= highest:
            raise self._wrong(name, f"a whole number from {lowest} to {highest}", value)
        return int(value)

    def json(self, name: str, kind: type) -> Any:
        """Return an attribute that holds JSON of one kind."""
        text = self.text(name)
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            value = None
        if not isinstance(value, kind):
            raise self._wrong(name, f"a JSON {kind.__name__}", text)
        return value

    def class_names(self) -> list[str]:
        """Return the class table: names that are texts, differ, and fit into 8 bits."""
        names = self.json("classes", list)
        are_texts = all(isinstance(n, str) and n and is_printable(n) for n in names)
        if not are_texts or len(set(names)) != len(names) or not 1 <= len(names) <= 255:
            raise self._wrong("classes", "a JSON list of 1 to 255 different names", names)
        return names

    def object_table(self) -> list[dict[str, Any]]:
        """Return the object table: entries with id, group and meshes."""
        table = self.json("object_table", list)
        for entry in table:
            is_entry = (
                isinstance(entry, dict)
                and type(entry.get("id")) is int
                and 0 <= entry["id"] <= 255
                and isinstance(entry.get("group"), str)
                and isinstance(entry.get("meshes"), list)
                and all(isinstance(mesh, str) for mesh in entry["meshes"])
            )
            if not is_entry:
                raise self._wrong("object_table", "entries of id, group and meshes", entry)
        return table

    def details(self) -> dict[str, Any]:
        """Return the attributes of `DETAIL_ATTRIBUTES` that are there."""
        found: dict[str, Any] = {}
        for name, kind in DETAIL_ATTRIBUTES.items():
            if name in self._attributes:
                read = {dict: self.json, float: self.number}.get(kind, self.text)
                found[name] = read(name, kind) if kind is dict else kind(read(name))  # type: ignore[operator]
        return found


def is_printable(text: str) -> bool:
    """Whether a text is free of line ends, terminal escapes and the like."""
    return text.isprintable()


def check_environment(environment: str, place: object) -> None:
    """Refuse the name of a world that could be written, but not be read back; see `word`.

    Raises:
        DatasetError: it cannot be printed on one line.
    """
    if not is_printable(environment):
        raise DatasetError(
            f"{place}: {environment[:_SHOWN]!a} cannot name an environment: its name is one "
            "printable line. Rename the folder, or correct the plan."
        )


def check_sequence_name(name: str, place: object) -> None:
    """Refuse names that are no file names, because exporters make folders of them.

    Args:
        name: of the sequence.
        place: where it was found, for the message.

    Raises:
        DatasetError: the name is empty, too long, a path, or cannot be printed.
    """
    if not is_path_name(name):
        raise DatasetError(f"{place}: {name[:_SHOWN]!a} cannot name a sequence: {PATH_NAMES}.")
