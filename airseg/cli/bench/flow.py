"""``airseg bench pretrain-flow``: teach a flow network the simulator's exact flow."""

from __future__ import annotations

from pathlib import Path

import click

from airseg.cli.bench.options import (
    device_option,
    height_option,
    network_settings_option,
    width_option,
)
from airseg.cli.early_checks import check_dataset, check_weights
from airseg.cli.names import NETWORK, FiniteRange


@click.command("pretrain-flow")
@click.argument("name", type=NETWORK)
@click.option(
    "--dataset", required=True, type=click.Path(path_type=Path), help="HDF5 file, with depth."
)
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Checkpoint to write.")
@network_settings_option
@click.option("--weights", default="none", show_default=True, help="What to begin with.")
@click.option(
    "--steps", default=2000, show_default=True, type=click.IntRange(1), help="Of training."
)
@click.option(
    "--batch", default=8, show_default=True, type=click.IntRange(1, 256), help="Pairs a step."
)
@click.option(
    "--learning-rate",
    default=1e-4,
    show_default=True,
    type=FiniteRange(1e-7, 1),
    help="Of Adam at the start.",
)
@height_option
@width_option
@click.option(
    "--seed",
    default=0,
    show_default=True,
    type=click.IntRange(0),
    help="Of chance: the same seed, the same pairs.",
)
@device_option
def command(
    name: str,
    dataset: Path,
    out: Path,
    settings: tuple[str, ...],
    weights: str,
    steps: int,
    batch: int,
    learning_rate: float,
    height: int,
    width: int,
    seed: int,
    device: str | None,
) -> None:
    """Train the flow network of NAME on the exact flow between frames, from depth and poses.

    The checkpoint holds the whole network; name it as model.weights in a recipe.

    \b
    Example:
      airseg bench pretrain-flow dff_resnet50 --dataset dataset.h5 --out flow.pt
    """
    from airseg.cli.given_options import parse_options

    # What is mistyped is told before PyTorch is loaded.
    options = parse_options(settings)
    check_weights(weights)
    check_dataset(dataset)
    import torch

    from airseg.bench.training.checkpoint import save_checkpoint
    from airseg.bench.training.engine import pick_device
    from airseg.bench.training.flow_training import pretrain_flow as train
    from airseg.bench.training.weights import load_weights
    from airseg.cli.display import progress_bar
    from airseg.dataset.reading.reader import Dataset
    from airseg.models import build_model

    where = pick_device(device)
    torch.manual_seed(seed)
    with Dataset(dataset, check=True) as data, progress_bar("steps") as progress:
        model = build_model(name, data.num_classes, **options)
        load_weights(model, weights)
        errors = train(
            model,
            data,
            (height, width),
            where,
            steps=steps,
            batch=batch,
            learning_rate=learning_rate,
            seed=seed,
            progress=progress,
        )
    out.parent.mkdir(parents=True, exist_ok=True)
    save_checkpoint(out, {"model": model.cpu().state_dict()})
    last = errors[-max(len(errors) // 10, 1) :]
    click.echo(f"end-point error {sum(last) / len(last):.3f} feature pixels, of the last steps")
    click.echo(f"wrote {out}")
