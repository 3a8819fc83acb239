"""The world as a plan wants it, whatever other programs and settings do to it."""

import numpy as np
import pytest
from small_simulator import small_plan
from test_recorder import DOCUMENTED

from airseg.errors import SimulatorError
from airseg.recording.flying.assignment import RecordOptions
from airseg.recording.flying.mesh_ids import assign_ids, group_meshes
from airseg.recording.flying.recorder import Recorder
from airseg.recording.stored.storage import Recording
from airseg.simulators.client import SimulatorClient


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
