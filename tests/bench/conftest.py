"""A small dataset, and a recipe that trains on it in seconds."""

from functools import partial

import h5py
import numpy as np
import pytest
from small_dataset import HEIGHT, WIDTH, build_dataset

from airseg.bench.recipes.recipe import Recipe
from airseg.dataset.format.schema import STREAMS_ATTRIBUTE
from airseg.dataset.reading.reader import Dataset
from airseg.models import fanet, feature_flow
from airseg.models.feature_flow import FeatureNetwork
from airseg.models.resnet import ResNet


@pytest.fixture(autouse=True, scope="module")
def narrow_backbones():
    """FANet and DFF an eighth as wide: a checkpoint of a whole FANet is 166 MB."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fanet, "ResNet", partial(ResNet, width=8))
        patch.setattr(feature_flow, "FeatureNetwork", partial(FeatureNetwork, width=8, outputs=128))
        yield


@pytest.fixture(scope="session")
def dataset_path(tmp_path_factory):
    return build_dataset(tmp_path_factory.mktemp("dataset"))


@pytest.fixture(scope="session")
def dataset(dataset_path):
    with Dataset(dataset_path) as opened:
        yield opened


@pytest.fixture(scope="session")
def with_depth(dataset_path, tmp_path_factory):
    """The small dataset, with a wall ten metres away, past which the camera moves sideways."""
    path = tmp_path_factory.mktemp("depth") / "depth.h5"
    path.write_bytes(dataset_path.read_bytes())
    with h5py.File(path, "r+") as file:
        for group in file["sequences"].values():
            shape = group["label"].shape
            group.create_dataset("depth", data=np.full(shape, 10.0, np.float16))
            pose = group["pose"][...]
            pose[:, :3] = 0
            pose[:, 1] = np.arange(len(pose)) * 0.5
            group["pose"][...] = pose
            del group.attrs[STREAMS_ATTRIBUTE]  # which says that there is no depth
    with Dataset(path) as opened:
        yield opened


@pytest.fixture
def recipe():
    return Recipe.model_validate(
        {
            "name": "small",
            "model": {"name": "fanet18", "options": {"tca_depth": 1}},
            "data": {
                "height": HEIGHT,
                "width": WIDTH,
                "clips_per_batch": 2,
                "targets": 2,
                "max_context": 2,
            },
            "train": {
                "steps": 4,
                "optimizer": "adamw",
                "learning_rate": 0.002,
                "validate_every": 2,
                "validation_frames": 3,
            },
            "evaluate": {"samples": 2, "speed_frames": 2},
        }
    )
