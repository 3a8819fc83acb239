"""The audit counts what is in the frames, and its page changes a label map for real."""

import json
from dataclasses import dataclass

import cv2
import numpy as np
import pytest
import yaml
from browser import browser_page
from command_line import run, said
from recording_folders import write_recording

from airseg.classes import CLASS_INDEX
from airseg.dataset.reading.reader import Dataset
from airseg.labels.audit import join
from airseg.labels.audit_page import outlined
from airseg.labels.judgement import add_remarks
from airseg.labels.label_counts import count_sequence, count_sequences
from airseg.labels.label_map import load_label_map, parse_label_map


@dataclass(frozen=True)
class Frame:
    rgb: np.ndarray
    ids: np.ndarray


@dataclass(frozen=True)
class Group:
    id: int
    group: str
    meshes: tuple[str, ...]


class Sequence:
    """A sequence held in memory."""

    def __init__(self, ids, rgb, table=(), name="a"):
        self.name, self.environment, self.object_table = name, "x", table
        self._ids, self._rgb, self.length = ids, rgb, len(ids)

    def read(self, index, *, with_depth):
        return Frame(self._rgb[index], self._ids[index])

    def read_ids(self, index):
        return self._ids[index]


def noise(frames=4, height=12, width=16, ids=5, seed=0):
    random = np.random.default_rng(seed)
    blocks = random.integers(0, ids, (frames, height // 2, width // 2), dtype=np.uint8)
    rgb = random.integers(0, 256, (frames, height, width, 3), dtype=np.uint8)
    return np.kron(blocks, np.ones((1, 2, 2), np.uint8)), rgb


def test_sums_are_those_of_plain_numpy():
    ids, rgb = noise()
    sums = count_sequence(Sequence(ids, rgb))
    rows = np.broadcast_to((np.arange(12) + 0.5)[None, :, None] / 12, ids.shape)
    gray = (rgb.astype(np.int64) @ np.array([77, 150, 29])) >> 8
    for number in range(5):
        mask = ids == number
        assert sums.pixels[number] == mask.sum()
        assert sums.frames[number] == mask.any((1, 2)).sum()
        assert sums.height[number] == pytest.approx(rows[mask].sum())
        assert sums.coloured[number] == mask[0].sum()  # every fourth frame, so here the first
        first = rgb[0][mask[0]].astype(np.int64)
        assert np.array_equal(sums.colour[number, :3], first.sum(0))
        assert np.array_equal(sums.colour[number, 3:], (first**2).sum(0))
        pairs = mask[0, :, 1:] & mask[0, :, :-1]
        steps = np.abs(np.diff(gray[0], axis=1))
        assert list(sums.texture[number]) == [steps[pairs].sum(), pairs.sum()]
        assert sums.kept[number] == (mask[1:] & mask[:-1]).sum()
        assert sums.either[number] == (mask[1:] | mask[:-1]).sum()


def test_colour_is_read_of_the_first_frame_that_shows_an_id():
    ids = np.zeros((4, 2, 2), np.uint8)
    ids[2] = 9
    sums = count_sequence(Sequence(ids, np.full((4, 2, 2, 3), 50, np.uint8)))
    assert sums.coloured[9] == 4
    assert list(sums.colour[9, :3]) == [200, 200, 200]


def test_borders_are_counted_once_from_each_side():
    ids, rgb = noise()
    sums = count_sequence(Sequence(ids, rgb))
    expected = np.zeros((256, 256), np.int64)
    for a, b in ((ids[:, :, 1:], ids[:, :, :-1]), (ids[:, 1:], ids[:, :-1])):
        differ = a != b
        np.add.at(expected, (a[differ], b[differ]), 1)
        np.add.at(expected, (b[differ], a[differ]), 1)
    assert np.array_equal(sums.neighbours, expected)


def test_best_frame_shows_most_of_a_label_and_the_others_lie_far_from_it():
    ids = np.zeros((90, 10, 10), np.uint8)
    for index in range(90):
        ids[index, : 1 + index % 30 // 8] = 7  # largest around 24 to 29, 54 to 59, 84 to 89
    sums = count_sequence(Sequence(ids, np.zeros((90, 10, 10, 3), np.uint8)))
    frames = [index for _, index in sums.best[7]]
    assert len(frames) == 3
    assert frames[0] % 30 >= 24
    assert min(abs(a - b) for a in frames for b in frames if a != b) >= 25


def test_several_threads_count_what_one_counts():
    sources = [Sequence(*noise(seed=s), name=str(s)) for s in range(5)]
    one, many = count_sequences(sources, jobs=1), count_sequences(sources, jobs=4)
    for a, b in zip(one, many, strict=True):
        assert np.array_equal(a.pixels, b.pixels)
        assert np.array_equal(a.neighbours, b.neighbours)


def test_one_mesh_family_is_one_entry_whatever_id_it_has():
    ids, rgb = noise(ids=2)
    flights = [
        Sequence(ids, rgb, (Group(1, "Car", ("Car_1",)),), "a"),
        Sequence(ids * 2, rgb, (Group(2, "Car", ("Car_2",)), Group(9, "Oak", ("Oak_1",))), "b"),
    ]
    report = join(flights, count_sequences(flights), load_label_map("neighborhood"))
    by_name = {entry.name: entry for entry in report.entries}
    assert by_name["Car"].pixels == 2 * (ids == 1).sum()
    assert by_name["Car"].sequences == ["a", "b"]
    assert by_name["Oak"].state == "unseen"
    assert by_name["(no mesh)"].class_name == "sky"
    assert by_name["Car"].neighbours == [("(no mesh)", 1.0)]


def test_what_the_map_leaves_out_comes_first():
    ids, rgb = noise(ids=4)
    table = (Group(1, "Dragon", ("Dragon_1",)), Group(2, "Mix", ("Car_1", "Oak_1")),
             Group(3, "Car", ("Car_9",)))  # fmt: skip
    flights = [Sequence(ids, rgb, table)]
    report = join(flights, count_sequences(flights), load_label_map("neighborhood"))
    assert {e.name: e.state for e in report.entries[:2]} == {
        "Dragon": "unmapped",
        "Mix": "conflicting",
    }
    assert "fence" in report.missing
    assert ("fence", "fence") in [(c, p) for c, p in report.unused]


def test_label_that_looks_like_another_class_is_remarked():
    colors = {1: (60, 140, 50), 2: (64, 150, 55), 3: (58, 135, 45), 4: (90, 90, 90),
              5: (95, 95, 95), 6: (100, 98, 97), 7: (93, 92, 94)}  # fmt: skip
    names = ["Oak", "Fir", "Birch", "Road", "Pavement", "Driveway", "Tree"]  # Tree is grey
    ids = np.repeat(np.arange(8, dtype=np.uint8), 30)[None, None, :].repeat(30, 1)
    rgb = np.zeros((1, 30, 240, 3), np.uint8)
    for number, color in colors.items():
        rgb[ids == number] = color
    table = tuple(Group(i + 1, n, (f"{n}_1",)) for i, n in enumerate(names))
    flights = [Sequence(ids, rgb, table)]
    report = join(flights, count_sequences(flights), load_label_map("neighborhood"))
    add_remarks(report.entries)
    odd = {e.name: e.looks_like for e in report.entries if e.looks_like}
    assert odd == {"Tree": "road"}


def test_picture_outlines_even_a_label_thinner_than_its_pixels():
    mask = np.zeros((480, 640), bool)
    mask[:, 320] = True
    data = outlined(np.full((480, 640, 3), 200, np.uint8), mask, 160)
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert picture.shape == (120, 160, 3)
    assert picture[60, 75:85, 1].min() < picture[60, 75:85, 2].max() - 60  # the line is pink


@pytest.fixture
def audited(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write_recording(tmp_path / "rec", "a", 4, seed=1)
    write_recording(tmp_path / "rec", "b", 3, seed=2)
    code, out, err = run(
        capsys, "labels", "audit", "rec", "--map", "neighborhood", "--out", "audit"
    )
    assert code == 0, err
    assert "7 frames, 6 labels seen" in out
    return tmp_path


def test_json_has_every_label_with_its_pixels(audited):
    data = json.loads((audited / "audit" / "audit.json").read_text())
    assert sum(e["pixels"] for e in data["entries"]) == 7 * 24 * 32 == data["pixels"]
    assert {e["class_name"] for e in data["entries"]} >= {"road", "vehicle", "tree", "sky"}


def test_page_needs_nothing_beside_it(audited):
    page = (audited / "audit" / "audit.html").read_text()
    assert "http://" not in page
    assert "https://" not in page
    assert page.count("data:image/jpeg") >= 6


def test_audit_of_nothing_is_one_line(audited, capsys):
    code, _, err = run(capsys, "labels", "audit", "none", "--out", "x")
    assert code == 2
    assert "no such recording" in said(err)


@pytest.mark.browser
def test_class_chosen_on_the_page_changes_the_dataset(audited, capsys):
    with browser_page(audited) as page:
        page.open((audited / "audit" / "audit.html").as_uri())
        # What is wrong comes first.
        assert page.evaluate("document.querySelector('#filter').value") == "remarks"
        hidden = "[...document.querySelectorAll('.card')].filter(c => c.hidden)"
        assert page.evaluate(f"{hidden}.every(c => c.dataset.remarks === '0')")
        page.evaluate("document.querySelector('#filter').value = ''")
        page.evaluate("document.querySelector('#filter').dispatchEvent(new Event('change'))")
        assert page.evaluate(f"{hidden}.length") == 0
        page.evaluate("document.querySelector('[data-name=Car]').focus()")
        page.press("7")  # the seventh class is fence
        assert page.evaluate("document.querySelector('#count').textContent") == "1 edit"
        page.press("d")
        text = page.downloaded("neighborhood_edited.yaml")
        assert page.evaluate("document.querySelector('#yaml').textContent") == text
        page.evaluate("window.isBefore = true; location.reload()")
        page.until("!window.isBefore && document.querySelector('#count')?.textContent === '1 edit'")
        assert page.evaluate("document.querySelector('[data-name=Car] select').value") == "fence"
    edited = parse_label_map(text, "downloaded")
    assert edited.class_of_name("Car_5") == "fence"
    assert edited.class_of_name("Oak_5") == "tree"
    assert yaml.safe_load(text)["examples"]["Car_21"] == "fence"
    (audited / "edited.yaml").write_text(text)
    for name, label_map in (("before", "neighborhood"), ("after", "edited.yaml")):
        code, _, err = run(capsys, "relabel", "rec", "--map", label_map, "--out", f"{name}.h5")
        assert code == 0, err
    before, after = (Dataset(audited / f"{n}.h5").sequence("a") for n in ("before", "after"))
    was_car = before.raw_label(0, 4) == 2
    assert (before.label(0, 4)[was_car] == CLASS_INDEX["vehicle"]).all()
    assert (after.label(0, 4)[was_car] == CLASS_INDEX["fence"]).all()
    assert np.array_equal(before.label(0, 4)[~was_car], after.label(0, 4)[~was_car])


def test_context_without_labels_is_not_counted():
    ids, rgb = noise(frames=9)
    some = Sequence(ids, rgb)
    some.labelled = np.arange(9) % 4 == 2
    sums = count_sequence(some)
    assert sums.frames_read == 2
    assert np.array_equal(sums.pixels, np.bincount(ids[[2, 6]].ravel(), minlength=256))
    assert sums.coloured.any()
    assert not sums.either.any()  # the frame before was none of its neighbours


def test_a_family_has_the_meshes_of_all_sequences():
    label_map = parse_label_map("format: 1\nname: x\nrules:\n- {class: tree, names: Oak_1}", "x")
    ids, rgb = np.ones((1, 4, 4), np.uint8), np.zeros((1, 4, 4, 3), np.uint8)
    sources = [
        Sequence(ids, rgb, (Group(1, "Oak", (mesh,)),), name)
        for name, mesh in (("a", "Oak_1"), ("b", "Oak_2"))
    ]
    (entry,) = join(sources, [count_sequence(s) for s in sources], label_map).entries
    assert (entry.meshes, entry.mesh_count) == (["Oak_1", "Oak_2"], 2)
    assert entry.state == "unmapped"
