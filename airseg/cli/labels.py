"""``airseg labels``: check label maps, audit what is in recordings, suggest classes."""

from __future__ import annotations

import importlib
from typing import Any

import click

from airseg.errors import did_you_mean

_COMMANDS = {
    "check": (
        "airseg.cli.labels_check",
        "Run examples of label maps, find doubles and dead rules.",
    ),
    "audit": ("airseg.cli.labels_audit", "Show every raw label with pictures, on one page."),
    "suggest": ("airseg.cli.labels_suggest", "Propose classes for names that no rule takes."),
}


class _LabelsGroup(click.Group):
    """A group whose commands are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        return importlib.import_module(_COMMANDS[cmd_name][0]).command

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        if args and args[0] not in _COMMANDS:
            hint = did_you_mean(args[0], _COMMANDS) or f" Commands: {', '.join(_COMMANDS)}."
            ctx.fail(f"there is no command '{args[0]}'.{hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in _COMMANDS.items()])


@click.group("labels", cls=_LabelsGroup)
def command() -> None:
    """Check label maps, audit what is in recordings, suggest classes.

    \b
    Example, for an environment nobody has mapped yet:
      airseg labels suggest recordings > my_map.yaml
      airseg labels audit recordings --map my_map.yaml --out audit
      airseg labels check my_map.yaml --names recordings
    """
