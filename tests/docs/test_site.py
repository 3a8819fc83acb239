"""The site builds without a warning, so every link inside it leads somewhere; its notebooks run."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from pages import ROOT

NOTEBOOKS = sorted((ROOT / "docs" / "notebooks").glob("*.py"))
_LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "benchmark/README.md"])
def test_links_of_pages_outside_the_site_lead_to_files(page):
    for target in _LINK.findall((ROOT / page).read_text()):
        if "://" not in target:
            assert (ROOT / page).parent.joinpath(target).exists(), f"{page}: {target}"


def test_every_page_stands_in_the_table_of_contents_once():
    index = (ROOT / "docs" / "index.md").read_text()
    listed = re.findall(r"^([\w/-]+)$", index, re.MULTILINE)
    pages = {p.stem for p in (ROOT / "docs").glob("*.md")} - {"index"}
    assert sorted(pages | {f"notebooks/{p.stem}" for p in NOTEBOOKS}) == sorted(listed)


@pytest.mark.slow
def test_the_site_builds_without_a_warning(tmp_path):
    pytest.importorskip("sphinx")
    built = subprocess.run(
        [
            sys.executable,
            "-m",
            "sphinx",
            "-W",
            "--keep-going",
            "-q",
            "-b",
            "html",
            "docs",
            tmp_path,
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert built.returncode == 0, built.stderr
    assert (tmp_path / "index.html").is_file()
    assert "simGetImages" in (tmp_path / "methods.html").read_text()
    assert "--reconnect" in (tmp_path / "command-line.html").read_text()
    # Figures keep their intervals on their line, and tables that are wider than the page say so.
    study = (tmp_path / "temporal-study.html").read_text()
    assert re.search(r'<table class="[^"]*\bfigures\b', study)
    assert "wide_tables.js" in study
    assert (tmp_path / "_static" / "wide_tables.js").is_file()


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_run_from_the_first_cell_to_the_last(notebook, tmp_path, monkeypatch):
    jupytext, nbclient = pytest.importorskip("jupytext"), pytest.importorskip("nbclient")
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("MPLBACKEND", "agg")
    content = jupytext.read(notebook)
    nbclient.NotebookClient(
        content, timeout=800, resources={"metadata": {"path": str(tmp_path)}}
    ).execute()
    said = "".join(
        output.get("text", "") for cell in content.cells for output in cell.get("outputs", [])
    )
    assert "airseg: " not in said  # the one line of an error of the program
