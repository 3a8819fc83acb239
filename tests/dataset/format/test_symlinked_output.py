"""A symbolic link as an output is followed: the file it stands for is replaced, the link stays."""

import pytest

from airseg.dataset.format.publishing import check_output, published
from airseg.errors import DatasetError


@pytest.mark.parametrize("exists", [True, False])
def test_a_link_is_followed(tmp_path, exists):
    disk = tmp_path / "disk"
    disk.mkdir()
    target, link = disk / "d.h5", tmp_path / "d.h5"
    if exists:
        target.write_text("old")
    link.symlink_to(target)
    check_output(link, overwrite=True)
    with published(link) as unfinished:
        assert unfinished.parent == disk  # a rename does not cross file systems
        unfinished.write_text("new")
    assert link.is_symlink()
    assert target.read_text() == "new"
    assert sorted(p.name for p in disk.iterdir()) == ["d.h5"]


def test_a_link_into_a_folder_that_is_not_there_is_told(tmp_path):
    link = tmp_path / "d.h5"
    link.symlink_to(tmp_path / "absent" / "d.h5")
    with pytest.raises(DatasetError, match="does not exist"):
        check_output(link, overwrite=False)


def test_an_error_leaves_the_target_as_it_was(tmp_path):
    target, link = tmp_path / "t.h5", tmp_path / "d.h5"
    target.write_text("old")
    link.symlink_to(target)

    def stop_half_way():
        with published(link) as unfinished:
            unfinished.write_text("half")
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        stop_half_way()
    assert target.read_text() == "old"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["d.h5", "t.h5"]
