"""Every object has a number of its own, however the simulator lets objects be told apart."""

import re

import numpy as np
import pytest
from PIL import Image
from small_simulator import HEIGHT, WIDTH, small_plan, small_settings

from airseg.bench.scoring.score_objects import score_objects
from airseg.cli import main
from airseg.dataset import Dataset
from airseg.errors import RecordingError, SimulatorError
from airseg.labels.instances import names_of_instances
from airseg.recording.flying import id_passes
from airseg.recording.flying.assignment import RecordOptions
from airseg.recording.flying.finished import finished_recording
from airseg.recording.flying.instant import Capturer
from airseg.recording.flying.mesh_ids import Palette
from airseg.recording.flying.recorder import Recorder
from airseg.recording.simulator_settings import settings_text
from airseg.recording.stored.recording_verification import verify_recording
from airseg.recording.stored.storage import ObjectGroup, Recording, frame_file
from airseg.simulators.client import SimulatorClient
from airseg.simulators.embedded.sensing.segmentation_ids import palette
from airseg.simulators.embedded.server import EmbeddedOptions, EmbeddedServer
from airseg.simulators.protocol import ImageResponse

DOCUMENTED = Palette({i: tuple(int(v) for v in c) for i, c in enumerate(palette())})


def record(client, folder, plan=None, **options):
    options = {"palette": DOCUMENTED, "instances": True, "max_frames": 3, **options}
    recorder = Recorder(client, RecordOptions(**options), lambda *told: None)
    return Recording.open(recorder.record(folder.name, plan or small_plan(), folder).folder)


def tell_no_numbers(monkeypatch):
    """Let the simulator tell no numbers, as AirSim does not."""
    monkeypatch.setattr(Capturer, "numbers", lambda capturer: capturer.colors()[..., 0] / 255)


@pytest.fixture
def by_passes(monkeypatch):
    tell_no_numbers(monkeypatch)


@pytest.fixture
def cosys(world, tmp_path):
    settings = small_settings(tmp_path / "settings.json")
    options = EmbeddedOptions(port=0, settings=settings, dialect="cosys")
    with (
        EmbeddedServer(options, world) as server,
        SimulatorClient("127.0.0.1", server.port) as client,
    ):
        client.confirmConnection()
        yield client


def test_numbers_name_objects_of_the_families_that_ids_say(client, tmp_path):
    recording = record(client, tmp_path / "walk")
    names = names_of_instances(recording.object_table)
    family = {mesh: g.id for g in recording.object_table for mesh in g.meshes}
    numbers, ids = recording.read_instance(2), recording.read_ids(2)
    assert numbers.dtype == np.uint32
    assert len(np.unique(numbers)) > len(np.unique(ids)) > 5
    assert all(family[names[n]] == i for n, i in zip(numbers.flat, ids.flat, strict=True))
    assert recording.info.notes["instances"] == "told by the simulator"
    assert verify_recording(recording.path).is_sound


def test_an_object_is_where_the_simulator_says_that_it_stands(client, tmp_path):
    """A car's middle, through the pinhole, falls onto the pixels that have the car's number."""
    plan = small_plan(start={"position": (0, 0, -6)}, waypoints=[{"position": (6, 0, -6)}])
    recording = record(client, tmp_path / "walk", plan)
    names, hits = names_of_instances(recording.object_table), 0
    pose = recording.frames.iloc[2]
    for number in np.unique(recording.read_instance(2)):
        _, xs = np.nonzero(recording.read_instance(2) == number)
        if not names[number].startswith(("Car_", "Oak_", "Lamp")) or len(xs) < 20:
            continue
        p = client.simGetObjectPose(names[number]).position
        forward, right = p.x_val - pose.pos_x, p.y_val - pose.pos_y
        column = WIDTH / 2 + WIDTH / 2 * right / forward  # 90 degrees wide, heading North, level
        hits += xs.min() - 2 <= column <= xs.max() + 2
        assert xs.min() - 4 <= column <= xs.max() + 4, names[number]
    assert hits


@pytest.mark.slow
def test_passes_of_ids_tell_the_same_numbers_and_leave_the_frame_alone(
    client, tmp_path, by_passes, monkeypatch
):
    passed = record(client, tmp_path / "passed" / "walk", max_frames=1)
    monkeypatch.undo()
    told = record(client, tmp_path / "told" / "walk", max_frames=1)
    assert passed.info.notes["instances"] == "3 passes of ids"  # there are 255 lawns and more
    for column in ("timestamp_ns", "rgb_crc32", "seg_crc32", "depth_crc32", "instance_crc32"):
        assert passed.frames[column].tolist() == told.frames[column].tolist(), column


@pytest.mark.slow
def test_cosys_airsim_draws_every_object_in_a_colour_of_its_own(cosys, client, tmp_path):
    with pytest.raises(SimulatorError, match="Leave --palette out"):
        record(cosys, tmp_path / "given")
    drawn = record(cosys, tmp_path / "drawn" / "walk", palette=None)
    told = record(client, tmp_path / "told" / "walk")
    assert drawn.info.notes["instances"] == "drawn in a colour of its own"
    meshes = [names_of_instances(r.object_table) for r in (drawn, told)]
    assert [meshes[0][n] for n in drawn.read_instance(2).flat] == [
        meshes[1][n] for n in told.read_instance(2).flat
    ]
    assert verify_recording(drawn.path).is_sound


def test_any_program_reads_the_numbers_as_those_of_coco_panoptic(client, tmp_path):
    recording = record(client, tmp_path / "walk")
    red, green, blue = np.moveaxis(
        np.array(Image.open(frame_file(recording.path, "instance", 1))).astype(int), -1, 0
    )
    assert np.array_equal(red + 256 * green + 65536 * blue, recording.read_instance(1))


def test_a_recording_goes_on_with_instances_only_where_it_has_them(client, tmp_path):
    folder, plan = tmp_path / "walk", small_plan()
    record(client, folder, max_frames=1)
    longer = record(client, folder, max_frames=2)
    assert len(longer) == 2
    assert verify_recording(folder).is_sound
    assert finished_recording(folder, plan, RecordOptions(instances=True, max_frames=2)) == 2
    with pytest.raises(RecordingError, match="has instance differs"):
        finished_recording(folder, plan, RecordOptions(max_frames=2))
    with pytest.raises(RecordingError, match="has instance differs"):
        record(client, folder, instances=False)


def test_in_real_time_there_are_no_further_looks(client, tmp_path, by_passes):
    with pytest.raises(SimulatorError, match="in real time there is none"):
        record(client, tmp_path / "walk", mode="realtime")


class _Scene:
    """Draws families of many members, ten pixels a member; ids can be late by some images."""

    time_runs = False

    def __init__(self, members: dict[int, int], late: int = 0) -> None:
        self.table = tuple(
            ObjectGroup(
                n,
                f"Mesh{chr(64 + n)}",
                tuple(f"Mesh{chr(64 + n)}_{i}" for i in range(m)),
                (0, 0, 0),
            )
            for n, m in members.items()
        )
        self.names = [mesh for group in self.table for mesh in group.meshes]
        self.ids = np.array([g.id for g in self.table for _ in g.meshes])
        self.calls, self._late, self._shown = 0, late, [self.ids.copy()]

    def simSetSegmentationObjectID(self, pattern, number, is_regex):
        self.calls += 1
        hit = re.compile(pattern, re.IGNORECASE).fullmatch
        self.ids[[bool(hit(name)) for name in self.names]] = number
        return True

    def segmentation(self, answers):
        return answers

    def look_again(self):
        self._shown.append(self.ids.copy())
        shown = self._shown[max(0, len(self._shown) - 1 - self._late)]
        answer = ImageResponse()
        answer.pixels = palette()[np.repeat(shown, 10).reshape(10, -1)]
        return [answer]

    def pixels(self, answers):
        return [answer.pixels for answer in answers]

    def passes(self):
        return id_passes.IdPasses(self, self, self.table, DOCUMENTED)


@pytest.mark.parametrize("late", [0, 1, 3])
def test_passes_tell_more_objects_apart_than_there_are_ids(late):
    scene = _Scene({1: 700, 2: 1, 3: 254, 255: 45}, late)
    passes = scene.passes()
    assert passes.name == "3 passes of ids"
    (numbers,) = passes.look(scene.look_again())
    assert numbers.ravel().tolist() == np.repeat(np.arange(1, 1001), 10).tolist()
    assert scene.ids.tolist() == [1] * 700 + [2] + [3] * 254 + [255] * 45


def test_what_moves_between_looks_is_refused():
    scene = _Scene({1: 5, 2: 5})
    answers = scene.look_again()
    look = scene.look_again

    def swap_at_the_end():
        found = look()
        if scene.ids.tolist() == [1] * 5 + [2] * 5:
            found[0].pixels = found[0].pixels[::-1]
        return found

    scene.look_again = swap_at_the_end
    with pytest.raises(SimulatorError, match="not the frame's own again"):
        scene.passes().look(answers)


def test_a_look_from_elsewhere_is_refused():
    scene = _Scene({1: 5})
    answers = scene.look_again()
    answers[0].time_stamp = -40_000_000
    with pytest.raises(SimulatorError, match=r"40\.0 ms passed"):
        scene.passes().look(answers)


@pytest.mark.slow
def test_every_view_of_a_flight_has_its_objects_by_measured_colours_too(
    world, tmp_path, by_passes, monkeypatch
):
    small = {"width": WIDTH, "height": HEIGHT}
    plan = small_plan(
        cameras={"low": {**small, "pitch_deg": -40}},
        companions={"Second": {"behind_s": 0.2, "offset_m": (-4, 2, -1)}},
        flow=True,
    )
    settings = tmp_path / "settings.json"
    settings.write_text(settings_text([("plan", plan)]))
    options = EmbeddedOptions(port=0, settings=settings, ideal=("full-reset",))
    with (
        EmbeddedServer(options, world) as server,
        SimulatorClient("127.0.0.1", server.port) as client,
    ):
        client.confirmConnection()
        record(client, tmp_path / "passed" / "walk", plan, palette=None, max_frames=1)
        monkeypatch.undo()
        record(client, tmp_path / "told" / "walk", plan, max_frames=1)
    for name in ("walk", "walk-low", "walk-Second"):
        passed, told = (Recording.open(tmp_path / way / name) for way in ("passed", "told"))
        assert passed.frames.equals(told.frames), name
        assert verify_recording(passed.path).is_sound


@pytest.mark.slow
@pytest.mark.parametrize("way", ["told", "drawn", "passes"])
def test_two_flights_number_objects_alike_and_their_truth_scores_one(
    way, client, tmp_path, monkeypatch, request
):
    plans = {
        "first": small_plan(start={"position": (0, 0, -3)}),
        "second": small_plan(start={"position": (2, 0, -3)}, waypoints=[{"position": (8, 0, -3)}]),
    }

    def fly(client, folder, **options):
        return [
            record(client, folder / name, plan, max_frames=2, **options)
            for name, plan in plans.items()
        ]

    told = fly(client, tmp_path / "told")
    if way == "drawn":
        flights = fly(request.getfixturevalue("cosys"), tmp_path / way, palette=None)
    elif way == "passes":
        tell_no_numbers(monkeypatch)
        flights = fly(client, tmp_path / way)
    else:
        flights = told
    names = names_of_instances(flights[0].object_table)
    assert all(names == names_of_instances(flight.object_table) for flight in flights)
    seen = []
    for flight, simulators in zip(flights, told, strict=True):
        theirs = names_of_instances(simulators.object_table)
        for index in range(2):
            shown = flight.read_instance(index)
            assert [names[n] for n in shown.flat] == [
                theirs[n] for n in simulators.read_instance(index).flat
            ]
            seen.append({names[n] for n in np.unique(shown)})
    # Cars that are in sight all the time, with one number in both flights.
    assert [name for name in set.intersection(*seen) if name.startswith("Car_")]
    path = tmp_path / "flights.h5"
    for typed in (
        f"relabel {tmp_path / way} --map neighborhood --assign train=first --assign test=second "
        f"--out {path}",
        f"verify {path}",
    ):
        main(typed.split())
    with Dataset(path) as dataset:
        scores = [score_objects(path, dataset, split) for split in ("train", "test")]
    assert [(s.stq, s.vpq) for s in scores] == [(1, 1), (1, 1)]
