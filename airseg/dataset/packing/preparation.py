"""Everything that is decided before frames are relabelled: what, by which map, into which split."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from airseg.dataset.format.attributes import check_sequence_name
from airseg.dataset.packing.parts import PackItem
from airseg.dataset.packing.pixel_counts import count_pixels
from airseg.dataset.packing.source import SequenceSource
from airseg.dataset.packing.sources import open_sources, refuse_suspect_frames
from airseg.dataset.packing.splits import choose_splits
from airseg.dataset.packing.ticker import Progress
from airseg.errors import DatasetError
from airseg.labels import LabelMap
from airseg.labels.document import hex_color
from airseg.labels.resolution import check_seen, resolve

_FARTHEST_M = 1e8  # farther than any place on Earth, wherever positions count from


@dataclass(frozen=True)
class Preparation:
    """What will be packed, and what a person should know before it is."""

    items: list[PackItem]
    warnings: list[str]


def prepare(
    inputs: Sequence[Path],
    label_map: LabelMap,
    split_options: Iterable[str] = (),
    palette: Path | None = None,
    *,
    keep_suspect: bool = False,
) -> Preparation:
    """Open the inputs, resolve their meshes and choose their splits.

    Args:
        inputs: recordings, folders of recordings, or one dataset.
        label_map: which mesh is which class.
        split_options: texts such as ``test=seq1,seq2``.
        palette: what the colours of label images mean, for folders in other layouts.
        keep_suspect: take frames that their recording calls suspect.

    Raises:
        AirsegError: an input cannot be used, or an option is wrong.
    """
    sources = open_sources(inputs, palette)
    if not keep_suspect:
        refuse_suspect_frames(sources)
    return prepare_sources(sources, label_map, split_options)


def prepare_sources(
    sources: Sequence[SequenceSource], label_map: LabelMap, split_options: Iterable[str] = ()
) -> Preparation:
    """Do the same for sequences that are open already.

    Raises:
        AirsegError: an option is wrong, or no sequence is left for training.
    """
    places: dict[str, str] = {}
    seen: dict[Path, str] = {}
    for source in sources:
        check_sequence_name(source.name, source.location)
        check_rows(source)
        if source.name in places:
            raise DatasetError(
                f"sequence {source.name} is given twice: {places[source.name]} and "
                f"{source.location}. Names must differ within a dataset."
            )
        places[source.name] = source.location
        other = seen.setdefault(Path(source.location).resolve(), source.location)
        if other != source.location:
            raise DatasetError(
                f"sequence {source.name}: {source.location} is {other} by another name (a link), "
                "and its frames would be packed twice. Leave one of them out."
            )
    splits = choose_splits({s.name: s.split for s in sources}, split_options, label_map.splits)
    items = [
        PackItem(s, splits.by_sequence[s.name], resolve(label_map, s.object_table)) for s in sources
    ]
    warnings = [warning for source in sources for warning in source.warnings]
    warnings += splits.notes + _mixed_palettes(sources) + _mixed_sizes(sources)
    return Preparation(items, warnings)


def check_labels(
    items: Sequence[PackItem],
    label_map: LabelMap,
    *,
    allow_unmapped: bool,
    progress: Progress | None = None,
) -> list[np.ndarray] | None:
    """Find meshes without a class before the long work starts.

    Where the map speaks for every mesh nothing needs to be counted.

    Returns:
        (256,) int64 pixels by raw id for each item, or None when they were not counted.

    Raises:
        LabelMapError: a seen mesh has no class, or a group falls into several.
    """
    if all(item.resolution.is_complete for item in items):
        return None
    pixels = count_pixels(items, progress)
    resolutions = [item.resolution for item in items]
    check_seen(label_map, resolutions, pixels, allow_unmapped=allow_unmapped)
    return pixels


def check_rows(source: SequenceSource) -> None:
    """Refuse poses that are none, and time that does not run forward, at the frame.

    A sequence without poses has NaN in all of them.

    Raises:
        DatasetError: names the first such frame.
    """
    is_known = np.isfinite(source.poses).all(axis=1)
    if not np.isnan(source.poses).all() and not is_known.all():
        raise DatasetError(
            f"{source.location}: frame {int(np.argmin(is_known))}: its pose is no number (NaN or "
            f"infinite), as in {int((~is_known).sum())} of {source.length} frames. Record the "
            "sequence again, or leave it out."
        )
    # Of another length than 1 it still says which way; `verify` tells that.
    if (lost := np.flatnonzero((source.poses[:, 3:] == 0).all(1))).size:
        raise DatasetError(
            f"{source.location}: frame {int(lost[0])}: its orientation is all 0, as in "
            f"{lost.size} of {source.length} frames. Record the sequence again, or leave it out."
        )
    far = np.flatnonzero(np.abs(source.poses[:, :3]).max(axis=1, initial=0) > _FARTHEST_M)
    if len(far):
        raise DatasetError(
            f"{source.location}: frame {int(far[0])}: lies more than {_FARTHEST_M:g} m from where "
            f"positions count from, as {len(far)} of {source.length} frames do. Record the "
            "sequence again, or leave it out."
        )
    late = np.flatnonzero(np.diff(source.timestamps_ns) <= 0)
    if len(late):
        raise DatasetError(
            f"{source.location}: frame {int(late[0]) + 1}: time stands still or runs back there. "
            "Cut the sequence, or leave it out."
        )


def _mixed_palettes(sources: Iterable[SequenceSource]) -> list[str]:
    """Return what to say where sequences show one id in different colours."""
    shown: dict[int, tuple[str, str]] = {}
    for source in sources:
        for number, rgb in getattr(source, "id_colors", {}).items():
            color, first = shown.setdefault(number, (hex_color(*rgb), source.name))
            if color != hex_color(*rgb):
                return [
                    f"{source.name} shows id {number} as {hex_color(*rgb)}, {first} shows it as "
                    f"{color}: if colours mean the same in both, say what they mean with --palette"
                ]
    return []


def _mixed_sizes(sources: Sequence[SequenceSource]) -> list[str]:
    sizes = sorted({(s.width, s.height) for s in sources})
    if len(sizes) == 1:
        return []
    return [
        f"frames differ in size ({', '.join(f'{w}x{h}' for w, h in sizes)}): training needs a "
        "common size in its recipe"
    ]
