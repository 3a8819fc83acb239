"""What is mistyped is told before numba or PyTorch is loaded, which takes up to many seconds."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from made_results import made_result, write_results
from small_dataset import build_dataset
from test_names_and_spellings import ALL

import airseg

CASES = [
    ("sim --world nieghborhood", "there is no world 'nieghborhood'. Did you mean 'neighborhood'?"),
    ("sim --dialect cosy", "Did you mean 'cosys'?"),
    ("sim --clock airsims", "Did you mean 'airsim'?"),
    ("sim --fault hagn", "Did you mean 'hang'?"),
    ("sim --sim-mode Cart", "Did you mean 'Car'?"),
    ("sim --ideal keep-nans", "Did you mean 'keep-nan'?"),
    ("sim --settings {absent}", "{absent}: "),
    ("sim --port 99999", "99999 is not in the range"),
    ("record loop_wlak --embedded --out o", "Did you mean 'loop_walk'?"),
    ("record loop_walk --embedded --world pine --out o", "Did you mean 'pine_estate'?"),
    ("record loop_walk --embedded --out {notes}", "is a file"),
    ("record loop_walk --simulator host: --out o", "host:"),
    ("record loop_walk --replay {absent} --embedded --out o", "{absent}"),
    ("record loop_walk --palette {absent} --out o", "{absent}"),
    ("record --fleet {absent} --out o", "{absent}"),
    ("plan check loop_wlak", "Did you mean 'loop_walk'?"),
    ("plan draw loop_wlak --out m.png", "Did you mean 'loop_walk'?"),
    ("plan draw loop_walk --out m.jpg", "name it m.png"),
    ("plan draw loop_walk --world pine --out m.png", "Did you mean 'pine_estate'?"),
    ("plan import {absent} --out p.yaml", "{absent}"),
    ("settings loop_wlak", "Did you mean 'loop_walk'?"),
    ("doctor --simulator host:", "host:"),
    ("verify {absent}", "{absent}"),
    ("verify {notes}", "{notes}"),
    ("preview {absent}", "{absent}"),
    ("preview {flight} --map neighbourhod", "Did you mean 'neighborhood'?"),
    ("view {absent}", "{absent}"),
    ("view {flight} --map neighbourhod --save f.mp4", "Did you mean 'neighborhood'?"),
    ("view {dataset} --sequence aa --save f.mp4", "there is no sequence 'aa'"),
    ("view {dataset} --save f.avi", "expected a name that ends in .rrd or .mp4"),
    ("view {dataset} --predictions {absent} --save f.mp4", "{absent}"),
    ("info {absent}", "{absent}"),
    ("info {flight} --map neighbourhod", "Did you mean 'neighborhood'?"),
    ("relabel {absent} --map neighborhood --out o.h5", "{absent}"),
    ("relabel {flight} --map neighbourhod --out o.h5", "Did you mean 'neighborhood'?"),
    ("relabel {flight} --map neighborhood --codec zsdt --out o.h5", "Did you mean 'zstd'?"),
    ("relabel {flight} --map neighborhood --assign tset=a --out o.h5", "tset"),
    ("relabel {flight} --map neighborhood --palette {absent} --out o.h5", "{absent}"),
    ("labels check neighbourhod", "Did you mean 'neighborhood'?"),
    ("labels check --names {absent}", "{absent}"),
    ("labels audit {absent} --out o", "{absent}"),
    ("labels audit {flight} --map neighbourhod --out o", "Did you mean 'neighborhood'?"),
    ("labels audit {flight} --out {notes}", "is a file"),
    ("labels suggest {absent}", "{absent}"),
    ("labels suggest {notes} --map neighbourhod", "Did you mean 'neighborhood'?"),
    ("dataset import cityscaps {empty} --out o.h5", "Did you mean 'cityscapes'?"),
    ("dataset import cityscapes {absent} --out o.h5", "there is no such folder"),
    ("dataset import cityscapes {empty} --out o.h5", "{empty}"),
    ("dataset import cityscapes {empty} --bfore 3 --out o.h5", "--before"),
    ("dataset import cityscapes {empty} --codec zsdt --out o.h5", "Did you mean 'zstd'?"),
    ("dataset import tartanair2 {empty} --camera lcam_frnt --out o.h5", "'lcam_front'?"),
    ("dataset import folders {empty} --palette {absent} --out o.h5", "{absent}"),
    ("dataset export mmsge {dataset} --out o", "Did you mean 'mmseg'?"),
    ("dataset export mmseg {absent} --out o", "{absent}"),
    ("dataset export mmseg {dataset} --out {notes}", "is a file"),
    ("dataset push {absent} me/flights --dry-run --out o", "{absent}"),
    ("dataset push {dataset} flights --dry-run --out o", "flights"),
    ("dataset correct {absent} {empty} --out o.h5", "{absent}"),
    ("dataset correct {dataset} {absent} --out o.h5", "{absent}"),
    ("dataset card {absent} --out o", "{absent}"),
    ("dataset subset {absent} --out o.h5", "{absent}"),
    ("dataset subset {dataset} --sequence aa --out o.h5", "there is no sequence 'aa'"),
    ("dataset subset {dataset} --range a:b --out o.h5", "a:b"),
    ("dataset merge {absent} {dataset} --out o.h5", "{absent}"),
    ("dataset append {absent} {flight}", "{absent}"),
    ("dataset append {dataset} {absent}", "{absent}"),
    ("dataset shard {absent} --out o", "{absent}"),
    ("dataset index {absent} --out o.json", "{absent}"),
    ("dataset split {absent} --assign test=a --out o.h5", "{absent}"),
    ("dataset split {dataset} --assign test=aa --out o.h5", "aa"),
    ("dataset split {dataset} --stratified --shares 1,2 --out o.h5", "found 1, 2"),
    ("dataset leak {absent}", "{absent}"),
    ("bench run dmeo --dataset {dataset} --out o", "Did you mean 'demo'?"),
    ("bench run demo --dataset {absent} --out o", "{absent}"),
    ("bench run demo --dataset {notes} --out o", "{notes}"),
    ("bench run demo --dataset {dataset} --set train.stpes=5 --out o", "Did you mean 'steps'?"),
    ("bench run demo --dataset {dataset} --only FANet --out o", "--only FANet"),
    ("bench leaderboard {absent} --out o", "{absent}"),
    ("bench leaderboard {result} --published {absent} --out o", "{absent}"),
    ("bench models fanet81", "Did you mean 'fanet18'?"),
    ("bench models --set tca_depth=4", "--set goes with the name of a network"),
    ("bench publish {absent} --out o", "{absent}"),
    ("bench publish {notes} --out o", "{notes}"),
    ("bench push {absent} me/net --dry-run", "{absent}"),
    ("bench push {result} net --dry-run", "net"),
    ("bench export fanet81 --out o", "Did you mean 'fanet18'?"),
    ("bench export fanet18 --weights {absent} --out o", "{absent}: there is no such file"),
    ("bench distances dff_resnet05 --dataset {dataset} --weights none", "'dff_resnet50'?"),
    ("bench distances dff_resnet50 --dataset {absent} --weights none", "{absent}"),
    ("bench distances dff_resnet50 --dataset {dataset} --weights {absent}", "{absent}"),
    ("bench pretrain-flow dff_resnet05 --dataset {dataset} --out f.pt", "'dff_resnet50'?"),
    ("bench pretrain-flow dff_resnet50 --dataset {absent} --out f.pt", "{absent}"),
    ("bench score {absent} --dataset {dataset}", "{absent}: there is no such folder or file"),
    ("bench score {empty} --dataset {absent}", "{absent}"),
    ("bench objects {absent} --dataset {dataset}", "{absent}"),
    ("bench objects {empty} --dataset {absent}", "{absent}"),
    ("bench reproduce {absent} --dataset {dataset}", "{absent}"),
    ("bench reproduce {result} --dataset {absent}", "{absent}"),
    ("bench speed fanet81", "Did you mean 'fanet18'?"),
    ("bench speed fanet18 --modes eagre", "--modes eagre: choose from"),
    ("bench speed fanet18 --precisions fp23", "--precisions fp23: choose from"),
    ("bench speed fanet18 --weights {absent}", "{absent}: there is no such file"),
    ("bench speed --show {absent}", "{absent}"),
    ("bench temporal temporal-mnii --dataset {dataset} --out o", "'temporal-mini'?"),
    ("bench temporal temporal-mini --dataset {absent} --out o", "{absent}"),
    ("bench temporal temporal-mini --dataset {dataset} --conditions nosie --out o", "'noise'?"),
]
SCRIPT = """
import contextlib, io, json, sys
from airseg.cli import main
told = []
for words in json.load(sys.stdin):
    before, code, err = set(sys.modules), 0, io.StringIO()
    with contextlib.redirect_stderr(err), contextlib.redirect_stdout(io.StringIO()):
        try:
            main(words)
        except SystemExit as stop:
            code = stop.code
    loaded = sorted({"numba", "torch"} & (set(sys.modules) - before))
    told.append([code, err.getvalue(), loaded])
json.dump(told, sys.stdout)
"""


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """What stands for the names in braces; what is typed is typed in this folder."""
    folder = tmp_path_factory.mktemp("typed")
    (folder / "empty").mkdir()
    (folder / "notes.txt").write_text("Road_1\n")
    write_results(folder / "results", made_result("one", samples=[]))
    return {
        "folder": folder,
        "absent": folder / "absent",
        "empty": folder / "empty",
        "notes": folder / "notes.txt",
        "result": folder / "results" / "one.json",
        "dataset": build_dataset(folder),
        "flight": folder / "flights" / "a",
    }


@pytest.fixture(scope="module")
def answers(files):
    """Exit code, stderr and libraries loaded of every case, by what was typed."""
    typed = [[str(word).format(**files) for word in line.split()] for line, _ in CASES]
    ran = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        input=json.dumps(typed),
        capture_output=True,
        text=True,
        cwd=files["folder"],
        env={**os.environ, "PYTHONPATH": str(Path(airseg.__file__).parents[1])},
        check=True,
    )
    return dict(zip([line for line, _ in CASES], json.load(io.StringIO(ran.stdout)), strict=True))


@pytest.mark.parametrize(("line", "expected"), CASES, ids=[line for line, _ in CASES])
def test_what_is_mistyped_is_told_before_anything_large_is_loaded(line, expected, files, answers):
    code, err, loaded = answers[line]
    assert code == 2
    assert expected.format(**files) in err
    assert loaded == []
    assert not [p for p in files["folder"].iterdir() if p.name.startswith(("o", "f."))], "written"


def test_every_command_is_mistyped_once():
    leaves = {name for name in ALL if not any(other.startswith(f"{name} ") for other in ALL)}
    typed = {f"airseg {line}" for line, _ in CASES}
    assert {name for name in leaves if not any(t.startswith(name) for t in typed)} == set()
