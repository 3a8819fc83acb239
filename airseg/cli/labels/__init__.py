"""``airseg labels``: check label maps, audit what is in recordings, suggest classes."""

from __future__ import annotations

import click

from airseg.cli.lazy import LazyGroup

_COMMANDS = {
    "check": (
        "airseg.cli.labels.check",
        "Run examples of label maps, find doubles and dead rules.",
    ),
    "audit": ("airseg.cli.labels.audit", "Show every raw label with pictures, on one page."),
    "suggest": ("airseg.cli.labels.suggest", "Propose classes for names that no rule takes."),
}


@click.group("labels", cls=LazyGroup, modules=_COMMANDS)
def command() -> None:
    """Check label maps, audit what is in recordings, suggest classes.

    \b
    Examples, for an environment nobody has mapped yet:
      airseg labels suggest recordings --out my_map.yaml
      airseg labels audit recordings --map my_map.yaml --out audit
      airseg labels check my_map.yaml --names recordings
    """
