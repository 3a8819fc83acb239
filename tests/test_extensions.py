"""What another package adds is found by its name: one is installed here, out of airseg's tree."""

import sys

import numpy as np
import pytest
from command_line import run, said

from airseg.dataset.exporting.formats import format_names
from airseg.dataset.importing.layouts import layout_names
from airseg.dataset.reading.reader import Dataset
from airseg.errors import AirsegError, SettingsError
from airseg.extensions import extensions
from airseg.labels.label_map import load_label_map
from airseg.models import build_model, list_models
from airseg.resources import known_names
from airseg.simulators.embedded.worlds.catalogue import build_world, world_names
from airseg.testing import check_importer, check_model

CODE = '''\
"""A package of somebody else."""

from pathlib import Path

import numpy as np
from torch import nn

from airseg.dataset.exporting.formats import Format
from airseg.dataset.importing.found import Found, Publication
from airseg.dataset.importing.layouts import Layout
from airseg.dataset.packing.folder_sources import FolderFacts, FolderSource, FrameFiles
from airseg.models.base import VideoSegmenter
from airseg.simulators.embedded.scene.world import World


class OneLayer(VideoSegmenter):
    paper = "none"

    def __init__(self, num_classes, width):
        super().__init__()
        self.layer = nn.Conv2d(3, num_classes, width, 4, width // 2)

    def coarse(self, frames, memory=None):
        return self.layer(frames.flatten(0, 1)).unflatten(0, frames.shape[:2]), None


def one_layer(num_classes: int, width: int = 3) -> OneLayer:
    """Build it."""
    return OneLayer(num_classes, width)


PUBLICATION = Publication("Pairs", "https://example.org", "CC0", "two_kinds")


def find_pairs(root, options):
    frames = [
        FrameFiles(path, path.with_name(path.name.replace("see", "say")))
        for path in sorted(Path(root).glob("see*.png"))
    ]
    details = {"origin": PUBLICATION.origin("pairs"), "rate_hz": 10.0}
    facts = FolderFacts("pairs", str(root), "nowhere", rate_hz=10.0, details=details, split="train")
    return Found([FolderSource(facts, frames, None)])


pairs = Layout(PUBLICATION, find_pairs)


def write_counts(dataset, folder, facts, options, progress):
    for view in dataset:
        (folder / f"{view.name}.txt").write_text(str(len(view)))


counts = Format(write_counts, 0.0)


def suburb(seed):
    world = World.__new__(World)
    world.name = f"two kinds {seed}"
    return world


def no_world(seed):
    return seed
'''
ENTRIES = """\
[airseg.models]
one_layer = stranger:one_layer
broken = stranger:missing

[airseg.importers]
pairs = stranger:pairs
no_importer = stranger:find_pairs

[airseg.exporters]
counts = stranger:counts

[airseg.worlds]
suburb = stranger:suburb
no_world = stranger:no_world

[airseg.label_maps]
two_kinds = stranger
absent = stranger

[airseg.flight_plans]
short_hop = stranger
"""
MAP = "format: 1\nname: two kinds\nrules: [{class: sky, ids: 0}, {class: road, ids: 1}]\n"
PLAN = "description: a hop\nstart: {position: [0, 0, -3]}\nwaypoints: [{position: [6, 0, -3]}]\n"


@pytest.fixture
def stranger(tmp_path, monkeypatch):
    """Install a package that has never been part of airseg, as pip leaves it behind."""
    site = tmp_path / "site-packages"
    (site / "stranger").mkdir(parents=True)
    (site / "stranger" / "__init__.py").write_text(CODE)
    (site / "stranger" / "two_kinds.yaml").write_text(MAP)
    (site / "stranger" / "short_hop.yaml").write_text(PLAN)
    told = site / "stranger-1.5.dist-info"
    told.mkdir()
    (told / "METADATA").write_text("Metadata-Version: 2.1\nName: stranger\nVersion: 1.5\n")
    (told / "entry_points.txt").write_text(ENTRIES)
    monkeypatch.syspath_prepend(str(site))
    yield site
    sys.modules.pop("stranger", None)


def test_without_such_packages_nothing_is_added():
    assert extensions("airseg.nothing") == {}
    assert "one_layer" not in list_models()


def test_a_network_is_listed_built_with_options_and_checked(stranger):
    assert "one_layer" in list_models()
    model = build_model("one_layer", 4, width=5)
    assert model.layer.weight.shape == (4, 3, 5, 5)
    check_model("one_layer")
    with pytest.raises(AirsegError, match=r"no option 'widht'\. Did you mean 'width'"):
        build_model("one_layer", 4, widht=5)
    with pytest.raises(AirsegError, match=r"stranger 1\.5: airseg\.models broken = .*missing"):
        build_model("broken", 4)


def test_a_dataset_is_imported_with_the_package_s_map_and_exported(stranger, capsys, tmp_path):
    import cv2

    given = tmp_path / "given"
    given.mkdir()
    for index in range(3):
        cv2.imwrite(str(given / f"see{index}.png"), np.full((8, 8, 3), 9 * index, np.uint8))
        cv2.imwrite(str(given / f"say{index}.png"), np.full((8, 8), index % 2, np.uint8))
    check_importer("pairs", given)
    assert "pairs" in layout_names()
    code, _, err = run(capsys, "dataset", "import", "pairs", given, "--out", tmp_path / "d.h5")
    assert code == 0, err
    with Dataset(tmp_path / "d.h5") as dataset:
        names = [dataset.class_names[i] for i in dataset.sequence("pairs").label(0, 3)[:, 0, 0]]
        assert names == ["sky", "road", "sky"]
    assert "counts" in format_names()
    out = tmp_path / "out"
    code, _, err = run(capsys, "dataset", "export", "counts", tmp_path / "d.h5", "--out", out)
    assert code == 0, err
    assert (out / "pairs.txt").read_text() == "3"
    code, _, err = run(capsys, "dataset", "import", "no_importer", given, "--out", "x.h5")
    assert code == 2
    assert "expected a Layout of airseg.dataset.importing.layouts, found function" in said(err)


def test_worlds_maps_and_plans_go_by_name(stranger, capsys):
    assert {"suburb", "neighborhood"} <= {*world_names()}
    assert build_world("suburb", 2).name == "two kinds 2"
    with pytest.raises(SettingsError, match="should return a World, found int"):
        build_world("no_world")
    assert load_label_map("two_kinds").class_names
    assert "two_kinds" in known_names("label map")
    code, out, _ = run(capsys, "plan", "check", "short_hop")
    assert code == 0
    assert out.startswith("short_hop: ")
    code, _, err = run(capsys, "labels", "check", "absent")
    assert code == 2
    assert "stranger 1.5: airseg.label_maps absent" in said(err)


def test_a_name_is_taken_once(stranger, tmp_path, monkeypatch):
    (stranger / "stranger-1.5.dist-info" / "entry_points.txt").write_text(
        "[airseg.models]\nfanet18 = stranger:one_layer\n"
    )
    with pytest.raises(
        AirsegError, match=r"stranger 1\.5: its entry point fanet18 .* airseg itself"
    ):
        list_models()
    assert build_model("fanet18", 4).paper != "none"  # what is shipped stays what it is


def test_a_file_that_registers_a_network_is_found_without_an_edit(tmp_path, monkeypatch):
    import airseg.models
    from airseg.models import registry

    (tmp_path / "newcomer.py").write_text(
        CODE.split("PUBLICATION")[0].replace("def one_layer", "@register_model\ndef newcomer")
        + "\n"
    )
    text = (tmp_path / "newcomer.py").read_text()
    head = "from airseg.models.registry import register_model\n"
    (tmp_path / "newcomer.py").write_text(text.replace("import numpy", head + "import numpy"))
    monkeypatch.setattr(airseg.models, "__path__", [*airseg.models.__path__, str(tmp_path)])
    registry._load.cache_clear()
    try:
        assert "newcomer" in list_models()
        assert build_model("newcomer", 3).paper == "none"
    finally:
        registry._BUILDERS.pop("newcomer", None)
        sys.modules.pop("airseg.models.newcomer", None)
