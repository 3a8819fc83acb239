"""Trained networks as repositories of the Hugging Face Hub: written, and read back.

Weights are safetensors, the rest is JSON: nothing that is loaded can run code.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import Field, ValidationError
from torch import Tensor

from airseg.bench.aside import write_aside
from airseg.bench.results.result import Result, load_result
from airseg.bench.training.checkpoint import scored_weights
from airseg.bench.training.normalization import remove_batch_norm
from airseg.dataset.exporting.hub_card import licence_metadata
from airseg.documents import StrictModel, first_complaint
from airseg.errors import RecipeError, first_line
from airseg.hub_repository import fetch, is_repository
from airseg.markdown import code, escaped
from airseg.models import build_model
from airseg.models.base import VideoSegmenter
from airseg.version import __version__

_CONFIG, _WEIGHTS = "config.json", "model.safetensors"
_METRICS = {
    "mean_iou": "mIoU",
    "pixel_accuracy": "pixel accuracy",
    "boundary_f": "boundary F",
    "tc_pooled": "TC",
}
_README = """---
{metadata}---

# {label}

A network for semantic segmentation of video, trained by [airseg](https://pypi.org/project/airseg/).

```python
import airseg

model = airseg.load_model("{repository}")  # in evaluation mode, on the CPU
# frame: (1, 3, {height}, {width}), RGB from 0 to 1; memory: None at first.
logits, memory = model.step(frame, memory)
```

| | |
| --- | --- |
| network | `{network}` |
| options | `{options}` |
| frames | {width}x{height} pixels |
| trained | {steps} steps, {frames} supervised frames, protocol {protocol} |
| made by | `{command}` |

## Scores

Of the {split} split, {sequences} sequences, dataset content `{content}`{leaks}.

| score | value |
| --- | --- |
{scores}

| class | IoU |
| --- | --- |
{classes}
"""


class PublishedConfig(StrictModel):
    """What ``config.json`` says: how to build the network, and what its logits mean.

    Attributes:
        network, options: of `airseg.models.build_model`.
        batch_norm: whether it has batch normalisation.
        classes: names by channel of the logits.
        height, width: pixels of the frames that it was trained and scored on.
        recipe: the whole of it.
    """

    format: Literal[1] = 1
    library_name: Literal["airseg"] = "airseg"
    airseg_version: str = __version__
    network: str
    options: dict[str, Any] = {}
    batch_norm: bool = True
    classes: list[str] = Field(min_length=1)
    height: int
    width: int
    recipe: dict[str, Any] = {}


def write_model_folder(
    row: Path,
    folder: Path,
    repository: str,
    *,
    licence: str = "",
    dataset: str = "",
    half: bool = False,
) -> None:
    """Write a trained row as a repository: ``model.safetensors``, ``config.json``, a model card.

    Args:
        row: its result; the checkpoint lies in the folder of the same name beside it.
        folder: where to write, made where it is missing; files of the same names are replaced.
        repository: ``user/name``, or the folder to load it from, for the card.
        licence: of the weights.
        dataset: repository of what it was trained on, for the card.
        half: keep weights as float16, those that it cannot hold apart; networks are built in
            float32 again, and differ by its rounding.

    Raises:
        RecipeError: the row has no network, no checkpoint or another's, or safetensors is not
            installed.
    """
    result = load_result(row)
    if result.kind != "model":
        raise RecipeError(f"{row}: the row is a {result.kind}, which has no network to push.")
    checkpoint = row.parent / result.run / "checkpoint.pt"
    state = scored_weights(checkpoint, result.made_of, result.steps)
    model, data = result.recipe["model"], result.recipe["data"]
    config = PublishedConfig(
        network=model["name"],
        options=model.get("options", {}),
        batch_norm=model.get("batch_norm", True),
        classes=list(result.scores.class_iou),
        height=data["height"],
        width=data["width"],
        recipe=result.recipe,
    )
    save = _safetensors().save
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as cause:
        raise RecipeError(f"{folder}: cannot be made ({cause.strerror}).") from None
    tensors = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in state.items()}
    if half:
        tensors = {name: _as_half(tensor) for name, tensor in tensors.items()}
    write_aside(folder / _WEIGHTS, save(tensors, {"format": "pt"}))
    for name, content in ((_CONFIG, config), ("result.json", result)):
        write_aside(
            folder / name, (json.dumps(content.model_dump(mode="json"), indent=1) + "\n").encode()
        )
    write_aside(folder / "README.md", _card(result, config, repository, licence, dataset).encode())


def _as_half(tensor: Tensor) -> Tensor:
    """Return a tensor of floats as float16, or as it is where one is too large for that.

    Variances may be. What is too small becomes nothing, beside a normalisation's epsilon of 1e-5.
    """
    if not tensor.is_floating_point():
        return tensor
    small = tensor.half()
    return small if bool(small.isfinite().all()) else tensor


def is_published(source: str | Path) -> bool:
    """Return whether `load_published_model` is meant: such a folder, or no path of this machine."""
    folder = Path(source)
    if folder.is_dir():
        return (folder / _WEIGHTS).is_file()
    is_near = folder.exists() or folder.parent.is_dir()
    return not is_near and is_repository(str(source))


def load_published_model(source: str | Path) -> VideoSegmenter:
    """Return a network in evaluation mode, on the CPU.

    Args:
        source: a folder that `write_model_folder` wrote, or ``user/name`` on the Hugging Face Hub.

    Raises:
        RecipeError: files are missing or damaged, or belong to another network.
        HubError: the repository cannot be had.
    """
    folder = Path(source)
    if folder.is_dir():
        places = [folder / _CONFIG, folder / _WEIGHTS]
    else:
        places = [fetch(str(source), name, "model") for name in (_CONFIG, _WEIGHTS)]
    config = _read_config(places[0])
    model = build_model(config.network, len(config.classes), **config.options)
    if not config.batch_norm:
        remove_batch_norm(model)
    try:
        state = _safetensors().load_file(places[1])
        model.load_state_dict(state)
    except Exception as cause:  # safetensors and torch raise kinds of their own
        raise RecipeError(
            f"{places[1]}: are no weights of {config.network} ({first_line(cause)})."
        ) from None
    return model.eval()


def _read_config(path: Path) -> PublishedConfig:
    try:
        return PublishedConfig.model_validate_json(path.read_bytes())
    except OSError as cause:
        raise RecipeError(f"{path}: cannot be read ({cause.strerror}).") from None
    except ValidationError as cause:
        raise RecipeError(
            f"{path}: {first_complaint(cause)}. Expected what `bench push` or `publish` writes."
        ) from None


def _safetensors() -> Any:
    try:
        import safetensors.torch
    except ImportError:
        raise RecipeError(
            "weights on the Hub need safetensors. Run: pip install 'airseg[hub]'"
        ) from None
    return safetensors.torch


def _card(
    result: Result, config: PublishedConfig, repository: str, licence: str, dataset: str
) -> str:
    scores = {
        title: value
        for name, title in _METRICS.items()
        if (value := getattr(result.scores, name)) is not None
    }
    content = result.dataset.content_hash[:12]
    return _README.format(
        metadata=yaml.safe_dump(
            _metadata(result, repository, licence, dataset), sort_keys=False, allow_unicode=True
        ),
        label=escaped(result.label),
        repository=repository,
        network=code(config.network),
        options=code(json.dumps(config.options)),
        height=config.height,
        width=config.width,
        steps=f"{result.steps:,}",
        frames=f"{result.supervised_frames:,}",
        protocol=escaped(result.protocol),
        command=code(result.command or "airseg bench run"),
        split=escaped(result.dataset.split),
        sequences=len(result.dataset.sequences),
        content=content,
        leaks=", whose frames neighbour those that were trained on" if result.leaks else "",
        scores="\n".join(f"| {title} | {value:.4f} |" for title, value in scores.items()),
        classes="\n".join(
            f"| {escaped(name)} | {'not seen' if value is None else f'{value:.4f}'} |"
            for name, value in result.scores.class_iou.items()
        ),
    )


def _metadata(result: Result, repository: str, licence: str, dataset: str) -> dict[str, Any]:
    """Return the card's head, with the block of results that the Hub reads."""
    content = result.dataset.content_hash[:12]
    found = [
        {"type": name, "value": value, "name": title}
        for name, title in _METRICS.items()
        if (value := getattr(result.scores, name)) is not None
    ]
    judged = {
        "task": {"type": "image-segmentation", "name": "semantic segmentation of video"},
        "dataset": {
            "type": dataset or f"airseg-{content}",
            "name": dataset or f"airseg dataset {content}",
            "split": result.dataset.split,
        },
        "metrics": found,
    }
    return {
        "library_name": "airseg",
        **licence_metadata(licence, ""),
        "pipeline_tag": "image-segmentation",
        "tags": ["video", "semantic-segmentation", "airseg"],
        **({"datasets": [dataset]} if dataset else {}),
        "metrics": ["mean_iou"],
        "model-index": [{"name": repository.rpartition("/")[2], "results": [judged]}],
    }
