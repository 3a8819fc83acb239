"""Reading: the right frames in every process, and one line for every damaged file."""

import multiprocessing
import pickle
from pathlib import Path

import h5py
import numpy as np
import pytest
from recording_folders import GROUPS, HEIGHT, WIDTH, synthetic_frame, write_recording

from airseg.classes import CLASS_NAMES
from airseg.dataset.format import files
from airseg.dataset.packing.preparation import prepare
from airseg.dataset.packing.writer import pack
from airseg.dataset.reading.reader import Dataset
from airseg.errors import DatasetError
from airseg.labels.label_map import load_label_map


@pytest.fixture(scope="module")
def packed(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("packed")
    label_map = load_label_map("neighborhood")
    for seed, (name, split) in enumerate([("a", "train"), ("b", "train"), ("c", "test")]):
        write_recording(folder / "recordings", name, 8, seed=seed, split=split)
    pack(folder / "d.h5", prepare([folder / "recordings"], label_map).items, label_map)
    return folder / "d.h5"


@pytest.fixture
def copy(packed, tmp_path) -> Path:
    path = tmp_path / "copy.h5"
    path.write_bytes(packed.read_bytes())
    return path


def complaint(path: Path) -> str:
    with pytest.raises(DatasetError) as caught:
        Dataset(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_dataset_tells_what_it_holds(packed):
    dataset = Dataset(packed)
    assert dataset.sequences == ["a", "b", "c"]
    assert dataset.split("train") == ["a", "b"]
    assert dataset.split("val") == []
    assert len(dataset) == 24
    assert dataset.class_names == list(CLASS_NAMES)
    assert dataset.num_classes == 11
    assert dataset.ignore_index == 255
    assert len(dataset.content_hash) == 64
    assert "name: neighborhood" in dataset.label_map_text
    view = dataset.sequence("a")
    assert (view.height, view.width, view.environment) == (HEIGHT, WIDTH, "neighborhood")
    assert view.rate_hz == 25.0
    assert view.object_table[1].meshes == ("Car_21",)
    assert "24 frames: train 16, val 0, test 8" in repr(dataset)
    assert "'a', train" in repr(view)


def test_steps_skip_frames(packed):
    view = Dataset(packed).sequence("b")
    assert np.array_equal(view.rgb(1, 8, 3), view.rgb(0, 8)[[1, 4, 7]])


def frame_is_right(dataset: Dataset, sequence: str, seed: int, index: int) -> bool:
    rgb, ids, _ = synthetic_frame(seed, index, len(GROUPS))
    view = dataset.sequence(sequence)
    return bool(
        np.array_equal(view.rgb(index, index + 1)[0], rgb)
        and np.array_equal(view.raw_label(index, index + 1)[0], ids)
    )


def read_all(dataset: Dataset, queue) -> None:
    wrong = [
        (name, i)
        for seed, name in enumerate("abc")
        for i in range(8)
        if not frame_is_right(dataset, name, seed, i)
    ]
    queue.put(wrong)


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.parametrize("method", ["fork", pytest.param("spawn", marks=pytest.mark.slow)])
@pytest.mark.parametrize("opened_before", [False, True])
def test_worker_processes_read_the_right_frames(packed, method, opened_before):
    dataset = Dataset(packed)
    if opened_before:
        dataset.sequence("a").rgb(0, 1)
    context = multiprocessing.get_context(method)
    queue = context.Queue()
    workers = [context.Process(target=read_all, args=(dataset, queue)) for _ in range(2)]
    for worker in workers:
        worker.start()
    assert [queue.get(timeout=60) for _ in workers] == [[], []]
    for worker in workers:
        worker.join()
    assert frame_is_right(dataset, "a", 0, 3)


def test_pickled_dataset_carries_no_handle(packed):
    dataset = Dataset(packed)
    dataset.sequence("a").rgb(0, 1)
    again = pickle.loads(pickle.dumps(dataset))
    assert again._frames is None
    assert frame_is_right(again, "b", 1, 2)


def test_closed_dataset_opens_again_when_read(packed):
    with Dataset(packed) as dataset:
        view = dataset.sequence("a")
        view.rgb(0, 1)
    assert view.label(0, 1).shape == (1, HEIGHT, WIDTH)


def test_a_read_that_is_interrupted_says_so_and_not_that_the_map_is_in_use(packed, monkeypatch):
    def interrupted(self, buffers, place):
        part = self._content[place:]  # the traceback keeps it
        raise KeyboardInterrupt(part.size)

    monkeypatch.setattr(files._LocalBytes, "read_into", interrupted)
    with pytest.raises(KeyboardInterrupt), Dataset(packed) as dataset:
        dataset.sequence("a").rgb(0, 1)


@pytest.mark.parametrize("share", [0.0, 0.02, 0.5, 0.98])
def test_file_cut_off_is_told(copy, share):
    content = copy.read_bytes()
    copy.write_bytes(content[: int(len(content) * share)])
    message = complaint(copy)
    assert str(copy) in message
    assert "airseg relabel" in message


def test_file_that_is_no_hdf5_is_told(tmp_path):
    (tmp_path / "x.h5").write_text("hello")
    assert "is no HDF5 file" in complaint(tmp_path / "x.h5")


def test_missing_file_gets_the_nearest_name(packed):
    assert "'d.h5'" in complaint(packed.with_name("dd.h5"))


def test_folder_is_no_dataset(tmp_path):
    assert "is a folder, no dataset" in complaint(tmp_path)


def test_future_version_names_who_wrote_it(copy):
    with h5py.File(copy, "r+") as file:
        file.attrs["format_version"] = 2
        file.attrs["airseg_version"] = "9.1"
    message = complaint(copy)
    assert "format 2" in message
    assert "airseg 9.1" in message


@pytest.mark.parametrize(
    "attribute", ["format_version", "classes", "content_hash", "label_map", "ignore_index"]
)
def test_missing_root_attribute_is_named(copy, attribute):
    with h5py.File(copy, "r+") as file:
        del file.attrs[attribute]
    assert f"'{attribute}'" in complaint(copy)


def replace_array(name, **arguments):
    def change(file):
        group = file["sequences/a"]
        del group[name]
        if arguments:
            group.create_dataset(name, **arguments)

    return change


@pytest.mark.parametrize(
    ("change", "parts"),
    [
        (lambda f: f.pop("sequences"), ("no sequences",)),
        (lambda f: [f["sequences"].pop(n) for n in "abc"], ("no sequences",)),
        (lambda f: f["sequences/a"].attrs.pop("split"), ("/sequences/a", "'split'")),
        (lambda f: f["sequences/a"].attrs.modify("split", "tests"), ("split", "tests")),
        (lambda f: f["sequences/a"].attrs.modify("object_table", "x"), ("object_table", "JSON")),
        (lambda f: f["sequences/a"].attrs.modify("camera", "[]"), ("camera", "JSON")),
        (lambda f: f.attrs.modify("classes", "{}"), ("classes", "JSON")),
        (lambda f: f.attrs.create("ignore_index", "x"), ("ignore_index", "number")),
        (replace_array("label"), ("a/label", "nothing")),
        (replace_array("rgb"), ("a/rgb", "nothing")),
        (replace_array("rgb", data=np.zeros((8, 2), "u1")), ("a/rgb", "(8, 2)")),
        (replace_array("label", data=np.zeros((8, 24, 32), "i4")), ("a/label", "int32")),
        (replace_array("label", data=np.zeros((7, 24, 32), "u1")), ("a/label", "(7, 24, 32)")),
        (replace_array("pose", data=np.zeros((8, 6))), ("a/pose", "(8, 6)")),
    ],
)
def test_wrong_layout_names_what_was_found(copy, change, parts):
    with h5py.File(copy, "r+") as file:
        change(file)
    message = complaint(copy)
    for part in parts:
        assert part in message


def test_flipped_bit_is_told_instead_of_read(copy):
    with h5py.File(copy) as file:
        chunk = file["sequences/a/rgb"].id.get_chunk_info(3)
    content = bytearray(copy.read_bytes())
    content[chunk.byte_offset + chunk.size // 2] ^= 4
    copy.write_bytes(content)
    view = Dataset(copy).sequence("a")
    view.rgb(0, 3)
    with pytest.raises(DatasetError, match="rgb of frames 3 to 3 cannot be read"):
        view.rgb(3, 4)


@pytest.mark.parametrize("span", [(-1, 2), (3, 3), (5, 9), (0, 2, 0)])
def test_frames_outside_the_sequence_are_refused(packed, span):
    with pytest.raises(DatasetError, match="has frames 0 to 7"):
        Dataset(packed).sequence("a").rgb(*span)


def test_unknown_sequence_and_split_get_the_nearest_name(packed):
    dataset = Dataset(packed)
    with pytest.raises(DatasetError, match="Sequences: a, b, c"):
        dataset.sequence("zz")
    with pytest.raises(DatasetError, match="'train'"):
        dataset.split("trian")


def attribute(place, name, value):
    def change(file):
        owner = file[place] if place else file
        owner.attrs.pop(name, None)
        owner.attrs[name] = value

    return change


def rename_sequence(name):
    return lambda file: file["sequences"].move("a", name)


def link_elsewhere(link):
    def change(file):
        del file["sequences/a/label"]
        file["sequences/a/label"] = link

    return change


def claim_many_frames(file):
    group = file["sequences/a"]
    shapes = {"rgb": (HEIGHT, WIDTH, 3), "label": (HEIGHT, WIDTH), "pose": (7,), "timestamp_ns": ()}
    types = {"rgb": "u1", "label": "u1", "pose": "f8", "timestamp_ns": "i8"}
    for name in list(group):
        del group[name]
    for name, shape in shapes.items():
        group.create_dataset(name, (10**11, *shape), types[name], chunks=(1, *shape))


HOSTILE = {
    "text as an array": (attribute("", "label_map", ["a", "b"]), "'label_map' should be a text"),
    "empty attribute": (attribute("", "content_hash", h5py.Empty("S1")), "'content_hash'"),
    "invalid UTF-8": (attribute("", "label_map", np.bytes_(b"\xff\xfe")), "'label_map'"),
    "reference": (attribute("", "classes", h5py.h5r.Reference()), "'classes'"),
    "deep JSON": (attribute("sequences/a", "plan", "[" * 60000), "'plan' should be a JSON dict"),
    "class names": (attribute("", "classes", '["a", "a"]'), "different names"),
    "class of two lines": (attribute("", "classes", '["a\\nairseg: fine"]'), "different names"),
    "version NaN": (attribute("", "format_version", float("nan")), "'format_version'"),
    "version array": (attribute("", "format_version", [1, 1]), "'format_version'"),
    "ignore index": (attribute("", "ignore_index", 1e300), "from 0 to 255"),
    "object table": (attribute("sequences/a", "object_table", '[{"id": "1"}]'), "id, group"),
    "terminal escape": (attribute("sequences/a", "environment", "\x1b[2J"), "'environment'"),
    "split": (attribute("sequences/a", "split", "train\nx"), "'split'"),
    "rate": (attribute("sequences/a", "rate_hz", float("inf")), "'rate_hz'"),
    "name with escape": (rename_sequence("x\x1b[2J"), "cannot name a sequence"),
    "name on Windows": (rename_sequence("..\\x"), "cannot name a sequence"),
    "long name": (rename_sequence("x" * 300), "cannot name a sequence"),
    "soft link": (link_elsewhere(h5py.SoftLink("/sequences/b/label")), "a/label should be uint8"),
    "external link": (
        link_elsewhere(h5py.ExternalLink("/etc/passwd", "/label")),
        "a/label should be uint8",
    ),
    "many frames": (claim_many_frames, "claims 100000000000 frames"),
    "array as sequence": (
        lambda f: f["sequences"].create_dataset("z", data=1),
        "should be a group",
    ),
    "array as sequences": (
        lambda f: (f.pop("sequences"), f.create_dataset("sequences", data=1)),
        "no sequences",
    ),
    "null dataspace": (
        replace_array("rgb", data=h5py.Empty("u1")),
        "a/rgb should be of shape",
    ),
}


@pytest.mark.parametrize(("change", "part"), HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_files_are_told_in_one_printable_line(copy, change, part):
    with h5py.File(copy, "r+") as file:
        change(file)
    message = complaint(copy)
    assert part in message
    assert message.isprintable()


def test_version_to_come_may_name_its_writer_elsewhere(copy):
    with h5py.File(copy, "r+") as file:
        file.attrs["format_version"] = 3
        del file.attrs["airseg_version"]
    assert "format 3" in complaint(copy)
