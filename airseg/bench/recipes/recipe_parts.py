"""The sections of a recipe: network, clips, loss, optimiser, scoring."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from airseg.documents import StrictModel

_Factor = Annotated[float, Field(gt=0, le=16)]
_Pixels = Annotated[int, Field(ge=32, le=4096)]
Seed = Annotated[int, Field(ge=0, lt=2**63)]
"""What a random generator may begin with; torch takes no larger ones."""


class ModelRecipe(StrictModel):
    """Which network.

    Attributes:
        options: go to its builder.
        weights: what it starts from: ``none``, ``imagenet`` for the backbone, or a file.
        weights_hash: of that file's content, which decides the result; filled in when it is run.
        batch_norm: False takes all batch normalisation out, as in the founding paper's networks.
        initialization: of weights that come from nowhere: ``authors``, as the network's authors
            initialise it, or ``torch``, what PyTorch's layers begin with by themselves.
    """

    name: str
    weights: str = "none"
    weights_hash: str = ""
    batch_norm: bool = True
    initialization: Literal["authors", "torch"] = "authors"
    options: dict[str, Any] = {}


def forgets(model: dict[str, Any]) -> bool:
    """Return whether a recipe's network is a FANet whose memory keeps nothing: a placebo."""
    options = model.get("options", {})
    return (
        str(model.get("name", "")).startswith("fanet")
        and options.get("reduction") == "decay"
        and options.get("decay") == 0
        and bool(options.get("tca_depth"))
    )


class AugmentRecipe(StrictModel):
    """Changes at random, each the same for all frames of a clip, made where the network computes.

    Attributes:
        scale: smallest and largest factor of enlargement.
        crop: height and width of what is cut out; the frames' own if none.
        brightness, contrast, saturation, tint: how far each may go, from 0 to 1.
    """

    scale: tuple[_Factor, _Factor] = (1.0, 1.0)
    crop: tuple[_Pixels, _Pixels] | None = None
    brightness: float = Field(0.0, ge=0, le=1)
    contrast: float = Field(0.0, ge=0, le=1)
    saturation: float = Field(0.0, ge=0, le=1)
    tint: float = Field(0.0, ge=0, le=1)

    @model_validator(mode="after")
    def _is_a_range(self) -> Self:
        if self.scale[0] > self.scale[1]:
            raise ValueError(f"scale: {self.scale}: expected the smallest first")
        return self


class DataRecipe(StrictModel):
    """How clips are cut and dealt out.

    Attributes:
        height, width: pixels while training and predicting; scores are always at the labels' own.
        batching: ``mixed`` puts clips of many sequences into a batch, ``homogeneous`` of one.
        clips_per_batch: clips of an optimiser step, over all processes and micro-batches together.
        targets: supervised frames of a clip; the model's context comes before them.
        max_context: the largest context of the comparison: every row supervises the same frames.
        stride: frames from one of a clip to the next.
        reverse: play half of the clips backwards: the same frames are supervised, in the other
            order, and what came after them is their context.
        flip, photometric: augmentations, the same for all frames of a clip: mirrored half of the
            time, and each channel brighter or darker by up to this.
        augment: more of them.
    """

    height: int = Field(480, ge=32, le=4096)
    width: int = Field(640, ge=32, le=4096)
    batching: Literal["mixed", "homogeneous"] = "mixed"
    clips_per_batch: int = Field(4, ge=1, le=256)
    targets: int = Field(4, ge=1, le=256)
    max_context: int = Field(6, ge=0, le=256)
    stride: int = Field(1, ge=1, le=100)
    reverse: bool = False
    flip: bool = True
    photometric: float = Field(0.2, ge=0, le=1)
    augment: AugmentRecipe | None = None


class LossRecipe(StrictModel):
    """Cross-entropy on the supervised frames.

    Attributes:
        kind: ``cross_entropy`` of all pixels, or ``ohem`` of the hard ones: those that the network
            gives less than `ohem_threshold`, and at least the share `ohem_keep` of all.
        class_weights: ``none``; ``root``: one over the root of a class's share of pixels; ``enet``:
            1 / ln(1.10 + share); or a number for each class.
        resolution: ``full`` compares upsampled logits with the labels; ``logits`` compares the
            network's own, coarse logits with the nearest labels, which costs a CPU much less.
        reduction: ``mean`` over the batch's pixels, or ``sum`` of the clips' means.
        inconsistency: weight of the loss that asks neighbouring frames to agree; 10 in its paper.
        motion: weight of the loss that asks the logits of neighbouring frames to agree along the
            image motion; 0.1 in its paper (ETC).
        motion_flow: ``exact``, of depth and poses, where a point is seen in both frames; or
            ``classical``: estimated, weighted by how alike the pictures are, as in the paper.
        motion_form: squared differences of ``logits``, as in the paper, or of ``probabilities``,
            which shrinking logits do not make smaller.
        inconsistency_form, inconsistency_power: see `airseg.bench.training.losses`.
    """

    kind: Literal["cross_entropy", "ohem"] = "cross_entropy"
    ohem_threshold: float = Field(0.7, gt=0, lt=1)
    ohem_keep: float = Field(1 / 16, gt=0, le=1)
    class_weights: Literal["none", "root", "enet"] | list[Annotated[float, Field(ge=0)]] = "none"
    resolution: Literal["full", "logits"] = "full"
    reduction: Literal["mean", "sum"] = "mean"
    inconsistency: float = Field(0.0, ge=0)
    inconsistency_form: Literal["paper", "code"] = "paper"
    inconsistency_power: Literal[1, 2] = 2
    motion: float = Field(0.0, ge=0)
    motion_flow: Literal["exact", "classical"] = "exact"
    motion_form: Literal["logits", "probabilities"] = "logits"

    @model_validator(mode="after")
    def _weighs_something(self) -> Self:
        if isinstance(self.class_weights, list) and not any(self.class_weights):
            raise ValueError("class_weights: all are 0, so that nothing would be learnt")
        return self


class TrainRecipe(StrictModel):
    """How to optimise.

    Attributes:
        steps: optimiser steps, the same for every row.
        epochs: passes over the training clips; where it is given, it counts instead of `steps`.
        schedule: of the learning rate after `warmup_steps`; `power` is that of ``poly``.
        warmup: ``linear`` from zero, or ``exponential`` from 1e-5.
        head_rate: how many times that rate everything outside the backbone learns at.
        norm_decay: whether `weight_decay` is for the backbone's normalisation too.
        clip_gradient: largest norm of the gradient, or 0 for any.
        accumulate: micro-batches that a batch is cut into, one after the other.
        precision: of forward and backward; weights are always fp32. fp16 needs CUDA.
        channels_last: hand frames and weights over with channels last.
        compile: through torch.compile.
        ema: decay of a running average of the weights that is scored in their place; 0 for none.
        sync_batch_norm: with several processes, normalise over the batch of all of them.
        checkpoint_every_s: wall seconds between checkpoints.
        validate_every: steps between validations, ``epoch``, or 0 for none.
        validation_frames: frames of each validation sequence that are scored then.
    """

    steps: int = Field(2000, ge=1, le=10_000_000)
    epochs: float | None = Field(None, gt=0, le=100_000)
    optimizer: Literal["sgd", "adam", "adamw"] = "sgd"
    learning_rate: float = Field(0.01, gt=0, le=10)
    momentum: float = Field(0.9, ge=0, lt=1)
    weight_decay: float = Field(5e-4, ge=0, le=1)
    schedule: Literal["poly", "cosine", "constant"] = "poly"
    power: float = Field(0.9, gt=0, le=10)
    warmup_steps: int = Field(0, ge=0)
    warmup: Literal["linear", "exponential"] = "linear"
    head_rate: float = Field(1.0, gt=0, le=1000)
    norm_decay: bool = True
    clip_gradient: float = Field(0.0, ge=0)
    accumulate: int = Field(1, ge=1, le=256)
    precision: Literal["fp32", "tf32", "bf16", "fp16"] = "fp32"
    channels_last: bool = False
    compile: bool = False
    ema: float = Field(0.0, ge=0, lt=1)
    sync_batch_norm: bool = True
    seed: Seed = 0
    checkpoint_every_s: float = Field(60.0, gt=0)
    validate_every: Annotated[int, Field(ge=0)] | Literal["epoch"] = 0
    validation_frames: int = Field(50, ge=1)

    @model_validator(mode="after")
    def _can_warm_up(self) -> Self:
        if self.epochs is None and self.warmup_steps >= self.steps and self.warmup_steps:
            raise ValueError(
                f"warmup_steps is {self.warmup_steps} of {self.steps} steps; nothing would be "
                f"left. Take more than {self.warmup_steps} steps, or lower train.warmup_steps"
            )
        return self


class EvaluateRecipe(StrictModel):
    """What to score: every frame of a split, streamed one after the other.

    Attributes:
        classes: only pixels of these are scored; all if none is named. What else a network predicts
            there is wrong.
        pool: classes that count as another, in labels and predictions: ``{roof: house}``.
        samples: how many frames are shown.
    """

    split: Literal["train", "val", "test"] = "test"
    classes: list[str] = []
    pool: dict[str, str] = {}
    samples: int = Field(4, ge=0, le=64)
    speed_frames: int = Field(30, ge=1, le=100_000)

    @model_validator(mode="after")
    def _pools_once(self) -> Self:
        for name, pooled in self.pool.items():
            if pooled in self.pool:
                raise ValueError(f"pool: {name} counts as {pooled}, which counts as another itself")
            if name in self.classes:
                raise ValueError(f"classes: {name} counts as {pooled} (pool); name that one")
        return self


class PaperRecipe(StrictModel):
    """What the ``paper`` protocol does to data: all frames in one row, cut into windows.

    Attributes:
        shares: of the windows that are trained on, validated and tested, at random.
        label_divisor: labels are compared at the frames' size divided by this.
    """

    shares: tuple[float, float, float] = (0.8, 0.1, 0.1)
    label_divisor: int = Field(8, ge=1, le=64)

    @model_validator(mode="after")
    def _is_a_whole(self) -> Self:
        if min(self.shares) <= 0 or abs(sum(self.shares) - 1) > 1e-6:
            raise ValueError(f"shares: {self.shares} must be greater than 0 and add up to 1")
        return self
