"""Every command that a page shows is one that the program takes: its name, options and values."""

from contextlib import suppress

import click
import pytest
from pages import PAGES, mentioned_commands, typed_commands

from airseg.cli import _cli
from airseg.cli.names import NETWORK


@pytest.fixture(autouse=True)
def _files_need_not_exist(monkeypatch):
    monkeypatch.setattr(click.Path, "convert", lambda self, value, param, ctx: value)
    known = [*NETWORK._names(), "two_frames"]  # which CONTRIBUTING.md adds
    monkeypatch.setattr(NETWORK, "_names", lambda: known)


def parse(words):
    """Let click read a command without calling it."""
    try:
        context = _cli.make_context("airseg", words[1:])
        while isinstance(context.command, click.Group):
            left = [*context._protected_args, *context.args]
            if not left:
                return  # options of the group alone
            name, command, rest = context.command.resolve_command(context, left)
            context = command.make_context(name, rest, parent=context)
    except click.exceptions.Exit:  # --help and the like
        pass


def test_pages_are_found():
    assert sum(len(typed_commands(page)) for page in PAGES) > 30
    assert sum(len(mentioned_commands(page)) for page in PAGES) > 30


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_in_blocks_can_be_typed(page, capsys):
    for words in typed_commands(page):
        parse(words)
    assert " is called " not in capsys.readouterr().err  # an old spelling


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_in_the_text_have_the_names_and_options_of_the_program(page, capsys):
    for words in mentioned_commands(page):
        with suppress(click.MissingParameter, click.exceptions.NoArgsIsHelpError):  # only named
            parse(words)
    assert " is called " not in capsys.readouterr().err


@pytest.mark.parametrize(
    "wrong",
    [
        "airseg recrod loop_walk --out r",
        "airseg record loop_walk --out r --fast",
        "airseg sim --seed x",
    ],
)
def test_a_command_that_the_program_does_not_take_is_noticed(wrong):
    with pytest.raises(click.UsageError):
        parse(wrong.split())
