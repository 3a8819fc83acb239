"""The library's face: one import that takes no time, and functions that do what commands do."""

import json
import subprocess
import sys

import numpy as np
import pytest
import torch
from small_dataset import build_dataset
from small_simulator import client, simulator, small_plan, world  # noqa: F401
from torchvision import tv_tensors
from torchvision.transforms import v2

import airseg
from airseg.errors import DatasetError, PlanError, SimulatorError
from airseg.recording.stored.recording_verification import verify_recording

LOADED = """
import json, sys
import airseg
print(json.dumps([airseg.__version__, sorted(sys.modules)]))
"""

KINDS = {tv_tensors.Video: torch.float32, tv_tensors.Mask: torch.int64}


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    with airseg.open(build_dataset(tmp_path_factory.mktemp("small"))) as opened:
        yield opened


def test_importing_it_imports_nothing_that_takes_time():
    told = subprocess.run(
        [sys.executable, "-c", LOADED], capture_output=True, text=True, check=True
    )
    version, modules = json.loads(told.stdout)
    assert version
    heavy = {"click", "cv2", "h5py", "numba", "numpy", "pandas", "pydantic", "torch"}
    assert heavy.isdisjoint(modules)
    assert [m for m in modules if m.startswith("airseg.")] == ["airseg.version"]


def test_every_name_it_promises_is_there():
    assert {*airseg._FOUND_IN} == {*airseg.__all__} <= {*dir(airseg)}
    for name in airseg.__all__:
        assert getattr(airseg, name)
    with pytest.raises(AttributeError, match="no attribute 'recrod'"):
        airseg.recrod  # noqa: B018


def test_a_plan_made_in_a_program_is_recorded_continued_and_relabelled(
    tmp_path,
    simulator,  # noqa: F811
):
    address = f"127.0.0.1:{simulator.port}"
    plan = small_plan(environment="neighborhood")
    first = airseg.record(plan, tmp_path, name="walk", simulator=address, frames=2)
    assert [len(first), first.info.status] == [2, "complete"]
    told = []
    more = airseg.record(
        plan, tmp_path, name="walk", simulator=address, frames=3, progress=lambda *d: told.append(d)
    )
    assert len(more) == 3
    assert told
    assert verify_recording(tmp_path / "walk").is_sound
    again = airseg.record(plan, tmp_path, name="walk", simulator="127.0.0.1:1", frames=3)
    assert len(again) == 3  # whole already: nobody was asked
    with airseg.relabel(
        tmp_path, tmp_path / "d.h5", label_map="neighborhood", splits={"train": ["walk"]}
    ) as made:
        view = made.sequence("walk")
        assert np.array_equal(view.rgb(0, 1)[0], more.read_rgb(0))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "name=None cannot name the sequence"),
        ({"name": "../up"}, "cannot name the sequence"),
    ],
)
def test_a_plan_made_in_a_program_needs_a_name(tmp_path, options, said):
    with pytest.raises(PlanError, match=said):
        airseg.record(small_plan(), tmp_path, **options)


def test_an_address_of_another_form_is_told(tmp_path):
    with pytest.raises(SimulatorError, match="expected HOST:PORT"):
        airseg.record(small_plan(), tmp_path, name="a", simulator="nobody")


def test_clips_are_tensors_that_torchvision_changes_frames_and_labels_of_alike(dataset):
    plain = airseg.clips(dataset, length=3)
    assert len(plain) == 12 + 9
    video, mask = plain[0]
    assert isinstance(video, tv_tensors.Video)
    assert isinstance(mask, tv_tensors.Mask)
    view = dataset.sequence("a")
    assert np.array_equal(video.permute(0, 2, 3, 1).numpy(), view.rgb(0, 3))
    assert np.array_equal(mask.numpy(), view.label(0, 3))
    flipped = airseg.clips(dataset, length=3, transform=v2.RandomHorizontalFlip(1.0))
    for (video, mask), (other, labels) in zip(plain, flipped, strict=True):
        assert torch.equal(other, video.flip(-1))
        assert torch.equal(labels, mask.flip(-1))


def test_a_loader_of_torch_makes_batches_of_clips_of_any_size(dataset):
    change = v2.Compose([v2.RandomCrop((32, 40)), v2.ToDtype(KINDS, scale=True)])
    clips = airseg.clips(dataset, split="test", length=4, every=4, transform=change)
    frames, labels = next(iter(torch.utils.data.DataLoader(clips, batch_size=2)))
    assert frames.shape == (2, 4, 3, 32, 40)
    assert frames.dtype == torch.float32
    assert [*labels.shape, labels.dtype] == [2, 4, 32, 40, torch.int64]
    assert 0 < float(frames.max()) <= 1
    small, _ = airseg.clips(dataset, length=2, height=32, width=48)[0]
    assert small.shape == (2, 3, 32, 48)


def test_what_cannot_be_cut_is_told(dataset):
    with pytest.raises(DatasetError, match="there is no split 'tset'"):
        airseg.clips(dataset, split="tset")
    with pytest.raises(DatasetError, match="no sequence is long enough"):
        airseg.clips(dataset, split="val", length=9)
