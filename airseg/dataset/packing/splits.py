"""Which sequence is for training, which for validation and which for testing.

Splits go by whole sequences: frames 40 ms apart are nearly the same picture, and one that is
trained on gives away its neighbour.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from airseg.errors import DatasetError, did_you_mean
from airseg.labels.label_map import SPLITS

_SHARE_HELD_OUT = 0.15


@dataclass(frozen=True)
class SplitChoice:
    """The split of every sequence, and what a person should know about how it was chosen."""

    by_sequence: dict[str, str]
    notes: list[str]


def parse_split_options(options: Iterable[str], known: Iterable[str]) -> dict[str, str]:
    """Read ``train=a,b`` and ``test=c`` into the split of each named sequence.

    Args:
        options: one text per ``--assign``.
        known: names of the sequences that are there.

    Raises:
        DatasetError: wrong form, unknown split or sequence, or a sequence in two splits.
    """
    known = list(known)
    chosen: dict[str, str] = {}
    for option in options:
        split, equals, names = option.partition("=")
        split = split.strip()
        if not equals or not names.strip():
            raise DatasetError(f"--assign {option}: expected a form such as test=seq1,seq2.")
        if split not in SPLITS:
            raise DatasetError(
                f"--assign {option}: there is no split '{split}'; expected {', '.join(SPLITS)}."
                f"{did_you_mean(split, SPLITS)}"
            )
        for name in (n.strip() for n in names.split(",") if n.strip()):
            if name not in known:
                hint = did_you_mean(name, known, "Sequences")
                raise DatasetError(f"--assign {option}: there is no sequence '{name}'.{hint}")
            if chosen.setdefault(name, split) != split:
                raise DatasetError(
                    f"--assign {option}: sequence {name} is already in {chosen[name]}; a sequence "
                    "belongs to one split."
                )
    return chosen


def choose_splits(
    own: Mapping[str, str | None],
    options: Iterable[str] = (),
    label_map_splits: Mapping[str, str] | None = None,
) -> SplitChoice:
    """Choose the split of every sequence.

    In this order: the ``--assign`` options, the sequence's own split, the label map's. Sequences
    that nobody speaks for are trained on, if any other sequence has a split; if none has one, the
    last ones by name are held out.

    Args:
        own: split that each sequence brings along, or None.
        options: one text per ``--assign``; see `parse_split_options`.
        label_map_splits: what the label map says.

    Raises:
        DatasetError: an option is wrong, or no sequence is left for training.
    """
    names = sorted(own)
    from_options = parse_split_options(options, names)
    from_map = label_map_splits or {}
    chosen = {name: from_options.get(name) or own[name] or from_map.get(name) for name in names}
    silent = [name for name, split in chosen.items() if split is None]
    notes: list[str] = []
    if silent and len(silent) < len(names):
        notes.append(f"no split is given for {', '.join(silent)}: used for training")
        chosen |= dict.fromkeys(silent, "train")
    elif silent:
        chosen = dict(_hold_out_last(names))
        shares = "; ".join(
            f"{split}: {', '.join(n for n in names if chosen[n] == split) or 'none'}"
            for split in SPLITS
        )
        notes.append(f"no splits are given, so they go by name ({shares}); --assign says otherwise")
    if "train" not in chosen.values():
        raise DatasetError(
            f"no sequence is left for training: {', '.join(f'{n} is {chosen[n]}' for n in names)}. "
            "Give one with --assign train=NAME."
        )
    return SplitChoice({name: str(chosen[name]) for name in names}, notes)


def _hold_out_last(names: list[str]) -> dict[str, str]:
    """Hold out the last sequences by name for testing, and those before them for validation."""
    held_out = max(1, round(len(names) * _SHARE_HELD_OUT))
    test = held_out if len(names) >= 2 else 0
    val = held_out if len(names) >= 3 else 0
    train = len(names) - test - val
    return dict(zip(names, ["train"] * train + ["val"] * val + ["test"] * test, strict=True))
