"""The README is short, what it says is so, and what it tells to type runs as it stands."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from pages import ROOT, typed_commands
from PIL import Image

from airseg.bench.leaderboard.table import BEGIN, END
from airseg.models import list_models

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
    named = set(re.findall(r"make ([a-z][\w-]+)", README))
    assert {"demo", "test"} <= named
    assert named - {"it"} <= goals


def test_its_table_stands_where_the_leaderboard_puts_it():
    table = README[README.index(BEGIN) : README.index(END)]
    heads = next(line for line in table.splitlines() if line.startswith("| system"))
    assert "mIoU %" in heads
    rows = [line for line in table.splitlines() if line.startswith("| FANet")]
    assert len(rows) >= 2


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_five_commands_run_as_they_stand(tmp_path):
    commands = [words for words in typed_commands(ROOT / "README.md") if words[0] == "airseg"]
    assert len(commands) == 5
    tools = Path(sys.executable).parent
    environment = {**os.environ, "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}"}
    for words in commands:
        done = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, f"{' '.join(words)}\n{done.stderr}"
    assert (tmp_path / "results" / "leaderboard.html").stat().st_size > 10_000
    assert list((tmp_path / "recordings").glob("*.mp4"))
