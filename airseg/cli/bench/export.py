"""``airseg bench export``: a network as a file other programs can run."""

from __future__ import annotations

from pathlib import Path

import click

from airseg.cli.bench.options import (
    classes_option,
    height_option,
    network_settings_option,
    width_option,
)
from airseg.cli.early_checks import check_weights
from airseg.cli.names import NETWORK
from airseg.cli.options import out_folder_option


@click.command("export")
@click.argument("name", type=NETWORK)
@out_folder_option("Folder to write into.")
@classes_option
@height_option
@width_option
@network_settings_option
@click.option(
    "--weights", default="none", show_default=True, help="imagenet, none, or a checkpoint file."
)
@click.option(
    "--format",
    "kind",
    default="onnx",
    show_default=True,
    type=click.Choice(["onnx", "exported-program"]),
    help="ONNX, or PyTorch's own ExportedProgram (.pt2).",
)
def command(
    name: str,
    out: Path,
    classes: int,
    height: int,
    width: int,
    settings: tuple[str, ...],
    weights: str,
    kind: str,
) -> None:
    """Write the network NAME for streams, its memory as inputs and outputs, and check it.

    There is one file for each of the first frames, while the memory fills, and one for all the
    others; export.json says which is which.

    \b
    Example:
      airseg bench export fanet18 --set tca_depth=2 --weights checkpoint.pt \\
          --out fanet
    """
    from airseg.cli.given_options import parse_options

    # What is mistyped is told before PyTorch is loaded.
    options = parse_options(settings)
    check_weights(weights)
    from airseg.bench.export import export_model
    from airseg.bench.training.weights import load_weights
    from airseg.models import build_model

    model = build_model(name, classes, **options)
    load_weights(model, weights)
    written = export_model(model, height, width, out, kind)
    for path in written.paths:
        click.echo(f"wrote {path}")
    if written.difference is None:
        click.echo("not checked: onnxruntime is not installed.")
    else:
        click.echo(f"checked: differs from the network by at most {written.difference:.1e}.")
