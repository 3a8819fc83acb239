"""The world as a plan wants it, whatever other programs and settings do to it."""

import json

import numpy as np
import pytest
from small_simulator import small_content, small_plan, small_settings
from test_recorder import DOCUMENTED

from airseg.errors import SimulatorError
from airseg.recording.flying.assignment import RecordOptions
from airseg.recording.flying.mesh_ids import assign_ids, group_meshes
from airseg.recording.flying.recorder import Recorder
from airseg.recording.flying.views import find_views
from airseg.recording.stored.storage import Recording
from airseg.simulators.client import SimulatorClient
from airseg.simulators.embedded.server import EmbeddedOptions, EmbeddedServer
from airseg.simulators.protocol import Pose, Quaternionr, Vector3r, WeatherParameter


def record(client, folder, plan=None, progress=lambda *told: None, **options):
    options = {"palette": DOCUMENTED, "max_frames": 1, **options}
    Recorder(client, RecordOptions(**options), progress).record(
        folder.name, plan or small_plan(), folder
    )
    return Recording.open(folder)


class NamesOfActors:
    """Ids are set by other names than those that `simListSceneObjects` lists, for one family.

    So AirSim with the MeshNamingMethod StaticMeshName (its settings.md), and Cosys-AirSim where an
    actor has several meshes (its instance_segmentation.md).
    """

    def __init__(self, client, version):
        self._client, self._version = client, version

    def __getattr__(self, name):
        return getattr(self._client, name)

    def getServerVersion(self):
        return self._version

    def simListSceneObjects(self, name_regex=".*"):
        names = self._client.simListSceneObjects(name_regex)
        return [f"Actor_{name}" if name.startswith("Roof") else name for name in names]

    def simListInstanceSegmentationObjects(self):
        return self._client.simListSceneObjects()


def test_meshes_that_the_simulator_does_not_list_are_no_others(client, tmp_path):
    """They kept the id that everything had last, and were recorded as meshes of that family."""
    actors = NamesOfActors(client, version=1)
    with pytest.raises(SimulatorError, match=r"pixels show meshes whose names the simulator does"):
        record(actors, tmp_path / "measured", palette=None)
    with pytest.raises(SimulatorError, match=r"colours that belong to no id.* does not list"):
        record(actors, tmp_path / "given")


def test_cosys_airsims_own_list_names_what_is_drawn(client, tmp_path):
    recording = record(NamesOfActors(client, version=4), tmp_path / "walk")
    names = {g.id: g.group for g in recording.object_table}
    assert "Roof" in {names[i][:4] for i in np.unique(recording.read_ids(0))}


@pytest.mark.parametrize("next_id", [6, 250])
def test_a_recorder_that_measures_colours_meanwhile_is_told_of(
    client, simulator, tmp_path, next_id
):
    """It gives everything one id after another, and then those that this recorder gave, too."""
    with SimulatorClient("127.0.0.1", simulator.port) as other:

        def measure(what, done, total):
            if what == "walk" and done in (5, 7):
                other.simSetSegmentationObjectID(".*", 5 if done == 5 else next_id, True)
            if (what, done) == ("walk", 12):
                assign_ids(other, group_meshes(other.simListSceneObjects()))

        with pytest.raises(SimulatorError, match=r"nother program sets? ids"):
            record(client, tmp_path / "walk", progress=measure, max_frames=16)
    kept = Recording.open(tmp_path / "walk")
    assert kept.info.notes["suspect_frames"][0] == 0
    whole = record(client, tmp_path / "walk", max_frames=16)
    assert min(len(np.unique(whole.read_ids(i))) for i in range(16)) > 5


def test_leaves_and_wet_roads_of_another_program_are_no_weather_of_a_plan(world, tmp_path):
    """AirSim keeps weather through a reset, and while it is off (airsim_behaviour 2.4 and 6.3)."""
    settings = small_settings(tmp_path / "settings.json")
    plan = small_plan(weather={"fog": 0.1})
    with (
        EmbeddedServer(EmbeddedOptions(port=0, settings=settings), world) as server,
        SimulatorClient("127.0.0.1", server.port) as client,
    ):
        dry = record(client, tmp_path / "dry" / "walk", plan)
        client.simEnableWeather(True)
        for kind in (WeatherParameter.Roadwetness, WeatherParameter.RoadLeaf):
            client.simSetWeatherParameter(kind, 1.0)
        wet = record(client, tmp_path / "wet" / "walk", plan)
    assert dry.frames["rgb_crc32"].tolist() == wet.frames["rgb_crc32"].tolist()


@pytest.mark.parametrize(
    ("captures", "own", "refused"),
    [
        ([{"ImageType": 0, "ProjectionMode": "orthographic"}], None, "Scene"),
        ([{"ImageType": 5, "ProjectionMode": "Orthographic"}], None, "Segmentation"),
        ([{"ImageType": 7, "ProjectionMode": "orthographic"}], None, ""),
        ([{"ProjectionMode": "orthographic"}], [{"ProjectionMode": "perspective"}], ""),
        ([{"ImageType": 1}], [{"ImageType": 1, "ProjectionMode": "orthographic"}], "DepthPlanar"),
    ],
)
def test_a_camera_without_perspective_is_refused(client, tmp_path, captures, own, refused):
    """AirSim's settings.md: OrthoWidth decides then what is seen, and no angle."""
    cameras = {"Cameras": {"0": {"CaptureSettings": own}}} if own else {}
    content = {
        "SimMode": "Multirotor",
        "CameraDefaults": {"CaptureSettings": captures},
        "Vehicles": {"SimpleFlight": {"VehicleType": "SimpleFlight", **cameras}},
    }
    said = Telling(client, content)
    if not refused:
        assert len(record(said, tmp_path / "walk")) == 1
        return
    with pytest.raises(SimulatorError, match=f"draws {refused} images with ProjectionMode orth"):
        record(said, tmp_path / "walk")


class Telling:
    """A simulator that says it has other settings."""

    def __init__(self, client, content):
        self._client, self._text = client, json.dumps(content)

    def __getattr__(self, name):
        return getattr(self._client, name)

    def getSettingsString(self):
        return self._text


def test_a_companion_that_was_added_later_is_refused(world, tmp_path):
    """Its frame begins where it was put, which no call tells; poses would be off by as much."""
    settings = tmp_path / "settings.json"
    lead = {"VehicleType": "SimpleFlight", "X": 0, "Y": 0, "Z": 0}
    settings.write_text(json.dumps({**small_content(), "Vehicles": {"Lead": lead}}))
    plan = small_plan(companions={"Second": {"offset_m": (0, 2, 0)}})
    with (
        EmbeddedServer(EmbeddedOptions(port=0, settings=settings), world) as server,
        SimulatorClient("127.0.0.1", server.port) as client,
    ):
        pose = Pose(Vector3r(10, 6, -2), Quaternionr())
        assert client.call("simAddVehicle", "Second", "simpleflight", pose, "")
        with pytest.raises(SimulatorError, match=r"vehicle Second stands in no settings\.json"):
            record(client, tmp_path / "walk", plan)


def test_a_view_angle_that_another_program_sets_is_told(client, simulator, tmp_path):
    """AirSim keeps it (airsim_behaviour 2.4), and every focal length of the recording is wrong."""
    with SimulatorClient("127.0.0.1", simulator.port) as other:

        def narrow(what, done, total):
            if (what, done) == ("walk", 3):
                other.simSetCameraFov("0", 60.0)

        with pytest.raises(
            SimulatorError, match="frames 0 to 5: camera 0 sees 60 degrees, and the"
        ):
            record(client, tmp_path / "walk", progress=narrow, max_frames=6)
    kept = Recording.open(tmp_path / "walk")
    assert kept.info.notes["suspect_frames"][:2] == [0, 5]
    assert len(record(client, tmp_path / "walk", max_frames=6)) == 6


def test_a_simulator_that_knows_no_view_angles_is_refused(client, tmp_path):
    class OneAngle:
        def __getattr__(self, name):
            return getattr(client, name)

        def simSetCameraFov(self, camera_name, fov_degrees, vehicle_name=""):
            pass

    plan = small_plan(camera={"width": 64, "height": 48, "fov_deg": 70})
    with pytest.raises(SimulatorError, match="camera 0 sees 90 degrees, and the plan wants 70"):
        record(OneAngle(), tmp_path / "walk", plan)


def test_a_camera_that_is_not_there_is_told_before_airsim_would_end(client, tmp_path):
    """Whatever else is asked of it follows a null pointer there (airsim_behaviour 4.2)."""
    asked = []

    class Watched:
        def __getattr__(self, name):
            asked.append(name)
            return getattr(client, name)

    plan = small_plan(cameras={"low": {"width": 64, "height": 48}})
    with pytest.raises(SimulatorError, match=r"the simulator has no camera low .*settings PLAN"):
        record(Watched(), tmp_path / "walk", plan)
    assert not {"simSetCameraPose", "simGetCameraInfo", "simSetCameraFov"} & set(asked)


def test_the_vehicle_of_a_plan_is_airsims_default(world, tmp_path):
    """The last by name of those with IsFpvVehicle (airsim_behaviour 4.1)."""
    drone = {"VehicleType": "SimpleFlight", "IsFpvVehicle": True}
    named = {
        "B": {**drone, "X": 9, "Y": 0, "Z": 0},
        "A": drone,
        "C": {"VehicleType": "SimpleFlight"},
    }
    settings = tmp_path / "settings.json"
    settings.write_text(json.dumps({**small_content(), "Vehicles": named}))
    with (
        EmbeddedServer(EmbeddedOptions(port=0, settings=settings), world) as server,
        SimulatorClient("127.0.0.1", server.port) as client,
    ):
        assert find_views(client, small_plan()).first == "B"


def test_a_mesh_that_another_program_painted_is_its_familys_in_the_next_flight(world, tmp_path):
    """Not the first of its family, which alone was asked; AirSim's reset leaves ids (2.4)."""
    settings = small_settings(tmp_path / "settings.json")
    with (
        EmbeddedServer(EmbeddedOptions(port=0, settings=settings), world) as server,
        SimulatorClient("127.0.0.1", server.port) as client,
    ):
        options = RecordOptions(palette=DOCUMENTED, max_frames=1)
        recorder = Recorder(client, options, lambda *told: None)
        for name in ("before", "after"):
            recorder.record(name, small_plan(), tmp_path / name)
            for mesh in sorted(client.simListSceneObjects("Road_.*"))[1:]:
                client.simSetSegmentationObjectID(mesh, 2)
    before, after = (Recording.open(tmp_path / name) for name in ("before", "after"))
    assert np.array_equal(before.read_ids(0), after.read_ids(0))


def test_another_mesh_of_each_family_is_asked_for_its_id_each_time(client, tmp_path):
    """The second check asks the second mesh."""
    meshes = sorted(client.simListSceneObjects("Hedge_.*"))

    def paint(what, done, total):
        if (what, done) == ("walk", 2):
            client.simSetSegmentationObjectID(meshes[1], 2)

    with pytest.raises(SimulatorError, match=f"mesh {meshes[1]} was given segmentation id"):
        record(client, tmp_path / "walk", progress=paint, max_frames=9, recheck_every_s=0.16)
