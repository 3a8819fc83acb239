"""Tell every object from every other, whatever a simulator can draw.

Three ways lead to the number of the object in each pixel (`airseg.labels.instances`), the first
that works is taken:

- `ToldNumbers`: the embedded simulator says it, as floats of the segmentation image.
- `DrawnNumbers`: Cosys-AirSim has 2,744,000 colours, and every object gets one.
- `IdPasses`: AirSim has 255 ids. While time stands still the objects of the families in sight are
  given other ids, and are drawn again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np

from airseg.errors import SimulatorError
from airseg.labels.instances import contradiction, names_of_instances, raw_ids_of_instances
from airseg.recording.flying.id_passes import IdPasses
from airseg.recording.flying.instant import Capturer, Seen
from airseg.recording.flying.mesh_ids import (
    COSYS_NONE,
    COSYS_VERSION,
    Palette,
    group_meshes,
    strayed_groups,
)
from airseg.recording.flying.scene import SceneIds
from airseg.recording.stored.storage import ObjectGroup
from airseg.simulators.embedded.sensing.instance_ids import COLOR_COUNT, instance_palette


class Numbering(Protocol):
    """A way to the numbers of objects.

    Attributes:
        name: what the recording's notes call it.
    """

    name: str

    def look(self, answers: list[Any]) -> list[np.ndarray] | None:
        """Take what more is needed of the present instant, by the thread that captures.

        Args:
            answers: what was fetched of it.
        """

    def numbers(self, seen: Seen) -> np.ndarray:
        """Return (H, W) uint32, the number of the object in each pixel of a view; 0 is none.

        Raises:
            SimulatorError: a pixel's object cannot be told, or is not of its family.
        """


def scene_ids(client: Any, palette: Palette | None, *, instances: bool) -> SceneIds:
    """Return the ids of a scene: of its families, or of each object where there is room for that.

    Args:
        client: the simulator.
        palette: colours of ids; None measures them.
        instances: whether objects are to be told apart.

    Raises:
        SimulatorError: colours are given where every object has one of its own.
    """
    if not instances or client.getServerVersion() != COSYS_VERSION:
        return SceneIds(client, palette)
    if palette is not None:
        raise SimulatorError(
            "--palette gives the colours of 256 ids; with --instances Cosys-AirSim draws every "
            "object in one of its own. Leave --palette out."
        )
    return ObjectIds(client)


def choose_numbering(
    client: Any,
    ids: SceneIds,
    capturer: Capturer,
    go_to_start: Callable[[], None],
    progress: Callable[[int, int], None],
    *,
    time_stands_still: bool,
) -> Numbering:
    """Find the way that works; time stands still afterwards.

    Args:
        client: the simulator.
        ids: prepared.
        capturer: asked for more from now on, where that is the way.
        go_to_start: puts something in view.
        progress: told how many colours are measured, of how many.
        time_stands_still: whether it will, while a frame is captured.

    Raises:
        SimulatorError: there is none.
    """
    if isinstance(ids, ObjectIds):
        return DrawnNumbers()
    client.simPause(True)
    go_to_start()
    table, places = ids.table(), capturer.numbers()
    told = ToldNumbers(client.simListSceneObjects(), table)
    raw_ids = ids.raw_ids(ids.decode(capturer.colors(), 0))
    if places is not None and told.fits(places, raw_ids):
        capturer.ask_for_numbers()
        return told
    if not time_stands_still:
        raise SimulatorError(
            "objects are told apart by several looks at one instant, and in real time there is "
            "none. Record with --mode pose or step, or without --instances."
        )
    ids.measure_all(capturer.colors, progress)
    return IdPasses(client, capturer, table, ids.palette)


class ToldNumbers:
    """The simulator says which of its objects a pixel shows.

    Args:
        listed: the simulator's list of objects.
        table: of the recording.
    """

    name = "told by the simulator"

    def __init__(self, listed: Sequence[str], table: tuple[ObjectGroup, ...]) -> None:
        own = {mesh: number for number, mesh in enumerate(names_of_instances(table))}
        self._table = table
        self._number = np.array([own.get(mesh, 0) for mesh in listed], np.uint32)

    def look(self, answers: list[Any]) -> list[np.ndarray] | None:
        """Everything comes with the frame."""

    def numbers(self, seen: Seen) -> np.ndarray:
        places = seen.instant.numbers
        if places is None or not self._are_places(places):
            raise SimulatorError(
                f"frame {seen.frame}: the simulator tells of objects that it does not list. Was "
                "one spawned during the recording?"
            )
        numbers = self._number[places.astype(np.int64)]
        if told := contradiction(numbers, seen.raw_ids, self._table):
            raise SimulatorError(f"frame {seen.frame}: {told} Were objects spawned or destroyed?")
        return numbers

    def fits(self, places: np.ndarray, raw_ids: np.ndarray) -> bool:
        """Whether floats are places in the list, and agree with the ids of the same instant.

        AirSim itself answers the red of a colour, 0 to 1.
        """
        if not self._are_places(places) or places.shape != raw_ids.shape:
            return False
        return not contradiction(self._number[places.astype(np.int64)], raw_ids, self._table)

    def _are_places(self, values: np.ndarray) -> bool:
        is_whole = np.isfinite(values).all() and (values == np.floor(values)).all()
        return bool(is_whole and values.min() >= 0 and values.max() < len(self._number))


class DrawnNumbers:
    """Every object is drawn in a colour of its own; see `ObjectIds`."""

    name = "drawn in a colour of its own"

    def look(self, answers: list[Any]) -> list[np.ndarray] | None:
        """Everything comes with the frame."""

    def numbers(self, seen: Seen) -> np.ndarray:
        return seen.drawn.astype(np.uint32, copy=False)


class ObjectIds(SceneIds):
    """An id, and so a colour, for every object: Cosys-AirSim's instance segmentation.

    Colours are those of its list, which is part of its client (`colormap.npy`); they are checked
    as those of families are.
    """

    def __init__(self, client: Any) -> None:
        super().__init__(client, None)
        self._families: list[tuple[str, tuple[str, ...]]] = []

    def prepare(
        self,
        go_to_start: Callable[[], None],
        capture: Callable[[], np.ndarray],
        progress: Callable[[int, int], None],
    ) -> None:
        if self._groups:
            return
        listed = list(self._client.simListInstanceSegmentationObjects())
        if not 0 < len(listed) < COLOR_COUNT:
            raise SimulatorError(
                f"the simulator lists {len(listed)} objects with instance segmentation. Is "
                "InitialInstanceSegmentation switched off in settings.json?"
            )
        self._client.simSetSegmentationObjectID(".*", 0, True)
        self._families = group_meshes(listed)
        meshes = [mesh for _, group in self._families for mesh in group]
        for number, mesh in enumerate(meshes, 1):
            self._client.simSetSegmentationObjectID(mesh, number, False)
            progress(number, len(meshes))
        colors = instance_palette(len(meshes) + 1).tolist()
        self._palette = Palette({n: tuple(c) for n, c in enumerate(colors)}, COSYS_NONE)
        self._groups = [(mesh, (mesh,)) for mesh in meshes]
        self._ids = {n: n + 1 for n in range(len(meshes))}
        self._checked = np.zeros(len(meshes) + 1, np.int64)
        self._raw_ids = raw_ids_of_instances(self.table())

    def assign_again(self) -> None:
        """Set the numbers once more that are others; thousands of calls, if all were set."""
        for number in strayed_groups(self._client, self._groups, self._ids):
            self._client.simSetSegmentationObjectID(self._pattern(number), self._ids[number], True)

    def table(self) -> tuple[ObjectGroup, ...]:
        rows, number = [], 1
        for raw_id, (family, meshes) in enumerate(self._families, 1):
            rows.append(ObjectGroup(raw_id, family, meshes, self.palette.colors[number]))
            number += len(meshes)
        return tuple(rows)

    def count(self, drawn: np.ndarray) -> np.ndarray:
        return np.bincount(drawn.ravel(), minlength=len(self._checked))

    def raw_ids(self, drawn: np.ndarray) -> np.ndarray:
        return self._raw_ids[drawn]

    def _pattern(self, number: int) -> str:
        return re.escape(self._groups[number][0])
