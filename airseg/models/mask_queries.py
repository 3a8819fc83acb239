"""EoMT, and VidEoMT: a plain transformer whose queries are masks, handed from frame to frame.

Kerssies et al., Your ViT is Secretly an Image Segmentation Model, CVPR 2025; Norouzi et al.,
VidEoMT, CVPR 2026 (arXiv 2602.17807). Learned queries join the tokens before the last blocks; each
is a class and a mask. In VidEoMT a frame's queries are those of the frame before, after its last
block, through a linear layer, plus the learned ones. What differs: classes are the present frame's,
where the published scores average them over the whole video, future included; classes meet masks at
a quarter of the size; losses see every pixel there, where the code draws points; no masked
attention while training. Written from a description: the authors' code is MIT, but names
non-commercial code as the origin of some of its files.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from airseg.errors import RecipeError
from airseg.models.base import Normalization, TrainingOutputs, VideoSegmenter
from airseg.models.mask_loss import MATCHINGS, MaskPrediction, mask_loss
from airseg.models.options import check_at_least, check_choice
from airseg.models.registry import register_model
from airseg.models.vision_transformer import VisionTransformer, resize_positions

_HALF = (0.5, 0.5, 0.5)
_LEAST = 1e-6


class _ChannelNorm(nn.LayerNorm):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.movedim(1, -1)).movedim(-1, 1)


class _UpBlock(nn.Sequential):
    """Twice the size: a transposed convolution, a convolution of each channel, normalisation."""

    def __init__(self, width: int) -> None:
        super().__init__(
            nn.ConvTranspose2d(width, width, 2, 2),
            nn.GELU(),
            nn.Conv2d(width, width, 3, padding=1, groups=width, bias=False),
            _ChannelNorm(width),
        )


@dataclass(frozen=True)
class QueryMemory:
    """Queries after the last frame's last block, before the last normalisation: (B, N, D)."""

    queries: Tensor


_EOMT = "EoMT (Kerssies et al., CVPR 2025)"
_VIDEOMT = "VidEoMT (Norouzi et al., CVPR 2026)"


class MaskQueries(VideoSegmenter):
    """EoMT, or with `temporal` VidEoMT.

    Args:
        vit: the transformer.
        num_classes: channels of the logits.
        queries: N.
        query_blocks: L2, how many of the last blocks see the queries.
        temporal: hand queries on.
        matching: of `MATCHINGS`: which query learns which class.
        training_frames: how many frames a training clip has before the supervised ones.

    Raises:
        RecipeError: an option is impossible.
    """

    align_corners = False

    def __init__(
        self,
        vit: VisionTransformer,
        num_classes: int,
        queries: int = 50,
        query_blocks: int = 3,
        *,
        temporal: bool = True,
        matching: str = "fixed",
        training_frames: int = 3,
    ) -> None:
        super().__init__()
        check_choice("matching", matching, MATCHINGS)
        check_at_least("training_frames", training_frames, 0)
        if queries < num_classes:
            raise RecipeError(
                f"queries is {queries}; it must be {num_classes} or more: one a class at least."
            )
        if not 1 <= query_blocks <= len(vit.blocks):
            raise RecipeError(
                f"query_blocks is {query_blocks}; it must be from 1 to {len(vit.blocks)}."
            )
        width = vit.width
        self.paper = _VIDEOMT if temporal else _EOMT
        self.unbounded, self.matching = temporal, matching
        self.memory_depth = training_frames if temporal else 0
        self.normalize = Normalization(_HALF, _HALF)
        self.vit, self.query_blocks = vit, query_blocks
        self.q = nn.Embedding(queries, width)
        self.hand_on = nn.Linear(width, width) if temporal else None
        self.class_head = nn.Linear(width, num_classes + 1)
        self.mask_head = nn.Sequential(
            nn.Linear(width, width),
            nn.GELU(),
            nn.Linear(width, width),
            nn.GELU(),
            nn.Linear(width, width),
        )
        self.upscale = nn.Sequential(_UpBlock(width), _UpBlock(width))

    def coarse(
        self, frames: Tensor, memory: QueryMemory | None = None
    ) -> tuple[Tensor, QueryMemory | None]:
        """Return the logarithm of each class's share: sum over queries of class times mask."""
        predictions, memory = self._run(frames, memory, every=False)
        return semantic_logits(predictions[-1]), memory

    def training_outputs(
        self, frames: Tensor, memory: QueryMemory | None = None
    ) -> tuple[TrainingOutputs, QueryMemory | None]:
        """Return the logits, of no weight, and the loss of masks and classes of each late block."""
        predictions, memory = self._run(frames, memory, every=True)
        terms: TrainingOutputs = [(0.0, semantic_logits(predictions[-1]))]
        terms += [(1.0, partial(mask_loss, p, self.matching)) for p in predictions]
        return terms, memory

    def memory_bytes(self, height: int, width: int) -> int:
        return 4 * self.q.weight.numel() if self.hand_on is not None else 0

    @property
    def imagenet_name(self) -> str:
        return "timm:vit_tiny_patch16_224" if self.vit.width == _TINY["width"] else ""

    def load_imagenet_state(self, state: dict[str, Tensor]) -> None:
        """Load timm's weights of a Vision Transformer; positions are resized."""
        self.load_state_dict(self.published_state(state))

    def published_state(self, state: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return weights; of timm's classifier those of the transformer, the rest as it is.

        Weights of EoMT start VidEoMT.
        """
        rest = dict(self.state_dict())
        if "pos_embed" not in state:
            return {k: v for k, v in rest.items() if k.startswith("hand_on.")} | state
        for key, value in state.items():
            if key.startswith(("head.", "head_dist.", "fc_norm.")):
                continue
            if key == "pos_embed":
                side = round((value.shape[1] - 1) ** 0.5)
                value = resize_positions(value, (side, side), self.vit.grid)
            rest[f"vit.{key}"] = value
        return rest

    def _run(
        self, frames: Tensor, memory: QueryMemory | None, *, every: bool
    ) -> tuple[list[MaskPrediction], QueryMemory | None]:
        """Return predictions, of the end alone or also before each late block, and the memory."""
        height, width = frames.shape[-2:]
        if height % self.vit.patch or width % self.vit.patch:
            raise RecipeError(
                f"{self.paper} needs frames whose sides {self.vit.patch} divides; found "
                f"{width}x{height}. Change data.height and data.width."
            )
        tokens, grid = self.vit.embed(self.normalize(frames.flatten(0, 1)))
        early = len(self.vit.blocks) - self.query_blocks
        for block in self.vit.blocks[:early]:
            tokens = block(tokens)
        tokens = tokens.unflatten(0, frames.shape[:2])
        found: list[list[Tensor]] = []
        queries = None if memory is None else memory.queries
        for frame in tokens.unbind(1):
            states = self._late(frame, queries)
            queries = states[-1][:, : self.q.num_embeddings]
            found.append(states if every else states[-1:])
        last = QueryMemory(queries) if self.hand_on is not None and queries is not None else None
        stages = [torch.stack(stage, 1) for stage in zip(*found, strict=True)]
        return [self._predict(stage, grid) for stage in stages], last

    def _late(self, tokens: Tensor, queries: Tensor | None) -> list[Tensor]:
        """Return queries and tokens (B, N + 1 + h w, D) before each late block and at the end."""
        fresh = self.q.weight.expand(len(tokens), -1, -1)
        if self.hand_on is not None and queries is not None:
            fresh = self.hand_on(queries) + fresh
        states = [torch.cat([fresh, tokens], 1)]
        for block in self.vit.blocks[len(self.vit.blocks) - self.query_blocks :]:
            states.append(block(states[-1]))
        return states

    def _predict(self, states: Tensor, grid: tuple[int, int]) -> MaskPrediction:
        """Return classes and masks of (B, T, N + 1 + h w, D)."""
        shape = states.shape[:2]
        count = self.q.num_embeddings
        normal = self.vit.norm(states.flatten(0, 1))
        queries, patches = normal[:, :count], normal[:, count + 1 :]
        pixels = self.upscale(patches.transpose(1, 2).unflatten(2, grid))
        masks = torch.einsum("bnd,bdhw->bnhw", self.mask_head(queries), pixels)
        classes = self.class_head(queries)
        return MaskPrediction(classes.unflatten(0, shape), masks.unflatten(0, shape))


def semantic_logits(found: MaskPrediction) -> Tensor:
    """Return (B, T, C, h, w): log of the sum over queries of class probability times mask."""
    classes = found.classes.softmax(-1)[..., :-1]
    shares = torch.einsum("btnc,btnhw->btchw", classes, found.masks.sigmoid())
    return shares.clamp(min=_LEAST).log()


_TINY = {"width": 192, "depth": 12, "heads": 3}


def _tiny(size: tuple[int, int]) -> VisionTransformer:
    return VisionTransformer(_TINY["width"], _TINY["depth"], _TINY["heads"], size)


@register_model
def eomt_ti16(
    num_classes: int,
    queries: int = 50,
    query_blocks: int = 3,
    size: tuple[int, int] = (480, 640),
    matching: str = "fixed",
) -> MaskQueries:
    """Build EoMT on ViT-Ti/16, VidEoMT's per-frame base; `size` is (H, W) of the positions."""
    return MaskQueries(
        _tiny(tuple(size)), num_classes, queries, query_blocks, temporal=False, matching=matching
    )


@register_model
def videomt_ti16(
    num_classes: int,
    queries: int = 50,
    query_blocks: int = 3,
    size: tuple[int, int] = (480, 640),
    matching: str = "fixed",
    training_frames: int = 3,
) -> MaskQueries:
    """Build VidEoMT on ViT-Ti/16; `size` is (H, W) of the positions."""
    return MaskQueries(
        _tiny(tuple(size)),
        num_classes,
        queries,
        query_blocks,
        matching=matching,
        training_frames=training_frames,
    )
