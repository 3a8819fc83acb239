"""ResNet-50-vd at output stride 8, the backbone of MA-ResNet50.

He et al., Bag of Tricks for Image Classification, 2019, variant D: three 3x3 convolutions as stem,
and shortcuts that pool before they project. As PaddleSeg has it the third stage has dilation 2, the
fourth 4, 8 and 16. Weights are named as timm's ``resnet50d``, so that its ImageNet weights load.
"""

from __future__ import annotations

from torch import Tensor, nn

from airseg.models.bottleneck import Bottleneck, initialise


class ResNetVd(nn.Module):
    """A backbone that returns the features of its four stages, at 1/4, 1/8, 1/8 and 1/8.

    Args:
        blocks: of the four stages; the published are 3, 4, 6 and 3.
        width: of the stem's end, 64 as published.

    Attributes:
        channels: of the four features.
    """

    def __init__(self, blocks: tuple[int, int, int, int] = (3, 4, 6, 3), width: int = 64) -> None:
        super().__init__()
        self.channels = tuple(4 * width * 2**stage for stage in range(4))
        half = width // 2
        self.conv1 = nn.Sequential(
            nn.Conv2d(3, half, 3, 2, 1, bias=False),
            nn.BatchNorm2d(half),
            nn.ReLU(),
            nn.Conv2d(half, half, 3, 1, 1, bias=False),
            nn.BatchNorm2d(half),
            nn.ReLU(),
            nn.Conv2d(half, width, 3, 1, 1, bias=False),
        )
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU()
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        inputs = width
        dilations = ((1,) * blocks[0], (1,) * blocks[1], (2,) * blocks[2], (4, 8, 16)[: blocks[3]])
        for stage, (stride, dilated) in enumerate(zip((1, 2, 1, 1), dilations, strict=True)):
            layers = []
            for i, dilation in enumerate(dilated):
                outputs, first = self.channels[stage], stride if i == 0 else 1
                shortcut = _shortcut(inputs, outputs, first)
                layers.append(Bottleneck(inputs, outputs // 4, (1, first), dilation, shortcut))
                inputs = outputs
            setattr(self, f"layer{stage + 1}", nn.Sequential(*layers))
        initialise(self)

    def forward(self, x: Tensor) -> list[Tensor]:
        """Return the four features, shallowest first, of (B, 3, H, W) frames."""
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        features = []
        for stage in (self.layer1, self.layer2, self.layer3, self.layer4):
            x = stage(x)
            features.append(x)
        return features


def _shortcut(inputs: int, outputs: int, stride: int) -> nn.Module | None:
    """Return the pool and projection of a block that changes the shape, else None."""
    if stride == 1 and inputs == outputs:
        return None
    pool = nn.AvgPool2d(2, stride, ceil_mode=True) if stride > 1 else nn.Identity()
    return nn.Sequential(pool, nn.Conv2d(inputs, outputs, 1, bias=False), nn.BatchNorm2d(outputs))
