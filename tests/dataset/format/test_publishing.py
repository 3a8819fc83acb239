"""A published file is whole or absent, and written by one run at a time, on any system."""

import pytest

from airseg.dataset.format import publishing
from airseg.dataset.format.publishing import published
from airseg.errors import DatasetError


@pytest.fixture(params=["POSIX", "Windows"])
def system(request, monkeypatch):
    """Windows has no `fcntl`; what replaces it works here, too."""
    if request.param == "Windows":
        monkeypatch.setattr(publishing, "fcntl", None)


def test_a_file_appears_when_it_is_whole(system, tmp_path):
    path = tmp_path / "d.h5"
    with published(path) as unfinished:
        unfinished.write_text("new")
        assert not path.exists()
    assert path.read_text() == "new"
    assert [p.name for p in tmp_path.iterdir()] == ["d.h5"]


def test_what_went_wrong_leaves_the_old_file(system, tmp_path):
    path = tmp_path / "d.h5"
    path.write_text("old")

    def fail() -> None:
        with published(path) as unfinished:
            unfinished.write_text("half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert path.read_text() == "old"
    with published(path) as unfinished:
        unfinished.write_text("new")
    assert path.read_text() == "new"


def test_two_runs_do_not_write_the_same_file(system, tmp_path):
    path = tmp_path / "d.h5"
    with published(path) as unfinished:
        unfinished.write_text("first")
        with pytest.raises(DatasetError, match="another run is writing"), published(path):
            pass
        assert unfinished.read_text() == "first"
    assert path.read_text() == "first"
