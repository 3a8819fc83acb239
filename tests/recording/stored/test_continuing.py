"""Going on with a recording: by segments, in its own world only, and never past suspect frames."""

from dataclasses import replace

import numpy as np
import pytest
from command_line import run, said
from small_simulator import small_plan
from test_writer import frame, info

from airseg.errors import RecordingError
from airseg.flight.trajectory import plan_trajectory
from airseg.recording.stored.continuing import differences
from airseg.recording.stored.frame_table import LINE_CHECKSUM
from airseg.recording.stored.frame_writer import RecordingWriter
from airseg.recording.stored.recording_verification import repair_recording, verify_recording
from airseg.recording.stored.storage import ObjectGroup, Recording, read_info

SETTINGS = '{"SimMode": "Multirotor", "ClockSpeed": 1, "ViewMode": "NoDisplay"}'
WORLD = {
    "world": "neighborhood",
    "seed": 0,
    "server_version": 1,
    "sim_mode": "Multirotor",
    "settings": SETTINGS,
    "places": {"Road_1": [0.0, 0.0, 0.0], "Oak_3": [5.0, 1.0, 0.0], "Car_2": [9.0, 0.0, 0.0]},
}


def described(**fields):
    return replace(info(), simulator=WORLD, **fields)


PATH = plan_trajectory(small_plan())


def planned(number, later_ns=0, depth=None):
    """Return a frame where the plan wants it."""
    whole = frame(number)
    pose = np.concatenate([PATH.position[number], PATH.orientation[number]])
    depth = np.full((6, 8), 5.0, np.float16) if depth is None else depth
    return replace(whole, timestamp_ns=whole.timestamp_ns + later_ns, pose=pose, depth=depth)


def write(folder, numbers, status="complete", about=None, later_ns=0, **told):
    with RecordingWriter(folder, about or described()) as writer:
        writer.describe("recording")
        for number in numbers:
            writer.add(planned(number, later_ns))
        writer.finish(status, told.pop("reason", ""), told)
        return writer.count


def moved(metres, names=("Road_1", "Oak_3", "Car_2")):
    places = {n: [x + metres * (n in names), y, z] for n, (x, y, z) in WORLD["places"].items()}
    return {"places": places}


def test_a_recording_from_before_there_were_settings_beside_a_plan_goes_on():
    now = replace(described(), simulator={**WORLD, "further_settings": ""})
    assert not list(differences(described(), now))


@pytest.mark.parametrize("there", ["{", "3", "[" * 100_000, '{"Wind": {"X": 3.0}}'])
def test_settings_beside_a_plan_are_compared_by_what_they_say(there):
    """A recording may come from anybody; a number may be written in two ways."""
    found, now = (
        replace(described(), simulator={**WORLD, "further_settings": text})
        for text in (there, '{"Wind": {"X": 3}}')
    )
    assert len(list(differences(found, now))) == (0 if "3.0" in there else 2)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"seed": 1}, "seed differs (0 there, 1 now)"),
        ({"world": "harbor_town"}, "world differs (neighborhood there, harbor_town now)"),
        ({"server_version": 4}, "server version differs"),
        ({"sim_mode": "ComputerVision"}, "sim mode differs"),
        (
            {"settings": SETTINGS.replace('Speed": 1', 'Speed": 0.2')},
            "settings differ: ClockSpeed is 1 there and 0.2 now",
        ),
        (
            {"settings": SETTINGS.replace("}", ', "Wind": {"X": 3}}')},
            "settings differ: Wind.X is not set there and 3 now",
        ),
        (
            {"further_settings": '{"Wind": {"X": 3}}'},
            "settings differ: beside the plan's, Wind.X is not set there and 3 now",
        ),
        (moved(2.0), "world is another one: 3 of 3 meshes stand elsewhere, such as Car_2, 2.0 m"),
    ],
)
def test_another_world_is_told(change, told):
    now = replace(described(), simulator={**WORLD, **change})
    assert told in next(differences(described(), now))


@pytest.mark.parametrize(
    "change",
    [
        {"seed": None},  # a running simulator does not tell its seed
        {"settings": SETTINGS.replace('"NoDisplay"', '"FlyWithMe"')},
        {"settings": SETTINGS.replace(" ", "")},
        moved(2.0, names=("Car_2",)),  # traffic drives about
        {"places": {}},
    ],
)
def test_the_same_world_is_known_in_other_words(change):
    now = replace(described(), simulator={**WORLD, **change})
    assert list(differences(described(), now)) == []


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"mode": "step"}, "mode differs (pose there, step now)"),
        ({"camera": {"width": 8, "height": 6, "fov_deg": 60.0}}, "camera differs"),
        (
            {"object_table": (ObjectGroup(1, "Road", ("Road_1", "Road_2"), (1, 2, 3)),)},
            "lacks Road_2 with id 1, which the simulator has now",
        ),
        (
            {"object_table": (ObjectGroup(2, "Road", ("Road_1",), (1, 2, 3)),)},
            "has Road_1 with id 1, which the simulator lacks now",
        ),
    ],
)
def test_a_recording_of_another_kind_is_not_continued(tmp_path, change, told):
    folder = tmp_path / "walk"
    write(folder, range(3), "interrupted")
    before = [p.read_bytes() for p in sorted(folder.rglob("*.*")) if p.is_file()]
    with pytest.raises(RecordingError) as caught:
        RecordingWriter(folder, described(**change))
    assert told in str(caught.value)
    assert "--overwrite" in str(caught.value)
    assert [p.read_bytes() for p in sorted(folder.rglob("*.*")) if p.is_file()] == before


@pytest.mark.parametrize("kept", ["frames.csv", "rgb/mine.jpg", "seg/000000.png"])
def test_frames_of_an_unknown_flight_are_neither_continued_nor_taken_away(tmp_path, kept):
    """Without its description nobody can say that they are this flight's."""
    folder = tmp_path / "walk"
    write(folder, range(3), "interrupted")
    (folder / "recording.json").unlink()
    for path in (p for p in folder.rglob("*.*") if p.is_file()):
        if path.relative_to(folder).as_posix() != kept:
            path.unlink()
    (folder / kept).touch()
    with pytest.raises(RecordingError, match="nobody knows which flight"):
        RecordingWriter(folder, described())
    assert (folder / kept).exists()


def test_what_others_put_beside_frames_stays_there(tmp_path):
    folder = tmp_path / "walk"
    write(folder, range(3), "interrupted")
    for name in ("notes.txt", "000001 copy.png", "preview"):
        (folder / "rgb" / name).mkdir()
    (folder / "rgb" / "000003.png.part").touch()
    assert write(folder, range(3, 5)) == 5
    assert {p.name for p in (folder / "rgb").iterdir()} == {
        *("notes.txt", "000001 copy.png", "preview"),
        *(f"{n:06d}.png" for n in range(5)),
    }


def test_each_run_is_a_segment_that_says_how_it_ended(tmp_path):
    folder = tmp_path / "walk"
    write(folder, range(3), "interrupted", reason="Ctrl-C")
    write(folder, range(3, 5), "failed", reason="it crashed")
    write(folder, range(5, 10))
    segments = read_info(folder).segments
    assert [(s.first, s.status, s.reason) for s in segments] == [
        (0, "interrupted", "Ctrl-C"),
        (3, "failed", "it crashed"),
        (5, "", ""),
    ]


def test_time_may_jump_between_segments_only_and_verify_says_where(tmp_path):
    folder = tmp_path / "walk"
    write(folder, range(3), "failed", reason="it crashed", largest_step_error_ns=0)
    write(folder, range(3, 10), later_ns=161 * 10**9, largest_step_error_ns=0)
    found = verify_recording(folder)
    assert found.is_sound
    assert found.notes == (
        "frame 3: another run went on here, 161.040 s of simulator time after the frame before; "
        "that one was failed (it crashed)",
    )
    jumped = tmp_path / "jumped"
    write(jumped, range(3), "interrupted", largest_step_error_ns=0)
    with RecordingWriter(jumped, described()) as writer:
        writer.add(planned(3))
        writer.add(planned(4, later_ns=10**9))
        writer.finish("interrupted")
    assert "frame 4: its time step is 1000000000 ns off" in str(verify_recording(jumped).findings)


def test_suspect_frames_are_flown_again_before_a_recording_is_complete(tmp_path):
    folder = tmp_path / "walk"
    write(folder, range(10), "failed", suspect_frames=[4, 9, "their colours changed."])
    assert verify_recording(folder).good_frames == 4
    with RecordingWriter(folder, described()) as writer:
        assert writer.count == 4
        assert "suspect_frames" not in writer.info.notes
    assert write(folder, range(4, 10)) == 10
    assert verify_recording(folder).is_sound


def test_a_kill_after_the_cut_leaves_no_suspect_frame_that_looks_sound(tmp_path):
    folder = tmp_path / "walk"
    write(folder, range(10), "failed", suspect_frames=[4, 9, "their colours changed."])
    RecordingWriter(folder, described()).__exit__(None, None, None)  # cut, and not described yet
    assert len(Recording.open(folder)) == 4


def test_relabel_refuses_suspect_frames_unless_told(tmp_path, capsys):
    folder = tmp_path / "walk"
    write(folder, range(10), "failed", suspect_frames=[4, 9, "their colours changed."])
    pack = ("relabel", folder, "--map", "neighborhood", "--allow-unmapped", "--out")
    code, _, err = run(capsys, *pack, tmp_path / "d.h5")
    assert code == 2
    assert "frames 4 to 9 may be mislabelled: their colours changed." in said(err)
    assert "--keep-suspect" in said(err)
    code, _, _ = run(capsys, *pack, tmp_path / "d.h5", "--keep-suspect")
    assert code == 0
    code, out, _ = run(capsys, "verify", tmp_path / "d.h5")
    assert code == 0
    assert "frames 4 to 9 of its recording may be mislabelled" in out


def test_verify_finds_every_flip_of_every_text_file(tmp_path):
    """Bits and bytes at random places; a flip that a reader cannot see would be none."""
    folder = tmp_path / "walk"
    write(folder, range(6), "interrupted", largest_step_error_ns=0)
    assert verify_recording(folder).is_sound
    random = np.random.default_rng(3)
    for name in ("recording.json", "frames.csv"):
        path = folder / name
        whole = path.read_bytes()
        for place in random.permutation(len(whole))[:60]:
            spoilt = bytearray(whole)
            spoilt[place] ^= int(random.integers(1, 256))
            path.write_bytes(bytes(spoilt))
            assert not verify_recording(folder).is_sound, (name, place, whole[place : place + 9])
        path.write_bytes(whole)
        path.write_bytes(whole[:-1])  # the end of the last line is torn off
        assert not verify_recording(folder).is_sound
        path.write_bytes(whole)
    assert verify_recording(folder).is_sound


def test_damage_is_cut_off_and_the_rest_is_sealed(tmp_path):
    folder = tmp_path / "walk"
    write(folder, range(6), "interrupted", largest_step_error_ns=0)
    assert verify_recording(folder).is_sound
    path = folder / "frames.csv"
    lines = path.read_bytes().split(b"\n")
    lines[4] = lines[4].replace(b"-3", b"-4", 1)  # another height, which no rule forbids
    path.write_bytes(b"\n".join(lines))
    found = verify_recording(folder)
    assert (found.good_frames, found.findings[0].frame) == (3, 3)
    assert "its checksum differs" in found.findings[0].message
    assert repair_recording(found) == 3
    assert verify_recording(folder).is_sound


def test_a_recording_without_checksums_still_opens_and_gets_them_when_it_goes_on(tmp_path):
    """Format 1, the version before: no line checksums, no checksum, no segments."""
    folder = tmp_path / "walk"
    write(folder, range(4), "interrupted", reason="Ctrl-C")
    lines = (folder / "frames.csv").read_text().split("\n")[:-1]
    (folder / "frames.csv").write_text("".join(line.rpartition(",")[0] + "\n" for line in lines))
    old = read_info(folder)
    text = old.to_json().replace('"format": 2', '"format": 1')
    kept = [
        line for line in text.split("\n") if '"checksum"' not in line and '"frames":' not in line
    ]
    (folder / "recording.json").write_text("\n".join(kept))
    assert len(Recording.open(folder)) == 4
    assert verify_recording(folder).is_sound
    assert write(folder, range(4, 10)) == 10
    assert (folder / "frames.csv").read_text().split("\n")[0].endswith(LINE_CHECKSUM)
    assert read_info(folder).format == 2
    assert verify_recording(folder).is_sound


@pytest.mark.parametrize("wrong", [np.nan, -1.0, -np.inf])
def test_depths_that_are_no_distances_are_found(tmp_path, wrong):
    folder = tmp_path / "walk"
    with RecordingWriter(folder, described()) as writer:
        for number in range(3):
            depth = np.full((6, 8), 2.0, np.float16)
            depth[0, 0] = wrong if number == 1 else 2.0
            writer.add(planned(number, depth=depth))
        writer.finish("interrupted")
    told = verify_recording(folder).findings[0].message
    assert told == "frame 1: 1 depths are no numbers, or negative."
