"""Batch normalisation: taken out, as the founding paper's networks had it, or shared."""

from __future__ import annotations

import torch
from torch import Tensor, distributed, nn
from torch.distributed.nn.functional import all_reduce


def remove_batch_norm(model: nn.Module) -> None:
    """Take all batch normalisation out of a network, in place; activations stay.

    The founding paper's notebook copied FANet's speed-test code, whose layers skip normalisation
    because it would be folded at deployment, and trained that.
    """
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, nn.BatchNorm2d):
                setattr(parent, name, nn.Identity())


def share_batch_norm(model: nn.Module, device: torch.device) -> None:
    """Make a network normalise over the batches of all processes, in place.

    Args:
        model: on its device.
        device: CUDA takes PyTorch's own layer, which the CPU lacks.
    """
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if type(child) is nn.BatchNorm2d and not _is_frozen(child):
                setattr(parent, name, _shared(child, device))


def _is_frozen(norm: nn.BatchNorm2d) -> bool:
    """Return whether a network keeps a layer's statistics as they are; it holds on to such."""
    return norm.affine and not norm.weight.requires_grad


def _shared(norm: nn.BatchNorm2d, device: torch.device) -> nn.Module:
    if device.type == "cuda":
        return nn.SyncBatchNorm.convert_sync_batchnorm(norm)
    shared = SharedBatchNorm(
        norm.num_features, norm.eps, norm.momentum, norm.affine, norm.track_running_stats
    )
    shared.load_state_dict(norm.state_dict())
    for own, other in zip(shared.parameters(), norm.parameters(), strict=True):
        own.requires_grad_(other.requires_grad)
    return shared.to(device).train(norm.training)


class SharedBatchNorm(nn.BatchNorm2d):
    """`torch.nn.SyncBatchNorm` for processes that compute on CPUs."""

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or not distributed.is_initialized():
            return super().forward(x)
        own = x.new_full((1,), x.numel() // x.shape[1])
        sums = all_reduce(torch.cat([x.sum((0, 2, 3)), own]))
        count = sums[-1].detach()
        mean = sums[:-1] / count
        centred = x - mean[:, None, None]
        variance = all_reduce(centred.square().sum((0, 2, 3))) / count
        self._remember(mean.detach(), variance.detach() * count / (count - 1).clamp(min=1))
        scale = torch.rsqrt(variance + self.eps)
        y = centred * scale[:, None, None]
        if not self.affine:
            return y
        return torch.addcmul(self.bias[:, None, None], y, self.weight[:, None, None])

    def _remember(self, mean: Tensor, variance: Tensor) -> None:
        if self.running_mean is None or self.running_var is None:
            return
        self.num_batches_tracked += 1  # type: ignore[assignment, operator]
        share = 1 / float(self.num_batches_tracked) if self.momentum is None else self.momentum  # type: ignore[arg-type]
        self.running_mean.lerp_(mean, share)
        self.running_var.lerp_(variance, share)
