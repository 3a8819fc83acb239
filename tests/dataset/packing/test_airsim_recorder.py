"""AirSim's own recorder: what its log says becomes frames, or is told with its line.

The form of the log and of the files is that of AirLib's recorder: PFM rows from the top (against
the format; AirSim's Python client does not turn them either), a row for each vehicle and instant.
"""

import re
import struct

import cv2
import numpy as np
import pytest
from command_line import run, said
from foreign_folders import HEIGHT, IDS_MAP, PALETTE, WIDTH, palette_file, save_rgb

from airseg.dataset.reading.reader import Dataset

POSE = "POS_X\tPOS_Y\tPOS_Z\tQ_W\tQ_X\tQ_Y\tQ_Z"
COLORS = np.array([(0, 0, 0), *PALETTE.values()], np.uint8)


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    palette_file(tmp_path)
    (tmp_path / "ids.yaml").write_text(IDS_MAP)
    return tmp_path


def pfm(path, rows):
    """Write depth as AirSim does: each row is one value, the first row first."""
    header = f"Pf\n{WIDTH} {len(rows)}\n-1\n".encode()
    path.write_bytes(header + b"".join(struct.pack("<f", value) * WIDTH for value in rows))


def shot(folder, camera, kind, number, seed=0):
    """Write one image as the recorder does and return its name."""
    name = f"img_{camera}_{kind}_{number}.{'pfm' if kind == 1 else 'png'}"
    (folder / "images").mkdir(parents=True, exist_ok=True)
    if kind == 0:
        save_rgb(folder / "images" / name, seed)
    elif kind == 1:
        pfm(folder / "images" / name, np.linspace(90, 2, HEIGHT))
    else:
        ids = np.full((HEIGHT, WIDTH), seed % 4)
        cv2.imwrite(str(folder / "images" / name), COLORS[ids][..., ::-1])
    return name


def write_log(folder, rows, header="VehicleName\tTimeStamp", encoding="utf-8", end="\n"):
    """Write rows of (leading columns, y, image names)."""
    lines = [f"{header}\t{POSE}\tImageFile"]
    for first, y, names in rows:
        lines.append("\t".join([*map(str, first), f"0\t{y}\t-2\t1\t0\t0\t0", ";".join(names)]))
    (folder / "airsim_rec.txt").write_bytes((end.join(lines) + end).encode(encoding))


def recording(folder, frames=3, camera="Drone1_0", kinds=(0, 5), **options):
    rows = [
        (
            ("Drone1", 1000 + 40 * n),
            n,
            [shot(folder, camera, kind, 10 * n + kind, n) for kind in kinds],
        )
        for n in range(frames)
    ]
    write_log(folder, rows, **options)
    return rows


def relabel(capsys, *options):
    arguments = ["rec", "--map", "ids.yaml", "--palette", "seg_rgbs.txt", "--out", "d.h5"]
    code, _, err = run(capsys, "relabel", *arguments, *options)
    assert code == 0, err
    return Dataset("d.h5"), err


def refusal(capsys, command=("relabel", "rec")):
    arguments = ["--map", "ids.yaml", "--palette", "seg_rgbs.txt", "--out", "d.h5"]
    code, _, err = run(capsys, *command, *arguments)
    assert code == 2
    return said(err)


def test_depth_is_read_from_the_top(here, capsys):
    recording(here / "rec", kinds=(0, 1, 5))
    depth = relabel(capsys)[0].sequence("rec").depth(0, 3)
    assert (depth[:, 0] == 90).all()
    assert (depth[:, -1] == 2).all()


@pytest.mark.parametrize(
    ("scale", "order", "is_read"),
    [("-1.0", "<", True), ("1", ">", True), ("-0.01", "<", False), ("2.0", ">", False)],
)
def test_depth_is_read_in_both_byte_orders_and_not_scaled(here, capsys, scale, order, is_read):
    """The sign tells the byte order, the number is a scale that few readers know of (PFM)."""
    for row in recording(here / "rec", kinds=(0, 1, 5)):
        path = here / "rec" / "images" / row[2][1]
        values = np.full((HEIGHT, WIDTH), 30.0, f"{order}f4").tobytes()
        path.write_bytes(f"Pf\n{WIDTH} {HEIGHT}\n{scale}\n".encode() + values)
    if is_read:
        assert (relabel(capsys)[0].sequence("rec").depth(0, 3) == 30).all()
    else:
        assert f"scales its values by {scale}" in refusal(capsys)


@pytest.mark.parametrize(
    ("step", "is_told"), [(40, False), (1000, False), (40_000, True), (40_000_000, True), (1, True)]
)
def test_time_stamps_of_another_unit_are_told(here, capsys, step, is_told):
    """AirSim's own are milliseconds; logs of other programs have micro- and nanoseconds."""
    rows = recording(here / "rec")
    write_log(here / "rec", [(("Drone1", 1000 + n * step), *rows[n][1:]) for n in range(3)])
    _, err = relabel(capsys)
    assert ("if TimeStamp counts milliseconds" in " ".join(err.split())) == is_told


@pytest.mark.parametrize("missing", [0, 1, 2])
def test_one_missing_depth_image_is_told(here, capsys, missing):
    rows = recording(here / "rec", kinds=(0, 1, 5))
    rows[missing][2].pop(1)
    write_log(here / "rec", rows)
    dataset, err = relabel(capsys)
    assert not dataset.sequence("rec").has_depth
    assert "1 of 3 frames have no depth, so none is packed" in err


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf"), -5.0])
def test_depth_that_is_no_distance_is_refused_at_its_file(here, capsys, value):
    rows = recording(here / "rec", kinds=(0, 1, 5))
    pfm(here / "rec" / "images" / rows[1][2][1], [1.0] * (HEIGHT - 1) + [value])
    told = refusal(capsys)
    assert rows[1][2][1] in told
    assert f"{WIDTH} pixels of depth are no distances" in told


@pytest.mark.parametrize("kind", [0, 1, 5])
def test_an_image_that_two_rows_name_is_refused_with_both(here, capsys, kind):
    """Names have the nanosecond of the shot, so that one file cannot be of two instants."""
    rows = recording(here / "rec", frames=4, kinds=(0, 1, 5))
    place = (0, 1, 5).index(kind)
    rows[2][2][place] = rows[1][2][place]
    write_log(here / "rec", rows)
    assert f"airsim_rec.txt:4: names {rows[1][2][place]}, which row 3 names too" in refusal(capsys)


def test_a_column_that_stands_there_twice_is_refused(here, capsys):
    rows = recording(here / "rec")
    write_log(here / "rec", rows, header="VehicleName\tPOS_X\tTimeStamp")
    assert "airsim_rec.txt:1: the column POS_X stands there twice" in refusal(capsys)


def test_a_row_with_more_values_than_columns_is_refused(here, capsys):
    recording(here / "rec")
    log = here / "rec" / "airsim_rec.txt"
    first, second, *rest = log.read_text().splitlines()
    log.write_text("\n".join([first, second + "\t", *rest, ""]))  # AirSim ends its lines so
    assert len(relabel(capsys)[0]) == 3
    (here / "d.h5").unlink()
    log.write_text("\n".join([first, second.replace("\t0\t", "\t0\t0\t", 1), *rest, ""]))
    assert "airsim_rec.txt:2: damaged line (it has more values" in refusal(capsys)


def test_depth_along_rays_is_told_to_be_left_out(here, capsys):
    rows = recording(here / "rec")
    for number, (_, _, names) in enumerate(rows):
        names.append(shot(here / "rec", "Drone1_0", 1, 500 + number))
        path = here / "rec" / "images" / names[-1]
        names[-1] = names[-1].replace("_0_1_", "_0_2_")
        path.rename(path.with_name(names[-1]))
    write_log(here / "rec", rows)
    dataset, err = relabel(capsys)
    assert not dataset.sequence("rec").has_depth
    assert "its depth is measured along rays (image type 2) and is left out" in err


def test_nothing_but_the_line_is_printed_of_a_damaged_image(here, capfd):
    rows = recording(here / "rec", kinds=(0, 1, 5))
    path = here / "rec" / "images" / rows[1][2][1]
    path.write_bytes(path.read_bytes()[:-8])
    arguments = ["--map", "ids.yaml", "--palette", "seg_rgbs.txt", "--out", "d.h5"]
    code, _, err = run(capfd, "relabel", "rec", *arguments)
    assert code == 2
    assert rows[1][2][1] in said(err)
    assert "OpenCV" not in err


def two_vehicles(folder, names=("Drone1", "Drone2")):
    rows = []
    for n in range(3):
        for index, vehicle in enumerate(names):
            images = [shot(folder, f"{vehicle}_0", k, 100 * n + 10 * index + k) for k in (0, 5)]
            rows.append(((vehicle, 1000 + 40 * n), 100 * index, images))
    write_log(folder, rows)


@pytest.mark.parametrize("command", [("relabel", "rec"), ("dataset", "import", "airsim", "rec")])
def test_each_vehicle_is_a_sequence(here, capsys, command):
    two_vehicles(here / "rec")
    arguments = ["--map", "ids.yaml", "--palette", "seg_rgbs.txt", "--out", "d.h5"]
    code, _, err = run(capsys, *command, *arguments)
    assert code == 0, err
    dataset = Dataset("d.h5")
    assert dataset.sequences == ["rec-Drone1", "rec-Drone2"]
    for name, y in (("rec-Drone1", 0), ("rec-Drone2", 100)):
        view = dataset.sequence(name)
        assert (view.poses[:, 1] == y).all()
        assert view.timestamps_ns.tolist() == [10**9, 104 * 10**7, 108 * 10**7]


def test_a_vehicle_without_cameras_is_left_out_and_told(here, capsys):
    # AirLib's recorder: a camera without VehicleName is the first vehicle's, all write rows.
    two_vehicles(here / "rec")
    log = here / "rec" / "airsim_rec.txt"
    log.write_text(re.sub("img_Drone2_[^\n]*", "", log.read_text()))
    dataset, err = relabel(capsys)
    view = dataset.sequence("rec")
    assert view.timestamps_ns.tolist() == [10**9, 104 * 10**7, 108 * 10**7]
    assert (view.poses[:, 1] == 0).all()
    assert "rec: Drone2 has no images and is left out" in err
    log.write_text(re.sub("img_Drone[^\n]*", "", log.read_text()))
    (here / "d.h5").unlink()
    assert "no camera has both colour" in refusal(capsys)


def test_a_row_that_names_what_another_vehicle_saw_is_refused(here, capsys):
    # AirLib's RecordingFile.cpp puts the vehicle of the row before each of its images' names.
    two_vehicles(here / "rec")
    log = here / "rec" / "airsim_rec.txt"
    lines = log.read_text().split("\n")
    lines[4] = lines[4].replace("_0_0_110.png", "_0_0_111.png").replace("img_Drone2", "img_Drone1")
    log.write_text("\n".join(lines))
    assert "airsim_rec.txt:5: is a row of Drone2, and names images of Drone1" in refusal(capsys)


@pytest.mark.parametrize("names", [("Drone", "Drone_1"), ("Drone_1", "Drone")])
def test_vehicles_whose_names_begin_alike_are_told_apart(here, capsys, names):
    two_vehicles(here / "rec", names)
    dataset, _ = relabel(capsys)
    assert {v.name: v.poses[0, 1] for v in dataset} == {
        f"rec-{names[0]}": 0,
        f"rec-{names[1]}": 100,
    }


def test_a_vehicle_whose_name_is_a_path_is_refused(here, capsys):
    two_vehicles(here / "rec")
    log = here / "rec" / "airsim_rec.txt"
    log.write_text(re.sub("^Drone2\t", "../Drone2\t", log.read_text(), flags=re.MULTILINE))
    assert "cannot name a sequence" in refusal(capsys)


def two_cameras(folder, missing):
    """Write four rows of two cameras; `missing` are (row, camera, type)."""
    rows = []
    for n in range(4):
        names = [
            shot(folder, f"Drone1_{camera}", kind, 100 * n + 10 * camera + kind, 50 * camera + n)
            for camera in (0, 1)
            for kind in (0, 5)
            if (n, camera, kind) not in missing
        ]
        rows.append((("Drone1", 1000 + 40 * n), n, names))
    write_log(folder, rows)


@pytest.mark.parametrize(
    ("missing", "camera"),
    [([], 0), ([(1, 0, 5)], 1), ([(3, 0, 0)], 1), ([(0, 0, 5)], 1), ([(2, 1, 5)], 0)],
)
def test_one_camera_is_packed_of_two(here, capsys, missing, camera):
    two_cameras(here / "rec", missing)
    dataset, err = relabel(capsys)
    for n in range(4):
        expected = save_rgb(here / "x.png", 50 * camera + n)
        assert np.array_equal(dataset.sequence("rec").rgb(n, n + 1)[0], expected)
    assert f"camera Drone1_{camera} is packed, camera Drone1_{1 - camera} is left out" in err
    if missing:
        assert f"row {missing[0][0] + 2}" in err


@pytest.mark.parametrize("missing", [[(1, 0, 5), (2, 1, 5)], [(0, 0, 0), (3, 1, 0)]])
def test_rows_without_a_camera_that_has_all_are_refused(here, capsys, missing):
    two_cameras(here / "rec", missing)
    line = missing[0][0] + 2
    assert f"airsim_rec.txt:{line}: no camera has both" in refusal(capsys)


@pytest.mark.parametrize("extra", [(0,), (5,), (0, 5), (1, 1)])
@pytest.mark.parametrize("command", [("relabel", "rec"), ("dataset", "import", "airsim", "rec")])
def test_several_shots_in_one_row_are_refused(here, capsys, extra, command):
    rows = recording(here / "rec")
    rows[1][2].extend(shot(here / "rec", "Drone1_0", k, 90 + n) for n, k in enumerate(extra))
    write_log(here / "rec", rows)
    told = refusal(capsys, command)
    assert f"airsim_rec.txt:3: names camera Drone1_0 and image type {extra[0]} more than" in told


@pytest.mark.parametrize(("stamp", "what"), [(1000, "runs back"), (1040, "stands still")])
def test_time_that_does_not_run_forward_is_refused(here, capsys, stamp, what):
    rows = recording(here / "rec", 4)
    rows[2] = (("Drone1", stamp), *rows[2][1:])
    write_log(here / "rec", rows)
    assert f"airsim_rec.txt:4: time {what}" in refusal(capsys)


def test_orientations_that_are_no_rotations_are_refused_at_the_frame(here, capsys):
    rows = recording(here / "rec")
    write_log(here / "rec", rows)
    log = here / "rec" / "airsim_rec.txt"
    lines = [line.split("\t") for line in log.read_text().split("\n")]
    place = lines[0].index("Q_W")
    for number, part in enumerate(("0", "0", "0", "0")):
        lines[2][place + number] = part
    log.write_text("\n".join("\t".join(line) for line in lines))
    assert "frame 1: its orientation is all 0, as in 1 of" in refusal(capsys)


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "NaN"])
def test_poses_that_are_no_numbers_are_refused(here, capsys, value):
    rows = recording(here / "rec")
    rows[2] = (rows[2][0], value, rows[2][2])
    write_log(here / "rec", rows)
    assert "airsim_rec.txt:4: damaged line (its pose is no number)" in refusal(capsys)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_logs_of_windows_are_read(here, capsys, encoding, end):
    rows = recording(here / "rec")
    old = [((row[0][1],), *row[1:]) for row in rows]  # TimeStamp stands first in the old form
    write_log(here / "rec", old, header="TimeStamp", encoding=encoding, end=end)
    palette = (here / "seg_rgbs.txt").read_text()
    (here / "seg_rgbs.txt").write_bytes(palette.replace("\n", end).encode(encoding))
    text = (here / "ids.yaml").read_text()
    (here / "ids.yaml").write_bytes(text.replace("\n", end).encode(encoding))
    dataset, _ = relabel(capsys)
    assert dataset.sequence("rec").raw_label(1, 2).max() == 1


@pytest.mark.parametrize("name", ["img_../../x_0_0_1.png", "../x.png", "img_a\\b_0_0_1.png"])
def test_image_names_that_are_paths_are_refused(here, capsys, name):
    rows = recording(here / "rec")
    rows[0][2][0] = name
    write_log(here / "rec", rows)
    assert "airsim_rec.txt:2:" in refusal(capsys)


@pytest.mark.timeout(20)
@pytest.mark.parametrize("name", ["img_" + "_1_a" * 20_000, "img" + "_1" * 20_000, "x" * 80_000])
def test_endless_image_names_are_refused_in_one_short_line(here, capsys, name):
    recording(here / "rec")
    log = here / "rec" / "airsim_rec.txt"
    log.write_text(re.sub(r"img_\S+", lambda _: name, log.read_text(), count=1))
    assert len(refusal(capsys)) < 400


@pytest.mark.parametrize("value", [1e39, -1e300])
def test_places_beyond_all_worlds_are_refused_at_the_frame(here, capsys, value):
    rows = recording(here / "rec")
    rows[2] = (rows[2][0], value, rows[2][2])
    write_log(here / "rec", rows)
    told = refusal(capsys)
    assert "frame 2: lies more than 1e+08 m" in told


@pytest.mark.parametrize("count", [100_000])
def test_very_many_columns_are_read_in_a_moment(here, capsys, count):
    recording(here / "rec", header="VehicleName\tTimeStamp\t" + "\t".join(map(str, range(count))))
    assert "damaged line" in refusal(capsys)


@pytest.mark.parametrize("per_ms", [1_000, 1_000_000])
def test_time_since_1970_in_another_unit_is_refused_as_such(here, capsys, per_ms):
    first = 1_760_000_000_000
    rows = recording(here / "rec")
    write_log(here / "rec", [(("Drone1", (first + t) * per_ms), *row) for (_, t), *row in rows])
    told = refusal(capsys)
    assert f"airsim_rec.txt:2: {(first + 1000) * per_ms} " in told
    assert "is no TimeStamp in milliseconds" in told


@pytest.mark.parametrize("column", [1, 2])
def test_numbers_that_only_python_takes_for_some_are_refused(here, capsys, column):
    recording(here / "rec")
    log = here / "rec" / "airsim_rec.txt"
    lines = [line.split("\t") for line in log.read_text().splitlines()]
    lines[2][column] = "1_040"
    log.write_text("\n".join(map("\t".join, lines)))
    assert "airsim_rec.txt:3: damaged line" in refusal(capsys)


@pytest.mark.parametrize("between", [";", ",", " "])
def test_what_parts_columns_is_said_where_it_is_something_else(here, capsys, between):
    recording(here / "rec")
    log = here / "rec" / "airsim_rec.txt"
    log.write_text(log.read_text().replace("\t", between))
    assert "Tabs part its columns" in refusal(capsys)
