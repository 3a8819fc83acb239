"""Datasets and networks for the Hugging Face Hub: read back by its own libraries, without a net."""

import io
import json
import os
import shutil
import subprocess
import sys

import av
import numpy as np
import pytest
import torch
from command_line import run, said
from made_results import made_result
from small_dataset import build_dataset

from airseg.bench.results.result import save_result
from airseg.bench.trained import load_model
from airseg.bench.training.checkpoint import save_checkpoint
from airseg.dataset.reading.reader import Dataset
from airseg.errors import HubError, RecipeError
from airseg.models import build_model

os.environ.setdefault("HF_HUB_OFFLINE", "1")
huggingface_hub = pytest.importorskip("huggingface_hub")
OPTIONS = {"tca_depth": 1}


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    return build_dataset(tmp_path_factory.mktemp("small"))


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Return a row's file, with a checkpoint beside it, and the network in it."""
    folder = tmp_path_factory.mktemp("results")
    torch.manual_seed(0)
    model = build_model("fanet18", 3, **OPTIONS).eval()
    result = made_result("one", network="fanet18", label="FANet-18 | N=1", iou=0.4)
    recipe = result.recipe | {"model": {"name": "fanet18", "options": OPTIONS}}
    from airseg.bench.results.result import recipe_hash

    result = result.model_copy(update={"recipe": recipe, "recipe_hash": recipe_hash(recipe)})
    row = save_result(folder, result)
    (folder / "one").mkdir()
    old = {name: torch.zeros_like(tensor) for name, tensor in model.state_dict().items()}
    average = {f"module.{name}": tensor for name, tensor in model.state_dict().items()}
    content = {"fingerprint": result.made_of, "step": 0, "model": old, "average": average}
    save_checkpoint(folder / "one" / "checkpoint.pt", content)
    return row, model


@pytest.fixture
def uploads(monkeypatch):
    """Keep what would be uploaded."""
    kept = []

    class Api:
        def __init__(self, **options):
            pass

        def create_repo(self, name, **options):
            kept.append(("create", name, options))
            return f"https://example.org/{name}"

        def upload_folder(self, **options):
            files = {p.name for p in options["folder_path"].rglob("*") if p.is_file()}
            kept.append(("upload", options["repo_id"], options | {"files": files}))

    monkeypatch.setattr(huggingface_hub, "HfApi", Api)
    return kept


@pytest.fixture(scope="module")
def pushed(small, tmp_path_factory):
    from airseg.cli import main

    out = tmp_path_factory.mktemp("hub") / "flights"
    main(["dataset", "push", str(small), "me/flights", "--dry-run", "--out", str(out),
          "--licence", "CC BY 4.0", "--title", 'Flights: "small"'])  # fmt: skip
    return out


def test_the_cards_head_is_what_the_hub_reads(pushed):
    head = huggingface_hub.DatasetCard.load(pushed / "README.md").data.to_dict()
    assert head["license"] == "cc-by-4.0"
    assert head["pretty_name"] == 'Flights: "small"'
    assert head["task_categories"] == ["image-segmentation"]
    assert head["size_categories"] == ["n<1K"]
    assert {"video", "synthetic"} <= set(head["tags"])
    assert [c["config_name"] for c in head["configs"]] == ["frames", "preview"]


def test_frames_and_films_are_read_by_the_hubs_library(pushed, small, tmp_path):
    datasets = pytest.importorskip("datasets")
    read = datasets.load_dataset(str(pushed), cache_dir=str(tmp_path))
    assert {s: len(rows) for s, rows in read.items()} == {"train": 25, "validation": 8, "test": 9}
    with Dataset(small) as dataset:
        first = dataset.sequence("c")
        assert np.array_equal(np.asarray(read["validation"][3]["label"]), first.label(3, 4)[0])
        assert np.array_equal(np.asarray(read["validation"][3]["image"]), first.rgb(3, 4)[0])
    films = datasets.load_dataset(str(pushed), "preview", cache_dir=str(tmp_path))
    films = films.cast_column("video", datasets.Video(decode=False))
    assert [(r["sequence"], r["frames"]) for r in films["train"]] == [("a", 14), ("b", 11)]
    for row in films["train"]:
        with av.open(io.BytesIO(row["video"]["bytes"])) as film:
            stream = film.streams.video[0]
            # What browsers play.
            assert (stream.codec_context.name, stream.pix_fmt) == ("h264", "yuv420p")
            assert stream.frames == row["frames"]
        assert (pushed / "films" / "train" / f"{row['sequence']}.mp4").is_file()


def test_the_file_itself_comes_along(pushed, small):
    assert "hf://datasets/me/flights/dataset.h5" in (pushed / "README.md").read_text()
    with Dataset(pushed / "dataset.h5") as again, Dataset(small) as dataset:
        assert again.content_hash == dataset.content_hash


def test_a_push_makes_the_repository_and_uploads_the_folder(
    trained, uploads, tmp_path, capsys, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    code, out, err = run(capsys, "bench", "push", trained[0], "me/net", "--private")
    assert code == 0, err
    assert "uploaded to https://example.org/me/net" in out
    (_, name, made), (_, _, sent) = uploads
    assert (name, made["private"], made["repo_type"]) == ("me/net", True, "model")
    assert sent["files"] == {"model.safetensors", "config.json", "result.json", "README.md"}


def test_a_network_comes_back_with_the_weights_that_were_scored(
    trained, tmp_path, capsys, monkeypatch
):
    row, model = trained
    code, _, err = run(capsys, "bench", "push", row, "me/net", "--dry-run", "--out", tmp_path / "n",
                       "--licence", "mit", "--dataset", "me/flights")  # fmt: skip
    assert code == 0, err
    frames = torch.rand(1, 2, 3, 64, 96, generator=torch.Generator().manual_seed(1))
    again = load_model(tmp_path / "n")
    assert not again.training
    with torch.no_grad():
        assert torch.equal(again(frames)[0], model(frames)[0])
    monkeypatch.setattr(
        huggingface_hub, "hf_hub_download", lambda name, file, **_: str(tmp_path / "n" / file)
    )
    with torch.no_grad():
        assert torch.equal(load_model("me/net")(frames)[0], model(frames)[0])
    card = huggingface_hub.ModelCard.load(tmp_path / "n" / "README.md").data
    (found,) = [r for r in card.eval_results if r.metric_type == "mean_iou"]
    assert (found.metric_value, found.dataset_type, found.dataset_split) == (
        0.4, "me/flights", "test",
    )  # fmt: skip
    assert (card.license, card.library_name, card.model_name) == ("mit", "airseg", "net")
    safetensors = pytest.importorskip("safetensors")
    with safetensors.safe_open(tmp_path / "n" / "model.safetensors", "pt") as file:
        assert set(file.keys()) == set(model.state_dict())
        assert file.metadata() == {"format": "pt"}


def test_a_release_of_halves_scores_as_the_whole_does_and_its_sums_are_right(
    trained, tmp_path, capsys
):
    row, model = trained
    code, told, err = run(capsys, "bench", "publish", row, "--out", tmp_path / "r")
    assert code == 0, err
    assert f"wrote {tmp_path / 'r' / 'one'}" in told
    subprocess.run(
        ["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=tmp_path / "r", check=True
    )
    frames = torch.rand(1, 2, 3, 64, 96, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        whole = model(frames)[0]
        half = load_model(tmp_path / "r" / "one")(frames)[0]
    assert half.dtype == torch.float32
    assert not torch.equal(half, whole)
    assert (half.argmax(2) == whole.argmax(2)).float().mean() > 0.99
    code, _, err = run(capsys, "bench", "publish", row, "--out", tmp_path / "f", "--full")
    assert code == 0, err
    sizes = [(tmp_path / n / "one" / "model.safetensors").stat().st_size for n in "rf"]
    assert sizes[0] < 0.51 * sizes[1]


def test_networks_of_one_name_are_not_published_over_each_other(trained, tmp_path, capsys):
    """The second would replace the first one's files, and their sums would be wrong."""
    row, _ = trained
    for place in ("a", "b"):
        shutil.copytree(row.parent, tmp_path / place)
    release = tmp_path / "release"
    code, _, err = run(capsys, "bench", "publish", tmp_path / "a", tmp_path / "b", "--out", release)
    assert code == 2
    assert "would be published under one name, one" in said(err)
    assert not release.exists()
    (tmp_path / "a" / "net.speed.json").write_text("{}")  # a shell's *.json names it, too
    files = sorted((tmp_path / "a").glob("*.json"))
    code, told, err = run(capsys, "bench", "publish", tmp_path / "a", *files, "--out", release)
    assert code == 0, err
    assert told.count("wrote") == 1
    assert len((release / "SHA256SUMS").read_text().splitlines()) == 4


def test_what_a_half_cannot_hold_stays_whole():
    from airseg.bench.hub_model import _as_half

    fine = torch.tensor([0.0, 1.5, -60000.0, 1e-6])
    for kept in (torch.tensor([1.0, 7e4]), torch.tensor([70_000])):
        assert torch.equal(_as_half(kept), kept)
        assert _as_half(kept).dtype == kept.dtype
    assert _as_half(fine).dtype == torch.float16


def test_mistakes_are_one_line(trained, tmp_path, capsys, monkeypatch):
    row, _ = trained
    baseline = save_result(tmp_path / "baseline", made_result("majority", kind="baseline"))
    for arguments, told in (
        (("bench", "push", row, "net", "--dry-run"), "user/name"),
        (("bench", "publish", row, "--out", tmp_path / "p", "--dataset", "x y"), "user/name"),
        (("bench", "publish", baseline, "--out", tmp_path / "p"), "none of these rows"),
        (("bench", "push", row, "me/net", "--out", tmp_path / "n"), "auth login"),
    ):
        code, _, err = run(capsys, *arguments)
        assert code == 2
        assert told in said(err)
    with pytest.raises(HubError, match="me/nothing"):
        load_model("me/nothing")
    config = tmp_path / "n" / "config.json"
    content = json.loads(config.read_text())
    config.write_text(json.dumps(content | {"network": "fanet34"}))
    with pytest.raises(RecipeError, match="no weights of fanet34"):
        load_model(tmp_path / "n")
    config.write_text(json.dumps(content | {"format": 2}))
    with pytest.raises(RecipeError, match=r"config\.json: format"):
        load_model(tmp_path / "n")
    monkeypatch.setitem(sys.modules, "safetensors.torch", None)
    code, _, err = run(capsys, "bench", "push", row, "me/net", "--dry-run", "--out", tmp_path / "m")
    assert code == 2
    assert "airseg[hub]" in said(err)
