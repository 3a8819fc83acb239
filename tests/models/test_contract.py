"""What holds for every network: streams equal clips, no leak in time, and each one can learn."""

import dataclasses
import itertools
from collections.abc import Callable
from functools import cache
from typing import get_type_hints

import pytest
import torch
from torch import nn

from airseg.errors import RecipeError
from airseg.models import build_model, list_models
from airseg.models.base import VideoSegmenter
from airseg.models.baselines import PerFrame
from airseg.models.conv_lstm import ESPNetConvLSTM, SSNet
from airseg.models.decoders import DECODERS
from airseg.models.espnet import ESPNet
from airseg.models.fanet import FANet
from airseg.models.feature_flow import DeepFeatureFlow, FeatureNetwork
from airseg.models.flow import ClassicalFlow, FlowNetInception, FlowNetS
from airseg.models.mask_queries import MaskQueries
from airseg.models.memory_attention import MAResNet
from airseg.models.mix_transformer import MixTransformer
from airseg.models.past_attention import PastAttentionSegFormer
from airseg.models.pidnet import PIDNet
from airseg.models.registry import builder_of
from airseg.models.resnet import ResNet
from airseg.models.resnet_vd import ResNetVd
from airseg.models.similarity_propagation import SimilarityPropagation
from airseg.models.smoothing import ExponentialMean, MajorityVote, Placebo
from airseg.models.tdnet import TemporallyDistributed
from airseg.models.tv3s import TV3S, MlpDecoder, SegFormer, TemporalDecoder
from airseg.models.upsampling import upsample
from airseg.models.vision_transformer import VisionTransformer
from airseg.testing.networks import PROMISES, check_model, flow_of, tried

CLASSES = 5


@dataclasses.dataclass(frozen=True)
class System:
    """A network small enough to try in a second.

    Attributes:
        build: makes it; size: of its frames; learning_rate: with which it learns eight frames.
        rare: share of numbers that rounding may turn, where outputs are choices and not sums.
        steps: in which it does; quick: whether that is tried each time, and not only with the slow
            tests; exact: whether a frame depends on every frame its memory reaches.
    """

    build: Callable[[], VideoSegmenter]
    size: tuple[int, int] = (64, 96)
    learning_rate: float = 5e-3
    steps: int = 70
    quick: bool = False
    exact: bool = True
    rare: float = 0.0


def fanet(depth=0, reduction="sum", **options):
    return FANet(ResNet(18, width=8), CLASSES, depth, reduction, **options)


def espnet_convlstm(position, state_size=(48, 80), **options):
    return ESPNetConvLSTM(CLASSES, position, 3, 1, 1, state_size=state_size, **options)


def feature_flow(interval, flow=None, threshold=None):
    torch.manual_seed(2)  # a flow that moves things, from the first weights on
    flow = FlowNetS(1 / 16, 24) if flow is None else flow
    for parameter in flow.parameters():
        parameter.data.mul_(1.5)
    features = FeatureNetwork((1, 1, 1, 1), 8, 24)
    return DeepFeatureFlow(features, flow if interval > 1 else None, CLASSES, interval, threshold)


def ma_resnet(head, frames=1, **options):
    backbone = ResNetVd((1, 1, 1, 1), 8)
    decoder = DECODERS[head](backbone.channels, CLASSES, 16)
    return MAResNet(backbone, decoder, frames, 0.5, **options)


def mix_transformer():
    return MixTransformer((8, 16, 20, 32), (1, 1, 1, 1))


class Guided(VideoSegmenter):
    """A network that wants exact flow, and gets some that depends on the frames alone."""

    def __init__(self, model):
        super().__init__()
        self.model = model
        self.memory_depth, self.unbounded = model.memory_depth, model.unbounded
        assert model.wants_flow

    @property
    def filling_frames(self):
        return self.model.filling_frames

    def coarse(self, frames, memory=None):
        return self.model.coarse(frames, memory, flow_of(frames))

    def training_outputs(self, frames, memory=None):
        return self.model.training_outputs(frames, memory, flow_of(frames))

    def memory_bytes(self, height, width):
        return self.model.memory_bytes(height, width)


def library_network():
    """Return as small a network as the baselines' libraries may have."""
    layers = [nn.Conv2d(3, 16, 3, 4, 1), nn.BatchNorm2d(16), nn.ReLU(), nn.Conv2d(16, CLASSES, 1)]
    network = nn.Sequential(*layers)
    return PerFrame(network, "a library", "", network)


def ssp(**options):
    return SimilarityPropagation(PIDNet(CLASSES, 8), **options)


def tdnet(count, **options):
    networks = [FANet(ResNet(18, width=8), CLASSES) for _ in range(count)]
    return TemporallyDistributed(networks, CLASSES, size=(64, 96), **options)


def mask_queries(**options):
    return MaskQueries(VisionTransformer(48, 4, 3, (64, 96), 16, 0.0), CLASSES, 7, 2, **options)


def sta(**options):
    encoder = mix_transformer()
    return PastAttentionSegFormer(encoder, MlpDecoder(encoder.channels, CLASSES, 16), **options)


def tv3s(depth=4, window=4):
    encoder = mix_transformer()
    return TV3S(encoder, TemporalDecoder(encoder.channels, CLASSES, 16, depth, window))


SYSTEMS = {
    "fanet": System(fanet, steps=30, quick=True),
    "library": System(library_network, steps=200),
    "pidnet": System(lambda: PIDNet(CLASSES, 8), steps=40),
    "pidnet-auxiliary": System(lambda: PIDNet(CLASSES, 8, auxiliary=True), steps=60),
    "ema": System(lambda: ExponentialMean(fanet(), 0.5), steps=30),
    "ema-logit-flow": System(
        lambda: ExponentialMean(fanet(), 0.6, "logit", "flow"), steps=30, exact=False
    ),
    "ema-exact": System(lambda: Guided(ExponentialMean(fanet(), 0.2, warp="exact")), steps=30),
    "placebo": System(lambda: Placebo(fanet(), 3), steps=30),
    "vote": System(lambda: MajorityVote(fanet(), 2), steps=30, exact=False, rare=1e-3),
    "vote-exact": System(
        lambda: Guided(MajorityVote(fanet(), 4, warp="exact")), steps=30, exact=False, rare=1e-3
    ),
    "fanet-exact": System(lambda: Guided(fanet(2, "motion"))),
    "fanet-sum": System(lambda: fanet(2, auxiliary=True), steps=40),
    "fanet-mean": System(lambda: fanet(3, "mean")),
    "fanet-learned": System(lambda: fanet(2, "learned")),
    "fanet-decay": System(lambda: fanet(2, "decay")),
    "fanet-motion": System(lambda: fanet(2, "motion", flow=FlowNetS(1 / 16, 0)), exact=False),
    "dff-frame": System(lambda: feature_flow(1)),
    "dff": System(lambda: feature_flow(3), (128, 192), steps=50, exact=False),
    "dff-inception": System(
        lambda: feature_flow(2, FlowNetInception(24)),
        (128, 192),
        learning_rate=3e-3,
        steps=100,
        exact=False,
    ),
    "dff-classical": System(lambda: feature_flow(3, ClassicalFlow()), exact=False),
    "dff-adaptive": System(lambda: feature_flow(4, None, 0.33), exact=False),
    "r50-plain": System(lambda: ma_resnet("deeplabv3plus", 0)),
    "ma-deeplab": System(lambda: ma_resnet("deeplabv3plus"), steps=50, learning_rate=1e-2),
    "ma-deeplab-T3": System(lambda: ma_resnet("deeplabv3plus", 3, judge=True), exact=False),
    "ma-pspnet": System(lambda: ma_resnet("pspnet", 2, stages=4)),
    "ma-sfnet": System(lambda: ma_resnet("sfnet")),
    "ma-dnlnet": System(lambda: ma_resnet("dnlnet", stages=4)),
    "segformer": System(
        lambda: SegFormer(mix_transformer(), MlpDecoder((8, 16, 20, 32), CLASSES, 16))
    ),
    "ssp": System(lambda: ssp(), learning_rate=1e-2, exact=False),
    "ssp-gated": System(
        lambda: ssp(alignment="gated", space="logprob"), learning_rate=1e-2, exact=False
    ),
    "ssp-exact": System(lambda: Guided(ssp(alignment="exact")), learning_rate=1e-2, exact=False),
    "tdnet": System(lambda: tdnet(2), steps=120),
    "tdnet-3": System(lambda: tdnet(3, stride=2, norm="channel", auxiliary=True), steps=180),
    "eomt": System(lambda: mask_queries(temporal=False), steps=150, learning_rate=2e-3),
    "videomt": System(mask_queries, steps=150, learning_rate=2e-3, exact=False),
    "videomt-hungarian": System(
        lambda: mask_queries(matching="hungarian"), steps=200, learning_rate=2e-3, exact=False
    ),
    "sta": System(lambda: sta(), exact=False),
    "sta-sum-single": System(lambda: sta(combine="sum", context="single", stages=(2, 4))),
    "sta-mean-learned": System(lambda: sta(combine="mean", learned=True), exact=False),
    "tv3s": System(tv3s, steps=30, learning_rate=1e-2),
    "tv3s-one-window": System(lambda: tv3s(2, 12)),
    "espnet": System(lambda: ESPNet(CLASSES), steps=70, learning_rate=1e-2),
    "espnet-l1a": System(lambda: espnet_convlstm("l1a", state_size=None)),
    "espnet-l1b": System(lambda: espnet_convlstm("l1b"), steps=40, learning_rate=1e-2),
    "espnet-l1c-tanh": System(lambda: espnet_convlstm("l1c", activation="tanh")),
    "espnet-l1d": System(lambda: espnet_convlstm("l1d")),
    "ssnet": System(lambda: SSNet(CLASSES)),
    "vssnet": System(lambda: SSNet(CLASSES, recurrent=True), steps=70, learning_rate=2e-2),
}


@cache
def trial(name):
    """Return a system's network in evaluation mode, two clips, and their logits."""
    torch.manual_seed(1)
    system = SYSTEMS[name]
    options = {"size": system.size, "rare": system.rare, "exact": system.exact}
    return tried(system.build(), name, **options)


def test_every_network_that_a_recipe_can_name_is_tried_here():
    tried_kinds = {type(system.build()) for system in SYSTEMS.values()}
    kinds = {name: get_type_hints(builder_of(name))["return"] for name in list_models()}
    assert VideoSegmenter not in kinds.values()  # a builder says which network it builds
    assert [name for name, kind in kinds.items() if kind not in tried_kinds] == []


@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise.__name__)
@pytest.mark.parametrize("name", SYSTEMS)
def test_every_network_keeps_its_promises(name, promise):
    promise(trial(name))


@pytest.mark.slow
@pytest.mark.parametrize("name", list_models())
def test_every_registered_network_keeps_them_as_it_is_registered(name):
    try:
        with torch.device("meta"):
            build_model(name, CLASSES)
    except RecipeError as cause:
        pytest.skip(str(cause))  # a library that is not installed
    is_choice = name.startswith(("vote", "majority"))
    check_model(name, num_classes=CLASSES, size=(128, 192), rare=1e-3 if is_choice else 0.0)


@pytest.mark.parametrize(
    "name", [n for n in list_models() if "training_frames" in get_type_hints(builder_of(n))]
)
def test_no_clip_has_fewer_than_no_frames_before_the_supervised_ones(name):
    said = "training_frames is -1; it must be 0 or greater"
    with torch.device("meta"), pytest.raises(RecipeError, match=said):
        build_model(name, CLASSES, training_frames=-1)


def picture_book(size):
    """Return eight frames (2, 4, 3, H, W) of moving blocks, coloured by class, and labels."""
    height, width = size
    labels = torch.zeros(2, 4, height, width, dtype=torch.long)
    for clip, time in itertools.product(range(2), range(4)):
        labels[clip, time, : height // 2] = 1
        left = (8 * time + 32 * clip) % (width - 32)
        labels[clip, time, height // 2 :, left : left + 32] = 2 + clip
    colors = torch.tensor([[0.4, 0.4, 0.4], [0.3, 0.6, 0.9], [0.9, 0.2, 0.1], [0.1, 0.8, 0.2]])
    noise = 0.05 * torch.rand(2, 4, 3, height, width)
    return colors[labels].movedim(-1, 2) + noise, labels


def loss_of(term, labels):
    """Return the cross-entropy of logits, or a network's own term."""
    if not isinstance(term, torch.Tensor):
        return term(labels)
    full = upsample(term, labels.shape[-2:])
    return nn.functional.cross_entropy(full.flatten(0, 1), labels.flatten(0, 1))


@pytest.mark.parametrize(
    "name",
    [n if s.quick else pytest.param(n, marks=pytest.mark.slow) for n, s in SYSTEMS.items()],
)
def test_it_learns_eight_frames_by_heart(name):
    torch.manual_seed(0)
    system = SYSTEMS[name]
    model = system.build()
    frames, labels = picture_book(system.size)
    optimizer = torch.optim.AdamW(model.parameters(), system.learning_rate)
    model.train()
    for step in range(system.steps):
        for group in optimizer.param_groups:
            group["lr"] = system.learning_rate * min(1, 2 * (1 - step / system.steps))
        outputs, _ = model.training_outputs(frames)
        loss = 0.0
        for weight, term in outputs:
            loss = loss + weight * loss_of(term, labels)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimizer.step()
    model.eval()
    with torch.no_grad():
        predicted = model(frames)[0].argmax(2)
    assert (predicted == labels).float().mean() > 0.95
