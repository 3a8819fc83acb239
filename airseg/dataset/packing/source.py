"""What a dataset is packed from, whatever kind of thing it lies in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from airseg.labels.resolution import MeshGroup


@dataclass(frozen=True)
class RawFrame:
    """One frame before relabelling.

    Attributes:
        rgb: (H, W, 3) uint8.
        ids: (H, W) uint8, raw ids.
        depth: (H, W) float16 metres along the optical axis, or None.
        instance: (H, W) uint32, the number of the object, or None.
    """

    rgb: np.ndarray
    ids: np.ndarray
    depth: np.ndarray | None
    instance: np.ndarray | None = None


class SequenceSource(Protocol):
    """A sequence that can be relabelled and packed.

    Attributes:
        name: the sequence.
        location: where it lies, for messages.
        split: its own split, or None.
        environment: the world it shows.
        length: number of frames.
        height: pixels.
        width: pixels.
        has_depth: whether `read` may be asked for depth.
        details: those of `schema.DETAIL_ATTRIBUTES` that are known.
        poses: (T, 7) float64, x y z in NED metres, then qw qx qy qz, of the camera.
        timestamps_ns: (T,) int64, the simulator's own clock.
        labelled: (T,) bool, False for frames that are context only; None where all have labels.
            Raw ids of such frames mean nothing.
        stored_bytes: about how much disk its frames take when packed.
        warnings: what a person should know before using it.
        has_instance: whether frames that are read have the numbers of objects. Optional.
        fingerprint: changes whenever a pixel does. Optional: without one, nothing that a killed run
            has packed of it is used again.

    Sources are sent to other processes, so they can be pickled.
    """

    name: str
    location: str
    split: str | None
    environment: str
    length: int
    height: int
    width: int
    has_depth: bool
    details: dict[str, Any]
    poses: np.ndarray
    timestamps_ns: np.ndarray
    labelled: np.ndarray | None
    stored_bytes: int
    warnings: list[str]

    @property
    def object_table(self) -> Sequence[MeshGroup]:
        """Meshes by raw id; empty when only ids are known."""

    def read_ids(self, index: int) -> np.ndarray:
        """Return the raw ids of one frame: (H, W) uint8."""

    def read(self, index: int, *, with_depth: bool) -> RawFrame:
        """Return everything of one frame."""


def suspect_frames(details: Mapping[str, Any]) -> list[Any]:
    """Return first and last frame that may be mislabelled, and why; nothing where none is.

    Args:
        details: of a sequence, see `SequenceSource`.
    """
    recorded = details.get("recording")
    noted = recorded.get("suspect_frames") if isinstance(recorded, Mapping) else None
    if not noted:
        return []
    is_note = isinstance(noted, list) and len(noted) == 3
    return noted if is_note else ["?", "?", f"the note of them says {str(noted)[:40]!a}."]
