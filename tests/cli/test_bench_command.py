"""`airseg bench` as a program: from a recipe to a page, again and again."""

import contextlib
import csv
import io
import json
import re

import numpy as np
import pytest
from command_line import run, said
from made_results import made_result, write_results
from small_dataset import build_dataset

from airseg.bench.leaderboard import table as leaderboard
from airseg.bench.results.result import load_result
from airseg.bench.scoring import estimated_flow
from airseg.cli import main
from airseg.dataset import Dataset
from airseg.errors import RecipeError

RECIPE = """\
name: tiny
model: {name: fanet18}
data: {height: 32, width: 48, clips_per_batch: 2, targets: 2, max_context: 1}
train: {steps: 3, optimizer: adam, learning_rate: 0.001, validate_every: 2, validation_frames: 2}
evaluate: {samples: 2, speed_frames: 2}
baseline: true
variants:
  - {label: FANet-18 N=0, set: {model.options.tca_depth: 0}}
  - {label: FANet-18 N=1, set: {model.options.tca_depth: 1}}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("bench")
    build_dataset(made)
    (made / "tiny.yaml").write_text(RECIPE)
    told = io.StringIO()
    with contextlib.redirect_stderr(told):
        run_bench(made)
    (made / "told.txt").write_text(told.getvalue())
    return made


def run_bench(folder):
    arguments = ["bench", "run", folder / "tiny.yaml", "--dataset", folder / "small.h5"]
    main([str(a) for a in [*arguments, "--out", folder / "results", "--device", "cpu"]])


def test_every_row_has_scores_speed_and_the_command_that_made_it(folder):
    rows = {r.label: r for r in map(load_result, (folder / "results").glob("*.json"))}
    assert set(rows) == {"FANet-18 N=0", "FANet-18 N=1", "majority class (road)"}
    row = rows["FANet-18 N=1"]
    assert 0 < row.scores.mean_iou < 1
    assert row.speed.frames_per_second > 0
    assert row.speed.parameters == 13_817_984
    assert row.recipe["model"]["options"] == {"tca_depth": 1}
    assert row.dataset.sequences == {"d": 9}
    assert row.supervised_frames == rows["FANet-18 N=0"].supervised_frames
    assert rows["majority class (road)"].speed is None


def test_finished_rows_are_kept(folder, capsys):
    path = next((folder / "results").glob("tiny-fanet-18-n-1.json"))
    before = path.stat().st_mtime_ns
    run_bench(folder)
    assert path.stat().st_mtime_ns == before
    assert "FANet-18 N=1: done before: 1/1 rows" in capsys.readouterr().err


def test_a_flow_cache_keeps_what_the_next_row_is_scored_with(folder, capsys, tmp_path, monkeypatch):
    arguments = ["bench", "run", folder / "tiny.yaml", "--dataset", folder / "small.h5"]
    arguments += ["--only", "majority-class", "--flow-cache", tmp_path / "flow"]
    assert run(capsys, *arguments, "--out", tmp_path / "first")[0] == 0
    (kept,) = (tmp_path / "flow").iterdir()
    assert np.load(kept).shape[::3] == (8, 2)  # between the test flight's nine frames, x and y
    monkeypatch.delattr(estimated_flow, "classical_flow")  # nothing is estimated again
    assert run(capsys, *arguments, "--out", tmp_path / "second")[0] == 0
    made = [load_result(next(p.glob("*.json"))) for p in (tmp_path / "first", tmp_path / "second")]
    plain = load_result(next((folder / "results").glob("*majority-class*.json")))
    assert plain.scores.tc_estimated is not None
    assert [row.scores for row in made] == [plain.scores] * 2


def test_every_stage_of_a_row_shows_progress_in_units_of_its_own(folder):
    told = (folder / "told.txt").read_text()
    ends = re.findall(r"^FANet-18 N=1: ([a-z ]+): (\d+)/\2 (\w+)\b", told, re.MULTILINE)
    assert ends == [
        ("training", "3", "steps"),
        ("scoring", "9", "frames"),  # of the test flight
        ("timing", "4", "frames"),  # two, to logits and to label maps
        ("saving samples", "7", "frames"),  # streamed to the last one that is shown
        ("validating", "8", "frames"),
    ]
    assert re.search(r"^majority class: scoring: 9/9 frames,", told, re.MULTILINE)


def test_the_leaderboard_is_printed_and_written_in_three_forms(folder, capsys):
    out = folder / "board"
    readme = folder / "README.md"
    begin, end = leaderboard.markers("leaderboard")
    readme.write_text(f"before\n{begin}\nold\n{end}\nafter\n")
    code, printed, _ = run(
        capsys, "bench", "leaderboard", folder / "results", "--out", out, "--splice", readme
    )
    assert code == 0
    for label in ("FANet-18 N=0", "FANet-18 N=1", "majority class"):
        assert label in printed
        assert label in (out / "leaderboard.csv").read_text()
        assert label in (out / "leaderboard.md").read_text()
        assert label in (out / "leaderboard.html").read_text()
    assert str(out / "leaderboard.html") in printed
    pairs = list(csv.DictReader((out / "differences.csv").open(encoding="utf-8")))
    assert len(pairs) == 3  # each of three rows against each other one
    assert {p["verdict"] for p in pairs} == {"open"}  # one flight, one seed
    spliced = readme.read_text()
    assert spliced.startswith("before\n")
    assert spliced.endswith("after\n")
    assert "FANet-18 N=1" in spliced
    assert "old" not in spliced


def test_the_page_needs_nothing_but_itself(folder, capsys):
    run(capsys, "bench", "leaderboard", folder / "results", "--out", folder / "board")
    page = (folder / "board" / "leaderboard.html").read_text()
    assert not re.search(r"""(src|href)=["']?https?:""", page)
    assert page.count("data:image/jpeg;base64,") == 2  # two frames
    assert page.count("data:image/png;base64,") == 6  # of each the truth and two predictions
    assert "{{" not in page


def test_rows_of_different_datasets_never_share_a_table(folder, capsys, tmp_path):
    source = next((folder / "results").glob("tiny-fanet-18-n-0.json"))
    data = json.loads(source.read_text())
    data["dataset"]["content_hash"] = "another"
    data["run"] = "other"
    (tmp_path / "other.json").write_text(json.dumps(data))
    code, _, err = run(
        capsys, "bench", "leaderboard", source, tmp_path / "other.json", "--out", tmp_path
    )
    assert code == 2
    assert "scored on different frames" in said(err)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{", "not JSON"),
        ("[]", "expected a result of format 1"),
        ('{"format": 9}', "found 9"),
        ('{"format": 1}', "Field required"),
    ],
)
def test_damaged_results_get_one_line(capsys, tmp_path, text, expected):
    (tmp_path / "row.json").write_text(text)
    code, _, err = run(capsys, "bench", "leaderboard", tmp_path, "--out", tmp_path / "board")
    assert code == 2
    assert expected in said(err)


def test_a_star_takes_the_results_and_not_the_tables_and_pages_beside_them(capsys, tmp_path):
    write_results(tmp_path, made_result("one", samples=[]), made_result("two", samples=[]))
    _, first, _ = run(capsys, "bench", "leaderboard", tmp_path, "--out", tmp_path)
    beside = {path.suffix for path in tmp_path.iterdir()}
    assert beside >= {".json", ".csv", ".md", ".html"}
    code, again, err = run(
        capsys, "bench", "leaderboard", *sorted(tmp_path.glob("*")), "--out", tmp_path
    )
    assert (code, again) == (0, first), err


def test_no_results_are_told(capsys, tmp_path):
    code, _, err = run(capsys, "bench", "leaderboard", tmp_path, "--out", tmp_path / "board")
    assert code == 2
    assert "no results in" in said(err)
    nowhere = tmp_path / "nowhere"
    code, _, err = run(capsys, "bench", "leaderboard", nowhere, "--out", tmp_path / "board")
    assert code == 2
    assert f"{nowhere}: there is no such file or folder. `airseg bench run" in said(err)


def test_a_label_with_brackets_is_printed_as_it_is_and_whole_into_a_file(capsys, tmp_path):
    label = "net [ours] [/x]" + " with a long name" * 12
    write_results(tmp_path, made_result("a", label=label))
    code, out, _ = run(capsys, "bench", "leaderboard", tmp_path, "--out", tmp_path / "page")
    assert code == 0
    assert label in out
    assert "…" not in out


def test_a_terminal_shows_as_many_columns_as_fit(capsys, tmp_path, monkeypatch):
    write_results(tmp_path, made_result("a", label="FANet-18 N=4"))
    asked = ("bench", "leaderboard", tmp_path, "--out", tmp_path / "page")
    whole = run(capsys, *asked)[1].splitlines()[0]
    for name, value in {"TTY_COMPATIBLE": "1", "TERM": "dumb", "COLUMNS": "80"}.items():
        monkeypatch.setenv(name, value)
    head, row, more, _ = run(capsys, *asked)[1].splitlines()
    assert head.split() == whole.split()[: len(head.split())]
    assert row.startswith("FANet-18 N=4 ")
    assert 40 < max(map(len, (head, row, more))) <= 80
    assert more.endswith("more columns are in leaderboard.md and on the page.")


def test_a_file_without_markers_is_left_alone(folder, capsys, tmp_path):
    plain = tmp_path / "plain.md"
    plain.write_text("nothing here")
    with pytest.raises(RecipeError, match="lacks the lines"):
        leaderboard.splice(plain, "table")
    assert plain.read_text() == "nothing here"


def test_wrong_input_gets_one_line_and_exit_code_two(folder, capsys, tmp_path):
    recipe, data = folder / "tiny.yaml", folder / "small.h5"
    cut = tmp_path / "cut.h5"
    cut.write_bytes(data.read_bytes()[: data.stat().st_size // 2])
    out = ("--out", tmp_path / "out")
    cases = [
        (("demoo", "--dataset", data, *out), "Did you mean 'demo'"),
        ((recipe, "--dataset", tmp_path / "no.h5", *out), "no.h5"),
        ((recipe, "--dataset", cut, *out), "cut.h5"),
        ((recipe, "--dataset", tmp_path, *out), "is a folder, no dataset"),
        ((recipe, "--dataset", data, "--out", recipe), "is a file"),
        ((recipe, "--dataset", data, "--set", "train.stepz=1", *out), "Did you mean 'steps'"),
        ((recipe, "--dataset", data, "--device", "tpu9", *out), "Without --device it is cuda"),
        ((recipe, "--dataset", data, "--set", "model.name=fanet19", *out), "Did you mean 'fanet"),
        ((recipe, "--dataset", data, "--set", "model.weights=no.pt", *out), "No such file"),
    ]
    for arguments, expected in cases:
        code, _, err = run(capsys, "bench", "run", *arguments)
        assert code == 2, arguments
        assert expected in said(err), arguments


@pytest.mark.parametrize(
    ("lacking", "typed"),
    [
        ("test", "run {recipe} --dataset {part} --out out"),
        ("train", "run {recipe} --dataset {part} --out out"),
        ("val", "run {recipe} --dataset {part} --out out --select val --sweep train.steps=[1,2]"),
        ("test", "score {part} --dataset {part}"),
        ("test", "objects {part} --dataset {part}"),
    ],
)
def test_a_split_that_is_needed_and_empty_is_told_before_work_with_what_fills_it(
    folder, capsys, tmp_path, monkeypatch, lacking, typed
):
    monkeypatch.chdir(tmp_path)
    others = [s for s in ("train", "val", "test") if s != lacking]
    kept = [word for split in others for word in ("--split", split)]
    run(capsys, "dataset", "subset", folder / "small.h5", *kept, "--out", "part.h5")
    words = typed.format(recipe=folder / "tiny.yaml", part="part.h5").split()
    code, _, err = run(capsys, "bench", *words)
    assert code == 2
    assert said(err).startswith(f"airseg: part.h5: no sequence is in its {lacking} split.")
    assert not list(tmp_path.glob("out/**/checkpoint.pt"))
    # What it says to type is what fills the split.
    advice = re.search(r"airseg (dataset split part\.h5 --assign .*)=SEQUENCE --out FILE", err)[1]
    (moved, *_) = Dataset("part.h5").split(others[0])
    code, _, _ = run(capsys, *f"{advice}={moved} --out moved.h5".split())
    assert code == 0
    assert Dataset("moved.h5").split(lacking) == [moved]


@pytest.mark.slow
def test_networks_are_listed_with_their_size(capsys):
    code, out, _ = run(capsys, "bench", "models")
    assert code == 0
    assert re.search(r"fanet18\s+FANet .*\s13\.82\s+6\.94\s+-\n", out)
    assert re.search(r"tv3s\s+TV3S .*\s17\.19\s+34\.82\s+4\.98\n", out)


def test_one_network_is_listed_with_its_options(capsys):
    code, out, _ = run(capsys, "bench", "models", "fanet18", "--set", "tca_depth=4", "--json")
    assert code == 0
    (found,) = json.loads(out)
    assert found["parameters"] == 13_817_984
    assert found["memory_bytes"] == 4 * 122_880


def test_mistakes_in_asking_for_a_network_are_told(capsys):
    for arguments, expected in (
        (["models", "fanet81"], "Did you mean 'fanet18'"),
        (["models", "--set", "tca_depth=4"], "goes with the name"),
        (["models", "fanet18", "--set", "tca_depth"], "expected NAME=VALUE"),
        (["models", "fanet18", "--set", "tca_depth=2024-13-40"], "found '2024-13-40'"),
        (["models", "fanet18", "--set", "tca_depth=two"], "found 'two'"),
        (["export", "fanet18", "--out", "x", "--weights", "no.pt"], "there is no such file"),
        (["export", "fanet18", "--out", "x", "--set", "depth=4"], "no option 'depth'"),
    ):
        code, _, err = run(capsys, "bench", *arguments)
        assert code == 2, arguments
        assert expected in said(err), arguments


def test_a_network_is_exported_and_checked(capsys, tmp_path):
    size = ("--height", 32, "--width", 32, "--format", "exported-program")
    code, out, _ = run(capsys, "bench", "export", "ssnet", "--out", tmp_path / "out", *size)
    assert code == 0
    assert (tmp_path / "out" / "frame0.pt2").exists()
    assert (tmp_path / "out" / "export.json").exists()
    assert "checked: differs from the network by at most" in out
