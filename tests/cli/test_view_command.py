"""`airseg view`: Rerun's own program reads what is written, and a film takes its place."""

import shutil
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest
from command_line import run, said
from PIL import Image
from recording_folders import write_recording
from torchmetrics.functional.classification import multiclass_accuracy

from airseg.bench.scoring.frame_scores import frame_scores
from airseg.dataset.reading.reader import Dataset

RERUN = shutil.which("rerun", path=str(Path(sys.executable).parent))


@pytest.fixture
def packed(tmp_path, capsys):
    folder = write_recording(tmp_path / "flights", "walk", frames=3, split="train")
    run(
        capsys,
        "relabel",
        folder,
        "--map",
        "neighborhood",
        "--jobs",
        "1",
        "--out",
        tmp_path / "d.h5",
    )
    return tmp_path / "d.h5"


def entities(path):
    """Return what Rerun finds: columns by entity."""
    printed = subprocess.run([RERUN, "rrd", "print", str(path)], check=True,
                             capture_output=True, text=True).stdout  # fmt: skip
    found = {}
    for line in printed.splitlines():
        if line.startswith("Chunk(") and " - data columns: " in line:
            entity, _, columns = line.partition(" - data columns: ")
            name = entity.rpartition(" - ")[2]
            found[name] = found.get(name, "") + columns
    return found


@pytest.mark.skipif(RERUN is None, reason="needs rerun-sdk")
def test_rerun_reads_classes_depth_way_and_scores(packed, tmp_path, capsys):
    with Dataset(packed) as dataset:
        labels = dataset.sequence("walk").label(0, 3)
    for index, label in enumerate(labels):
        path = tmp_path / "predictions" / "walk" / f"{index:06d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.where(label == 255, 0, label)).save(path)
    file = tmp_path / "walk.rrd"
    code, out, err = run(capsys, "view", packed, "--predictions", tmp_path / "predictions",
                         "--save", file)  # fmt: skip
    assert code == 0, err
    assert f"walk: 3 frames in {file}" in out
    found = entities(file)
    for entity, column in {
        "/": "AnnotationContext:context",
        "/world/path": "LineStrips3D:strips",
        "/world/camera": "Transform3D:translation",
        "/world/camera/image": "Pinhole:image_from_camera",
        "/world/camera/image/color": "EncodedImage:blob",
        "/world/camera/image/labels": "SegmentationImage:buffer",
        "/world/camera/image/prediction": "SegmentationImage:buffer",
        "/world/camera/image/depth": "DepthImage:buffer",
        "/classes/vehicle": "Scalars:scalars",
        "/scores/mean_iou": "Scalars:scalars",
    }.items():
        assert column in found[entity], entity


def test_scores_of_a_frame_are_those_of_torchmetrics():
    random = np.random.default_rng(0)
    labels = random.integers(0, 4, (20, 30)).astype(np.uint8)
    prediction = np.where(random.random(labels.shape) < 0.6, labels, 3).astype(np.uint8)
    labels[:3] = 255
    import torch

    expected = multiclass_accuracy(
        torch.from_numpy(prediction).long(), torch.from_numpy(labels).long(), num_classes=4,
        average="micro", ignore_index=255,
    )  # fmt: skip
    found = frame_scores(prediction, labels, 4)
    assert found["pixel_accuracy"] == pytest.approx(float(expected))


def test_without_rerun_there_is_a_film_and_the_extra_is_named(
    packed, tmp_path, capsys, monkeypatch
):
    monkeypatch.setitem(sys.modules, "rerun", None)
    monkeypatch.chdir(tmp_path)
    code, _, err = run(capsys, "view", packed)
    assert code == 0, err
    assert "airseg[view]" in err
    with av.open("walk.mp4") as film:
        assert film.streams.video[0].frames == 3
    code, _, err = run(capsys, "view", packed, "--save", tmp_path / "walk.rrd")
    assert code == 2
    assert "airseg[view]" in said(err)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="displays of Linux")
@pytest.mark.skipif(RERUN is None, reason="needs rerun-sdk")
def test_mistakes_are_one_line(packed, tmp_path, capsys, monkeypatch):
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    for arguments, told in (
        ((packed,), "--web"),
        ((packed, "--save", tmp_path / "walk.avi"), ".rrd"),
        ((packed, "--sequence", "wlak", "--save", tmp_path / "w.rrd"), "Did you mean 'walk'"),
        ((tmp_path / "flights", "--sequence", "x", "--save", tmp_path / "w.rrd"), "walk"),
    ):
        code, _, err = run(capsys, "view", *arguments)
        assert code == 2
        assert told in said(err)
