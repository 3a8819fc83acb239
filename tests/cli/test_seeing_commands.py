"""`airseg preview` and `airseg info`: what is in a recording, to look at and to count."""

import glob
import json
import shutil

import av
import numpy as np
import pytest
from command_line import run, said
from recording_folders import HEIGHT, WIDTH, write_recording

from airseg.recording.stored.recording_figures import motion_statistics


def pictures(path):
    with av.open(str(path)) as film:
        return [frame.to_ndarray(format="rgb24") for frame in film.decode(video=0)]


def test_a_preview_shows_every_frame_beside_its_classes(tmp_path, capsys):
    write_recording(tmp_path, "walk", frames=7)
    code, out, _ = run(capsys, "preview", tmp_path / "walk")
    assert code == 0
    assert "7 frames in" in out
    shown = pictures(tmp_path / "walk.mp4")
    assert len(shown) == 7
    height, width = shown[0].shape[:2]
    assert width == 1280
    assert height > HEIGHT * (640 // WIDTH)  # the legend stands below
    left, right = shown[0][:480, :640].astype(int), shown[0][:480, 640:].astype(int)
    assert np.abs(left - right).mean() > 10


@pytest.mark.parametrize(
    "typed",
    [
        "preview {}",
        "info {}",
        "verify {}",
        "labels suggest {}",
        "labels audit {} --out audit",
        "relabel {} --map neighborhood --allow-unmapped --assign train=walk --out d.h5 --dry-run",
    ],
)
def test_a_star_takes_the_recordings_and_not_the_films_that_lie_beside_them(
    tmp_path, capsys, monkeypatch, typed
):
    monkeypatch.chdir(tmp_path)
    write_recording(tmp_path / "recordings", "walk")
    (tmp_path / "recordings" / "walk.mp4").write_bytes(b"a film")
    star = " ".join(sorted(glob.glob("recordings/*")))  # noqa: PTH207  as a shell does it
    assert star == "recordings/walk recordings/walk.mp4"
    code, _, err = run(capsys, *typed.format(star).split())
    assert code == 0, err


def test_a_film_by_itself_is_no_recording(tmp_path, capsys):
    (tmp_path / "walk.mp4").write_bytes(b"a film")
    code, _, err = run(capsys, "info", tmp_path / "walk.mp4")
    assert code == 2
    assert "is a file, no recording" in said(err)


def test_a_film_of_every_second_frame_is_half_as_long(tmp_path, capsys):
    write_recording(tmp_path, "walk", frames=7)
    run(capsys, "preview", tmp_path / "walk", "--every", "2", "--out", tmp_path / "films")
    assert len(pictures(tmp_path / "films" / "walk.mp4")) == 4


@pytest.mark.parametrize("command", ["preview", "view", "info", "dataset leak"])
@pytest.mark.parametrize("every", ["0", "-3", "2.5"])
def test_every_nth_frame_is_a_whole_number_from_one_on(tmp_path, capsys, command, every):
    code, _, err = run(capsys, *command.split(), tmp_path, "--every", every)
    assert code == 2
    assert "--every" in said(err)


def test_no_half_written_film_is_left_of_a_damaged_recording(tmp_path, capsys):
    folder = write_recording(tmp_path, "walk")
    (folder / "rgb" / "000004.png").write_bytes(b"x")
    code, _, err = run(capsys, "preview", folder)
    assert code == 2
    assert "frame 4 is damaged" in said(err)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["walk"]


def test_info_counts_frames_motion_and_classes(tmp_path, capsys):
    write_recording(tmp_path, "walk", frames=6)
    code, out, _ = run(capsys, "info", tmp_path, "--json", "--every", "1")
    assert code == 0
    (row,) = json.loads(out)
    assert row["frames"] == 6
    assert row["motion"]["mean_speed_mps"] == pytest.approx(12.5)
    assert row["motion"]["length_m"] == pytest.approx(2.5)
    assert sum(row["classes"].values()) == pytest.approx(1.0)
    assert row["classes"]["vehicle"] > 0.05
    code, out, _ = run(capsys, "info", tmp_path)
    assert "6 frames in 1 sequences" in out
    assert "traffic_fixture" in out


def test_info_reads_datasets_too(tmp_path, capsys):
    write_recording(tmp_path, "walk", frames=6, split="train")
    run(capsys, "relabel", tmp_path / "walk", "--map", "neighborhood", "--out", tmp_path / "d.h5")
    code, out, _ = run(capsys, "info", tmp_path / "d.h5", "--json")
    assert code == 0
    (row,) = json.loads(out)
    assert (row["frames"], row["status"], row["split"]) == (6, "packed", "train")


def test_folders_of_recordings_and_datasets_are_told_and_checked_whole(tmp_path, capsys):
    write_recording(tmp_path / "both", "walk", frames=6, split="train")
    file = tmp_path / "both" / "d.h5"
    run(capsys, "relabel", tmp_path / "both", "--map", "neighborhood", "--out", file)
    _, out, _ = run(capsys, "info", tmp_path / "both", "--json")
    assert [row["status"] for row in json.loads(out)] == ["complete", "packed"]
    _, out, _ = run(capsys, "verify", tmp_path / "both", "--json")
    assert [set(row) & {"folder", "path"} for row in json.loads(out)] == [{"path"}, {"folder"}]
    shutil.rmtree(tmp_path / "both" / "walk")
    _, out, _ = run(capsys, "info", tmp_path / "both", "--json")
    assert [row["status"] for row in json.loads(out)] == ["packed"]
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    code, _, err = run(capsys, "verify", tmp_path / "both")
    assert code == 2
    assert "d.h5" in said(err)


def test_a_turn_of_ninety_degrees_in_two_seconds_is_forty_five_a_second():
    yaw = np.radians(np.linspace(0, 90, 51))
    poses = np.zeros((51, 7))
    poses[:, 2] = -3
    poses[:, 3], poses[:, 6] = np.cos(yaw / 2), np.sin(yaw / 2)
    found = motion_statistics(poses, np.arange(51) * 40_000_000)
    assert found.mean_yaw_rate_dps == pytest.approx(45)
    assert found.duration_s == pytest.approx(2.0)
    assert found.highest_m == 3
    assert found.top_speed_mps == 0
