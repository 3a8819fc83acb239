"""Values of arguments and options that are names: listed in the help, completed in the shell.

A name that nothing has is told while arguments are read, before anything large is loaded. What may
be a file is looked for by whoever uses it.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from airseg.errors import no_such

CODECS = ("lz4", "zstd", "gzip", "lzf", "none")
CLOCKS = ("simulated", "airsim")
DIALECTS = ("airsim", "cosys")
FAULTS = (
    *("hang", "empty-image", "wrong-size", "repeat-frame", "time-jump", "disconnect"),
    "delay",
)
SIM_MODES = ("Multirotor", "Car", "ComputerVision")
IDEALS = ("immediate-poses", "full-reset", "keep-nan", "first-vehicle")
SPLITS = ("train", "val", "test")
FOLDER = click.Path(file_okay=False, path_type=Path)
"""A folder to write into, there or not; what is a file is told before any work begins."""


class FiniteRange(click.FloatRange):
    """A number within bounds. NaN is within none, though nothing compares with it."""

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        number = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value} is no finite number.", param, ctx)
        return number


SECONDS = FiniteRange(0.001, 1e6)


class Name(click.ParamType):
    """A name out of some that are known, and perhaps a file.

    Args:
        what: what the name is of; the help shows it where the names are too many.
        names: returns them all; asked when they are shown or completed.
        listed: whether the help lists them.
        files: whether a file will do.
    """

    def __init__(
        self,
        what: str,
        names: Callable[[], Iterable[str]],
        *,
        listed: bool = False,
        files: bool = False,
    ) -> None:
        self.name, self._names, self._listed, self._files = what, names, listed, files

    def get_metavar(
        self,
        param: click.Parameter,
        ctx: click.Context | None = None,  # which came with click 8.2
    ) -> str | None:
        if not self._listed or param.param_type_name == "argument":
            return None
        return f"[{'|'.join(self._names())}]"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not self._files and value not in (known := list(self._names())):
            self.fail(no_such(self.name, value, known), param, ctx)
        return value

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        found = [CompletionItem(n) for n in self._names() if n.startswith(incomplete)]
        return found + ([CompletionItem(incomplete, type="file")] if self._files else [])


def _known(kind: str) -> list[str]:
    from airseg.resources import known_names

    return known_names(kind)


def _worlds() -> list[str]:
    from airseg.simulators.embedded.worlds.catalogue import world_names

    return world_names()


def _layouts() -> list[str]:
    from airseg.dataset.importing.layouts import layout_names

    return layout_names()


def _formats() -> list[str]:
    from airseg.dataset.exporting.formats import format_names

    return format_names()


def _networks() -> list[str]:
    from airseg.cli.network_names import network_names

    registry = sys.modules.get("airseg.models.registry")  # which knows what a program adds, too
    return registry.list_models() if registry else network_names()


PLAN = Name("plan", partial(_known, "flight plan"), files=True)
LABEL_MAP = Name("map", partial(_known, "label map"), files=True)
RECIPE = Name("recipe", partial(_known, "recipe"), files=True)
NETWORK = Name("network", _networks)
LAYOUT = Name("layout", _layouts)
FORMAT = Name("format", _formats)
WORLD = Name("world", _worlds, listed=True)
CODEC = Name("codec", lambda: CODECS, listed=True)
CLOCK = Name("clock", lambda: CLOCKS, listed=True)
DIALECT = Name("dialect", lambda: DIALECTS, listed=True)
FAULT = Name("fault", lambda: FAULTS, listed=True)
IDEAL = Name("behaviour", lambda: IDEALS)
SIM_MODE = Name("SimMode", lambda: SIM_MODES, listed=True)


class CommandWithOldSpellings(click.Command):
    """A command whose options once had other names, which still work and are told of.

    Args:
        old: by old spelling, the new one, and a text that a value must have to be meant: an empty
            one means every value.
    """

    def __init__(self, *args: Any, old: dict[str, tuple[str, str]], **options: Any) -> None:
        super().__init__(*args, **options)
        self._old = old

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        return super().parse_args(ctx, self._respelled(args))

    def _respelled(self, args: list[str]) -> list[str]:
        found = list(args)
        for place, given in enumerate(args):
            spelled, equals, value = given.partition("=")
            if spelled not in self._old:
                continue
            if not equals:
                value = args[place + 1] if place + 1 < len(args) else ""
            new, mark = self._old[spelled]
            if mark in value:
                found[place] = new + equals + (value if equals else "")
                click.echo(f"note: {spelled} is called {new} now, here.", err=True)
        return found
