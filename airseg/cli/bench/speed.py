"""``airseg bench speed``: how fast a network is, in every way it can be run."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from airseg.cli.bench.options import (
    classes_option,
    device_option,
    height_option,
    network_settings_option,
    width_option,
)
from airseg.cli.early_checks import check_weights
from airseg.cli.given_options import parse_options
from airseg.cli.names import NETWORK

if TYPE_CHECKING:
    from airseg.bench.speed.speed_study import Measurement, SpeedStudy


@click.command("speed")
@click.argument("name", required=False, type=NETWORK)
@network_settings_option
@click.option("--weights", default="none", help="A checkpoint.  [default: random weights]")
@classes_option
@height_option
@width_option
@click.option(
    "--frames",
    default=100,
    show_default=True,
    type=click.IntRange(1, 100_000),
    help="Time so many.",
)
@click.option("--modes", help="Of eager, compiled, graph, compiled-graph.  [default: all here]")
@click.option("--precisions", help="Of fp32, tf32, bf16, fp16.  [default: all here]")
@click.option(
    "--streams",
    default=8,
    show_default=True,
    type=click.IntRange(1, 4096),
    help="In a batch, for throughput.",
)
@click.option("--threads", type=click.IntRange(1), help="For the CPU.  [default: torch's]")
@device_option
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="JSON file to write; NAME.speed.json beside results shows on the leaderboard.",
)
@click.option(
    "--show",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Measure nothing; print studies side by side; may be given several times.",
)
def command(
    name: str | None,
    settings: tuple[str, ...],
    weights: str,
    classes: int,
    height: int,
    width: int,
    frames: int,
    modes: str | None,
    precisions: str | None,
    streams: int,
    threads: int | None,
    device: str | None,
    out: Path | None,
    show: tuple[Path, ...],
) -> None:
    """Time the network NAME frame by frame, streaming, its memory full.

    Every mode and precision that the device has, with batch normalisation folded and not, to a
    label map of the frame's size; then logits alone, host copies and several streams at once for
    the first and the fastest of them.

    \b
    Examples:
      airseg bench speed fanet18 --set tca_depth=4 --modes eager \\
          --out fanet18.json
      airseg bench speed --show laptop.json --show server.json
    """
    from airseg.bench.speed.speed_study import load_study
    from airseg.errors import RecipeError

    if show:
        _print([load_study(path) for path in show])
        return
    if name is None:
        raise RecipeError("name a network, such as fanet18, or --show studies.")
    study = _measure(
        name,
        settings,
        weights,
        classes,
        (height, width),
        frames,
        (modes, precisions),
        streams,
        threads,
        device,
    )
    _print([study])
    if out:
        from airseg.bench.speed.speed_study import save_study

        save_study(out, study)
        click.echo(f"wrote {out}")


def _measure(
    name: str,
    settings: tuple[str, ...],
    weights: str,
    classes: int,
    size: tuple[int, int],
    frames: int,
    wanted: tuple[str | None, str | None],
    streams: int,
    threads: int | None,
    device_name: str | None,
) -> SpeedStudy:
    from airseg.bench.speed import settings as ways

    # What is mistyped is told before PyTorch is loaded.
    options = parse_options(settings)
    check_weights(weights)
    asked = [w.split(",") if w else [] for w in wanted]
    ways.check_choices(asked[0], ways.MODES, "--modes")
    ways.check_choices(asked[1], ways.PRECISIONS, "--precisions")
    import torch

    from airseg.bench.speed.speed_bench import default_ways, new_study, run_study
    from airseg.bench.training.engine import pick_device
    from airseg.bench.training.weights import load_weights
    from airseg.cli.display import progress_bar
    from airseg.models import build_model

    if threads:
        torch.set_num_threads(threads)
    device = pick_device(device_name)
    modes, precisions = default_ways(device)
    modes, precisions = asked[0] or modes, asked[1] or precisions
    torch.manual_seed(0)
    model = build_model(name, classes, **options)
    load_weights(model, weights)
    model = model.eval().to(device)
    layouts = (False, True) if device.type == "cuda" else (False,)
    chosen = ways.settings_of(modes, precisions, (False, True), layouts)
    with progress_bar("ways") as progress:
        found = run_study(model, chosen, streams, *size, device, frames, progress)
    fields = {
        "height": size[0],
        "width": size[1],
        "frames": frames,
        "measurements": found,
        "command": "airseg " + shlex.join(sys.argv[1:]),
    }
    return new_study(name, options, classes, fields, device)


def _print(studies: list[SpeedStudy]) -> None:
    """Print studies with a set of columns for each: machines never share one."""
    from rich.console import Console
    from rich.table import Table

    from airseg.bench.speed.settings import WORDS, words
    from airseg.bench.speed.speed_study import FIGURES, kind_cells
    from airseg.bench.speed.speed_study import cells as cells_of
    from airseg.cli.display import as_written

    table = Table(box=None, header_style="bold", pad_edge=False)
    for title in WORDS:
        table.add_column(title)
    many = len(studies) > 1
    for i in range(len(studies)):
        mark = f" [{chr(ord('A') + i)}]" if many else ""
        for title in FIGURES:
            table.add_column(f"{title}{mark}".replace("[", "\\["), justify="right")
    rows: dict[tuple, list[Measurement | None]] = {}
    for i, study in enumerate(studies):
        for m in study.measurements:
            rows.setdefault(words(m.setting), [None] * len(studies))[i] = m
    problems: dict[str, None] = {}
    for way, cells in rows.items():
        if all(c is None or c.problem for c in cells):
            problems.update({c.problem: None for c in cells if c})
            continue
        table.add_row(*as_written([*way, *(text for c in cells for text in cells_of(c))]))
        keys = [c is not None and bool(c.key_ms) for c in cells]
        for kind in ("key_ms", "between_ms") if any(keys) else ():
            label = "  key frames" if kind == "key_ms" else "  between"
            texts = [t for c in cells for t in kind_cells(c, kind)]
            table.add_row(label, *[""] * 6, *texts)
    Console(width=max(Console().width, 66 + 60 * len(studies))).print(table)
    for i, study in enumerate(studies):
        mark = f"[{chr(ord('A') + i)}] " if many else ""
        options = "".join(f" {k}={v}" for k, v in study.options.items())
        click.echo(
            f"{mark}{study.model}{options}, {study.width}x{study.height}, {study.frames} frames: "
            f"{study.machine}."
        )
        restless = sum(not m.steady for m in study.measurements)
        if restless:
            click.echo(f"{mark}{restless} rows never became steady: something else was running.")
    if problems:
        click.echo(f"Left out: {'; '.join(problems)}.")
