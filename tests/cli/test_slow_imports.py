"""A command that loads a large library says so before, in one line that no program reads."""

import importlib
import sys

import pytest
from command_line import run

import airseg.cli
from airseg.cli import slow_imports


@pytest.fixture
def libraries(tmp_path, monkeypatch):
    """Two libraries that print what Python does with them, as numba and PyTorch would be loaded."""
    for name in ("small_library", "large_library"):
        (tmp_path / f"{name}.py").write_text(
            f"import sys; print('{name} loads', file=sys.stderr)", encoding="utf-8"
        )
    monkeypatch.syspath_prepend(tmp_path)
    names = {"small_library": "small", "large_library": "Large"}
    monkeypatch.setattr(slow_imports, "_SLOW", {**names, "absent_library": "absent"})
    yield
    for name in names:
        sys.modules.pop(name, None)


def lines_of(capsys, *names):
    """Import libraries where that is told; return lines of stderr."""
    before = list(sys.meta_path)
    with slow_imports.slow_imports_told():
        for name in names:
            importlib.import_module(name)
    assert sys.meta_path == before
    printed = capsys.readouterr()
    assert printed.out == ""
    return printed.err.splitlines()


def test_a_slow_library_is_told_once_and_before_it_is_loaded(libraries, capsys):
    assert lines_of(capsys, "large_library", "json", "large_library") == [
        "loading Large ...",
        "large_library loads",
    ]
    assert lines_of(capsys, "large_library") == []


def test_a_library_that_follows_a_slower_one_needs_no_line(libraries, capsys):
    loaded = lines_of(capsys, "large_library", "small_library")
    assert loaded == ["loading Large ...", "large_library loads", "small_library loads"]


def test_a_slower_library_is_told_after_another(libraries, capsys):
    loaded = lines_of(capsys, "small_library", "large_library")
    assert loaded[::2] == ["loading small ...", "loading Large ..."]


def test_what_is_not_installed_is_not_told(libraries, capsys):
    with pytest.raises(ModuleNotFoundError, match="absent_library"):
        lines_of(capsys, "absent_library")
    assert capsys.readouterr().err == ""


def test_the_first_of_several_processes_speaks_for_all(libraries, capsys, monkeypatch):
    monkeypatch.setenv("RANK", "1")
    assert lines_of(capsys, "large_library") == ["large_library loads"]


def test_every_command_tells_it(libraries, capsys, monkeypatch, tmp_path):
    (tmp_path / "small_library.py").write_text(
        "import click\n@click.command\ndef command():\n    click.echo('42')\n", encoding="utf-8"
    )
    monkeypatch.setitem(airseg.cli._cli._modules, "answer", ("small_library", "Answer."))
    assert run(capsys, "answer") == (0, "42\n", "loading small ...\n")
