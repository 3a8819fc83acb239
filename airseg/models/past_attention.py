"""STA: a transformer whose attention also sees the keys and values of the frames before.

Varghese, Ross, Hueger and Maag, 2026 (arXiv 2602.10052). There is no public code, and only the
abstract could be read: queries stay those of the present frame, keys and values of the T - 1 frames
before enter, weighted by a decay, in every attention of SegFormer. What the abstract leaves open is
decided here, and named where it is: how past and present are combined, where the decay acts, and
that stored keys and values are those of the past frame with its own past (or, as an option,
without). It is temporal context aggregation's twin in a transformer.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from airseg.errors import RecipeError, did_you_mean
from airseg.models.mix_transformer import REDUCTIONS, SIZES, Attend, MixTransformer
from airseg.models.options import check_at_least, check_choice
from airseg.models.registry import register_model
from airseg.models.tv3s import MlpDecoder, SegFormer

COMBINATIONS = ("concat", "sum", "mean")
"""``concat``: one softmax over the keys of all frames, whose scores lose ln decay a frame of age.
``sum``: one softmax a frame, and the mean of what they find, weighted by decay ** age. ``mean``:
one softmax over the weighted mean of keys, and values."""
CONTEXTS = ("recurrent", "single")
"""Whether stored keys and values come from frames with their own past, or from a pass without."""


@dataclass(frozen=True)
class PastTokens:
    """Keys and values of the last frames, of each block that remembers.

    Attributes:
        keys, values: (B, n, heads, M, d) each, oldest first; n grows from 1 to T - 1.
    """

    keys: tuple[Tensor, ...]
    values: tuple[Tensor, ...]


def attend_to_past(
    query: Tensor, keys: Tensor, values: Tensor, decay: Tensor, combine: str
) -> Tensor:
    """Let queries attend to the present frame and those before.

    Args:
        query: (B, heads, N, d).
        keys, values: (B, n, heads, M, d), oldest first, the present frame's last.
        decay: () above 0, at most 1: how much less a frame counts than the one after it.
        combine: of `COMBINATIONS`.

    Returns:
        (B, heads, N, d).
    """
    count, tokens = keys.shape[1], keys.shape[3]
    ages = torch.arange(count - 1, -1, -1, device=query.device)
    attention = functional.scaled_dot_product_attention
    if combine == "concat":
        loss = (ages * decay.log()).to(query.dtype).repeat_interleave(tokens)
        mask = loss.expand(query.shape[2], -1)
        return attention(query, _joined(keys), _joined(values), attn_mask=mask)
    share = decay**ages
    share = (share / share.sum()).to(query.dtype)
    if combine == "sum":
        found = [
            attention(query, k, v) for k, v in zip(keys.unbind(1), values.unbind(1), strict=True)
        ]
        return (torch.stack(found, -1) * share).sum(-1)
    key, value = (torch.einsum("bnhmd,n->bhmd", x, share) for x in (keys, values))
    return attention(query, key, value)


def _joined(tokens: Tensor) -> Tensor:
    """Return (B, heads, n M, d) of (B, n, heads, M, d)."""
    return tokens.transpose(1, 2).flatten(2, 3)


class PastAttentionSegFormer(SegFormer):
    """SegFormer with spatio-temporal attention (STA).

    Args:
        encoder: of SegFormer.
        decoder: of SegFormer.
        frames: T, the present one counted; 1 is SegFormer.
        decay: how much less a frame counts than the one after it; 0 is SegFormer.
        combine: of `COMBINATIONS`.
        stages: which of the four take part, counted from 1.
        context: of `CONTEXTS`; ``recurrent`` makes logits depend on all earlier frames, ``single``
            costs a second pass a frame.
        learned: one decay a block that is learned, from `decay` on.

    Raises:
        RecipeError: an option is impossible.
    """

    paper = "STA (Varghese et al., 2026) on SegFormer"

    def __init__(
        self,
        encoder: MixTransformer,
        decoder: MlpDecoder,
        frames: int = 3,
        decay: float = 0.5,
        combine: str = "concat",
        stages: tuple[int, ...] = (1, 2, 3, 4),
        context: str = "recurrent",
        *,
        learned: bool = False,
    ) -> None:
        super().__init__(encoder, decoder)
        _check(frames, decay, stages, learned=learned)
        check_choice("combine", combine, COMBINATIONS)
        check_choice("context", context, CONTEXTS)
        self.combine, self.context = combine, context
        self.past_frames = frames - 1 if decay else 0
        self.memory_depth = self.past_frames
        self.unbounded = context == "recurrent" and self.past_frames > 0
        places = [i for i, count in enumerate(encoder.blocks, 1) for _ in range(count)]
        self.remembers = tuple(i in stages for i in places)
        start = torch.full((sum(self.remembers),), decay)
        self.decay_logits = nn.Parameter(start.logit()) if learned else None
        self.register_buffer("decay", start, persistent=False)

    @property
    def filling_frames(self) -> int:
        return self.past_frames

    def coarse(
        self, frames: Tensor, memory: PastTokens | None = None
    ) -> tuple[Tensor, PastTokens | None]:
        if not self.past_frames:
            return super().coarse(frames)
        features = []
        for frame in self.normalize(frames).unbind(1):
            found, memory = self._advance(frame, memory)
            features.append(found)
        levels = [torch.stack(level, 1).flatten(0, 1) for level in zip(*features, strict=True)]
        logits = self.decode_head.predict(self.decode_head.fuse(levels))
        return logits.unflatten(0, frames.shape[:2]), memory

    def memory_bytes(self, height: int, width: int) -> int:
        numbers, remembered = 0, iter(self.remembers)
        for i, (channels, count) in enumerate(
            zip(self.backbone.channels, self.backbone.blocks, strict=True)
        ):
            height, width = (-(-n // (4 if i == 0 else 2)) for n in (height, width))
            tokens = (height // REDUCTIONS[i]) * (width // REDUCTIONS[i])
            numbers += sum(2 * tokens * channels for _ in range(count) if next(remembered))
        return 4 * self.past_frames * numbers

    def published_state(self, state: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return SegFormer's weights, with this network's own decays where it learns them."""
        own = {} if self.decay_logits is None else {"decay_logits": self.decay_logits.detach()}
        return {**own, **super().published_state(state)}

    def _advance(
        self, frame: Tensor, memory: PastTokens | None
    ) -> tuple[list[Tensor], PastTokens | None]:
        """Return the features of one more normalised frame of each stream, and the memory."""
        kept: list[tuple[Tensor, Tensor]] = []
        features = self.backbone(frame, list(self._attends(memory, kept)))
        if self.context == "single" and memory is not None:
            kept = []
            self.backbone(frame, list(self._attends(None, kept)))
        new_keys, new_values = zip(*kept, strict=True)
        return features, PastTokens(
            self._append(memory.keys if memory else None, new_keys),
            self._append(memory.values if memory else None, new_values),
        )

    def _append(
        self, past: tuple[Tensor, ...] | None, new: tuple[Tensor, ...]
    ) -> tuple[Tensor, ...]:
        fresh = [tokens[:, None] for tokens in new]
        if past is not None:
            fresh = [torch.cat([old, now], 1) for old, now in zip(past, fresh, strict=True)]
        return tuple(tokens[:, -self.past_frames :] for tokens in fresh)

    def _attends(
        self, memory: PastTokens | None, kept: list[tuple[Tensor, Tensor]]
    ) -> Iterator[Attend]:
        """Yield what each block attends with; keys and values of the frame go into `kept`."""
        decays = self.decay if self.decay_logits is None else self.decay_logits.sigmoid()
        number = 0
        for remembers in self.remembers:
            if not remembers:
                yield functional.scaled_dot_product_attention
                continue
            past = None if memory is None else (memory.keys[number], memory.values[number])
            yield self._attend(past, decays[number], kept)
            number += 1

    def _attend(
        self,
        past: tuple[Tensor, Tensor] | None,
        decay: Tensor,
        kept: list[tuple[Tensor, Tensor]],
    ) -> Attend:
        def attend(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
            kept.append((key, value))
            if past is None:
                return functional.scaled_dot_product_attention(query, key, value)
            keys, values = (
                torch.cat([old, now[:, None]], 1)
                for old, now in zip(past, (key, value), strict=True)
            )
            return attend_to_past(query, keys, values, decay, self.combine)

        return attend


def _check(frames: int, decay: float, stages: tuple[int, ...], *, learned: bool) -> None:
    """Raise where an option is impossible."""
    check_at_least("frames", frames, 1)
    if not 0 <= decay <= 1 or math.isnan(decay):
        raise RecipeError(f"decay is {decay}; it must be from 0 to 1.")
    if learned and not 0 < decay < 1:
        raise RecipeError(f"decay is {decay}; to be learned it must be above 0 and below 1.")
    if not stages or not set(stages) <= {1, 2, 3, 4}:
        raise RecipeError(f"stages is {list(stages)}; it must be some of 1, 2, 3, 4.")


@register_model
def sta_segformer(
    num_classes: int,
    encoder: str = "b0",
    width: int = 256,
    frames: int = 3,
    decay: float = 0.5,
    combine: str = "concat",
    stages: tuple[int, ...] = (1, 2, 3, 4),
    context: str = "recurrent",
    learned: bool = False,
) -> PastAttentionSegFormer:
    """Build STA on SegFormer with a Mix Transformer (b0, b1, b2, b5)."""
    if encoder not in SIZES:
        hint = did_you_mean(encoder, SIZES, "Encoders")
        raise RecipeError(f"there is no encoder '{encoder}'.{hint}")
    backbone = MixTransformer(*SIZES[encoder])
    decoder = MlpDecoder(backbone.channels, num_classes, width)
    return PastAttentionSegFormer(
        backbone, decoder, frames, decay, combine, tuple(stages), context, learned=learned
    )
