"""A checkpoint that does not fit on the disk: one line, the old one stays, nothing beside it."""

import errno
import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from airseg.bench import aside
from airseg.bench.training.checkpoint import load_checkpoint, save_checkpoint
from airseg.errors import RecipeError

OLD = {"fingerprint": "own", "model": {"w": torch.arange(4.0)}}
NEW = {"fingerprint": "own", "model": {"w": torch.zeros(50_000)}}
# RLIMIT_FSIZE is the kernel's own way of having no room: write(2) fails with EFBIG.
CHILD = """
import resource, signal, sys
from pathlib import Path
import torch
from airseg.bench.training.checkpoint import save_checkpoint
from airseg.errors import RecipeError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (65536, 65536))
try:
    save_checkpoint(Path(sys.argv[1]), {"fingerprint": "own", "model": torch.zeros(50_000)})
except RecipeError as cause:
    print(cause)
"""


class FullDisk(io.BytesIO):
    """A file on a disk with some room left, and no more."""

    room = 1000

    def write(self, content):
        if self.tell() + len(content) > self.room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return super().write(content)

    def fileno(self):
        return 0


def test_a_full_disk_keeps_the_old_checkpoint_and_leaves_nothing_beside_it(tmp_path, monkeypatch):
    path = tmp_path / "checkpoint.pt"
    save_checkpoint(path, OLD)

    def opened(place, mode):
        place.touch()
        return FullDisk()

    monkeypatch.setattr(Path, "open", opened)
    with pytest.raises(RecipeError) as told:
        save_checkpoint(path, NEW)
    monkeypatch.undo()
    assert "No space left on device" in str(told.value)
    assert "the one before it is kept" in str(told.value)
    assert str(path) in str(told.value)
    assert "\n" not in str(told.value)
    assert list(tmp_path.iterdir()) == [path]
    assert torch.equal(load_checkpoint(path, "own")["model"]["w"], OLD["model"]["w"])


def test_a_file_that_the_kernel_lets_grow_no_further_is_told_the_same(tmp_path):
    path = tmp_path / "checkpoint.pt"
    save_checkpoint(path, OLD)
    child = subprocess.run(
        [sys.executable, "-c", CHILD, str(path)], capture_output=True, text=True, check=False
    )
    assert (child.returncode, child.stderr) == (0, "")
    assert os.strerror(errno.EFBIG) in child.stdout
    assert len(child.stdout.splitlines()) == 1
    assert list(tmp_path.iterdir()) == [path]
    assert torch.equal(load_checkpoint(path, "own")["model"]["w"], OLD["model"]["w"])


def test_a_disk_that_fails_when_it_is_asked_to_keep_things_is_told(tmp_path, monkeypatch):
    def fail(_):
        raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))

    monkeypatch.setattr(aside.os, "fsync", fail)
    with pytest.raises(RecipeError, match="cannot be written"):
        save_checkpoint(tmp_path / "checkpoint.pt", NEW)
    assert list(tmp_path.iterdir()) == []
