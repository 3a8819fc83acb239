"""From coarse logits to the class of every pixel of a frame.

Upsampled logits of a 640x480 frame with eleven classes are 13 MB that are written, read once for
their largest and thrown away; and those of one frame leave convolutions with strides that PyTorch
takes for neither of its layouts, so its upsampling and its argmax crawl. Here a compiled kernel
makes the logits of a few pixels at a time and keeps the best class: `airseg.models.cpu_label_map`
on a CPU, `airseg.models.fused_label_map` on CUDA where Triton is installed. On other devices the
two steps are PyTorch's.
"""

from __future__ import annotations

import torch
from torch import Tensor

from airseg.models.selective_scan import has_triton
from airseg.models.upsampling import place_of, upsample


def label_map(
    logits: Tensor,
    size: torch.Size | tuple[int, int],
    *,
    align_corners: bool = True,
    frame_size: torch.Size | tuple[int, int] | None = None,
) -> Tensor:
    """Return the class of every pixel, of logits that are upsampled as `upsample` does.

    Interpolates in single precision, whatever the logits are in: rounded to half precision, the two
    best of many pixels would be equal.

    Args:
        logits: (B, T, C, h, w), 256 classes at most.
        size: (H, W) of the label maps.
        align_corners, frame_size: how the logits lie on what the network saw; see `upsample`.

    Returns:
        (B, T, H, W) uint8; of equal logits the first class.
    """
    height, width = size
    seen = tuple(frame_size or size)
    if torch.compiler.is_compiling() and not logits.is_cpu:  # the compiler fuses the steps itself
        full = upsample(logits.float(), size, align_corners=align_corners, frame_size=seen)
        return full.argmax(2).to(torch.uint8)
    flat = logits.detach().flatten(0, 1)
    labels = torch.ops.airseg.label_map(flat, height, width, *seen, align_corners)
    return labels.unflatten(0, logits.shape[:2])


# Operators of PyTorch's own, so that a compiled network is not torn apart at them.
torch.library.define(
    "airseg::label_map",
    "(Tensor logits, int height, int width, int seen_height, int seen_width, bool align_corners)"
    " -> Tensor",
)


def _places(logits: Tensor, size: tuple[int, int], seen: tuple[int, int], align: bool) -> list:
    return [
        place_of(coarse, fine, frame, align_corners=align)
        for coarse, fine, frame in zip(logits.shape[-2:], size, seen, strict=True)
    ]


@torch.library.impl("airseg::label_map", "default")
def _in_two_steps(
    logits: Tensor, height: int, width: int, seen_height: int, seen_width: int, align: bool
) -> Tensor:
    seen = (seen_height, seen_width)
    full = upsample(logits[None].float(), (height, width), align_corners=align, frame_size=seen)
    return full[0].argmax(1).to(torch.uint8)


@torch.library.impl("airseg::label_map", "CPU")
def _on_cpu(
    logits: Tensor, height: int, width: int, seen_height: int, seen_width: int, align: bool
) -> Tensor:
    from airseg.models.cpu_label_map import cpu_label_map

    rows, columns = _places(logits, (height, width), (seen_height, seen_width), align)
    return torch.from_numpy(cpu_label_map(logits.float().numpy(), height, width, rows, columns))


@torch.library.impl("airseg::label_map", "CUDA")
def _on_cuda(
    logits: Tensor, height: int, width: int, seen_height: int, seen_width: int, align: bool
) -> Tensor:
    if not has_triton():
        return _in_two_steps(logits, height, width, seen_height, seen_width, align)
    from airseg.models.fused_label_map import fused_label_map

    rows, columns = _places(logits, (height, width), (seen_height, seen_width), align)
    return fused_label_map(logits, height, width, rows, columns)


@torch.library.register_fake("airseg::label_map")
def _(logits: Tensor, height: int, width: int, *_: object) -> Tensor:
    return logits.new_empty((logits.shape[0], height, width), dtype=torch.uint8)
