"""The columns of the leaderboard: what each means, and how it is taken from a result."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from airseg.bench.leaderboard.badges import badges, budget
from airseg.bench.results.certainty import certainty, differences, letters
from airseg.bench.results.result import Result, SpeedResult
from airseg.bench.results.seeds import MeanResult
from airseg.labels.label_map import SPLITS

_NAN = float("nan")
_WHOLE = "at the labels' own resolution"


@dataclass(frozen=True)
class Column:
    """A column of the table.

    Attributes:
        title: its heading, with the unit; meaning: what stands in it.
        value: takes it from a result; NaN or an empty text where there is none.
        digits: after the point, or None for text.
        always: whether it stands there even where no row has a value.
        brief: whether it stands in Markdown too, which people read in a narrow window.
    """

    title: str
    meaning: str
    value: Callable[[Result], float | str]
    digits: int | None = None
    always: bool = True
    brief: bool = True


def machines(results: Sequence[Result]) -> list[str]:
    """Return the machines that speeds were measured on, sorted."""
    return sorted({r.speed.machine for r in results if r.speed})


def untimed(results: Sequence[Result]) -> str:
    """Return why speeds of some rows are not shown, in a sentence; empty where all are."""
    busy = [r.speed.busy for r in results if r.speed and r.speed.was_disturbed]
    if not busy:
        return ""
    whose = "that of one row is" if len(busy) == 1 else f"those of {len(busy)} rows are"
    return (
        f"Of the speeds, {whose} not shown: other programs took up to {100 * max(busy):.0f} % of "
        "the machine while it was measured."
    )


def columns(results: Sequence[Result]) -> list[Column]:
    """Return the columns that some results fill; speed has columns of its own a machine."""
    speeds = _speed_columns(machines(results))
    candidates = [
        *_SCORES,
        _groups(results),
        *_places(results),
        *_STEADINESS,
        *speeds,
        *_SIZES,
        *_BUDGET,
    ]
    candidates += [*_DETAILS, _protocol(results)]
    return [c for c in candidates if c.always or any(not _is_missing(c.value(r)) for r in results)]


def shown(value: object, digits: int | None) -> str:
    """Return a cell as people read it: digits after the point, a dash where there is nothing."""
    if digits is None:
        return str(value)
    return "-" if _is_missing(value) else f"{float(value):.{digits}f}"  # type: ignore[arg-type]


def split_text(result: Result) -> str:
    """Return which frames a result was scored on, in words: ``the test split, 40 frames ...``."""
    frames, flights = sum(result.dataset.sequences.values()), len(result.dataset.sequences)
    plural = "" if flights == 1 else "s"
    split = result.dataset.split
    named = f"the {split} split," if split in SPLITS else f"{split} out of"
    return f"{named} {frames} frames of {flights} flight{plural}"


def scored_text(results: Sequence[Result]) -> str:
    """Return which frames the results of a table were scored on, and at which size, in words."""
    said: dict[bool, str] = {}
    for result in results:
        leaks = result.protocol == "paper"
        divisor = result.recipe.get("paper", {}).get("label_divisor", 8)
        at = f"the last frame of each at 1/{divisor} of its size" if leaks else _WHOLE
        said.setdefault(leaks, f"{split_text(result)}, {at}")
    if len(said) == 1:
        return next(iter(said.values()))
    return f'{said[False]}; rows with the badge "leaks" on {said[True]}'


def _score(name: str) -> Callable[[Result], float]:
    return lambda r: percent(getattr(r.scores, name, None))


def _speed(machine: str, take: Callable[[SpeedResult], float]) -> Callable[[Result], float]:
    return lambda r: (
        take(r.speed)
        if r.speed and r.speed.machine == machine and not r.speed.was_disturbed
        else _NAN
    )


def _disturbed(result: Result) -> str:
    speed = result.speed
    if speed is None or not speed.was_disturbed:
        return ""
    return (
        f"{speed.frames_per_second:.1f} FPS, {speed.labelmap_ms['p50']:.1f} ms; others took "
        f"{100 * speed.busy:.0f} %"
    )


def _sized(take: Callable[[SpeedResult], float]) -> Callable[[Result], float]:
    return lambda r: take(r.speed) if r.speed else _NAN


def _frame_size(result: Result) -> str:
    data = result.recipe.get("data", {})
    return f"{data.get('width')}x{data.get('height')}" if result.speed else ""


def _seeds(result: Result) -> str:
    if not isinstance(result, MeanResult):
        return ""
    deviation = result.deviation.get("mean_iou", _NAN)
    return f"{shown(100 * deviation, 1)} ({len(result.seeds)})"


def _by_flight(result: Result, place: str | None = None) -> str:
    """Return the mean over flights with its interval, or with the flights' range, in words."""
    found = certainty(result, place=place)
    if not found.flights:
        return ""
    mean, low, high = (100 * v for v in (found.mean, found.low, found.high))
    if found.kind == "interval":
        return f"{mean:.1f} ({low:.1f} to {high:.1f})"
    if found.kind == "range":
        return f"{mean:.1f}, range {low:.1f} to {high:.1f}"
    return f"{mean:.1f}, one flight"


def _hours(*, gpu: bool) -> Callable[[Result], float]:
    def hours(result: Result) -> float:
        made = result.environment
        if made is None or made.is_gpu != gpu or not result.training_seconds:
            return _NAN
        units = made.processes if gpu else made.processes * made.threads
        return units * result.training_seconds / 3600

    return hours


def _detail(title: str, meaning: str, name: str, *, brief: bool = False) -> Column:
    return Column(title, meaning, _score(name), 1, always=False, brief=brief)


_SCORES = (
    Column("system", "network and depth N of its temporal context", lambda r: r.label),
    Column(
        "mIoU %",
        "class-mean intersection over union, pooled over the whole split",
        _score("mean_iou"),
        1,
    ),
    Column("± seeds", "its standard deviation over seeds, and how many", _seeds, always=False),
    Column(
        "by flight %",
        "class-mean IoU of a flight, mean over flights; in brackets its 95 % interval over flights "
        "(and over seeds, where a row has three or more; else of this one training). Below 6 "
        "flights, or with 2 seeds, the range of the flights, which is no interval",
        _by_flight,
        always=False,
    ),
    Column(
        "val mIoU %",
        "the same headline on the validation split, by which choices may be made",
        lambda r: percent(r.validation.mean_iou) if r.validation else _NAN,
        1,
        always=False,
        brief=False,
    ),
    Column("accuracy %", "share of pixels that are right", _score("pixel_accuracy"), 1),
    Column(
        "Eq. 1-2 %",
        "the founding paper's 'mIoU', a function of pixel accuracy",
        _score("paper_jaccard"),
        1,
    ),
)

_STEADINESS = (
    _detail("mVC8 %", "share of pixels right in all of 8 frames", "mvc8_correct", brief=True),
    _detail("mVC16 %", "the same of 16 frames", "mvc16_correct", brief=True),
)

_DETAILS = (
    _detail("boundary F %", "how well outlines lie on the labels'", "boundary_f"),
    _detail(
        "mVC8 official %",
        "VSPW's script: constant over 8 frames, right or wrong; one class everywhere scores 100",
        "mvc8_official",
    ),
    _detail("mVC16 official %", "the same over 16 frames", "mvc16_official"),
    _detail("Cons %", "predicted the same in two frames", "cons"),
    _detail("ConsW %", "predicted the same, and wrong", "cons_wrong"),
    _detail("warped Cons %", "the same along the image motion, where visible", "warp_consistency"),
    _detail("warped TC %", "VSPW's TC with the motion known exactly", "warp_mean_iou"),
)

_SIZES = (
    Column("params M", "trainable numbers, millions", _sized(lambda s: s.parameters / 1e6), 2),
    Column("GMAC", "multiply-adds of a frame, 1e9", _sized(lambda s: s.gmacs), 2),
    Column("memory KB", "what a stream remembers", _sized(lambda s: s.memory_bytes / 1000), 0),
    Column("size", "width x height of frames while training, predicting and timing", _frame_size),
)

_BUDGET = (
    Column("steps", "optimiser steps", lambda r: budget(r)[0] or _NAN, 0, always=False),
    Column(
        "frames trained",
        "supervised frames of one training, repetitions counted",
        lambda r: r.supervised_frames or _NAN,
        0,
        always=False,
    ),
    Column(
        "core h",
        "processor threads times hours of one training",
        _hours(gpu=False),
        2,
        always=False,
    ),
    Column("GPU h", "GPUs times hours of one training", _hours(gpu=True), 2, always=False),
    Column(
        "speed while busy",
        "measured while other programs took processor time: not to be ranked; measure it again",
        _disturbed,
        always=False,
    ),
)


def _groups(results: Sequence[Result]) -> Column:
    """Return the column of letters; empty where no pair of rows could be tested."""
    pairs = differences(results)
    found: dict[str, str] = {}
    if any(p.probability == p.probability for p in pairs):
        runs = list(dict.fromkeys(r for p in pairs for r in (p.first, p.second)))
        found = letters(runs, pairs)
    return Column(
        "same",
        "rows that are not shown to differ share a letter (paired by flight and seed, two-way, "
        "Holm, 5 %); see the table of differences",
        lambda r: found.get(r.run, ""),
        always=False,
    )


def _places(results: Sequence[Result]) -> list[Column]:
    """Return a column for each kind of place that flights show, where they show new ones."""
    found = {place for r in results for place in r.places.values()}
    return [
        Column(
            f"{place} %",
            f"as by flight %, of the flights {_PLACES[place]}",
            partial(_by_flight, place=place),
            always=False,
        )
        for place in _PLACES
        if place in found and len(found | {"trained place"}) > 1
    ]


_PLACES = {
    "trained place": "in the streets that were trained in",
    "new street": "in a world of training flights, built from a seed that none was flown in",
    "new town": "in a world that no training flight shows",
}


def _protocol(results: Sequence[Result]) -> Column:
    found = badges(results)
    return Column(
        "protocol",
        "fair: split by flight, one budget for all; budget A, B: only rows of one letter compare; "
        "swept: chosen on the test flights; leaks: test beside training frames",
        lambda r: found[r.run].name,
    )


def _speed_columns(known: list[str]) -> list[Column]:
    """Return the speed columns of every machine; of none, one empty set."""
    made = []
    for i, machine in enumerate(known or [""]):
        mark = f" [{machine_letter(i)}]" if len(known) > 1 else ""
        where = f" on {machine}" if len(known) > 1 else ""
        takes: list[tuple[str, str, Callable[[SpeedResult], float]]] = [
            ("FPS", "streaming, batch 1, to a label map", lambda s: s.frames_per_second),
            ("p50 ms", "median latency of a frame to a label map", lambda s: s.labelmap_ms["p50"]),
            ("p99 ms", "99th percentile of the same", lambda s: s.labelmap_ms["p99"]),
        ]
        for title, meaning, take in takes:
            made.append(Column(title + mark, meaning + where, _speed(machine, take), 1))
    return made


def machine_letter(index: int) -> str:
    """Return what stands for a machine in the headings, where there are several."""
    return chr(ord("A") + index)


def _is_missing(value: object) -> bool:
    return value == "" if isinstance(value, str) else value != value


def percent(value: float | None) -> float:
    """Return a share in per cent; NaN where it is not known."""
    return _NAN if value is None else 100 * value
