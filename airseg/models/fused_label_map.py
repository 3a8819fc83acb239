"""The label map as one Triton kernel, for CUDA: no tensor of the frame's size but the labels.

Each program makes the logits of some pixels, class by class, and keeps the best class. As
`airseg.models.fused_scan`, it runs in Triton's interpreter, too, which is how the tests hold it to
PyTorch.
"""

# Triton gives annotations of kernels a meaning of its own.
# ruff: noqa: ANN001, ANN202

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from airseg.models.upsampling import Place

_PIXELS = 256


@triton.jit
def _blend(first_at, second_at, weight, inside):
    """Return the mean of two logits by the second's weight; 0 leaves out an infinite one."""
    first = tl.load(first_at, mask=inside, other=0.0).to(tl.float32)
    second = tl.load(second_at, mask=inside, other=0.0).to(tl.float32)
    return tl.where(weight == 0, first, (1.0 - weight) * first + weight * second)


@triton.jit
def _label(  # type: ignore[no-untyped-def]
    logits_at, out_at, classes, h, w, height, width,
    scale_y, shift_y, offset_y, scale_x, shift_x, offset_x,
    frame_step, class_step, row_step, column_step,
    PIXELS: tl.constexpr,
):  # fmt: skip
    """Label some pixels of one frame; steps are the logits' strides."""
    pixel = tl.program_id(0) * PIXELS + tl.arange(0, PIXELS)
    frame = tl.program_id(1).to(tl.int64)
    inside = pixel < height * width
    y = tl.maximum(scale_y * ((pixel // width).to(tl.float32) + shift_y) + offset_y, 0.0)
    x = tl.maximum(scale_x * ((pixel % width).to(tl.float32) + shift_x) + offset_x, 0.0)
    above = tl.minimum(y.to(tl.int32), h - 1)
    left = tl.minimum(x.to(tl.int32), w - 1)
    lower = tl.minimum(y - above.to(tl.float32), 1.0)
    right_share = tl.minimum(x - left.to(tl.float32), 1.0)
    below, right = tl.minimum(above + 1, h - 1), tl.minimum(left + 1, w - 1)
    from_frame = logits_at + frame * frame_step
    above_left = from_frame + above * row_step + left * column_step
    above_right = from_frame + above * row_step + right * column_step
    below_left = from_frame + below * row_step + left * column_step
    below_right = from_frame + below * row_step + right * column_step
    best = tl.full((PIXELS,), float("-inf"), tl.float32)
    found = tl.zeros((PIXELS,), tl.int32)
    for c in range(classes):
        of_class = c * class_step
        first = _blend(above_left + of_class, above_right + of_class, right_share, inside)
        second = _blend(below_left + of_class, below_right + of_class, right_share, inside)
        value = tl.where(lower == 0, first, (1.0 - lower) * first + lower * second)
        # As argmax: the first of equal ones, and no number before all numbers.
        better = (value > best) | ((value != value) & (best == best))
        best = tl.where(better, value, best)
        found = tl.where(better, c, found)
    tl.store(out_at + frame * height * width + pixel, found.to(tl.uint8), mask=inside)


def fused_label_map(logits: Tensor, height: int, width: int, rows: Place, columns: Place) -> Tensor:
    """Return classes (N, H, W) uint8 of logits (N, C, h, w), of any floating type and strides.

    Args:
        logits, height, width: as above.
        rows, columns: where pixels lie between logits; see `airseg.models.upsampling`.
    """
    frames, classes, h, w = logits.shape
    out = logits.new_empty((frames, height, width), dtype=torch.uint8)
    with torch.cuda.device_of(logits):
        _label[(triton.cdiv(height * width, _PIXELS), frames)](
            logits, out, classes, h, w, height, width, *rows, *columns, *logits.stride(),
            PIXELS=_PIXELS,
        )  # fmt: skip
    return out
