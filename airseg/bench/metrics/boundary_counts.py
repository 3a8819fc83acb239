"""Boundary F-score: how well the outlines of each class lie on those of the labels.

Csurka et al., What is a good evaluation measure for semantic segmentation?, BMVC 2013, section 3,
with the disk-shaped neighbourhood of the DAVIS benchmark (Perazzi et al., CVPR 2016, section 5.1).
Counts are pooled over all frames before they are divided, so that a class seen once does not weigh
as much as one seen always.
"""

from __future__ import annotations

import math

import cv2
import numpy as np

TOLERANCE = 0.0075
"""How far an outline may be off, as a share of the image's diagonal; Csurka et al. use this."""

_BITS = 16


def tolerance_px(height: int, width: int) -> int:
    """Return how many pixels an outline may be off."""
    return max(1, round(TOLERANCE * math.hypot(height, width)))


def boundary_counts(
    prediction: np.ndarray, label: np.ndarray, classes: int, ignore_index: int = 255
) -> np.ndarray:
    """Count outline pixels of one frame, and those that have a partner.

    A pixel lies on its class's outline when the pixel to its right, left, above or below has
    another class; the image's border is no outline. What lies within the tolerance of an ignored
    area does not count: nobody knows whether there is an outline. A band of ignored pixels that is
    no wider than twice the tolerance, as `airseg relabel --edge-band` leaves along outlines, is no
    such area: it takes the class of the nearest pixel that has one, and the outline is its middle.

    Args:
        prediction, label: (H, W) uint8.
        classes: number of classes.
        ignore_index: label value that does not count.

    Returns:
        (C, 4) int64: predicted outline pixels near one of the label's, all predicted ones, the
        label's near a predicted one, all of the label's.
    """
    radius = tolerance_px(*label.shape)
    ignored = label == ignore_index
    known = None
    if ignored.any():
        label, ignored = _bridged(label, ignored, radius)
    if ignored.any():
        known = ~_near(ignored.astype(np.uint16), radius).astype(bool)
        # Inside ignored areas both sides see the same, so that their rim is nobody's outline.
        prediction = np.where(ignored, label, prediction)
    counts = np.zeros((classes, 4), np.int64)
    for first in range(0, classes, _BITS):
        width = min(_BITS, classes - first)
        ours, theirs = (_outlines(image, first, width) for image in (prediction, label))
        found = (ours & _near(theirs, radius), ours, theirs & _near(ours, radius), theirs)
        for column, bits in enumerate(found):
            chosen = bits[bits > 0] if known is None else bits[(bits > 0) & known]
            counts[first : first + width, column] = _count_bits(chosen, width)
    return counts


def _bridged(label: np.ndarray, ignored: np.ndarray, radius: int) -> tuple[np.ndarray, np.ndarray]:
    """Return a label whose narrow ignored bands have classes, and what stays ignored: (H, W) bool.

    Narrow is where no square of 2 `radius` + 1 pixels fits in, within the image.
    """
    square = np.ones((2 * radius + 1, 2 * radius + 1), np.uint8)
    wide = cv2.morphologyEx(ignored.astype(np.uint8), cv2.MORPH_OPEN, square).astype(bool)
    narrow = ignored & ~wide
    if not narrow.any() or ignored.all():
        return label, ignored
    _, nearest = cv2.distanceTransformWithLabels(
        ignored.astype(np.uint8), cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )
    class_of = np.zeros(int(nearest.max()) + 1, np.uint8)
    class_of[nearest[~ignored]] = label[~ignored]
    return np.where(narrow, class_of[nearest], label), wide


def _outlines(image: np.ndarray, first: int, count: int) -> np.ndarray:
    """Return (H, W) uint16 whose bit k says: class first + k, and on its outline."""
    edge = np.zeros(image.shape, bool)
    across, down = image[:, 1:] != image[:, :-1], image[1:] != image[:-1]
    edge[:, 1:] |= across
    edge[:, :-1] |= across
    edge[1:] |= down
    edge[:-1] |= down
    bit = np.zeros(256, np.uint16)
    bit[first : first + count] = 1 << np.arange(count)
    return bit[image] * edge


def _near(bits: np.ndarray, radius: int) -> np.ndarray:
    """Return the bits that are set within a disk around each pixel.

    All classes are dilated at once: rows are widened to each of the disk's widths, and the widened
    images are shifted up and down.
    """
    height, width = bits.shape
    near = bits.copy()
    rows = bits.copy()
    reach = 0
    for down in range(radius, -1, -1):  # from the disk's narrowest row to its widest
        half = math.isqrt(radius * radius - down * down)
        while reach < min(half, width - 1):
            reach += 1
            rows[:, reach:] |= bits[:, :-reach]
            rows[:, :-reach] |= bits[:, reach:]
        if down == 0:
            near |= rows
        elif down < height:
            near[down:] |= rows[:-down]
            near[:-down] |= rows[down:]
    return near


def _count_bits(bits: np.ndarray, count: int) -> np.ndarray:
    """Return how often each of the first bits is set: (count,) int64; one bit a value at most."""
    values = np.bincount(bits, minlength=(1 << (count - 1)) + 1)
    return values[1 << np.arange(count)].astype(np.int64)
