"""Per-frame networks of well-kept libraries, to measure the papers' against.

torchvision comes with airseg; segmentation_models_pytorch is the extra ``airseg[baselines]`` and is
imported when one of its networks is built.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn

from airseg.errors import RecipeError
from airseg.models.backbone_weights import load_backbone
from airseg.models.base import Normalization, VideoSegmenter
from airseg.models.registry import register_model


class PerFrame(VideoSegmenter):
    """A network of a library; the frames before do not matter to it.

    Args:
        network: from (B, 3, H, W) to logits, or to a dictionary with them under ``out``.
        paper: where it comes from.
        imagenet: torchvision's name of its backbone.
        backbone: the part that gets those weights.
        side: what the frames' sides must be multiples of.
    """

    def __init__(
        self, network: nn.Module, paper: str, imagenet: str, backbone: nn.Module, side: int = 1
    ) -> None:
        super().__init__()
        self.paper = paper
        self.normalize = Normalization()
        self.network = network
        self._imagenet, self._side = imagenet, side
        self._backbone = (backbone,)  # in a tuple, so that its weights are not listed twice

    def coarse(self, frames: Tensor, memory: Any = None) -> tuple[Tensor, Any]:
        height, width = frames.shape[-2:]
        if height % self._side or width % self._side:
            raise RecipeError(
                f"this network needs frames whose sides {self._side} divides; found "
                f"{width}x{height}. Change data.height and data.width."
            )
        logits = self.network(self.normalize(frames.flatten(0, 1)))
        logits = logits["out"] if isinstance(logits, dict) else logits
        return logits.unflatten(0, frames.shape[:2]), memory

    @property
    def imagenet_name(self) -> str:
        return self._imagenet

    def load_imagenet_state(self, state: dict[str, Tensor]) -> None:
        """Load torchvision's weights; its classifier is left out."""
        named = {k.removeprefix("features."): v for k, v in state.items()}
        load_backbone(self._backbone[0], named)


def _torchvision(name: str, backbone: str, num_classes: int, paper: str) -> PerFrame:
    import torchvision  # importing it takes seconds, and only these need it

    network = torchvision.models.get_model(
        name, weights=None, weights_backbone=None, num_classes=num_classes
    )
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            # MobileNetV3's 0.01 is for ImageNet's many steps: after a short training, its
            # averages would still be half those of random weights, and the network a constant.
            module.momentum = 0.1
    return PerFrame(network, paper, backbone, network.backbone)


@register_model
def lraspp_mobilenet(num_classes: int) -> PerFrame:
    """Build LR-ASPP on MobileNetV3, a real-time network, of torchvision."""
    name = "lraspp_mobilenet_v3_large"
    paper = "MobileNetV3 (Howard et al., ICCV 2019)"
    return _torchvision(name, "mobilenet_v3_large", num_classes, paper)


@register_model
def deeplabv3_mobilenet(num_classes: int) -> PerFrame:
    """Build DeepLabV3 on MobileNetV3, nearly a real-time network, of torchvision."""
    name, paper = "deeplabv3_mobilenet_v3_large", "DeepLabV3 (Chen et al., 2017)"
    return _torchvision(name, "mobilenet_v3_large", num_classes, paper)


_LIBRARY = {
    "deeplabv3plus": ("DeepLabV3Plus", "DeepLabV3+ (Chen et al., ECCV 2018)", 16),
    "pspnet": ("PSPNet", "PSPNet (Zhao et al., CVPR 2017)", 8),
    "upernet": ("UPerNet", "UPerNet (Xiao et al., ECCV 2018)", 32),
    "linknet": ("Linknet", "LinkNet (Chaurasia et al., 2017)", 32),
}


def _library(kind: str, depth: int) -> Callable[..., PerFrame]:
    """Register the builder of a network of segmentation_models_pytorch on a ResNet."""
    attribute, paper, side = _LIBRARY[kind]

    def build(num_classes: int) -> PerFrame:
        try:
            import segmentation_models_pytorch as library
        except ImportError:
            raise RecipeError(
                f"{build.__name__} comes with segmentation_models_pytorch, which is not "
                "installed. Run: pip install 'airseg[baselines]'"
            ) from None
        network = getattr(library, attribute)(
            encoder_name=f"resnet{depth}", encoder_weights=None, classes=num_classes
        )
        return PerFrame(network, paper, f"resnet{depth}", network.encoder, side)

    build.__name__ = f"{kind}_resnet{depth}"
    build.__doc__ = f"Build {attribute} on ResNet-{depth}, of segmentation_models_pytorch."
    return register_model(build)


deeplabv3plus_resnet50 = _library("deeplabv3plus", 50)
pspnet_resnet50 = _library("pspnet", 50)
upernet_resnet50 = _library("upernet", 50)
linknet_resnet18 = _library("linknet", 18)
