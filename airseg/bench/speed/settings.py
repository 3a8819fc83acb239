"""Ways to run a network: what decides one, which are measured, and how people read them."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from airseg.errors import RecipeError

MODES = ("eager", "compiled", "graph", "compiled-graph")
PRECISIONS = ("fp32", "tf32", "bf16", "fp16")
OUTPUTS = ("logits", "labels")
WORDS = ("mode", "precision", "BN", "layout", "to", "copies", "streams")


@dataclass(frozen=True)
class Setting:
    """A way to run a network.

    Attributes:
        mode: ``eager``; ``compiled`` by torch.compile; ``graph``: a CUDA graph of the eager
            kernels; ``compiled-graph``: of the compiled ones.
        precision: ``tf32`` rounds the inputs of fp32 products; of bf16 and fp16 the weights are.
        folded: batch normalisation folded into convolutions.
        channels_last: memory layout of images.
        output: ``logits`` at the network's own resolution, or ``labels``: a class a pixel of the
            frame, uint8.
        copies: from a host's uint8 frame, and back to the host.
        streams: how many at once, in a batch.
    """

    mode: str = "eager"
    precision: str = "fp32"
    folded: bool = False
    channels_last: bool = False
    output: str = "labels"
    copies: bool = False
    streams: int = 1


BASE = Setting()
"""What all others are compared with: eager, fp32, as trained."""


def settings_of(
    modes: Iterable[str],
    precisions: Iterable[str],
    folded: Iterable[bool],
    channels_last: Iterable[bool],
) -> list[Setting]:
    """Return every combination, to a label map, without copies, one stream; `BASE` comes first."""
    found = [
        Setting(mode=m, precision=p, folded=f, channels_last=c)
        for m, p, f, c in itertools.product(modes, precisions, folded, channels_last)
    ]
    return list(dict.fromkeys([BASE, *found]))


def surroundings(setting: Setting, streams: int) -> list[Setting]:
    """Return the rest of what is asked of one way: logits alone, host copies, throughput."""
    found = [
        replace(setting, output=output, copies=copies)
        for output, copies in itertools.product(OUTPUTS, (False, True))
    ]
    if streams > 1:
        found += [replace(setting, streams=streams, output=output) for output in OUTPUTS]
    return [s for s in found if s != setting]


def check_choices(values: Sequence[str], known: Sequence[str], option: str) -> list[str]:
    """Return the values of a comma-separated option.

    Raises:
        RecipeError: one is not known.
    """
    for value in values:
        if value not in known:
            raise RecipeError(f"{option} {value}: choose from {', '.join(known)}.")
    return list(values)


def words(setting: Setting) -> tuple[str, ...]:
    """Return a way to run in words, one a column of `WORDS`."""
    return (
        setting.mode,
        setting.precision,
        "folded" if setting.folded else "-",
        "channels last" if setting.channels_last else "-",
        setting.output,
        "yes" if setting.copies else "-",
        str(setting.streams),
    )
