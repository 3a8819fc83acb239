"""Write the study's tables and verdict from its committed results, into REPORT.md and README.md.

What is compared with what, and what counts as a verdict, is fixed in PROTOCOL.md; everything here
follows from the results' files.

Run it with: python benchmark/studies/tca/report.py (or `make study-report`)
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from airseg.bench.leaderboard.table import markdown_row, splice
from airseg.bench.metrics.intervals import ALPHA, FEWEST_SEEDS, Estimate, estimate, holm
from airseg.bench.results.certainty import by_flight, certainty
from airseg.bench.results.published import load_published
from airseg.bench.results.result import Result, load_results
from airseg.bench.results.seeds import members, merge_seeds, seed_of

_TOP = Path(__file__).parents[3]
_RESULTS = _TOP / "benchmark" / "results"
_REPORT = Path(__file__).with_name("REPORT.md")
_README = _TOP / "README.md"

_PAPER = "paper-protocol-cpu"
CONDITIONS = {"tca-cpu": "25 Hz", "tca-cpu-5hz": "5 Hz", "tca-cpu-dusk": "dusk"}
MEMORY, PLACEBO, ALONE, MEAN = (
    "FANet-18 N=4",
    "FANet-18 placebo",
    "FANet-18 N=0",
    "FANet-18 N=4 mean",
)
CONTROL, CONTROL_ALONE = "ESPNet L1b tanh", "ESPNet"
_ASKED = {
    "tca-cpu": dict.fromkeys([ALONE, PLACEBO, MEMORY, CONTROL_ALONE, CONTROL, MEAN], 4),
    "tca-cpu-5hz": dict.fromkeys([ALONE, PLACEBO, MEMORY], 3),
    "tca-cpu-dusk": dict.fromkeys([ALONE, PLACEBO, MEMORY], 3),
}
"""Arms of each condition, and how many seeds the protocol wants of them."""

PLACES = {None: "all flights", "new street": "new streets", "new town": "new towns"}


def main() -> None:
    """Read what is there, and splice it in."""
    found = {
        name: {r.label: r for _, r in merge_seeds(load_results([_RESULTS / name]))}
        for name in CONDITIONS
        if any((_RESULTS / name).glob("*.json"))
    }
    first = found["tca-cpu"]
    splice(_REPORT, verdict(first), "verdict")
    splice(_REPORT, "\n\n".join(scores(n, rows) for n, rows in found.items()), "scores")
    splice(_REPORT, _comparisons(found), "comparisons")
    splice(_REPORT, missing(found), "missing")
    splice(_REPORT, table2(first), "table2")
    splice(_README, headline(first), "verdict")
    splice(_README, scores("tca-cpu", first), "study")
    print(verdict(first))


def difference(
    rows: dict[str, Result], first: str, second: str, place: str | None = None
) -> Estimate | None:
    """Return how far two arms lie apart on the same flights, paired by seed; None without both.

    Scores are shares of one, as in results.
    """
    if first not in rows or second not in rows:
        return None
    ours, theirs = (
        dict(zip(map(seed_of, members(rows[n])), by_flight(rows[n], place=place), strict=True))
        for n in (first, second)
    )
    seeds = sorted(set(ours) & set(theirs))
    return estimate(np.stack([ours[s] - theirs[s] for s in seeds])) if seeds else None


def verdict(rows: dict[str, Result]) -> str:
    """Return the protocol's one sentence, and what it rests on."""
    found = difference(rows, MEMORY, PLACEBO)
    if found is None or not found.is_testable:
        seeds = found.seeds if found else 0
        return (
            f"No verdict yet: {seeds} of at least {FEWEST_SEEDS} seeds of {MEMORY} and its placebo "
            "are trained."
        )
    word = "is not shown to matter"
    if found.probability < ALPHA:
        word = "helps" if found.mean > 0 else "hurts"
    recipe = rows[MEMORY].recipe
    size = f"{recipe['data']['width']}x{recipe['data']['height']}"
    text = (
        f"In this study memory {word}: FANet-18 with the context of four frames scores "
        f"{_points(found.mean)} points of class-mean IoU over its placebo (95 %: "
        f"{_points(found.low)} to {_points(found.high)}); no more than {100 * found.bound:.1f} "
        f"points either way. {found.seeds} seeds, {found.flights} flights in places not trained "
        f"in, trained for {recipe['train']['steps']} steps at {size} on a CPU."
    )
    return f"{text} {_assay(rows)}"


def headline(rows: dict[str, Result]) -> str:
    """Return the verdict for people who read one sentence: that one in bold, then the rest."""
    sentence, rest = verdict(rows).split(". ", 1)
    return f"**{sentence}.** {rest} [The report](benchmark/studies/tca/REPORT.md)."


def _assay(rows: dict[str, Result]) -> str:
    found = difference(rows, CONTROL, CONTROL_ALONE)
    if found is None or not found.is_testable:
        return "The positive control is not trained yet: whether a gain could be seen is not known."
    told = f"({_points(found.mean)} points, 95 %: {_points(found.low)} to {_points(found.high)})"
    if found.low > 0:
        return f"The positive control shows a gain {told}, so a gain could have been seen."
    return f"The positive control shows no gain {told}, so this study could not have shown one."


def missing(found: dict[str, dict[str, Result]]) -> str:
    """Return what of the protocol has no row yet, as an item of a list in Markdown."""
    lacking = []
    for condition, arms in _ASKED.items():
        rows = found.get(condition, {})
        for label, seeds in arms.items():
            there = {seed_of(m) for m in members(rows[label])} if label in rows else set()
            left = [str(s) for s in range(seeds) if s not in there]
            if left:
                word = "seed" if len(left) == 1 else "seeds"
                lacking.append(f"{label} at {CONDITIONS[condition]} ({word} {', '.join(left)})")
    if not lacking:
        return ""
    return (
        f"- Nothing about what is not trained yet: {'; '.join(lacking)}. `make study` goes on with "
        "them."
    )


def table2(rows: dict[str, Result]) -> str:
    """Return the paper's Table 2 beside its protocol here and the study's, in Markdown.

    The study's arm of a depth is given where there is one.
    """
    own = {label.count("N=4") * 4: rows[label] for label in (ALONE, MEMORY) if label in rows}
    there = sorted((_RESULTS / _PAPER).glob("*.json"))
    found = [result for _, result in load_results(there)] if there else []
    leaking = {r.recipe["model"]["options"].get("tca_depth", 0): r for r in found}
    head = [
        "N",
        "published, Eq. 1-2 % *leaks*",
        "its protocol here, Eq. 1-2 % *leaks*",
        "its protocol here, IoU % *leaks*",
        "this study, Eq. 1-2 %",
        "this study, IoU %",
    ]
    lines = [markdown_row(head), markdown_row(["---:"] * len(head))]
    for published in load_published().rows:
        if published.table != "Table 2" or published.depth is None:
            continue
        depth = published.depth
        cells = [f"{published.paper_jaccard['test']:.1f}"]
        cells += _share(leaking.get(depth), "paper_jaccard", "mean_iou")
        cells += _share(own.get(depth), "paper_jaccard", "mean_iou")
        lines.append(markdown_row([depth, *cells]))
    return "\n".join(lines) + "\n"


def _share(row: Result | None, *names: str) -> list[str]:
    values = [None if row is None else getattr(row.scores, name) for name in names]
    return ["" if v is None else f"{100 * v:.1f}" for v in values]


def scores(condition: str, rows: dict[str, Result]) -> str:
    """Return the table of one condition, in Markdown."""
    head = ["arm", "seeds", *(f"{name}, IoU %" for name in PLACES.values()), "flicker %"]
    lines = [markdown_row(head), markdown_row(["---", "---:", *["---"] * 3, "---:"])]
    order = [ALONE, PLACEBO, MEMORY, MEAN, CONTROL_ALONE, CONTROL]
    others = [label for label in rows if label not in order]
    for label in (*order, *others):
        if label not in rows:
            continue
        row = rows[label]
        cells = [_interval(certainty(row, place=place)) for place in PLACES]
        steady = row.scores.flicker
        lines.append(
            markdown_row(
                [
                    label,
                    len(members(row)) if row.kind == "model" else "-",
                    *cells,
                    "" if steady is None else f"{100 * steady:.1f}",
                ]
            )
        )
    some = next(iter(rows.values()))
    title = (
        f"{CONDITIONS[condition]}, dataset `{some.dataset.content_hash[:12]}`: class-mean IoU by "
        "flight, mean over flights and seeds (95 %)."
    )
    return f"{title}\n\n" + "\n".join(lines) + "\n"


def _comparisons(found: dict[str, dict[str, Result]]) -> str:
    """Return the primary comparison, and the secondary ones with p corrected together."""
    first = found["tca-cpu"]
    asked = [
        (name, a, b, place)
        for name in found
        for a, b in ((MEMORY, ALONE), (MEAN, PLACEBO), (PLACEBO, ALONE))
        for place in PLACES
    ]
    asked += [("tca-cpu", MEMORY, PLACEBO, place) for place in list(PLACES)[1:]]
    asked += [(name, MEMORY, PLACEBO, p) for name in list(found)[1:] for p in PLACES]
    rest = [(*what, difference(found[what[0]], *what[1:])) for what in asked]
    known = [(*what, e) for *what, e in rest if e is not None]
    tested = [e.probability if e.is_testable else math.nan for *_, e in known]
    corrected = holm(tested)
    head = ["condition", "arm", "less", "where", "points (95 %)", "seeds x flights", "p"]
    lines = [markdown_row(head), markdown_row(["---"] * 4 + ["---", "---", "---:"])]
    for role, row in (("primary", MEMORY), ("assay", CONTROL)):
        other = PLACEBO if row == MEMORY else CONTROL_ALONE
        e = difference(first, row, other)
        if e is not None:
            lines.append(_line(f"25 Hz, **{role}**", row, other, None, e, e.probability))
    for (name, a, b, place, e), p in zip(known, corrected, strict=True):
        lines.append(_line(CONDITIONS[name], a, b, place, e, p))
    return "\n".join(lines) + "\n"


def _line(condition: str, a: str, b: str, place: str | None, e: Estimate, p: float) -> str:
    shown = "" if math.isnan(p) else f"{p:.3f}"
    counts = f"{e.seeds} x {e.flights}"
    return markdown_row([condition, a, b, PLACES[place], _interval(e, signed=True), counts, shown])


def _interval(e: Estimate, *, signed: bool = False) -> str:
    def text(value: float) -> str:
        return _points(value) if signed else f"{100 * value:.1f}"

    if not e.flights:
        return ""
    if e.kind == "interval":
        return f"{text(e.mean)} ({text(e.low)} to {text(e.high)})"
    if e.kind == "range":
        return f"{text(e.mean)}, range {text(e.low)} to {text(e.high)}"
    return text(e.mean)


def _points(value: float) -> str:
    return f"{100 * value + 0.0:+.1f}".replace("-", "\u2212")


if __name__ == "__main__":
    main()
