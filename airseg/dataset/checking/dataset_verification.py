"""Check a dataset file against itself: layout, hashes, classes, objects, poses, times, provenance.

Everything is read once. What cannot be a dataset at all is an error of `Dataset`; what is a dataset
and holds something wrong is a finding, and all findings are told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from airseg.dataset.checking.label_check import LabelCheck
from airseg.dataset.checking.report import Finding, Report, without_path
from airseg.dataset.format.attributes import DAMAGE, Attributes
from airseg.dataset.format.chunk_codecs import filters_of
from airseg.dataset.format.chunks import ChunkError, check_chunks
from airseg.dataset.format.files import Location, locate
from airseg.dataset.format.schema import (
    ATTRIBUTES_HASH,
    CODEC_ATTRIBUTE,
    CODEC_FILTERS,
    FLETCHER32,
    SEQUENCES_GROUP,
    STREAM_BY_NAME,
    STREAMS,
    StreamDigest,
    chunk_shape,
    dataset_hash,
    sequence_hash,
)
from airseg.dataset.packing.file_assembly import attributes_hash
from airseg.dataset.packing.source import suspect_frames
from airseg.dataset.reading import Dataset, SequenceView
from airseg.errors import DatasetError

_FIRST_FRAMES = 3
_NORM_TOLERANCE = 1e-3
_SLOWEST_HZ, _FASTEST_HZ = 1e-6, 1e6


@dataclass(frozen=True)
class DatasetVerification:
    """What `verify_dataset` found.

    Attributes:
        path: the file; sequences, frames: how many; content_hash: what the file says.
        findings: what is wrong.
        notes: what is missing without being wrong, such as hashes that older files lack.
    """

    path: Path
    sequences: int
    frames: int
    content_hash: str
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]

    @property
    def is_sound(self) -> bool:
        """Whether nothing is wrong."""
        return not self.findings


def verify_dataset(
    path: Path, progress: Callable[[int, int], None] = lambda done, total: None
) -> DatasetVerification:
    """Check everything in a dataset file.

    Args:
        path: the file.
        progress: told how many frames are checked, of how many.

    Raises:
        DatasetError: no dataset that this airseg can read.
    """
    local = Path(locate(path))  # of a file at a URL a copy, which HDF5 can open
    done = 0

    def tick() -> None:
        nonlocal done
        done += 1
        progress(done, len(dataset))

    reports = []
    with Dataset(local, check=True) as dataset, h5py.File(local, "r") as file:
        for view in dataset:
            report = Report(view.name)
            with _damage_reported(report, path):
                _check_sequence(report, dataset, view, file, tick)
            reports.append(report)
        report = Report(None)
        with _damage_reported(report, path):
            _check_root(report, dataset, file)
        reports.append(report)
    return DatasetVerification(
        path,
        len(dataset.sequences),
        len(dataset),
        dataset.content_hash,
        tuple(finding for report in reports for finding in report.findings),
        tuple(dict.fromkeys(note for report in reports for note in report.notes)),
    )


@contextmanager
def _damage_reported(report: Report, path: Path) -> Iterator[None]:
    """Turn what the damaged tables of a file raise into a finding."""
    try:
        yield
    except (DatasetError, ChunkError, *DAMAGE) as cause:
        report.add(f"cannot be checked further: {without_path(cause, path)}")


def _check_root(report: Report, dataset: Dataset, file: h5py.File) -> None:
    sequences = [(v.name, v.split, v.content_hash) for v in dataset]
    if dataset_hash(dataset.class_names, sequences) != dataset.content_hash:
        report.add(
            "the content hash is not that of these classes, sequences and splits: something was "
            "changed, added or taken away."
        )
    if dataset.ignore_index < dataset.num_classes:
        report.add(f"ignore_index {dataset.ignore_index} is a class too.")
    _check_attributes(report, dataset.path, "/", file)
    steps = dataset.history
    if not all(isinstance(step, dict) and "operation" in step for step in steps):
        report.add("the history is no list of operations.")
    if not steps:
        report.notes.append("it does not say how it was made (no history)")


def _check_attributes(report: Report, path: Location, place: str, owner: h5py.Group) -> None:
    """Hold attributes against their hash."""
    attributes = Attributes(path, place, owner.attrs)
    if ATTRIBUTES_HASH not in attributes:
        report.notes.append("attributes have no hash of their own; older files lack it")
        return
    try:
        is_same = attributes.text(ATTRIBUTES_HASH) == attributes_hash(owner)
    except (DatasetError, *DAMAGE):
        is_same = False
    if not is_same:
        report.add("its attributes are not those that were written.")


def _check_sequence(
    report: Report, dataset: Dataset, view: SequenceView, file: h5py.File, tick: Callable[[], None]
) -> None:
    group = file[f"{SEQUENCES_GROUP}/{view.name}"]
    _check_attributes(report, dataset.path, f"/{SEQUENCES_GROUP}/{view.name}", group)
    for name in group:
        if name not in STREAM_BY_NAME:
            report.add(f"holds {name[:40]!a}, which is no stream.")
    for stream in STREAMS:
        if stream.name in group:
            _check_storage(report, dataset.path, stream.name, group[stream.name])
    _check_details(report, view)
    _check_poses(report, view)
    _check_times(report, view)
    labels = LabelCheck.of(report, dataset, view, group)
    digests = _read_frames(report, view, group, labels, tick)
    _check_digests(report, dataset, view, digests)


def _check_storage(report: Report, path: Location, name: str, array: h5py.Dataset) -> None:
    """Check chunks and filters of one array."""
    check_chunks(array)
    expected = chunk_shape(name, len(array), array.shape[1:])
    if array.chunks is not None and array.chunks != expected:
        report.add(f"{name} lies in chunks of {array.chunks}, expected {expected}.")
    filters = [number for number, _ in filters_of(array)]
    if name == "rgb" and CODEC_ATTRIBUTE in array.attrs:
        codec = Attributes(path, name, array.attrs).text(CODEC_ATTRIBUTE)
        if CODEC_FILTERS.get(codec) != tuple(f for f in filters if f != FLETCHER32):
            report.add(f"rgb says codec {codec[:40]!a}, and has HDF5 filters {filters}.")


def _check_details(report: Report, view: SequenceView) -> None:
    """Check what the sequence says of its flight."""
    details = view.details
    flown = ("plan", "plan_fingerprint", "mode", "rate_hz", "camera", "simulator")
    missing = [name for name in flown if name not in details]
    if "plan" in details and missing:
        report.add(f"it has a plan, and no {', '.join(missing)}.")
    camera = details.get("camera", {})
    size = (camera.get("width", view.width), camera.get("height", view.height))
    if size != (view.width, view.height):
        report.add(f"the camera is {size[0]}x{size[1]}, the frames are {view.width}x{view.height}.")
    ids = [group.id for group in view.object_table]
    if len(set(ids)) != len(ids):
        report.add("the object table gives one id to two groups.")
    if not (details.get("plan") or details.get("origin")):
        report.notes.append("some sequences say nothing of where they come from")


def _check_poses(report: Report, view: SequenceView) -> None:
    poses = view.poses
    if np.isnan(poses).all():
        report.notes.append("some sequences have no poses (all NaN)")
        return
    with np.errstate(over="ignore", invalid="ignore"):
        off = np.abs(np.linalg.norm(poses[:, 3:], axis=1) - 1)
    wrong = np.flatnonzero(~np.isfinite(poses).all(1) | ~(off <= _NORM_TOLERANCE))
    if len(wrong):
        report.add(
            f"its pose is not a finite position and a unit quaternion ({len(wrong)} such frames).",
            int(wrong[0]),
        )


def _check_times(report: Report, view: SequenceView) -> None:
    times = view.timestamps_ns
    backwards = np.flatnonzero(times[1:] <= times[:-1])
    if len(backwards):
        report.add("time stands still or runs backwards there.", int(backwards[0]) + 1)
        return
    recorded = view.details.get("recording", {})
    if suspect := suspect_frames(view.details):
        report.notes.append(
            f"{view.name}: frames {suspect[0]} to {suspect[1]} of its recording may be "
            f"mislabelled: {suspect[2]}"
        )
    rate_hz = view.rate_hz
    if rate_hz is not None and not _SLOWEST_HZ <= rate_hz <= _FASTEST_HZ:
        report.add(f"its rate_hz, {rate_hz:g}, is no number of frames a second.")
        return
    admitted = recorded.get("largest_step_error_ns")
    if not isinstance(admitted, int) or not view.rate_hz or view.details.get("mode") == "realtime":
        return
    step_ns = round(1e9 / view.rate_hz)
    off = np.abs(np.diff(times) - step_ns)
    more = np.flatnonzero(off > admitted)
    if len(more):
        first = int(more[0])
        report.add(
            f"its time step is {off[first]} ns off {step_ns}; the recording admits {admitted}.",
            first + 1,
        )


def _read_frames(
    report: Report,
    view: SequenceView,
    group: h5py.Group,
    labels: LabelCheck,
    tick: Callable[[], None],
) -> dict[str, str]:
    """Read every frame once, as every reader does; return the digests of streams read whole.

    h5py would answer from memory where this process has read the file before it was damaged.
    """

    def read(name: str, start: int, stop: int) -> np.ndarray:
        return view.dataset.read(view.name, name, start, stop, 1)

    arrays = {s.name: group[s.name] for s in STREAMS if s.name in group}
    digests = {name: StreamDigest(name, array.shape[1:]) for name, array in arrays.items()}
    images = [name for name in arrays if STREAM_BY_NAME[name].frame_dimensions >= 2]
    damaged: dict[str, list[int]] = {}
    for name in arrays.keys() - set(images):
        digests[name].update(read(name, 0, len(view)))
    for index in range(len(view)):
        frames = {}
        for name in images:
            try:
                (frames[name],) = read(name, index, index + 1)
                digests[name].update(frames[name])
            except DatasetError:
                damaged.setdefault(name, []).append(index)
        labels.check(report, index, frames, labelled=bool(view.labelled[index]))
        tick()
    for name, found in damaged.items():
        some = ", ".join(str(n) for n in found[:_FIRST_FRAMES])
        more = f" and {len(found) - _FIRST_FRAMES} more" if len(found) > _FIRST_FRAMES else ""
        report.add(f"{name} cannot be read: frames {some}{more} are damaged.", found[0])
    return {n: digest.hexdigest() for n, digest in digests.items() if n not in damaged}


def _check_digests(
    report: Report, dataset: Dataset, view: SequenceView, digests: dict[str, str]
) -> None:
    stored: dict[str, Any] = dataset.digests(view.name)
    for name, digest in digests.items():
        if name not in stored:
            report.add(f"{name} has no hash, so nobody can say whether it is what was written.")
        elif stored[name] != digest:
            report.add(f"{name} is not what was written: its hash differs.")
    if sequence_hash(len(view), stored) != view.content_hash:
        report.add("its content hash does not follow from the hashes of its arrays.")
