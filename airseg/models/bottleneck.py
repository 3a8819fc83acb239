"""The block of three convolutions that deep ResNets are made of, and the weights they begin with.

He et al., Deep Residual Learning for Image Recognition, CVPR 2016, figure 5. Its descendants differ
in which convolution has the stride, in dilation, and in the shortcut.
"""

from __future__ import annotations

from torch import Tensor, nn


class Bottleneck(nn.Module):
    """1x1, 3x3 and 1x1 convolutions beside a shortcut; named as torchvision's.

    Args:
        inputs: channels; there are 4 * planes outputs.
        planes: channels of the 3x3 convolution.
        strides: of the first convolution, and of the second.
        dilation: of the second.
        downsample: what makes the shortcut fit, or None where it does.
    """

    def __init__(
        self,
        inputs: int,
        planes: int,
        strides: tuple[int, int],
        dilation: int,
        downsample: nn.Module | None,
    ) -> None:
        super().__init__()
        first, second = strides
        self.conv1 = nn.Conv2d(inputs, planes, 1, first, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, second, dilation, dilation, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.conv3 = nn.Conv2d(planes, 4 * planes, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(4 * planes)
        self.relu = nn.ReLU()
        self.downsample = downsample

    def forward(self, x: Tensor) -> Tensor:
        y = self.relu(self.bn1(self.conv1(x)))
        y = self.relu(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        return self.relu(y + (x if self.downsample is None else self.downsample(x)))


def initialise(network: nn.Module) -> None:
    """Draw the weights of all convolutions as He et al. do, Delving Deep into Rectifiers, 2015."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
