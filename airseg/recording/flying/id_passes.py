"""Telling objects apart where there are 255 ids: the same instant, drawn again with other ids."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from airseg.errors import SimulatorError
from airseg.labels.instances import contradiction
from airseg.recording.flying.instant import Capturer, Seen
from airseg.recording.flying.mesh_ids import IdDecoder, Palette, family_pattern
from airseg.recording.stored.storage import ObjectGroup

_IDS = 255
_DIGITS = _IDS - 1
_POLLS = 25
_NAMES_A_CALL = 32


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

    def numbers(self, seen: Seen) -> np.ndarray:
        numbers = np.asarray(seen.looked)
        if told := contradiction(numbers, seen.raw_ids, self._table):
            raise SimulatorError(f"frame {seen.frame}: {told} Does another program set ids?")
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
            self._client.simSetSegmentationObjectID(family_pattern(group.meshes), group.id, True)
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
