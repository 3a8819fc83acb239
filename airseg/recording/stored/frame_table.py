"""`frames.csv`: one line a frame, with checksums of the frame's files and of the line itself.

A line is written when all files of its frame are in place, so a frame exists if and only if its
line does. What follows the last newline was torn off and does not count.

Streams that came after format 2 have tables of their own, such as `instance.csv`, whose lines are
written before those of `frames.csv`: readers that do not know them pass them by.
"""

from __future__ import annotations

import zlib
from pathlib import Path

import pandas as pd

from airseg.errors import RecordingError
from airseg.text_files import read_file

POSE_COLUMNS = ("pos_x", "pos_y", "pos_z", "q_w", "q_x", "q_y", "q_z")
COLUMNS = (
    "index",
    "timestamp_ns",
    "plan_time_ns",
    *POSE_COLUMNS,
    "vel_x",
    "vel_y",
    "vel_z",
    "rgb_crc32",
    "seg_crc32",
    "depth_crc32",
)
FLOW_COLUMNS = (*COLUMNS, "flow_crc32")
INSTANCE_COLUMNS = ("index", "instance_crc32")
FRAME_TABLE = "frames.csv"
INSTANCE_TABLE = "instance.csv"
LINE_CHECKSUM = "line_crc32"
"""The last column: CRC-32 of the line's bytes before its last comma. Format 1 has none."""

_EMPTY = {FRAME_TABLE: COLUMNS, INSTANCE_TABLE: INSTANCE_COLUMNS}
_MEASURED = {*POSE_COLUMNS, "vel_x", "vel_y", "vel_z"}
_HEADERS = {
    ",".join(columns + sealed).encode(): (columns, bool(sealed))
    for columns in (COLUMNS, FLOW_COLUMNS)
    for sealed in ((), (LINE_CHECKSUM,))
} | {",".join((*INSTANCE_COLUMNS, LINE_CHECKSUM)).encode(): (INSTANCE_COLUMNS, True)}


def header(columns: tuple[str, ...]) -> str:
    """Return the first line of a table."""
    return ",".join((*columns, LINE_CHECKSUM))


def sealed(values: str) -> str:
    """Return a line with the checksum of its values behind them."""
    return f"{values},{zlib.crc32(values.encode('ascii'))}"


def read_frames(folder: Path) -> pd.DataFrame:
    """Read the complete lines of `frames.csv`; a torn last line does not count.

    Raises:
        RecordingError: a line before the last one is damaged.
    """
    frames, damage = read_sound_frames(folder)
    if damage:
        raise RecordingError(
            f"{damage} `airseg verify --repair` cuts the recording before it; the frames above it "
            "are kept."
        )
    return frames


def read_sound_frames(folder: Path) -> tuple[pd.DataFrame, str]:
    """Read the lines of `frames.csv`, and those of `instance.csv`, up to the first damaged one.

    Returns:
        The frames, and what is wrong with the line after them, or an empty text.

    Raises:
        RecordingError: the file cannot be read at all.
    """
    frames, damage = _read_sound(folder / FRAME_TABLE)
    if not (folder / INSTANCE_TABLE).exists():
        return frames, damage
    instances, other = _read_sound(folder / INSTANCE_TABLE)
    if len(instances) < len(frames):
        lacking = (
            f"{folder / INSTANCE_TABLE}:{len(instances) + 2}: frame {len(instances)} has none."
        )
        frames, damage = frames.iloc[: len(instances)], other or lacking
    joined = frames.assign(instance_crc32=instances["instance_crc32"].iloc[: len(frames)])
    return joined.astype({"instance_crc32": "int64"}), damage


def _read_sound(path: Path) -> tuple[pd.DataFrame, str]:
    """Read a table up to the first damaged line; also return what is wrong with that one."""
    columns, lines, is_sealed = _read_lines(path)
    rows, damage = [], ""
    for number, line in enumerate(lines):
        try:
            rows.append(_values(line, number, columns, is_sealed=is_sealed))
        except ValueError as cause:
            damage = f"{path}:{number + 2}: damaged line ({cause})."
            break
    types = {c: "float64" if c in _MEASURED else "int64" for c in columns}
    return pd.DataFrame(rows, columns=list(columns)).astype(types), damage


def sealed_lines(folder: Path, most: int, table: str = FRAME_TABLE) -> list[str]:
    """Return the first lines of a table, without its header; those of format 1 are sealed now."""
    _, lines, is_sealed = _read_lines(folder / table)
    texts = [line.decode("ascii") for line in lines[:most]]
    return texts if is_sealed else [sealed(text) for text in texts]


def _read_lines(path: Path) -> tuple[tuple[str, ...], list[bytes], bool]:
    """Return the columns, the lines below the header, and whether they carry checksums."""
    if not path.exists():
        return _EMPTY[path.name], [], True
    lines = read_file(path, RecordingError).replace(b"\r\n", b"\n").split(b"\n")[:-1]
    if not lines:
        return _EMPTY[path.name], [], True
    columns, is_sealed = _HEADERS.get(lines[0], ((), True))
    if not columns or (columns == INSTANCE_COLUMNS) != (path.name == INSTANCE_TABLE):
        raise RecordingError(f"{path}:1: the columns are not those of a recording.")
    return columns, lines[1:], is_sealed


def _values(
    line: bytes, number: int, columns: tuple[str, ...], *, is_sealed: bool
) -> list[int | float]:
    """Return what a line holds; ValueError says why it cannot be trusted."""
    if is_sealed:
        line, _, checksum = line.rpartition(b",")
        if checksum != str(zlib.crc32(line)).encode():
            raise ValueError("its checksum differs")
    texts = line.decode("ascii", errors="replace").split(",")
    if len(texts) != len(columns) or int(texts[0]) != number:
        raise ValueError("wrong number of values, or out of order")
    values = [
        float(text) if column in _MEASURED else int(text)
        for column, text in zip(columns, texts, strict=True)
    ]
    if any(isinstance(value, int) and abs(value) >= 1 << 63 for value in values):
        raise ValueError("a number is too large")
    return values
