"""What several files of tests pack."""

import pytest
from recording_folders import write_recording


@pytest.fixture
def recordings(tmp_path):
    """A folder with three small recordings, one for each split."""
    folder = tmp_path / "recordings"
    write_recording(folder, "a", 6, seed=1, split="train")
    write_recording(folder, "b", 4, seed=2, split="val")
    write_recording(folder, "c", 5, seed=3, split="test")
    return folder
