"""Copy the results of a study to where they are committed: small, without a machine's paths.

Curves keep about fifty points, and paths of the command are told from the folder that holds the
study's folder.

Run it with: python benchmark/studies/keep_rows.py study/results benchmark/results/tca-cpu
"""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

from airseg.bench.results.result import CurveResult, Result, load_result, save_result

_POINTS = 50


def keep_rows(source: Path, target: Path) -> list[Path]:
    """Copy every result of a folder; return where they are now.

    Args:
        source: `airseg bench run --out`, as in study/results.
        target: made where it is missing.
    """
    target.mkdir(parents=True, exist_ok=True)
    paths = sorted(p for p in source.glob("*.json") if p.is_file())
    home = source.resolve().parent.parent
    return [save_result(target, small(load_result(path), home)) for path in paths]


def small(result: Result, home: Path) -> Result:
    """Return a result with thinned curves, whose command names no path above `home`."""
    curves = result.curves.model_dump()
    thinned = {n: _thinned(v) if isinstance(v, list) else v for n, v in curves.items()}
    words = [w.replace(f"{home}/", "") for w in shlex.split(result.command)]
    return result.model_copy(
        update={"curves": CurveResult.model_validate(thinned), "command": shlex.join(words)}
    )


def _thinned(points: list) -> list:
    """Return the first point, every n-th and the last."""
    every = max(1, len(points) // _POINTS)
    kept = points[::every]
    return kept if not points or kept[-1] == points[-1] else [*kept, points[-1]]


if __name__ == "__main__":
    for kept in keep_rows(Path(sys.argv[1]), Path(sys.argv[2])):
        print(kept)
