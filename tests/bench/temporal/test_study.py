"""The study: pairs, measuring, resuming, and gains that are what they say."""

import json
import shutil

import numpy as np
import pytest
import torch
from command_line import run, said

from airseg.bench.metrics.confusion import mean_iou
from airseg.bench.recipes.recipe import Recipe
from airseg.bench.results.result import load_result
from airseg.bench.run import run_recipe
from airseg.bench.scoring.evaluate import score_split
from airseg.bench.temporal import study
from airseg.bench.temporal.findings import find
from airseg.bench.temporal.gains import Gains
from airseg.bench.temporal.pairs import load_rows, pair_up, without_partner
from airseg.bench.temporal.run_study import run_study
from airseg.bench.temporal.study import CLEAN, Plan, measure
from airseg.errors import RecipeError

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def trained(dataset, tmp_path_factory):
    """Result files of FANet with and without memory."""
    recipe = Recipe.model_validate(
        {
            "name": "small",
            "model": {"name": "fanet18"},
            "data": {"height": 32, "width": 48, "clips_per_batch": 2, "targets": 2},
            "train": {"steps": 3, "optimizer": "adam", "learning_rate": 0.001},
            "evaluate": {"samples": 1, "speed_frames": 1},
            "variants": [
                {"label": f"N={n}", "set": {"model.options.tca_depth": n}} for n in (0, 2)
            ],
        }
    )
    out = tmp_path_factory.mktemp("trained")
    return run_recipe(recipe, dataset, out, lambda *told: None, device_name="cpu")


@pytest.fixture
def rows(trained):
    return load_rows(trained, [load_result(p) for p in trained])


@pytest.mark.slow
def test_a_result_says_what_it_was_given_and_made_with(trained, dataset):
    result = load_result(trained[0])
    assert (result.steps, result.supervised_frames) == (3, 12)
    assert result.validation.frames == sum(dataset.sequence(n).length for n in dataset.split("val"))
    assert set(result.validation.sequences) == set(dataset.split("val"))
    assert 0 <= result.validation.mean_iou <= 1
    made = result.environment
    assert made.device.startswith("CPU")
    assert made.threads == torch.get_num_threads()
    assert made.versions["torch"].startswith(torch.__version__.split("+")[0])
    assert result.swept == []


def plan(dataset, folder, *conditions):
    return Plan(dataset, ["c", "d"], None, conditions, CPU, folder)


@pytest.mark.slow
def test_a_network_is_paired_with_itself_without_memory(rows):
    (pair,) = pair_up(rows)
    assert (pair.memory.label, pair.base.label) == ("N=2", "N=0")
    assert pair.memory.depth == 2
    assert pair.base.is_per_frame


@pytest.mark.slow
@pytest.mark.parametrize(
    ("memory", "base", "fits"),
    [
        (("fanet18", {"tca_depth": 4, "reduction": "mean"}), ("fanet18", {}), True),
        (("fanet18", {"tca_depth": 4, "auxiliary": True}), ("fanet18", {}), False),
        (("fanet34", {"tca_depth": 4}), ("fanet18", {}), False),
        (("dff_resnet50", {}), ("dff_resnet50", {"key_interval": 1}), True),
        (
            ("ma_resnet50", {"head": "pspnet"}),
            ("ma_resnet50", {"head": "pspnet", "frames": 0}),
            True,
        ),
        (("ma_resnet50", {"head": "pspnet"}), ("ma_resnet50", {"frames": 0}), False),
        (("tv3s", {"encoder": "b0", "depth": 4}), ("segformer", {"encoder": "b0"}), True),
        (("espnet_convlstm", {"kernel": 3}), ("espnet", {}), True),
        (("vssnet", {}), ("ssnet", {}), True),
        (("sta_segformer", {"encoder": "b0", "frames": 2}), ("segformer", {"encoder": "b0"}), True),
        (("ema", {"base": "fanet18", "alpha": 0.5}), ("fanet18", {}), True),
        (("ssp", {"base": "pidnet_s"}), ("pidnet_s", {}), True),
        (("td2_fanet18", {"size": [64, 96]}), ("fanet18", {}), True),
        (("videomt_ti16", {"size": [64, 96]}), ("eomt_ti16", {"size": [64, 96]}), True),
        (("vote", {"base": "espnet"}), ("fanet18", {}), False),
        (("tv3s", {}), ("lraspp_mobilenet", {}), False),
    ],
)
def test_every_papers_network_knows_its_per_frame_version(trained, memory, base, fits):
    results = []
    for name, options in (memory, base):
        result = load_result(trained[0])
        recipe = json.loads(json.dumps(result.recipe))
        recipe["model"] = {"name": name, "weights": "none", "options": options}
        results.append(result.model_copy(update={"recipe": recipe}))
    both = load_rows([trained[0]] * 2, results)
    if fits:
        assert len(pair_up(both)) == 1
    else:
        with pytest.raises(RecipeError, match="its own per-frame version"):
            pair_up(both)


@pytest.mark.parametrize(
    ("section", "field", "value"),
    [
        ("train", "steps", 400),
        ("train", "learning_rate", 0.1),
        ("loss", "class_weights", "root"),
        ("data", "clips_per_batch", 8),
        ("model", "weights", "other.pt"),
        ("train", "seed", 5),
    ],
)
def test_rows_that_differ_in_more_than_memory_are_no_pair(trained, section, field, value):
    results = [load_result(p) for p in trained]
    recipe = json.loads(json.dumps(results[1].recipe))
    recipe[section][field] = value
    results[1] = results[1].model_copy(update={"recipe": recipe})
    found = load_rows(trained, results)
    with pytest.raises(RecipeError, match=rf"differs in more than memory \({section}\.{field}"):
        pair_up(found)
    assert without_partner(found, []) != []


def test_as_recorded_is_what_scoring_says(rows, dataset, tmp_path):
    measured = measure(plan(dataset, tmp_path), rows)
    for row in rows:
        model = study._load(row, plan(dataset, tmp_path))
        expected = score_split(model, dataset, ["c", "d"], (32, 48), CPU)
        for name, matrix in expected.by_sequence.items():
            found = measured[row.run][CLEAN][name]
            assert found["matrix"].tolist() == matrix.counts.tolist()
            for division in ("motion", "visibility", "area"):
                assert found[division].sum(0).tolist() == matrix.counts.tolist()


def test_a_lower_rate_leaves_out_frames_and_scores_the_same_ones(rows, dataset, tmp_path):
    measured = measure(plan(dataset, tmp_path, "rate"), rows)
    memory, base = measured[rows[1].run], measured[rows[0].run]
    pixels = {k: {s: c["matrix"].sum() for s, c in v.items()} for k, v in memory.items()}
    # Both flights are shorter than ten frames: frame 0 alone is scored at every rate.
    assert pixels["rate/1"] == pixels["rate/2"] == pixels["rate/10"] == {"c": 6144, "d": 6144}
    assert base["rate/1"]["d"]["matrix"].tolist() == base["rate/5"]["d"]["matrix"].tolist()
    assert memory["rate/1"]["d"]["matrix"].tolist() == memory["rate/10"]["d"]["matrix"].tolist(), (
        "the first frame of a stream has no memory"
    )


@pytest.mark.slow
def test_another_depth_at_test_is_another_network_from_the_third_frame_on(rows, dataset, tmp_path):
    measured = measure(plan(dataset, tmp_path, "depth"), rows)[rows[1].run]
    assert {"depth/0", "depth/1", "depth/2", "depth/4", "depth/8"} <= set(measured)
    whole = measured[CLEAN]["d"]["matrix"]
    assert measured["depth/2"]["d"]["matrix"].tolist() == whole.tolist()
    assert measured["depth/0"]["d"]["matrix"].tolist() != whole.tolist()


def test_a_memory_that_moves_is_tested_without_one_too(dataset, tmp_path):
    """Of depth 0 it has no flow network, whose weights the checkpoint has."""
    recipe = Recipe.model_validate(
        {
            "name": "moving",
            "model": {"name": "fanet18", "options": {"tca_depth": 1, "reduction": "motion"}},
            "data": {"height": 32, "width": 48, "clips_per_batch": 2, "targets": 2},
            "train": {"steps": 1},
            "evaluate": {"samples": 0, "speed_frames": 1},
        }
    )
    paths = run_recipe(recipe, dataset, tmp_path, lambda *told: None, device_name="cpu")
    (row,) = load_rows(paths, [load_result(p) for p in paths])
    model = study._load(row, plan(dataset, tmp_path, "depth"), 0)
    assert model.memory_depth == 0


@pytest.mark.slow
def test_what_was_measured_is_not_measured_again(rows, dataset, tmp_path, monkeypatch):
    first = measure(plan(dataset, tmp_path, "noise"), rows)
    passes = []
    monkeypatch.setattr(study, "_pass", lambda *a: passes.append(a) or {})
    again = measure(plan(dataset, tmp_path, "noise"), rows)
    assert passes == []
    for key, by in first[rows[0].run].items():
        for name, counts in by.items():
            found = again[rows[0].run][key][name]
            assert all(np.array_equal(found[n], v) for n, v in counts.items())
    # Other weights are another network.
    other = tmp_path / "other"
    for row in rows:
        shutil.copytree(row.checkpoint.parent, other / row.run)
        shutil.copy(row.checkpoint.parent.with_suffix(".json"), other)
    state = torch.load(other / rows[0].run / "checkpoint.pt", weights_only=True)
    name = next(k for k, v in state["model"].items() if v.is_floating_point())
    state["model"][name] = state["model"][name] + 1
    torch.save(state, other / rows[0].run / "checkpoint.pt")
    paths = [other / f"{row.run}.json" for row in rows]
    changed = load_rows(paths, [load_result(p) for p in paths])
    with pytest.raises(KeyError):  # its pass was replaced by one that counts nothing
        measure(plan(dataset, tmp_path, "noise"), changed)
    assert len(passes) > 0


def test_a_damaged_file_is_measured_again(rows, dataset, tmp_path):
    first = measure(plan(dataset, tmp_path), rows)
    path = tmp_path / f"{rows[0].run}.json"
    path.write_text(path.read_text()[:100])
    again = measure(plan(dataset, tmp_path), rows)
    counts = [m[rows[0].run][CLEAN]["d"]["matrix"].tolist() for m in (first, again)]
    assert counts[0] == counts[1]


def test_gains_are_differences_of_mean_iou_with_intervals_around_them(rows, dataset, tmp_path):
    measured = measure(plan(dataset, tmp_path, "rate", "noise"), rows)
    gains = Gains(pair_up(rows), measured, ["c", "d"])
    findings = {f.name: f for f in find(gains, ("rate", "noise"), 25.0)}
    (point,) = findings["overall"].curves[0].points
    ious = [
        100 * np.mean([float(mean_iou(c["matrix"])) for c in measured[row.run][CLEAN].values()])
        for row in rows
    ]
    assert (point.base, point.memory) == pytest.approx(tuple(ious))
    assert point.gain == pytest.approx(ious[1] - ious[0])
    assert point.low <= point.gain + 1e-9
    assert point.high >= point.gain - 1e-9
    assert [p.level for p in findings["rate"].curves[0].points] == ["25", "12.5", "5", "2.5"]
    assert findings["noise"].curves[0].points[0].gain == pytest.approx(point.gain)
    assert "N=2: whether memory helps is open" in findings["overall"].sentences[0]
    assert "area" in findings


@pytest.mark.slow
def test_the_command_trains_measures_and_makes_the_page(dataset, trained, tmp_path, capsys):
    recipe = tmp_path / "small.yaml"
    recipe.write_text(
        "name: small\nmodel: {name: fanet18}\n"
        "data: {height: 32, width: 48, clips_per_batch: 2, targets: 2, max_context: 1}\n"
        "train: {steps: 1, optimizer: adam, learning_rate: 0.001}\n"
        "evaluate: {samples: 1, speed_frames: 1}\n"
        "variants:\n"
        "  - {label: without <b>, set: {model.options.tca_depth: 0}}\n"
        "  - {label: with, set: {model.options.tca_depth: 1}}\n"
    )
    out = tmp_path / "results"
    arguments = ["bench", "temporal", recipe, "--dataset", dataset.path, "--out", out]
    arguments += ["--device", "cpu", "--frames", "4"]
    code, printed, err = run(capsys, *arguments)
    assert code == 0, err
    assert "As recorded:\n  with: whether memory helps is open" in printed
    page = (out / "temporal.html").read_text()
    for name in ("noise", "darkness", "depth", "area"):
        assert f'<section id="{name}">' in page
    assert "Fog was left out: d came without depth" in page
    # At a tenth of the rate its first frame alone is seen, which has no past at any rate.
    assert "Rate was left out: it takes 11 frames of a flight, of which 4 are tested on" in page
    assert '<section id="rate">' not in page
    assert "without <b>" not in page, "labels are text"
    assert "http" not in page, "the page needs nothing from elsewhere"
    assert page.count("data:image/jpeg;base64,") == 8
    content = json.loads((out / "temporal.json").read_text())
    assert content["findings"][0]["name"] == "overall"
    assert content["setting"]["sequences"] == {"d": 4}


def test_mistakes_are_told_in_one_line(dataset, trained, tmp_path, capsys):
    def told(**options):
        with pytest.raises(RecipeError) as caught:
            run_study(trained, dataset, tmp_path, **options)
        return str(caught.value)

    assert "Did you mean 'noise'?" in told(conditions=["nose"])
    assert "evaluate.split is train" in told(split="train")
    with pytest.raises(RecipeError, match="its own per-frame version"):
        run_study(trained[:1], dataset, tmp_path)
    options = ["--out", tmp_path / "none", "--conditions", "noise,nose"]
    code, _, err = run(capsys, "bench", "temporal", "temporal", "--dataset", dataset.path, *options)
    assert (code, (tmp_path / "none").exists()) == (2, False)
    assert "Did you mean 'noise'?" in said(err)
    recipe = tmp_path / "alone.yaml"
    recipe.write_text("name: alone\nmodel: {name: nosuch}\n")
    arguments = ["bench", "temporal", recipe, "--dataset", dataset.path, "--out", tmp_path]
    code, _, err = run(capsys, *arguments)
    assert code == 2
    assert "there is no model 'nosuch'" in said(err)
