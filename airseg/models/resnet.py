"""ResNet backbones as FANet has them.

He et al., Deep Residual Learning for Image Recognition, 2016, in torchvision's shape and names, so
that ImageNet checkpoints load; with two changes of FANet's (Hu et al., Real-time Semantic
Segmentation with Fast Attention, 2020): every stage has a stride of its own, the first one too,
and batch normalisation inside blocks is followed by a leaky ReLU.
"""

from __future__ import annotations

from torch import Tensor, nn

from airseg.models.bottleneck import initialise

_LAYERS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3)}
LEAK = 0.01


class _BasicBlock(nn.Module):
    expansion = 1

    def __init__(self, inputs: int, planes: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, planes, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.downsample = _shortcut(inputs, planes, stride)
        self.leaky = nn.LeakyReLU(LEAK)
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        y = self.leaky(self.bn1(self.conv1(x)))
        y = self.bn2(self.conv2(y))
        return self.relu(y + (x if self.downsample is None else self.downsample(x)))


class _Bottleneck(nn.Module):
    expansion = 4

    def __init__(self, inputs: int, planes: int, stride: int) -> None:
        super().__init__()
        outputs = planes * self.expansion
        self.conv1 = nn.Conv2d(inputs, planes, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.conv3 = nn.Conv2d(planes, outputs, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.downsample = _shortcut(inputs, outputs, stride)
        self.leaky = nn.LeakyReLU(LEAK)
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        y = self.leaky(self.bn1(self.conv1(x)))
        y = self.leaky(self.bn2(self.conv2(y)))
        y = self.bn3(self.conv3(y))
        return self.relu(y + (x if self.downsample is None else self.downsample(x)))


def _shortcut(inputs: int, outputs: int, stride: int) -> nn.Sequential | None:
    """Return the projection a block needs when it changes the shape, else None."""
    if stride == 1 and inputs == outputs:
        return None
    return nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))


class ResNet(nn.Module):
    """A backbone that returns the features of its four stages.

    Args:
        depth: 18, 34, 50 or 101.
        strides: of the stages; 2, 2, 2, 2 gives features at 1/8, 1/16, 1/32 and 1/64.
        width: channels of the stem; 64 in every published network.

    Attributes:
        depth, strides: as given; channels: of the four features.
    """

    def __init__(
        self, depth: int, strides: tuple[int, int, int, int] = (2, 2, 2, 2), width: int = 64
    ) -> None:
        super().__init__()
        self.depth, self.strides = depth, tuple(strides)
        block = _BasicBlock if depth < 50 else _Bottleneck
        self.channels = tuple(p * block.expansion for p in (width, 2 * width, 4 * width, 8 * width))
        self.conv1 = nn.Conv2d(3, width, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.leaky = nn.LeakyReLU(LEAK)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        inputs = width
        for stage, (count, stride) in enumerate(zip(_LAYERS[depth], strides, strict=True)):
            planes = width * 2**stage
            blocks = []
            for i in range(count):
                blocks.append(block(inputs, planes, stride if i == 0 else 1))
                inputs = planes * block.expansion
            setattr(self, f"layer{stage + 1}", nn.Sequential(*blocks))
        initialise(self)

    def forward(self, x: Tensor) -> list[Tensor]:
        """Return the four features, shallowest first, of (B, 3, H, W) frames."""
        x = self.maxpool(self.leaky(self.bn1(self.conv1(x))))
        features = []
        for stage in (self.layer1, self.layer2, self.layer3, self.layer4):
            x = stage(x)
            features.append(x)
        return features
