"""Bring maps of the frame before to where their content is in the present frame.

An `Aligner` says where each pixel of a map was; `resample` fetches it. What a stream needs for that
is the frame before, in grey, or nothing.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from airseg.errors import RecipeError, did_you_mean
from airseg.models.registration import (
    Registration,
    classical_flow,
    homography_flow,
    planar_cells,
    register,
)

ALIGNMENTS = ("none", "homography", "flow", "gated", "exact")
"""``none``: every pixel where it is. ``homography``: one projective transformation of the whole
image; where none can be trusted nothing is valid. ``flow``: OpenCV's dense inverse search.
``gated``: each cell of a grid by the one or the other. ``exact``: the simulator's, an oracle."""

_GRID = 16
_GREY = (0.299, 0.587, 0.114)


class Aligner(nn.Module):
    """Finds where pixels were, in one of the ways of `ALIGNMENTS`.

    Args:
        kind: of `ALIGNMENTS`.
        threshold: for ``gated``: share of inliers from which a cell follows the homography; None
            for the median over the cells, the paper's.

    Raises:
        RecipeError: there is no such kind.
    """

    def __init__(self, kind: str, threshold: float | None = None) -> None:
        super().__init__()
        if kind not in ALIGNMENTS:
            hint = did_you_mean(kind, ALIGNMENTS, "Alignments")
            raise RecipeError(f"there is no alignment '{kind}'.{hint}")
        self.kind, self.threshold = kind, threshold

    @property
    def looks(self) -> bool:
        """Whether it needs the frame before, which a stream then remembers."""
        return self.kind in ("homography", "flow", "gated")

    def remember(self, frames: Tensor) -> Tensor | None:
        """Return what a stream remembers of frames (B, 3, H, W): (B, H, W) uint8, or nothing."""
        return grey(frames) if self.looks else None

    def forward(
        self, before: Tensor | None, frames: Tensor, size: tuple[int, int], exact: Tensor | None
    ) -> Tensor:
        """Return where the pixels of a map were, relative to where they are.

        Args:
            before: what `remember` kept of the frame before.
            frames: (B, 3, H, W) present frames, from 0 to 1.
            size: (h, w) of the map.
            exact: (B, 2, H, W) exact flow, for that kind alone.

        Returns:
            (B, 2, h, w) pixels of the map, x before y; NaN where nobody knows.

        Raises:
            RecipeError: the exact flow is missing.
        """
        if self.kind == "exact":
            if exact is None:
                raise RecipeError("alignment 'exact' needs the exact flow of each frame.")
            return shrink_flow(exact, size)
        # Shapes without values have nothing to look at.
        if before is None or frames.device.type == "meta":
            return frames.new_zeros(len(frames), 2, *size)
        pairs = zip(before.cpu().numpy(), grey(frames).cpu().numpy(), strict=True)
        flows = np.stack([self._way_back(*pair, size) for pair in pairs])
        return torch.from_numpy(flows).movedim(-1, 1).to(frames)

    def _way_back(self, before: np.ndarray, frame: np.ndarray, size: tuple[int, int]) -> np.ndarray:
        """Return (h, w, 2) of one pair of grey frames."""
        if self.kind == "flow":
            return classical_flow(before, frame, size)
        found = register(before, frame)
        if self.kind == "homography":
            return _planar(found, frame.shape, size)
        flow = classical_flow(before, frame, size)
        if found.matrix is None:
            return flow
        cells = planar_cells(found, frame.shape, _GRID, self.threshold)
        rows = (np.arange(size[0]) * _GRID) // size[0]
        columns = (np.arange(size[1]) * _GRID) // size[1]
        planar = cells[rows[:, None], columns]
        return np.where(planar[..., None], _planar(found, frame.shape, size), flow)


def _planar(found: Registration, frame: tuple[int, ...], size: tuple[int, int]) -> np.ndarray:
    if found.matrix is None:
        return np.full((*size, 2), np.nan, np.float32)
    return homography_flow(found.matrix, (frame[0], frame[1]), size)


def grey(frames: Tensor) -> Tensor:
    """Return (B, H, W) uint8 luma of frames (B, 3, H, W) from 0 to 1."""
    weights = frames.new_tensor(_GREY)[:, None, None]
    luma = (frames.detach() * weights).sum(1)
    return (luma * 255).round().clamp(0, 255).to(torch.uint8)


def shrink_flow(flow: Tensor, size: tuple[int, int]) -> Tensor:
    """Return a flow (B, 2, H, W) on a map of another size, in pixels of that, by nearest pixels."""
    height, width = size
    ratio = flow.new_tensor([width / flow.shape[-1], height / flow.shape[-2]])[:, None, None]
    return functional.interpolate(flow, (height, width), mode="nearest-exact") * ratio


def resample(maps: Tensor, flow: Tensor, mode: str = "bilinear") -> tuple[Tensor, Tensor]:
    """Fetch the values of earlier maps.

    Args:
        maps: (B, C, h, w) of the frame before.
        flow: (B, 2, h, w) where each pixel was, relative to where it is; NaN where unknown.
        mode: ``bilinear`` or ``nearest``.

    Returns:
        (B, C, h, w) values, and (B, 1, h, w) bool: whether the place is known and in the picture.
        Elsewhere values are those of the border, or of the place itself.
    """
    height, width = flow.shape[-2:]
    # Places in half precision would be rounded to half pixels from the 64th column on.
    kind = torch.promote_types(torch.promote_types(flow.dtype, maps.dtype), torch.float32)
    flow = flow.to(kind)
    known = flow.isfinite().all(1, keepdim=True)
    flow = torch.where(known, flow, 0.0)
    rows = torch.arange(height, device=flow.device, dtype=kind)[:, None]
    columns = torch.arange(width, device=flow.device, dtype=kind)
    x, y = columns + flow[:, 0], rows + flow[:, 1]
    inside = (x >= -0.5) & (x <= width - 0.5) & (y >= -0.5) & (y <= height - 0.5)
    grid = torch.stack([(2 * x + 1) / width - 1, (2 * y + 1) / height - 1], -1)
    moved = functional.grid_sample(maps.to(kind), grid, mode, "border", align_corners=False)
    return moved.to(maps.dtype), known & inside[:, None]
