"""Compiled functions find a place for their code wherever airseg lies and whoever runs it."""

import re
from pathlib import Path

import numba
import pytest

import airseg
from airseg import kernels


@pytest.fixture
def read_only(monkeypatch, tmp_path):
    """A system in which only `tmp_path / "tmp"` can be written, for a user without a home."""
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    real = kernels._is_writable
    monkeypatch.setattr(kernels, "_is_writable", lambda f: f.is_relative_to(temporary) and real(f))
    monkeypatch.setattr(kernels.tempfile, "gettempdir", lambda: str(temporary))
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", "/nonexistent")
    return temporary


def test_without_a_home_code_goes_to_a_private_folder_for_temporary_files(read_only):
    folder = Path(kernels._cache_folder())
    private = folder.parent.parent
    assert private.parent == read_only
    assert private.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("variable", ["NUMBA_CACHE_DIR", "XDG_CACHE_HOME"])
def test_folders_that_cannot_be_written_are_passed_over(read_only, monkeypatch, variable):
    monkeypatch.setenv(variable, "/nonexistent/cache")
    assert Path(kernels._cache_folder()).is_relative_to(read_only)


def test_a_user_whom_the_system_does_not_know_has_no_home(read_only, monkeypatch):
    def nobody():
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(kernels.Path, "home", staticmethod(nobody))
    assert Path(kernels._cache_folder()).is_relative_to(read_only)


def test_a_folder_that_others_can_write_is_not_trusted(read_only):
    private = Path(kernels._cache_folder()).parent.parent
    private.chmod(0o777)
    assert kernels._cache_folder() == ""


def test_where_nothing_can_be_written_functions_are_compiled_all_the_same(monkeypatch):
    monkeypatch.setattr(numba.config, "CACHE_DIR", "")

    @kernels.njit(cache=True)
    def double(value):
        return 2 * value

    assert double(21) == 42


def test_every_compiled_function_comes_from_here():
    direct = re.compile(r"^\s*from numba import.*njit|@numba\.|numba\.njit", re.MULTILINE)
    files = set(Path(airseg.__file__).parent.rglob("*.py")) - {Path(kernels.__file__)}
    assert not [path for path in files if direct.search(path.read_text(encoding="utf-8"))]
