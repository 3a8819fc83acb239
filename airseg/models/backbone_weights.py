"""Weights of a classifier for the backbone of a network: all of them, or none."""

from __future__ import annotations

from torch import Tensor, nn

from airseg.errors import RecipeError

_CLASSIFIERS = ("fc.", "classifier.", "head.", "norm.")


def load_backbone(
    backbone: nn.Module, state: dict[str, Tensor], *, own: tuple[str, ...] = ()
) -> None:
    """Load a classifier's weights into a backbone; its last layers are left out.

    Args:
        backbone: changed in place.
        state: by the backbone's names.
        own: beginnings of names of layers that the classifier does not have.

    Raises:
        RecipeError: the weights are those of another network, such as another depth; nothing is
            changed then. A part of a network left random trains, and scores, and says nothing.
    """
    wanted = backbone.state_dict()
    missing = [
        name
        for name in wanted
        if name not in state
        and not name.endswith("num_batches_tracked")  # old files lack these counters
        and not name.startswith(own)
    ]
    left = [name for name in state if name not in wanted and not name.startswith(_CLASSIFIERS)]
    other = [n for n in wanted if n in state and wanted[n].shape != state[n].shape]
    if missing or left or other:
        said = [
            f"{len(names)} {what} ({names[0]}{', ...' if len(names) > 1 else ''})"
            for what, names in (
                ("missing", missing),
                ("left over", left),
                ("of other shape", other),
            )
            if names
        ]
        raise RecipeError(
            f"weights: those of another backbone: {', '.join(said)}. Give the file of this "
            "network's depth."
        )
    backbone.load_state_dict({k: v for k, v in state.items() if k in wanted}, strict=False)
