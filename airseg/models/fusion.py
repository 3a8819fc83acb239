"""Fold batch normalisation into the convolutions before it: an explicit step for speed.

The code behind FANet's published speeds leaves batch normalisation out, because at deployment it is
folded into the convolutions. Here it is folded: the outputs stay those of the network in evaluation
mode, to rounding.
"""

from __future__ import annotations

import copy
import itertools
from typing import TypeVar

from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from airseg.errors import RecipeError

_PAIRS = (("conv", "bn"), *((f"conv{i}", f"bn{i}") for i in range(1, 4)))
Module = TypeVar("Module", bound=nn.Module)


def fuse_conv_bn(model: Module) -> Module:
    """Return a copy of a network in which convolutions contain the normalisation after them.

    Fused are neighbours in an `nn.Sequential`, and children of one module named ``conv`` and
    ``bn``, ``conv1`` and ``bn1`` and so on, which in this package always follow each other.

    Args:
        model: in evaluation mode; it stays as it is.

    Raises:
        RecipeError: it is in training mode, in which normalisation depends on the batch.
    """
    if model.training:
        raise RecipeError("fuse_conv_bn: the network is in training mode; call .eval() before.")
    fused = copy.deepcopy(model)
    for module in fused.modules():
        names = list(module._modules)
        pairs = itertools.pairwise(names) if isinstance(module, nn.Sequential) else _PAIRS
        for first, second in pairs:
            conv, norm = getattr(module, first, None), getattr(module, second, None)
            if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                setattr(module, first, fuse_conv_bn_eval(conv, norm))
                setattr(module, second, nn.Identity())
    return fused
