"""Writing a sequence folder so that nothing complete is ever lost.

Files are encoded by a few threads while the next frame is captured. Each is written under another
name and renamed; the frame's line follows when all its files are in place, in order. A kill at any
moment loses at most the frames in flight.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
import threading
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np
from isal import isal_zlib

from airseg.errors import RecordingError
from airseg.labels.instances import colors_of_numbers
from airseg.recording.stored.continuing import continued, first_suspect, refuse_another_flight
from airseg.recording.stored.folder_lock import folder_lock
from airseg.recording.stored.frame_table import (
    FRAME_TABLE,
    INSTANCE_COLUMNS,
    INSTANCE_TABLE,
    header,
    read_frames,
    read_sound_frames,
    sealed,
    sealed_lines,
)
from airseg.recording.stored.png import encode_png
from airseg.recording.stored.storage import (
    ALL_KINDS,
    RecordingInfo,
    Segment,
    frame_file,
    read_info,
    refuse_lost_files,
)
from airseg.text_files import read_file

_ENCODERS = 2
_IN_FLIGHT = 8
_CHECKED_AT_RESUME = 4
_PRIORITY = 10
_FRAME = re.compile(r"[0-9]{1,18}\.png(?:\.part)?")
# Colour must keep up with the camera; labels are small, and a little more effort costs nothing.
# Given up when the disk is full, so that there is room to write down why the recording stopped.
_RESERVE_BYTES = 256 * 1024


@dataclass(frozen=True)
class Frame:
    """One captured instant.

    Attributes:
        timestamp_ns: the simulator's time; plan_time_ns: time since the flight began.
        pose: (7,) position and quaternion of the camera, NED metres, w x y z.
        velocity: (3,) of the vehicle, m/s.
        rgb: (H, W, 3) uint8; ids: (H, W) uint8; depth: (H, W) float16 metres, or None.
        flow: (H, W, 2) float16 pixels, or None.
        instance: (H, W) uint32, the number of the object, or None.
    """

    timestamp_ns: int
    plan_time_ns: int
    pose: np.ndarray
    velocity: np.ndarray
    rgb: np.ndarray
    ids: np.ndarray
    depth: np.ndarray | None
    flow: np.ndarray | None = None
    instance: np.ndarray | None = None


class RecordingWriter:
    """Writes one sequence; a context manager that waits for its encoders.

    Args:
        folder: the sequence's folder; it is made, or continued if it holds the same flight.
        info: what to write into `recording.json`.
        most: keep no more frames than this of what is there.
        is_locked: whether the caller holds the folder's lock.

    Attributes:
        count: how many frames there are; last: the last of them, a row of `frames.csv`, or None.

    Raises:
        RecordingError: another recorder works there, or the folder holds another flight.
    """

    def __init__(
        self, folder: Path, info: RecordingInfo, most: int | None = None, *, is_locked: bool = False
    ) -> None:
        self.folder, self.info = folder, info
        self._most = most
        self._reserve = folder / ".reserve"
        with contextlib.ExitStack() as stack:
            if not is_locked:
                stack.enter_context(folder_lock(folder))
            try:
                self._resume()
                write_file(self._reserve, bytes(_RESERVE_BYTES), sync=False)
            except OSError as cause:
                raise _cannot_write(folder, cause) from None
            self._locked = stack.pop_all()
        self._pool = ThreadPoolExecutor(
            _ENCODERS, thread_name_prefix="encode", initializer=_step_back
        )
        self._pending: deque[Future[tuple[str, ...]]] = deque()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *raised: object) -> None:
        try:
            if raised[0] is None:
                self._drain(0)
            else:
                self._drain_what_works()
        finally:
            self._pool.shutdown(wait=True, cancel_futures=True)
            for table in self._tables:
                with contextlib.suppress(OSError):  # a full disk was told already
                    table.close()
            self._reserve.unlink(missing_ok=True)
            self._locked.close()

    def add(self, frame: Frame) -> None:
        """Take a frame; returns when there is room for the next.

        Raises:
            RecordingError: a file cannot be written, because the disk is full, say. The frames
                before it are kept.
        """
        index = self.count
        self.count += 1
        self._pending.append(self._pool.submit(self._encode, index, frame))
        self._drain(_IN_FLIGHT)

    def finish(self, status: str, reason: str = "", notes: dict | None = None) -> None:
        """Wait for the frames in flight and say how the recording ended."""
        self._drain(0)
        try:
            self._sync()
        except OSError as cause:
            raise _cannot_write(self.folder, cause) from None
        self.describe(status, reason, notes)

    def fail(self, reason: str, notes: dict | None = None) -> None:
        """Say that the recording stopped, and why; on a full disk with the room kept for that."""
        self._reserve.unlink(missing_ok=True)
        with contextlib.suppress(RecordingError):  # the first error is the one to tell
            self._drain(0)
        self._pending.clear()
        with contextlib.suppress(OSError):
            self._sync()
        self.count = len(read_sound_frames(self.folder)[0])
        with contextlib.suppress(RecordingError):  # what is on the disk stays as it is
            self.describe("failed", reason, notes)

    def describe(self, status: str, reason: str = "", notes: dict | None = None) -> None:
        """Write `recording.json`."""
        self.info = replace(
            self.info,
            status=status,
            reason=reason,
            notes={**self.info.notes, **(notes or {})},
            frames=self.count,
        )
        try:
            write_file(self.folder / "recording.json", self.info.to_json().encode())
        except OSError as cause:
            raise _cannot_write(self.folder, cause) from None

    def _resume(self) -> None:
        found = None
        if (self.folder / "recording.json").exists():
            found = read_info(self.folder)
            refuse_another_flight(self.folder, found, self.info)
        else:
            _refuse_strangers(self.folder)
        frames = read_frames(self.folder)
        kept = len(frames) if self._most is None else min(len(frames), self._most)
        if found is not None and (suspect := first_suspect(found)) is not None:
            kept = min(kept, suspect)  # what may be mislabelled is flown again
        # A frame whose files do not match its line was torn off with whatever came after it.
        while kept and not all(
            self._is_whole(frames.iloc[i].to_dict(), i)
            for i in range(max(0, kept - _CHECKED_AT_RESUME), kept)
        ):
            kept -= 1
        if found is not None:
            refuse_lost_files(self.folder, self.info, kept)
        self.count = kept
        # Column by column: a row as a whole would be floats, and nanoseconds have too many digits.
        self.last = {c: frames[c].iloc[kept - 1] for c in frames} if kept else None
        if found is None:
            self.info = replace(self.info, segments=(Segment(0),))
        else:
            self.info = continued(found, self.info, kept)
        refuse_links(self.folder)
        for kind in self.info.kinds:
            directory = self.folder / kind
            directory.mkdir(exist_ok=True)
            for path in frame_files(directory):
                if path.suffix == ".part" or int(path.stem) >= kept:
                    path.unlink()
        self._tables = [
            cut_table(self.folder, table, columns, kept).open("a", encoding="ascii", newline="\n")
            for table, columns in tables_of(self.info)
        ]

    def _sync(self) -> None:
        for table in self._tables:
            table.flush()
            os.fsync(table.fileno())

    def _is_whole(self, row: dict, index: int) -> bool:
        """Tell whether all files of a frame are there and match their checksums."""
        for kind in self.info.kinds:
            try:
                data = read_file(frame_file(self.folder, kind, index), RecordingError)
            except RecordingError:
                return False
            if isal_zlib.crc32(data) != int(row.get(f"{kind}_crc32", -1)):
                return False
        return True

    def _encode(self, index: int, frame: Frame) -> tuple[str, ...]:
        """Write a frame's files and return its line in each table, see `tables_of`."""
        sums = {"rgb": 0, "seg": 0, "depth": 0}
        if self.info.has_flow:
            sums["flow"] = 0
        images = {"rgb": frame.rgb, "seg": frame.ids}
        if frame.depth is not None:
            images["depth"] = frame.depth.view(np.uint16)
        if frame.flow is not None:
            height, width, _ = frame.flow.shape
            images["flow"] = frame.flow.view(np.uint16).reshape(height, 2 * width)
        if frame.instance is not None:
            images["instance"] = colors_of_numbers(frame.instance)
        for kind, image in images.items():
            content = encode_png(image)
            write_file(frame_file(self.folder, kind, index), content, sync=False)
            sums[kind] = isal_zlib.crc32(content)
        values = [index, frame.timestamp_ns, frame.plan_time_ns]
        values += [f"{v:.9g}" for v in (*frame.pose, *frame.velocity)]  # type: ignore[misc]
        rows = [(index, sums.pop("instance"))] if self.info.has_instance else []
        return tuple(
            sealed(",".join(str(v) for v in row)) for row in (*rows, (*values, *sums.values()))
        )

    def _drain(self, leave: int) -> None:
        """Write lines of finished frames, in order, until at most `leave` are in flight."""
        while self._pending and (len(self._pending) > leave or self._pending[0].done()):
            future = self._pending.popleft()
            try:
                for table, line in zip(self._tables, future.result(), strict=True):
                    table.write(line + "\n")
                    table.flush()
            except OSError as cause:
                self._pending.clear()
                raise _cannot_write(self.folder, cause) from None

    def _drain_what_works(self) -> None:
        """After an error: keep the frames that were captured before it."""
        try:
            self._drain(0)
        except RecordingError:
            self._pending.clear()  # the first error is the one to tell


def _cannot_write(folder: Path, cause: OSError) -> RecordingError:
    where = f": {Path(str(cause.filename)).name}" if cause.filename else ""
    return RecordingError(
        f"{folder}: cannot write ({cause.strerror}{where}). Every complete frame is kept; make "
        "room and run the same command again."
    )


def _step_back() -> None:
    """Let the simulator's threads go first where they share this machine's cores.

    A frame may be written at any time before the eighth after it is taken; what the simulator
    draws is waited for. Only Linux has a priority for each thread.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _PRIORITY)


def frame_files(directory: Path) -> list[Path]:
    """Return the files of a kind's folder that a recorder named; none where there is no folder."""
    found = directory.iterdir() if directory.is_dir() else ()
    return [path for path in found if _FRAME.fullmatch(path.name)]


def refuse_links(folder: Path) -> None:
    """Refuse to write or remove frames where a link leads out of a recording's folder.

    Raises:
        RecordingError: names the link.
    """
    for kind in ALL_KINDS:
        if (folder / kind).is_symlink():
            raise RecordingError(
                f"{folder / kind}: is a link, and frames are written and removed only in the "
                "recording's own folder. Put the frames there, or choose another --out."
            )


def tables_of(info: RecordingInfo) -> list[tuple[str, tuple[str, ...]]]:
    """Return name and columns of each table, the one last whose lines make frames."""
    more = [(INSTANCE_TABLE, INSTANCE_COLUMNS)] if info.has_instance else []
    return [*more, (FRAME_TABLE, info.columns)]


def cut_table(folder: Path, table: str, columns: tuple[str, ...], kept: int) -> Path:
    """Keep the first lines of a table, which is made where there is none; return where it lies."""
    lines = [header(columns), *sealed_lines(folder, kept, table)]
    write_file(folder / table, ("\n".join(lines) + "\n").encode())
    return folder / table


def _refuse_strangers(folder: Path) -> None:
    """Refuse a folder that has no description, but frames: nobody knows which flight they show."""
    holding = [kind for kind in ALL_KINDS if any((folder / kind).glob("[!.]*"))]
    if holding or len(read_sound_frames(folder)[0]):
        raise RecordingError(
            f"{folder}: has {holding[0] + '/' if holding else FRAME_TABLE} and no recording.json, "
            "so nobody knows which flight that is. Restore it, move the folder away, or choose "
            "another --out."
        )


def write_file(path: Path, content: bytes, *, sync: bool = True) -> None:
    """Write a file under another name, then give it its own."""
    beside = path.with_name(path.name + ".part")
    if beside.is_symlink():
        beside.unlink()  # what it leads to is somebody else's
    try:
        with beside.open("wb") as file:
            file.write(content)
            if sync:
                file.flush()
                os.fsync(file.fileno())
        beside.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            beside.unlink()
        raise
