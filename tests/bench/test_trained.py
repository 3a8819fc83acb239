"""Networks that were trained before say what they said when they were scored."""

import numpy as np
import pytest
import torch
from PIL import Image

from airseg import load_model
from airseg.bench.publishing import publish
from airseg.bench.recipes.recipe import apply_settings
from airseg.bench.run import run_recipe
from airseg.bench.scoring.evaluate import stream_predictions
from airseg.errors import RecipeError

SETTINGS = {
    "model.options.tca_depth": 0,
    "model.batch_norm": False,
    "train.steps": 2,
    "train.ema": 0.5,
    "baseline": True,
    "evaluate.speed_frames": 1,
    "evaluate.samples": 1,
}


@pytest.fixture
def results(recipe, dataset, tmp_path):
    small = apply_settings(recipe, SETTINGS, "test")
    return run_recipe(small, dataset, tmp_path, lambda *told: None, device_name="cpu")


def test_a_network_is_loaded_by_any_of_its_files_and_predicts_the_same(results, dataset):
    row = next(path for path in results if path.with_suffix("").is_dir())
    (kept,) = row.with_suffix("").glob("*-prediction.png")
    name, index = kept.name.split("-")[0], int(kept.name.split("-")[1])
    view = dataset.sequence(name)
    for source in (row, str(row.with_suffix("")), row.with_suffix("") / "checkpoint.pt"):
        model = load_model(source)
        assert not model.training
        where = torch.device("cpu")
        pieces = stream_predictions(model, view, (64, 96), where, frames=index + 1)
        predictions = np.concatenate([piece for _, piece in pieces])
        assert np.array_equal(predictions[index], Image.open(kept))
    baseline = next(path for path in results if path != row)
    (baseline.with_suffix("")).mkdir(exist_ok=True)
    (baseline.with_suffix("") / "checkpoint.pt").write_bytes(b"")
    with pytest.raises(RecipeError, match="the row is a baseline, which has no network"):
        load_model(baseline)
    (row.with_suffix("") / "checkpoint.pt").write_bytes(b"damaged")
    with pytest.raises(RecipeError, match=r"checkpoint\.pt: cannot be read"):
        load_model(row)


def test_the_folder_one_stands_in_is_loaded(results, monkeypatch):
    row = next(path for path in results if path.with_suffix("").is_dir())
    monkeypatch.chdir(row.with_suffix(""))
    assert not load_model(".").training


def test_weights_that_were_not_scored_are_no_networks_of_a_row(results, tmp_path):
    """A row's folder may hold another training by now, begun there since, or a copied file."""
    row = next(path for path in results if path.with_suffix("").is_dir())
    checkpoint = row.with_suffix("") / "checkpoint.pt"
    whole = torch.load(checkpoint, weights_only=True)
    for change, told in (({"step": 1}, "step 1 of 2"), ({"fingerprint": "x"}, "another recipe")):
        torch.save({**whole, **change}, checkpoint)
        with pytest.raises(RecipeError, match=rf"is not what the row .* scored with \({told}"):
            load_model(row)
        with pytest.raises(RecipeError, match=rf"is not what the row .* scored with \({told}"):
            publish([row], tmp_path / "release")


def test_what_is_no_trained_network_is_told(tmp_path):
    with pytest.raises(RecipeError, match=r"there is no .*none\.json"):
        load_model(tmp_path / "none")
