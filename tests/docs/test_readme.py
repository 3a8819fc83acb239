"""The README is short, what it says is so, and what it tells to type runs as it stands."""

import importlib.util
import os
import re
import statistics
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest
from pages import ROOT, sessions
from PIL import Image

from airseg.bench.results.result import load_results
from airseg.bench.results.seeds import merge_seeds
from airseg.models import list_models

STUDY = ROOT / "benchmark" / "studies" / "tca"
README = (ROOT / "README.md").read_text()


def test_it_is_read_in_a_minute():
    assert len(README.splitlines()) <= 150
    for picture in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", README):
        path = ROOT / picture[picture.index("docs/") :]
        assert path.stat().st_size < 1.5e6, picture
    with Image.open(ROOT / "docs" / "film.webp") as film:
        assert film.n_frames > 20


def test_it_counts_the_networks_there_are():
    assert re.search(r"<!-- networks -->(\d+)<!-- /networks -->", README)[1] == str(
        len(list_models())
    )


def test_its_make_commands_are_goals_of_the_makefile():
    goals = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"(?:`|\$ )make ([a-z][\w-]+)", README))
    assert {"demo", "test"} <= named
    assert named <= goals


def script(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("recipe", ["reviewers-mini", "five-papers-mini"])
def test_the_tables_of_small_rows_are_those_of_the_committed_results(recipe):
    tables = script(STUDY.parent / "small_tables.py")
    found = load_results([ROOT / "benchmark" / "results" / f"{recipe}-cpu"])
    page = (ROOT / "docs" / "models.md").read_text(encoding="utf-8")
    assert tables.small_table(recipe, found) in page
    scores = defaultdict(list)
    for _, result in found:  # read off the files themselves
        if result.kind == "model":
            scores[result.label].append(100 * result.scores.mean_iou)
    for label, own in scores.items():
        count = f" {len(own)} |" if recipe == "five-papers-mini" else ""
        assert f"\n| {label} |{count} {statistics.mean(own):.1f} " in page


def test_its_table_and_verdict_are_those_of_the_committed_results():
    report = script(STUDY / "report.py")
    results = load_results([ROOT / "benchmark" / "results" / "tca-cpu"])
    rows = {r.label: r for _, r in merge_seeds(results)}
    written = (STUDY / "REPORT.md").read_text(encoding="utf-8")
    assert report.headline(rows) in README.split("## Install")[0]
    assert report.verdict(rows) in written
    for page in (README, written):
        assert report.scores("tca-cpu", rows).strip() in page


def test_it_shows_five_commands():
    assert sum(words[0] == "airseg" for words, _ in sessions(ROOT / "README.md")) == 5


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("page", ["README.md", "docs/tutorial.md"])
def test_its_commands_run_as_they_stand(page, tmp_path):
    tools = Path(sys.executable).parent
    environment = {**os.environ, "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}"}
    for words, shown in sessions(ROOT / page):
        if words[0] != "airseg":
            continue
        done = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, f"{' '.join(words)}\n{done.stderr}"
        assert set(shown) <= set(done.stdout.splitlines()), " ".join(words)
    assert (tmp_path / "results" / "leaderboard.html").stat().st_size > 10_000
    assert list((tmp_path / "recordings").glob("*.mp4"))
