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
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

import numpy as np

from airseg.errors import SimulatorError
from airseg.labels.instances import contradiction, names_of_instances, raw_ids_of_instances
from airseg.recording.flying.instant import Capturer, Instant
from airseg.recording.flying.mesh_ids import IdDecoder, Palette, family_pattern, group_meshes
from airseg.recording.flying.scene import SceneIds
from airseg.recording.stored.storage import ObjectGroup
from airseg.simulators.embedded.sensing.instance_ids import COLOR_COUNT, instance_palette

_IDS = 255
_DIGITS = _IDS - 1
_POLLS = 25
_NAMES_A_CALL = 32
_COSYS_VERSION = 4
# What Cosys-AirSim draws of things that have no number (its docs/instance_segmentation.md).
_COSYS_NONE = ((0, 0, 0), (149, 149, 149))


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

    def numbers(
        self,
        frame: int,
        instant: Instant,
        drawn: np.ndarray,
        raw_ids: np.ndarray,
        looked: np.ndarray | None,
    ) -> np.ndarray:
        """Return (H, W) uint32, the number of the object in each pixel of a view; 0 is none.

        Args:
            frame: for messages.
            instant: what the simulator delivered for the view.
            drawn: (H, W) unsigned, see `SceneIds.decode`; raw_ids: (H, W) uint8.
            looked: what `look` took of the view.

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
    if not instances or client.getServerVersion() != _COSYS_VERSION:
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
    table, listed = ids.table(), client.simListSceneObjects()
    if _are_places(capturer.numbers(), len(listed)):
        capturer.ask_for_numbers()
        return ToldNumbers(listed, table)
    if not time_stands_still:
        raise SimulatorError(
            "objects are told apart by several looks at one instant, and in real time there is "
            "none. Record with --mode pose or step, or without --instances."
        )
    ids.measure_all(capturer.colors, progress)
    return IdPasses(client, capturer, table, ids.palette)


def _are_places(values: np.ndarray | None, count: int) -> bool:
    """Whether floats are places in a list; AirSim itself answers a colour's red, 0 to 1."""
    if values is None or not np.isfinite(values).all():
        return False
    return bool((values == np.floor(values)).all() and 1 < values.max() < count)


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

    def numbers(
        self,
        frame: int,
        instant: Instant,
        drawn: np.ndarray,
        raw_ids: np.ndarray,
        looked: np.ndarray | None,
    ) -> np.ndarray:
        places = instant.numbers
        if places is None or not ((places >= 0) & (places < len(self._number))).all():
            raise SimulatorError(
                f"frame {frame}: the simulator tells of objects that it does not list. Was one "
                "spawned during the recording?"
            )
        numbers = self._number[places.astype(np.int64)]
        if told := contradiction(numbers, raw_ids, self._table):
            raise SimulatorError(f"frame {frame}: {told} Were objects spawned or destroyed?")
        return numbers


class DrawnNumbers:
    """Every object is drawn in a colour of its own; see `ObjectIds`."""

    name = "drawn in a colour of its own"

    def look(self, answers: list[Any]) -> list[np.ndarray] | None:
        """Everything comes with the frame."""

    def numbers(
        self,
        frame: int,
        instant: Instant,
        drawn: np.ndarray,
        raw_ids: np.ndarray,
        looked: np.ndarray | None,
    ) -> np.ndarray:
        return drawn.astype(np.uint32, copy=False)


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
        self._palette = Palette({n: tuple(c) for n, c in enumerate(colors)}, _COSYS_NONE)
        self._groups = [(mesh, (mesh,)) for mesh in meshes]
        self._ids = {n: n + 1 for n in range(len(meshes))}
        self._checked = np.zeros(len(meshes) + 1, np.int64)
        self._raw_ids = raw_ids_of_instances(self.table())

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


class IdPasses:
    """Further looks at one instant, in each of which objects have other ids.

    The frame's own image shows the id f of a family, 1 to 255. For the first look, its member i is
    given the id f + 1 + (i modulo 254), around modulo 255; where families are larger, the second
    look adds 1 + i / 254 to that in the same way, and so on: what an id has gone up by is a digit
    of i. No member of such a family keeps its id, so that a pixel that was drawn before the change
    shows. Then the families' ids are set again, and the image must be the frame's own once more,
    bit by bit: nothing has moved, and the next frame begins as this one did.

    Setting ids and drawing does not let time pass (AirSim 1.8, `SimModeBase`, `RenderRequest`);
    poses and time stamps of the looks are compared with the frame's.

    A frame costs a call for each id that is given (at most 255 a look, and more where many objects
    share one), one for each family in sight to set it back, and two images of a view or more.

    Args:
        client: the simulator, whose ids are those of the table.
        capturer: takes the images.
        table: of the recording.
        palette: colours of all 255 ids.
    """

    def __init__(
        self, client: Any, capturer: Capturer, table: tuple[ObjectGroup, ...], palette: Palette
    ) -> None:
        self._client, self._capturer, self._table = client, capturer, table
        self._decoder = IdDecoder(palette)
        self._first = np.zeros(256, np.int64)  # number of each family's first object
        self._members = np.zeros(256, np.int64)
        number = 1
        for group in table:
            self._first[group.id], self._members[group.id] = number, len(group.meshes)
            number += len(group.meshes)
        self.name = f"{1 + self._looks(range(256))} passes of ids"

    def look(self, answers: list[Any]) -> list[np.ndarray] | None:
        frame_images = self._capturer.segmentation(answers)
        own = [self._decode(image) for image in self._capturer.pixels(frame_images)]
        seen = np.unique(np.concatenate([np.unique(ids) for ids in own]))
        several = [group for group in self._table if group.id in seen and len(group.meshes) > 1]
        before, places = own, [np.zeros(ids.shape, np.int64) for ids in own]
        for digit in range(self._looks(seen)):
            self._give(several, digit)
            before, digits = self._settled(frame_images, own, before, digit)
            for place, found in zip(places, digits, strict=True):
                place += found * _DIGITS**digit
        self._set_back(several, frame_images, own)
        return [self._number(ids, place) for ids, place in zip(own, places, strict=True)]

    def numbers(
        self,
        frame: int,
        instant: Instant,
        drawn: np.ndarray,
        raw_ids: np.ndarray,
        looked: np.ndarray | None,
    ) -> np.ndarray:
        numbers = np.asarray(looked)
        if told := contradiction(numbers, raw_ids, self._table):
            raise SimulatorError(f"frame {frame}: {told} Does another program set ids?")
        return numbers

    def _looks(self, families: Sequence[int] | np.ndarray) -> int:
        """Return how many further looks tell the objects of some families apart."""
        most = int(self._members[list(families)].max(initial=0))
        looks = 0
        while _DIGITS**looks < most:
            looks += 1
        return looks

    def _give(self, groups: Sequence[ObjectGroup], digit: int) -> None:
        """Give each object of some families the id of a look, the digit'th."""
        names: dict[int, list[str]] = defaultdict(list)
        for group in groups:
            if len(group.meshes) > _DIGITS**digit:
                for place, mesh in enumerate(group.meshes):
                    names[_id_in_look(group.id, place, digit)].append(mesh)
        for wanted, meshes in names.items():
            for some in _in_pieces(meshes, _NAMES_A_CALL):
                pattern = "|".join(re.escape(mesh) for mesh in some)
                self._client.simSetSegmentationObjectID(pattern, wanted, True)

    def _settled(
        self, frame_images: list[Any], own: list[np.ndarray], before: list[np.ndarray], digit: int
    ) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Return ids and digits of each view, once the change has reached the images."""
        for _ in range(_POLLS):
            now = self._look_again(frame_images)
            digits = [
                self._digits(ids, past, present, digit)
                for ids, past, present in zip(own, before, now, strict=True)
            ]
            wrong = sum(int((found < 0).sum()) for found in digits)
            if not wrong:
                return now, digits
        raise SimulatorError(
            f"{wrong} pixels of the segmentation image tell of no object: they kept their id when "
            "every object of their family got another. Is there a mesh that simListSceneObjects "
            "does not name? Record without --instances."
        )

    def _digits(
        self, own: np.ndarray, past: np.ndarray, present: np.ndarray, digit: int
    ) -> np.ndarray:
        """Return (H, W) int64 digits of an image; -1 where there can be none."""
        up = (present.astype(np.int64) - past) % _IDS
        is_told = self._members[own] > _DIGITS**digit
        return np.where(is_told, up - 1, np.where(past == present, 0, -1))

    def _set_back(
        self, groups: Sequence[ObjectGroup], frame_images: list[Any], own: list[np.ndarray]
    ) -> None:
        """Give some families their own ids, and wait until the images show them."""
        if not groups:
            return
        for group in groups:
            self._client.simSetSegmentationObjectID(family_pattern(group.group), group.id, True)
        for _ in range(_POLLS):
            now = self._look_again(frame_images)
            if all(np.array_equal(a, b) for a, b in zip(now, own, strict=True)):
                return
        raise SimulatorError(
            "the segmentation image is not the frame's own again once the ids are. Something "
            "moves while time stands still, or another program sets ids; objects cannot be told "
            "apart then. Record without --instances."
        )

    def _look_again(self, frame_images: list[Any]) -> list[np.ndarray]:
        """Return the ids of each view, of the very instant of the frame."""
        answers = self._capturer.look_again()
        for mine, first in zip(answers, frame_images, strict=True):
            moved = _pose_values(mine) != _pose_values(first)
            later = int(mine.time_stamp) - int(first.time_stamp)
            if moved or (later and not self._capturer.time_runs):
                raise SimulatorError(
                    f"the camera moved, or {later / 1e6:.1f} ms passed, between looks at one "
                    "frame. Is the simulator paused?"
                )
        return [self._decode(image) for image in self._capturer.pixels(answers)]

    def _decode(self, image: np.ndarray) -> np.ndarray:
        return self._decoder.decode(image, 0)

    def _number(self, own: np.ndarray, places: np.ndarray) -> np.ndarray:
        """Return (H, W) uint32 numbers; those of no object of a family are one beyond all."""
        is_member = places < self._members[own]
        beyond = self._members.sum() + 1
        numbers = np.where(is_member, self._first[own] + places, beyond)
        numbers[own == 0] = 0
        return numbers.astype(np.uint32)


def _id_in_look(family: int, place: int, digit: int) -> int:
    """Return the id that the member of a family at a place has in a look, 1 to 255."""
    value = family - 1
    for _ in range(digit + 1):
        value += 1 + place % _DIGITS
        place //= _DIGITS
    return value % _IDS + 1


def _in_pieces(names: list[str], size: int) -> Iterator[list[str]]:
    for first in range(0, len(names), size):
        yield names[first : first + size]


def _pose_values(answer: Any) -> tuple[float, ...]:
    p, q = answer.camera_position, answer.camera_orientation
    return (p.x_val, p.y_val, p.z_val, q.w_val, q.x_val, q.y_val, q.z_val)
