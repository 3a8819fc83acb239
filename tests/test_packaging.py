"""Wheel and sdist, built and tried in empty environments: what a person gets from an index."""

import importlib.metadata
import os
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
MOST_BYTES = 700e6  # llvmlite, OpenCV and FFmpeg are 430 MB of it
PLAN = """\
description: the shortest flight
camera: {width: 64, height: 48}
start: {position: [0, 0, -3]}
waypoints: [{position: [6, 0, -3]}]
split: train
"""


def names(requirements):
    return {r.split("[")[0].split(">")[0].split("=")[0].strip() for r in requirements}


def test_nothing_that_records_or_relabels_asks_for_torch():
    needed = names(PROJECT["dependencies"])
    assert needed.isdisjoint(
        {"torch", "torchvision", "lightning-fabric", "scipy", "hdf5plugin", "airsim"}
    )
    assert {"torch", "torchvision"} <= names(PROJECT["optional-dependencies"]["bench"])
    assert "airsim" not in PROJECT["optional-dependencies"]  # no tool can install it: see Makefile


def test_every_extra_that_needs_networks_brings_them():
    extras = PROJECT["optional-dependencies"]
    for name in ("baselines", "dev", "export", "tensorboard"):
        assert any(r.startswith("airseg[") and "bench" in r for r in extras[name])


def test_the_citation_names_the_project():
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert cited["license"] == PROJECT["license"]
    assert cited["repository-code"] == PROJECT["urls"]["Homepage"]
    assert [author["name"] for author in cited["authors"]] == [
        author["name"] for author in PROJECT["authors"]
    ]


WITHOUT_TORCH = """
import sys


class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"torch", "torchvision", "lightning", "scipy"}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


sys.meta_path.insert(0, Absent())
"""


def without_torch(code):
    command = [sys.executable, "-c", WITHOUT_TORCH + code]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_without_torch_the_benchmark_says_in_one_line_what_to_install():
    told = without_torch("from airseg.cli import main\nmain(['bench', 'speed', 'fanet18'])")
    assert told.returncode == 2
    assert told.stderr.count("\n") == 1
    assert "pip install 'airseg[bench]'" in told.stderr
    told = without_torch("import airseg\nairseg.build_model('fanet18', 11)")
    assert "pip install 'airseg[bench]'" in told.stderr.splitlines()[-1]


def test_without_torch_everything_else_is_there():
    told = without_torch(
        "import airseg, airseg.library, airseg.cli.info, airseg.cli.verify\n"
        "import airseg.cli.dataset.card\n"
        "from airseg.cli.names import NETWORK\n"
        "assert 'fanet18' in NETWORK._names()\n"
        "from airseg.cli import main\n"
        "for name in ('record', 'relabel', 'open', 'Dataset'): getattr(airseg, name)\n"
        "main(['bench', 'run', '--help'])"
    )
    assert told.returncode == 0, told.stderr
    assert "RECIPES" in told.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Build both from a copy of what git would archive, with and without its history."""
    out = tmp_path_factory.mktemp("built")
    uv("build", "--out-dir", out, ROOT)
    return out


def uv(*arguments):
    subprocess.run([str(Path(sys.executable).with_name("uv")), *map(str, arguments)], check=True)


def run(environment, *arguments, cwd):
    program = environment / ("Scripts" if os.name == "nt" else "bin") / "airseg"
    command = [str(program), *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_wheel_without_torch_is_small_and_records_relabels_and_verifies(built, tmp_path):
    (wheel,) = built.glob("*.whl")
    environment = tmp_path / "environment"
    uv("venv", "--python", sys.executable, environment)
    python = environment / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    constraints = ("--constraint", ROOT / "constraints.txt")
    uv("pip", "install", "--quiet", "--link-mode", "copy", "--python", python, *constraints, wheel)
    size = sum(p.stat().st_size for p in environment.rglob("*") if p.is_file())
    assert size < MOST_BYTES
    (tmp_path / "hop.yaml").write_text(PLAN)
    for command in (
        ("record", "hop.yaml", "--embedded", "--frames", "3", "--out", "recordings"),
        ("verify", "recordings"),
        ("relabel", "recordings", "--map", "neighborhood", "--out", "d.h5"),
        ("verify", "d.h5"),
        ("info", "d.h5"),
        ("labels", "check"),
    ):
        done = run(environment, *command, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    done = run(environment, "bench", "speed", "fanet18", cwd=tmp_path)
    assert done.returncode == 2
    assert "pip install 'airseg[bench]'" in done.stderr
    print(f"installed without torch: {size / 1e6:.0f} MB")


def check_links(shown):
    """An index shows the README alone: each picture and link leads to the project's own files."""
    home = PROJECT["urls"]["Homepage"]
    raw = home.replace("//github.com", "//raw.githubusercontent.com")
    links = re.findall(r"(!?)\[[^\]]*\]\(([^)\s]+)\)", shown)
    assert len(links) > 10
    for is_picture, link in links:
        if link.startswith(home) or is_picture:
            prefix = f"{raw}/main/" if is_picture else f"{home}/blob/main/"
            assert link.startswith(prefix)
            assert (ROOT / link.removeprefix(prefix).partition("#")[0]).exists(), link
        assert link.startswith("https://"), link


@pytest.mark.slow
def test_wheel_and_sdist_hold_what_the_program_needs_and_no_more(built):
    (wheel,), (source,) = built.glob("*.whl"), built.glob("*.tar.gz")
    with zipfile.ZipFile(wheel) as archive:
        held = set(archive.namelist())
        (metadata,) = (name for name in held if name.endswith(".dist-info/METADATA"))
        shown = archive.read(metadata).decode().partition("\n\n")[2]
    check_links(shown)
    kinds = {"flight_plans": "flight_plans", "label_maps": "label_maps"}
    kinds |= {"recipes": "benchmark/recipes", "papers": "benchmark/papers"}
    for inside, outside in kinds.items():
        for path in (ROOT / outside).glob("*.yaml"):
            assert f"airseg/_data/{inside}/{path.name}" in held
    assert {"airseg/py.typed"} <= held
    assert not [name for name in held if name.startswith(("tests/", "docs/"))]
    with tarfile.open(source) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"pyproject.toml", "airseg/__init__.py", "label_maps/neighborhood.yaml"} <= names
    assert source.stat().st_size < 10e6


@pytest.mark.slow
def test_an_archive_without_history_still_has_a_version(tmp_path):
    archive = tmp_path / "airseg.tar"
    subprocess.run(["git", "-C", str(ROOT), "archive", "-o", str(archive), "HEAD"], check=True)
    with tarfile.open(archive) as opened:
        opened.extractall(tmp_path / "source", filter="data")
    uv("build", "--wheel", "--out-dir", tmp_path / "out", tmp_path / "source")
    (wheel,) = (tmp_path / "out").glob("*.whl")
    assert importlib.metadata.version("airseg")
    assert wheel.name.startswith("airseg-0.")
