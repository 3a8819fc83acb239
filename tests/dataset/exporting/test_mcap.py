"""MCAP files are read back by MCAP's own reader and by Rerun's converter."""

import io
import json
import shutil
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
import recording_folders
from command_line import run, said
from PIL import Image
from recording_folders import HEIGHT, WIDTH, write_recording
from scipy.spatial.transform import Rotation

from airseg.classes import CLASS_NAMES, CLASSES
from airseg.labels.label_map import load_label_map
from airseg.labels.resolution import resolve
from airseg.recording.stored.storage import Recording

pytest.importorskip("foxglove")
FRAMES = 3


@pytest.fixture
def walk(tmp_path):
    return write_recording(tmp_path / "flights", "walk", frames=FRAMES, split="train")


def exported(capsys, path, out, *options):
    code, _, err = run(capsys, "dataset", "export", "mcap", path, "--out", out, *options)
    assert code == 0, err
    return out


def messages(path):
    """Return [(log time, message)] by topic, decoded by the schemas inside the file."""
    decoder = pytest.importorskip("mcap_protobuf.decoder")
    reader = pytest.importorskip("mcap.reader")
    found = defaultdict(list)
    with path.open("rb") as file:
        opened = reader.make_reader(file, decoder_factories=[decoder.DecoderFactory()])
        for _, channel, record, message in opened.iter_decoded_messages():
            found[channel.topic].append((record.log_time, message))
    return found


def picture(message):
    return np.asarray(Image.open(io.BytesIO(message.data)))


def expected(folder):
    recording = Recording.open(folder)
    table = resolve(load_label_map("neighborhood"), recording.object_table).table
    for index in range(len(recording)):
        ids = recording.read_ids(index)
        yield recording.read_rgb(index), table[ids], recording.read_depth(index)


def test_colour_labels_and_depth_come_back_pixel_by_pixel(walk, tmp_path, capsys):
    found = messages(exported(capsys, walk, tmp_path / "out") / "walk.mcap")
    for index, (rgb, labels, depth) in enumerate(expected(walk)):
        time_ns, color = found["/camera/color"][index]
        assert time_ns == 10**18 + 40_000_000 * index
        assert color.timestamp.ToNanoseconds() == time_ns
        assert (color.format, color.frame_id) == ("png", "camera_optical")
        assert np.array_equal(picture(color), rgb)
        painted = Image.open(io.BytesIO(found["/camera/labels"][index][1].data))
        assert painted.mode == "P"
        assert np.array_equal(np.asarray(painted), labels)
        palette = np.array(painted.getpalette()).reshape(-1, 3)
        assert [tuple(c) for c in palette[:11]] == [c.color for c in CLASSES]
        raw = found["/camera/depth"][index][1]
        assert (raw.encoding, raw.step, raw.width) == ("32FC1", 4 * WIDTH, WIDTH)
        metres = np.frombuffer(raw.data, "<f4").reshape(HEIGHT, WIDTH)
        assert np.array_equal(metres, depth.astype(np.float32))
    assert {topic: len(rows) for topic, rows in found.items()} == {
        "/camera/color": FRAMES, "/camera/labels": FRAMES, "/camera/depth": FRAMES,
        "/camera/info": FRAMES, "/camera/pose": FRAMES, "/tf": FRAMES, "/path": 1,
    }  # fmt: skip


def test_the_sky_is_infinitely_far_so_that_viewers_colours_reach_from_near_to_far(
    tmp_path, capsys, monkeypatch
):
    """REP 118 of ROS: what is too far is inf. FiftyOne and Rerun colour what is finite only."""
    plain = recording_folders.synthetic_frame

    def under_a_sky(*arguments):
        rgb, ids, bits = plain(*arguments)
        depth = bits.view(np.float16)
        depth[:8], depth[8] = 65504.0, 65472.0  # the half float's greatest, and the next
        return rgb, ids, bits

    monkeypatch.setattr(recording_folders, "synthetic_frame", under_a_sky)
    folder = write_recording(tmp_path / "flights", "walk", frames=1)
    found = messages(exported(capsys, folder, tmp_path / "out") / "walk.mcap")
    metres = np.frombuffer(found["/camera/depth"][0][1].data, "<f4").reshape(HEIGHT, WIDTH)
    assert np.isposinf(metres[:8]).all()
    assert (metres[8] == 65472.0).all()
    below = Recording.open(folder).read_depth(0)[9:]
    assert np.array_equal(metres[9:], below.astype(np.float32))


def test_no_field_that_foxgloves_schemas_require_is_left_out(walk, tmp_path, capsys):
    """They require all: a missing turn is none of no length, which viewers read as they like."""

    def left_out(message, path):
        for field in message.DESCRIPTOR.fields:
            if field.message_type is None:
                continue
            name = f"{path}.{field.name}"
            value = getattr(message, field.name)
            if hasattr(value, "append"):  # a repeated field may be empty
                for item in value:
                    yield from left_out(item, name)
            elif not message.HasField(field.name):
                yield name
            else:
                yield from left_out(value, name)

    found = messages(exported(capsys, walk, tmp_path / "out") / "walk.mcap")
    gaps = {gap for topic, rows in found.items() for _, row in rows for gap in left_out(row, topic)}
    assert gaps == set()
    turns = [step.rotation for _, row in found["/tf"] for step in row.transforms]
    turns += [row.pose.orientation for _, row in found["/camera/pose"]]
    turns += [line.pose.orientation for line in found["/path"][0][1].entities[0].lines]
    for turn in turns:
        assert turn.x**2 + turn.y**2 + turn.z**2 + turn.w**2 == pytest.approx(1.0)


def test_frames_of_reference_lead_from_the_picture_to_a_map_that_stands_upright(
    walk, tmp_path, capsys
):
    """The flight looks north: what is ahead lies north on the map, what is low lies down."""
    found = messages(exported(capsys, walk, tmp_path / "out") / "walk.mcap")
    parents = {t.child_frame_id: t for t in found["/tf"][2][1].transforms}
    point = {"ahead": [0.0, 0, 5], "right": [5.0, 0, 0], "below": [0.0, 5, 0]}
    frame, place = "camera_optical", np.array(list(point.values()))
    while frame != "map":
        step = parents[frame]
        turn = Rotation.from_quat([getattr(step.rotation, axis) for axis in "xyzw"])
        place = turn.apply(place) + [getattr(step.translation, axis) for axis in "xyz"]
        frame = step.parent_frame_id
    camera = np.array([1.0, 1.0, 2.0])  # east, north, up of the third frame
    assert place - camera == pytest.approx(np.array([[0, 5, 0], [5, 0, 0], [0, 0, -5]]))
    line = found["/path"][0][1].entities[0].lines[0]
    assert [(p.x, p.y, p.z) for p in line.points] == [(0, 1, -2), (0.5, 1, -2), (1, 1, -2)]
    calibration = found["/camera/info"][0][1]
    half = WIDTH / 2  # of a picture that is 90 degrees wide
    assert list(calibration.K) == pytest.approx([half, 0, half, 0, half, HEIGHT / 2, 0, 0, 1])


def test_the_file_tells_its_classes_and_carries_the_recordings_description(walk, tmp_path, capsys):
    reader = pytest.importorskip("mcap.reader")
    out = exported(capsys, walk, tmp_path / "out", "--title", "A walk")
    with (out / "walk.mcap").open("rb") as file:
        opened = reader.make_reader(file)
        told = {record.name: record.metadata for record in opened.iter_metadata()}
        attached = {record.name: record.data for record in opened.iter_attachments()}
    assert [told["classes"][str(n)] for n in range(11)] == list(CLASS_NAMES)
    assert told["airseg"]["title"] == "A walk"
    assert json.loads(attached["recording.json"])["sequence"] == "walk"


def test_a_dataset_gives_a_file_a_sequence_with_the_same_pixels(walk, tmp_path, capsys):
    packed = tmp_path / "d.h5"
    code, _, err = run(
        capsys, "relabel", walk, "--map", "neighborhood", "--jobs", "1", "--out", packed
    )
    assert code == 0, err
    of_flight = messages(exported(capsys, walk, tmp_path / "a") / "walk.mcap")
    of_data = messages(exported(capsys, packed, tmp_path / "b") / "train" / "walk.mcap")
    for topic in ("/camera/color", "/camera/labels", "/camera/depth"):
        for (time_a, a), (time_b, b) in zip(of_flight[topic], of_data[topic], strict=True):
            assert time_a == time_b
            if topic == "/camera/depth":
                assert a.data == b.data
            else:
                assert np.array_equal(picture(a), picture(b))
    jpeg = messages(exported(capsys, packed, tmp_path / "c", "--jpeg", "90") / "train/walk.mcap")
    assert jpeg["/camera/color"][0][1].format == "jpeg"
    assert Image.open(io.BytesIO(jpeg["/camera/color"][0][1].data)).format == "JPEG"


def test_rerun_draws_every_topic_that_it_knows(walk, tmp_path, capsys):
    rerun = shutil.which("rerun", path=str(Path(sys.executable).parent))
    if rerun is None:
        pytest.skip("needs rerun-sdk")
    out = exported(capsys, walk, tmp_path / "out")
    converted = tmp_path / "walk.rrd"
    command = [rerun, "mcap", "convert", str(out / "walk.mcap"), "-o", str(converted)]
    subprocess.run(command, check=True, capture_output=True)
    printed = subprocess.run([rerun, "rrd", "print", str(converted)], check=True,
                             capture_output=True, text=True).stdout  # fmt: skip
    for topic, archetype in {
        "/camera/color": "EncodedImage:blob", "/camera/labels": "EncodedImage:blob",
        "/camera/depth": "Image:buffer", "/camera/info": "Pinhole:image_from_camera",
        "/camera/pose": "InstancePoses3D:translations", "/tf": "Transform3D:quaternion",
    }.items():  # fmt: skip
        chunks = [line for line in printed.splitlines() if f" - {topic} - " in line]
        assert any(archetype in line for line in chunks), topic


def test_a_damaged_frame_and_a_missing_library_are_one_line(walk, tmp_path, capsys, monkeypatch):
    (walk / "rgb" / "000001.png").write_bytes(b"x")
    out = tmp_path / "out"
    code, _, err = run(capsys, "dataset", "export", "mcap", walk, "--out", out)
    assert code == 2
    assert "frame 1 is damaged" in said(err)
    assert not out.exists()
    monkeypatch.setitem(sys.modules, "foxglove", None)
    code, _, err = run(capsys, "dataset", "export", "mcap", walk, "--out", out)
    assert code == 2
    assert "airseg[mcap]" in said(err)
