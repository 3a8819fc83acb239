"""The founding dataset's ids on frames of the embedded world, in its TartanAir layout."""

import cv2
import numpy as np
from command_line import run
from small_simulator import world  # noqa: F401

from airseg.classes import CLASS_INDEX
from airseg.dataset.reading.reader import Dataset
from airseg.geometry import quaternion_from_euler
from airseg.labels.label_map import load_label_map
from airseg.simulators.embedded.rendering.renderer import CameraView, Renderer

PLACES = [((0, 0, -3), 0.0), ((40, -10, -14), -0.5), ((60, -40, -25), -1.0)]


def test_embedded_frames_with_founding_ids_become_the_classes_of_their_meshes(
    world,  # noqa: F811
    tmp_path,
    capsys,
):
    names, founding = load_label_map("neighborhood"), load_label_map("founding")
    classes = [names.class_of_name(item.name) for item in world.objects]
    ids = {}
    for rule in founding.rules:
        ids.setdefault(rule.class_name, []).extend(rule.ids)
    # Several ids of a class stand for several meshes, as in the founding recordings.
    number = np.array([ids[c][i % len(ids[c])] for i, c in enumerate(classes)], np.uint8)
    expected = np.array([CLASS_INDEX[c] for c in classes], np.uint8)
    folder = tmp_path / "neighborhood" / "Easy" / "P000"
    for part in ("image_left", "seg_left"):
        (folder / part).mkdir(parents=True)
    renderer, truth = Renderer(world), []
    for index, (place, pitch) in enumerate(PLACES):
        turn = quaternion_from_euler(0.0, pitch, 0.3)
        seen = renderer.render(CameraView(np.array(place, float), turn, 90.0, 96, 72))
        stem = f"{index:06d}_left"
        cv2.imwrite(str(folder / "image_left" / f"{stem}.png"), seen.rgb[..., ::-1])
        np.save(folder / "seg_left" / f"{stem}_seg.npy", number[seen.object_index])
        truth.append(expected[seen.object_index])
    (folder / "pose_left.txt").write_text("1 2 3 0 0 0 1\n" * len(PLACES))
    out = tmp_path / "dataset.h5"
    arguments = (tmp_path / "neighborhood", "--map", "founding", "--out", out)
    code, _, err = run(capsys, "relabel", *arguments)
    assert code == 0, err
    with Dataset(out) as dataset:
        view = dataset.sequence(dataset.sequences[0])
        np.testing.assert_array_equal(view.label(0, view.length), np.stack(truth))
    assert len(np.unique(truth)) >= 8
