"""What a dataset is packed from: one recorded sequence, or one sequence of another dataset."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from airseg.dataset.format.files import RemoteFile, locate
from airseg.dataset.packing.folder_layouts import (
    find_folder_sources,
    frames_of_others,
    load_palette,
)
from airseg.dataset.packing.folder_sources import LabelPalette
from airseg.dataset.packing.source import RawFrame, SequenceSource, suspect_frames
from airseg.dataset.reading import Dataset, SequenceView
from airseg.errors import DatasetError, RecordingError, did_you_mean
from airseg.labels.resolution import MeshGroup
from airseg.recording.stored.frame_table import POSE_COLUMNS
from airseg.recording.stored.storage import (
    KINDS,
    Recording,
    frame_file,
    refuse_deeper_recordings,
)

_DESCRIPTION = "recording.json"
_LZ4_OVER_PNG = 1.8
"""Size of LZ4 frames over PNG frames: 1.4 measured on rendered frames, 1.7 on noisy ones."""

_KEPT_NOTES = ("largest_step_error_ns", "late", "dropped", "suspect_frames")


class RecordingSource:
    """A recorded sequence; see `SequenceSource`."""

    def __init__(self, recording: Recording) -> None:
        info, frames = recording.info, recording.frames
        if not len(recording):
            raise RecordingError(
                f"{recording.path}: the recording has no frames (status: {info.status}"
                f"{'; ' + info.reason if info.reason else ''}). Record it, or leave it out."
            )
        self._recording = recording
        self.name = recording.name
        self.location = str(recording.path)
        self.split: str | None = info.split
        self.environment = info.environment
        self.length = len(recording)
        self.height, self.width = int(info.camera["height"]), int(info.camera["width"])
        self.has_depth, self.has_instance = info.has_depth, info.has_instance
        self.object_table: Sequence[MeshGroup] = recording.object_table
        self.details = {
            "plan": info.plan,
            "plan_fingerprint": info.plan_fingerprint,
            "mode": info.mode,
            "rate_hz": info.rate_hz,
            "camera": info.camera,
            "simulator": info.simulator,
            "recording": {
                "airseg_version": info.airseg_version,
                "status": info.status,
                "frames_planned": info.frames_planned,
                **{name: info.notes[name] for name in _KEPT_NOTES if name in info.notes},
                **self._time_jumps(recording),
            },
        }
        self.poses = frames[list(POSE_COLUMNS)].to_numpy(np.float64)
        if np.isnan(self.poses).all():
            raise RecordingError(
                f"{recording.path}: frame 0: its pose is no number, as in all frames. Record the "
                "sequence again, or leave it out."
            )
        self.timestamps_ns = frames["timestamp_ns"].to_numpy(np.int64)
        self.labelled: np.ndarray | None = None
        kinds = (*KINDS, "instance") if info.has_instance else KINDS
        checksums = frames[[f"{kind}_crc32" for kind in kinds]].to_numpy(np.int64)
        self.fingerprint = hashlib.blake2b(checksums.tobytes(), digest_size=16).hexdigest()
        self.stored_bytes = self._estimate_stored_bytes()
        self.warnings = self._list_warnings()

    def read_ids(self, index: int) -> np.ndarray:
        """Return the raw ids of one frame: (H, W) uint8."""
        return _checked_ids(self._recording.read_ids(index), self.location, index)

    def read(self, index: int, *, with_depth: bool) -> RawFrame:
        """Return everything of one frame."""
        return RawFrame(
            self._recording.read_rgb(index),
            self.read_ids(index),
            self._recording.read_depth(index) if with_depth else None,
            self._recording.read_instance(index) if self.has_instance else None,
        )

    @staticmethod
    def _time_jumps(recording: Recording) -> dict[str, int]:
        """Return the largest step error with what lies between the runs of a continued one."""
        info, times = recording.info, recording.frames["timestamp_ns"].to_numpy()
        starts = [s.first for s in info.segments if 0 < s.first < len(times)]
        admitted = info.notes.get("largest_step_error_ns")
        if not starts or admitted is None:
            return {}
        off = np.abs(np.diff(times) - round(1e9 / info.rate_hz))
        return {"largest_step_error_ns": max(admitted, *(int(off[s - 1]) for s in starts))}

    def _estimate_stored_bytes(self) -> int:
        """Return the disk a dataset needs for these frames, from the size of the last one."""
        kinds = [kind for kind in self._recording.info.kinds if kind != "flow"]
        files = [frame_file(self._recording.path, kind, self.length - 1) for kind in kinds]
        compressed = sum(file.stat().st_size for file in files if file.is_file())
        return int(self.length * compressed * _LZ4_OVER_PNG)

    def _list_warnings(self) -> list[str]:
        info = self._recording.info
        if info.status == "complete":
            return []
        planned = f" of {info.frames_planned} planned" if info.frames_planned else ""
        reason = f" ({info.reason})" if info.reason else ""
        return [
            f"{self.name}: the recording is {info.status}{reason}: "
            f"its {self.length}{planned} frames are packed"
        ]


class DatasetSource:
    """A sequence of a dataset that kept its raw labels; see `SequenceSource`."""

    def __init__(self, dataset: Dataset, view: SequenceView) -> None:
        if not view.has_raw_label:
            raise DatasetError(
                f"{dataset.path}: sequence {view.name} was packed without raw labels (--no-raw), "
                "so it cannot be relabelled. Relabel its recording instead."
            )
        self._view = view
        self.name = view.name
        self.location = f"{dataset.path}: {view.name}"
        self.split: str | None = view.split
        self.environment = view.environment
        self.length, self.height, self.width = view.length, view.height, view.width
        self.has_depth, self.has_instance = view.has_depth, view.has_instance
        self.object_table: Sequence[MeshGroup] = view.object_table
        self.details = view.details
        self.poses = view.poses
        self.timestamps_ns = view.timestamps_ns
        digests = dataset.digests(view.name)
        self.fingerprint = view.content_hash + "".join(
            digests.get(name, "") for name in ("depth", "instance")
        )
        self.labelled = view.labelled if view.has_unlabelled else None
        self.stored_bytes = dataset.path.stat().st_size * view.length // max(1, len(dataset))
        self.warnings: list[str] = []

    def read_ids(self, index: int) -> np.ndarray:
        """Return the raw ids of one frame: (H, W) uint8."""
        return self._view.raw_label(index, index + 1)[0]

    def read(self, index: int, *, with_depth: bool) -> RawFrame:
        """Return everything of one frame."""
        depth = self._view.depth(index, index + 1)[0] if with_depth else None
        instance = self._view.instance(index, index + 1)[0] if self.has_instance else None
        rgb = self._view.rgb(index, index + 1)[0]
        return RawFrame(rgb, self.read_ids(index), depth, instance)


def open_sources(inputs: Sequence[Path], palette: Path | None = None) -> list[SequenceSource]:
    """Open recordings, folders of recordings, folders in other layouts, or one dataset.

    Args:
        inputs: folders with `recording.json`, folders of such folders, folders that
            `airseg.dataset.packing.folder_layouts` knows, or one dataset file.
        palette: what the colours of label images mean, for folders in other layouts.

    Returns:
        One source per sequence, sorted by name.

    Raises:
        RecordingError, DatasetError: nothing is there, it is damaged, or a name occurs twice.
    """
    files = [path for path in inputs if isinstance(locate(path), RemoteFile) or path.is_file()]
    if files and len(inputs) > 1:
        raise DatasetError(
            f"{files[0]}: a dataset is relabelled alone; found {len(inputs)} inputs. Give one "
            "dataset, or recordings only."
        )
    if files:
        dataset = Dataset(files[0], check=True)
        for file in dataset.files:
            file.compare_with_index()
        return [DatasetSource(dataset, dataset.sequence(name)) for name in dataset.sequences]
    colors = load_palette(palette) if palette else None
    refuse_deeper_recordings(inputs)
    named = {path.resolve() for path in inputs}
    sources = [source for path in inputs for source in _sources_in(path, colors, named)]
    places: dict[str, str] = {}
    for source in sources:
        if source.name in places:
            raise RecordingError(
                f"sequence {source.name} is given twice: {places[source.name]} and "
                f"{source.location}. Names must differ within a dataset."
            )
        places[source.name] = source.location
    return sorted(sources, key=lambda source: source.name)


def refuse_suspect_frames(sources: Sequence[SequenceSource]) -> None:
    """Raise where a recording says that some of its frames may be mislabelled.

    Raises:
        RecordingError: the message names sequence, frames and what to do.
    """
    for source in sources:
        suspect = suspect_frames(source.details)
        if suspect:
            raise RecordingError(
                f"{source.location}: frames {suspect[0]} to {suspect[1]} may be mislabelled: "
                f"{suspect[2]} Run the same `airseg record` command again, which flies them anew, "
                "or pack them all the same with --keep-suspect."
            )


def _sources_in(path: Path, palette: LabelPalette | None, named: set[Path]) -> list[SequenceSource]:
    """Open what `path` is or contains; what is `named` itself is not left out beside recordings."""
    if not path.exists():
        nearby = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
        raise RecordingError(
            f"{path}: there is no such recording or dataset.{did_you_mean(path.name, nearby)}"
        )
    recordings = _recordings_in(path)
    if recordings:
        sources = [RecordingSource(Recording.open(folder)) for folder in recordings]
        beside = [] if path in recordings else sorted(set(path.iterdir()) - set(recordings))
        theirs = (p for folder in beside for p in frames_of_others(folder))
        named = named - {path.resolve()}
        if others := [p for p in theirs if not {p.resolve(), p.resolve().parent} & named]:
            sources[0].warnings.append(
                f"{len(others)} folders beside recordings hold frames, too, and are left out, such "
                f"as {others[0]}: name them themselves"
            )
        return [*sources]
    found = find_folder_sources(path, palette)
    if not found:
        raise RecordingError(
            f"{path}: expected a recording (a folder with {_DESCRIPTION}), a folder of recordings, "
            "a dataset file, a TartanAir v1 sequence, a recording of AirSim's own recorder, or "
            "folders 'images' and 'labels'; found none of them."
        )
    return [*found]


def _recordings_in(path: Path) -> list[Path]:
    """Return the recording folders that `path` is or directly contains."""
    if (path / _DESCRIPTION).is_file():
        return [path]
    return sorted(p.parent for p in path.glob(f"*/{_DESCRIPTION}"))


def _checked_ids(ids: np.ndarray, location: str, index: int) -> np.ndarray:
    if ids.dtype != np.uint8:
        raise RecordingError(
            f"{location}: frame {index}: expected 8-bit ids, found {ids.dtype}. This airseg reads "
            "at most 255 mesh groups."
        )
    return ids
