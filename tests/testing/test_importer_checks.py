"""Every importer keeps its promises, and one that breaks them is found out."""

import dataclasses

import numpy as np
import pytest
from foreign_folders import IDS_MAP, airsim, palette_file, tartan
from published_datasets import camvid, cityscapes, save, vspw
from published_flights import kitti_step, midair, tartanair2, uavid, viper

from airseg.dataset.importing.found import Found, ImportOptions, Publication
from airseg.dataset.importing.layouts import LAYOUTS, Layout, layout_named
from airseg.dataset.packing.folder_sources import FolderFacts, FolderSource, FrameFiles
from airseg.errors import DatasetError
from airseg.testing import check_importer


def folders(root):
    for kind in ("images", "labels"):
        for index in range(2):
            image = np.full((12, 16, 3) if kind == "images" else (12, 16), index, np.uint8)
            save(root / kind / f"{index:03d}.png", image)


def founding(root):
    sequence = tartan(root / "neighborhood" / "Easy" / "P000")
    (sequence / "pose_left.txt").write_text("1 2 3 0 0 0 1\n" * 3)


MADE = {
    "camvid": lambda root: camvid(root, stills=[("0001TP", 6690, "0001TP_006690")]),
    "cityscapes": lambda root: cityscapes(root, before=1, after=1),
    "tartanair": founding,
    "vspw": lambda root: vspw(root, frames=2),
    "folders": folders,
    "airsim": airsim,
    "uavid": lambda root: uavid(root, film=True),
    "tartanair2": lambda root: tartanair2(root, frames=2),
    "tartanground": lambda root: tartanair2(root, data="Data_omni", frames=2),
    "viper": lambda root: viper(root, frames=2, instances=True),
    "midair": midair,
    "kitti-step": kitti_step,
}


def test_every_shipped_importer_is_tried_here():
    assert {*MADE} == {*LAYOUTS}


@pytest.mark.parametrize("name", sorted(MADE))
def test_every_shipped_importer_keeps_them(tmp_path, name):
    MADE[name](tmp_path / "given")
    (tmp_path / "ids.yaml").write_text(IDS_MAP)
    is_named = not layout_named(name).publication.label_map
    palette_file(tmp_path)
    palette = tmp_path / "seg_rgbs.txt" if name == "airsim" else None
    options = ImportOptions(before=1, palette=palette)
    label_map = str(tmp_path / "ids.yaml") if is_named else ""
    check_importer(name, tmp_path / "given", label_map=label_map, options=options)


class Wrong:
    """A sequence that says something else than it holds."""

    def __init__(self, source, **changed):
        self._source, self._changed = source, changed

    def __getattr__(self, name):
        return self._changed[name] if name in self._changed else getattr(self._source, name)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"split": "training"}, "its split is 'training'"),
        ({"details": {}}, r"details\['origin'\] says layout and title"),
        ({"poses": np.zeros((2, 3))}, r"a pose \(7 numbers.*\(2, 3\)"),
        ({"height": 17}, r"frame 0: colour is \(17, 32, 3\) uint8: \(16, 32, 3\)"),
    ],
)
def test_one_that_says_something_wrong_is_told(tmp_path, changed, said):
    vspw(tmp_path, frames=2)
    honest = layout_named("vspw")

    def find(root, options):
        found = honest.find(root, options)
        sources = [Wrong(source, **changed) for source in found.sources]
        return dataclasses.replace(found, sources=sources)

    with pytest.raises(AssertionError, match=said):
        check_importer(Layout(honest.publication, find), tmp_path)


def test_one_that_finds_something_else_each_time_is_told(tmp_path):
    vspw(tmp_path, frames=2)
    honest, calls = layout_named("vspw"), []

    def find(root, options):
        calls.append(root)
        found = honest.find(root, options)
        return dataclasses.replace(found, sources=found.sources[:: -1 if len(calls) % 2 else 1])

    with pytest.raises(AssertionError, match="what is found does not change"):
        check_importer(Layout(honest.publication, find), tmp_path)


def test_a_folder_in_another_layout_is_refused_as_ever(tmp_path):
    with pytest.raises(DatasetError, match="expected 'data' and train"):
        check_importer("vspw", str(tmp_path))


def test_one_that_asks_nothing_of_its_folder_refuses_an_empty_one_in_a_line(tmp_path):
    facts = FolderFacts("nothing", str(tmp_path), "somewhere")

    def find(root, options):
        frames = [FrameFiles(path, None) for path in root.glob("*.png")]
        return Found([FolderSource(facts, frames, None)], [])

    with pytest.raises(DatasetError, match=f"{tmp_path}: sequence nothing has no frames"):
        check_importer(Layout(Publication("Nothing"), find), tmp_path)
