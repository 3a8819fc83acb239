"""A row is the same however it came about: killed and resumed, by several processes, on Ray."""

import importlib.util
import json
import os
import subprocess
import sys
from concurrent.futures import Future
from pathlib import Path

import pytest
import torch
from command_line import run, said

from airseg.bench.recipes.recipe import load_recipe
from airseg.bench.trials import run_trials, trials_of
from airseg.cli import main
from airseg.errors import RecipeError

DRIVER = Path(__file__).parents[2] / "fixtures" / "killed_trainings.py"
RECIPE = """\
name: tiny
model: {name: ssnet}
data: {height: 32, width: 48, clips_per_batch: 2, targets: 2, max_context: 1}
train:
  steps: 8
  optimizer: sgd
  learning_rate: 0.01
  validate_every: 3
  validation_frames: 2
  checkpoint_every_s: 0.001
evaluate: {samples: 0, speed_frames: 1}
"""
QUIET = {**os.environ, "OMP_NUM_THREADS": "1"}


@pytest.fixture
def tiny(tmp_path):
    path = tmp_path / "tiny.yaml"
    path.write_text(RECIPE)
    return path


def bench(recipe, dataset, out, *more):
    command = ["bench", "run", recipe, "--dataset", dataset, "--out", out, "--device", "cpu", *more]
    return [str(part) for part in command]


def weights(out, run="tiny-tiny"):
    return torch.load(out / run / "checkpoint.pt", weights_only=True)["model"]


def outcome(out, run="tiny-tiny"):
    """Return all of a result that does not depend on when and where it was made."""
    row = json.loads((out / f"{run}.json").read_text())
    for changing in ("speed", "training_seconds", "command", "created"):
        row.pop(changing)
    return row


def kill_and_compare(tiny, dataset_path, tmp_path, kills, steps):
    tiny.write_text(RECIPE.replace("steps: 8", f"steps: {steps}"))
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    said = []
    for out, count in ((whole, 0), (killed, kills)):
        given = [DRIVER, tiny, dataset_path, out, "tiny-tiny", count, 5]
        done = subprocess.run(
            [sys.executable, *map(str, given)],
            capture_output=True,
            text=True,
            env=QUIET,
            timeout=280,
            check=False,
        )
        said.append(done.stdout.splitlines()[-1:])
        assert done.returncode == 0, done.stderr
    assert said == [["killed 0, ended 0"], [f"killed {kills}, ended 0"]]
    first, second = weights(whole), weights(killed)
    assert all(torch.equal(first[key], second[key]) for key in first)
    assert outcome(whole) == outcome(killed)
    lines = [(out / "tiny-tiny" / "training.csv").read_text() for out in (whole, killed)]
    first, second = ([line.split(",")[:4] for line in text.splitlines()] for text in lines)
    assert first == second


@pytest.mark.slow
def test_a_row_killed_at_random_steps_is_that_of_an_undisturbed_run(tiny, dataset_path, tmp_path):
    kill_and_compare(tiny, dataset_path, tmp_path, kills=3, steps=12)


@pytest.mark.slow
def test_a_row_killed_twenty_times_is_that_of_an_undisturbed_run(tiny, dataset_path, tmp_path):
    kill_and_compare(tiny, dataset_path, tmp_path, kills=20, steps=60)


def torchrun(count, arguments):
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command += [f"--nproc-per-node={count}", "-m", "airseg", *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, env=QUIET, timeout=280, check=False
    )


@pytest.mark.slow
def test_two_processes_train_what_one_trains_with_the_same_batch(tiny, dataset_path, tmp_path):
    """Batches of two, so that the last of an epoch leaves a process without a clip."""
    more = ["--set=data.clips_per_batch=3", "--set=loss.class_weights=root"]
    done = torchrun(2, bench(tiny, dataset_path, tmp_path / "two", *more))
    assert done.returncode == 0, done.stderr
    main(bench(tiny, dataset_path, tmp_path / "one", *more))
    alone, shared = weights(tmp_path / "one"), weights(tmp_path / "two")
    assert alone.keys() == shared.keys()
    for key, value in alone.items():
        torch.testing.assert_close(shared[key], value, atol=1e-5, rtol=1e-5)
    one, two = outcome(tmp_path / "one"), outcome(tmp_path / "two")
    assert one["supervised_frames"] == two["supervised_frames"]
    assert [v for _, v in one["curves"]["loss"]] == pytest.approx(
        [v for _, v in two["curves"]["loss"]], rel=1e-5
    )


@pytest.mark.slow
def test_processes_with_different_numbers_of_clips_take_as_many_parts(tiny, dataset_path, tmp_path):
    """Two clips and one, in parts of one clip: normalisation is shared in each part."""
    more = ["--set=data.clips_per_batch=3", "--set=train.accumulate=2", "--set=train.steps=3"]
    done = torchrun(2, bench(tiny, dataset_path, tmp_path, *more))
    assert done.returncode == 0, done.stderr
    assert outcome(tmp_path)["supervised_frames"] > 0


@pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="Ray is not installed")
@pytest.mark.slow
def test_rows_made_on_ray_are_those_of_a_local_run(tiny, dataset_path, tmp_path):
    more = ["--sweep=train.seed=[0, 1]"]
    main(bench(tiny, dataset_path, tmp_path / "local", *more))
    code = subprocess.run(
        [
            sys.executable,
            "-m",
            "airseg",
            *bench(tiny, dataset_path, tmp_path / "ray", *more),
            "--ray",
            "local",
        ],
        env=QUIET,
        timeout=280,
        check=False,
    ).returncode
    assert code == 0
    for row in ("tiny-tiny-seed0", "tiny-tiny-seed1"):
        first, second = weights(tmp_path / "local", row), weights(tmp_path / "ray", row)
        assert all(torch.equal(first[key], second[key]) for key in first)
        assert outcome(tmp_path / "local", row) == outcome(tmp_path / "ray", row)


def answered(outcome):
    future = Future()
    if isinstance(outcome, Exception):
        future.set_exception(outcome)
    else:
        future.set_result(outcome)
    return future


def trials(tiny, tmp_path, only=(), baseline=False):
    text = RECIPE + f"baseline: {str(baseline).lower()}\nsweep: {{train.seed: [0, 1]}}\n"
    tiny.write_text(text)
    recipe = load_recipe(str(tiny))
    return trials_of(str(tiny), recipe, tmp_path / "d.h5", tmp_path / "out", only, ["--set=a=1"])


def test_every_row_is_a_trial_that_runs_the_command_for_it_alone(tiny, tmp_path):
    made = trials(tiny, tmp_path, baseline=True)
    assert [t.command[-1] for t in made] == [
        "--only=tiny-tiny-seed0",
        "--only=tiny-tiny-seed1",
        "--only=majority-class",
    ]
    assert all(t.command[5] == str(tiny) and "--set=a=1" in t.command for t in made)
    (only,) = trials(tiny, tmp_path, only=("tiny-tiny-seed1",))
    assert only.result.name == "tiny-tiny-seed1.json"


def test_a_folder_of_a_shipped_recipes_name_is_no_recipe(tmp_path, monkeypatch):
    (tmp_path / "demo").mkdir()
    monkeypatch.chdir(tmp_path)
    made = trials_of("demo", load_recipe("demo"), tmp_path / "d.h5", tmp_path / "out")
    assert {t.command[5] for t in made} == {"demo"}


def test_a_trial_that_fails_is_tried_again_and_a_lost_machine_counts_as_failure(tiny, tmp_path):
    answers = iter([(1, "killed"), (0, ""), RuntimeError("node died"), (0, "")])
    told = []
    found = run_trials(
        trials(tiny, tmp_path), lambda c: answered(next(answers)), lambda *a: None, told.append
    )
    assert [p.name for p in found] == ["tiny-tiny-seed0.json", "tiny-tiny-seed1.json"]
    assert told == [
        "tiny: try 1 failed, goes on: killed",
        "tiny: try 2 failed, goes on: node died",
    ]


def test_a_trial_that_always_fails_is_told_after_the_others(tiny, tmp_path):
    commands = []

    def submit(command):
        commands.append(command[-1])
        return answered((1, "out of luck.") if command[-1].endswith("0") else (0, ""))

    with pytest.raises(RecipeError, match=r"1 of 2 rows failed 3 times; tiny: out of luck"):
        run_trials(trials(tiny, tmp_path), submit, lambda *a: None, lambda line: None)
    assert commands.count("--only=tiny-tiny-seed0") == 3
    assert commands.count("--only=tiny-tiny-seed1") == 1


def test_only_the_rows_asked_for_are_made(tiny, dataset_path, tmp_path, capsys):
    more = ("--sweep", "train.seed=[0, 1]", "--set", "train.steps=1")
    out = tmp_path / "out"
    code, _, _ = run(
        capsys, *bench(tiny, dataset_path, out, *more, "--only", "tiny-tiny-seed1", "--tensorboard")
    )
    assert code == 0
    assert [p.name for p in out.glob("*.json")] == ["tiny-tiny-seed1.json"]
    assert list((out / "tiny-tiny-seed1" / "tensorboard").iterdir())
    code, _, err = run(capsys, *bench(tiny, dataset_path, out, *more, "--only", "tiny-tiny-seed3"))
    assert code == 2
    assert "Did you mean 'tiny-tiny-seed" in said(err)


def test_two_recipes_of_one_name_are_told_before_the_first_is_trained(
    tiny, dataset_path, tmp_path, capsys
):
    other = tmp_path / "other.yaml"
    other.write_text(RECIPE.replace("steps: 8", "steps: 9"))
    out = tmp_path / "out"
    arguments = ["bench", "run", tiny, other, "--dataset", dataset_path, "--out", out]
    code, _, err = run(capsys, *arguments)
    assert code == 2
    assert "two recipes make a row tiny-tiny" in said(err)
    assert not out.exists()


def test_a_dataset_must_be_named_somewhere(tiny, capsys, tmp_path, dataset_path):
    code, _, err = run(capsys, "bench", "run", tiny, "--out", tmp_path / "out")
    assert code == 2
    assert "names no dataset: add --dataset" in said(err)
    tiny.write_text(RECIPE.replace("steps: 8", "steps: 1") + f"dataset: {dataset_path}\n")
    code, _, _ = run(capsys, "bench", "run", tiny, "--out", tmp_path / "out", "--device", "cpu")
    assert code == 0
