"""What other packages add to airseg: they name it under entry points, and it is found by name.

A package lists what it brings in its ``pyproject.toml``, and nothing here is edited::

    [project.entry-points."airseg.models"]
    my_network = "my_package.network:my_network"

Groups: ``airseg.models``, ``airseg.importers``, ``airseg.exporters``, ``airseg.worlds``,
``airseg.label_maps``, ``airseg.flight_plans`` and ``airseg.recipes``. What is shipped goes first: a
package cannot take a shipped name for something else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Generic, TypeVar

from airseg.errors import AirsegError, first_line, no_such

Thing = TypeVar("Thing")


def extensions(group: str, shipped: Iterable[str] = ()) -> dict[str, EntryPoint]:
    """Return what installed packages add to a group, by name, sorted.

    Args:
        group: such as ``airseg.models``.
        shipped: names that airseg has itself.

    Raises:
        AirsegError: two packages, or a package and airseg, have one name for two things.
    """
    found: dict[str, EntryPoint] = {}
    taken = set(shipped)
    for entry in sorted(entry_points(group=group), key=lambda e: (e.name, e.value)):
        other = found.get(entry.name)
        if entry.name in taken or (other and other.value != entry.value):
            owner = package_of(other) if other else "airseg itself"
            raise AirsegError(
                f"{package_of(entry)}: its entry point {entry.name} of {group} has the name of "
                f"one of {owner}. Rename it, or uninstall one of them."
            )
        found[entry.name] = entry
    return found


def load_extension(entry: EntryPoint) -> Any:
    """Return what an entry point names.

    Raises:
        AirsegError: it cannot be imported.
    """
    try:
        return entry.load()
    except Exception as cause:  # whatever the package does when it is imported
        raise AirsegError(
            f"{package_of(entry)}: {entry.group} {entry.name} = {entry.value} cannot be imported "
            f"({type(cause).__name__}: {first_line(cause)}). Mend the package, or uninstall it."
        ) from cause


def package_of(entry: EntryPoint) -> str:
    """Return name and version of the package that an entry point comes from."""
    return f"{entry.dist.name} {entry.dist.version}" if entry.dist else "a package without a name"


class Registry(Generic[Thing]):
    """Things of one kind by name: shipped ones, and those that installed packages add.

    Args:
        kind: what messages call one, such as ``world``.
        group: of entry points.
        shipped: the things that airseg has itself, asked for when they are needed.
        is_one: tells whether what a package names is such a thing.
        expected: what it should be, for the error if it is not.
        error: what to raise where there is no such name.
    """

    def __init__(
        self,
        kind: str,
        group: str,
        shipped: Callable[[], Mapping[str, Thing]],
        is_one: Callable[[Any], bool],
        expected: str,
        error: type[AirsegError],
    ) -> None:
        self._kind, self._group, self._shipped = kind, group, shipped
        self._is_one, self._expected, self._error = is_one, expected, error

    def names(self) -> list[str]:
        """Return all names, sorted; nothing of other packages is imported."""
        shipped = self._shipped()
        return sorted([*shipped, *extensions(self._group, shipped)])

    def __getitem__(self, name: str) -> Thing:
        """Return the thing of a name.

        Raises:
            AirsegError: there is none, its package cannot be imported, or it is something else.
        """
        shipped = self._shipped()
        if name in shipped:
            return shipped[name]
        entry = extensions(self._group, shipped).get(name)
        if entry is None:
            raise self._error(no_such(self._kind, name, self.names()))
        thing = load_extension(entry)
        if not self._is_one(thing):
            raise self._error(
                f"{package_of(entry)}: {entry.group} {entry.name} = {entry.value}: expected "
                f"{self._expected}, found {type(thing).__name__}."
            )
        return thing
