"""Leave out what no label can be trusted about: specks, and the pixels along an edge.

An anti-aliased edge pixel shows two things and is labelled as one. Both measures are off by
default, because they take pixels out of scoring, and a dataset says whether they were on.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from airseg.classes import IGNORE_INDEX


@dataclass(frozen=True)
class EdgeOptions:
    """What becomes `IGNORE_INDEX` beside what the label map ignores.

    Attributes:
        min_region_px: connected regions of one class with fewer pixels than this; 0 keeps all.
        band_px: pixels nearer than this to a pixel of another class, diagonally too; 0 keeps all.
    """

    min_region_px: int = 0
    band_px: int = 0

    @property
    def is_off(self) -> bool:
        """Whether labels stay as they are."""
        return self.min_region_px <= 1 and self.band_px == 0


def leave_out_edges(labels: np.ndarray, options: EdgeOptions) -> np.ndarray:
    """Return labels without small regions and edge pixels.

    Args:
        labels: (H, W) uint8; not changed.
        options: what to leave out. The band is measured on the labels as they come in, so that
            a removed speck leaves no second ring around itself.

    Returns:
        (H, W) uint8; the very same array where the options are off.
    """
    if options.is_off:
        return labels
    result = labels.copy()
    if options.min_region_px > 1:
        for label in np.unique(labels):
            if label != IGNORE_INDEX:
                mask = (labels == label).astype(np.uint8)
                _, regions, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
                is_small = stats[:, cv2.CC_STAT_AREA] < options.min_region_px
                is_small[0] = False  # region 0 is everything else
                result[is_small[regions]] = IGNORE_INDEX
    if options.band_px:
        size = 2 * options.band_px + 1
        window = np.ones((size, size), np.uint8)
        result[cv2.dilate(labels, window) != cv2.erode(labels, window)] = IGNORE_INDEX
    return result
