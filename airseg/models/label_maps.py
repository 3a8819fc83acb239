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

from airseg.models.base import upsample
from airseg.models.selective_scan import has_triton


def label_map(logits: Tensor, size: torch.Size | tuple[int, int]) -> Tensor:
    """Return the class of every pixel, of logits that are upsampled as `upsample` does.

    Interpolates in single precision, whatever the logits are in: rounded to half precision, the two
    best of many pixels would be equal.

    Args:
        logits: (B, T, C, h, w), 256 classes at most.
        size: (H, W) of the label maps.

    Returns:
        (B, T, H, W) uint8; of equal logits the first class.
    """
    height, width = size
    if torch.compiler.is_compiling() and not logits.is_cpu:  # the compiler fuses the steps itself
        return upsample(logits.float(), size).argmax(2).to(torch.uint8)
    flat = logits.detach().flatten(0, 1)
    return torch.ops.airseg.label_map(flat, height, width).unflatten(0, logits.shape[:2])


# Operators of PyTorch's own, so that a compiled network is not torn apart at them.
torch.library.define("airseg::label_map", "(Tensor logits, int height, int width) -> Tensor")


@torch.library.impl("airseg::label_map", "default")
def _in_two_steps(logits: Tensor, height: int, width: int) -> Tensor:
    return upsample(logits[None].float(), (height, width))[0].argmax(1).to(torch.uint8)


@torch.library.impl("airseg::label_map", "CPU")
def _on_cpu(logits: Tensor, height: int, width: int) -> Tensor:
    from airseg.models.cpu_label_map import cpu_label_map

    return torch.from_numpy(cpu_label_map(logits.float().numpy(), height, width))


@torch.library.impl("airseg::label_map", "CUDA")
def _on_cuda(logits: Tensor, height: int, width: int) -> Tensor:
    if not has_triton():
        return _in_two_steps(logits, height, width)
    from airseg.models.fused_label_map import fused_label_map

    return fused_label_map(logits, height, width)


@torch.library.register_fake("airseg::label_map")
def _(logits: Tensor, height: int, width: int) -> Tensor:
    return logits.new_empty((logits.shape[0], height, width), dtype=torch.uint8)
