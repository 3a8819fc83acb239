"""The command line as a whole: fast help, one-line errors, exit codes."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import run

from airseg.flight.plan import load_plan


def test_help_lists_the_commands_and_an_example(capsys):
    code, out, _ = run(capsys, "--help")
    assert code == 0
    for command in ("sim", "record", "relabel", "bench"):
        assert command in out
    assert "Example" in out


@pytest.mark.parametrize("command", ["sim", "record", "relabel", "bench"])
def test_every_command_has_help_with_an_example(capsys, command):
    code, out, _ = run(capsys, command, "--help")
    assert code == 0
    assert f"airseg {command}" in out


@pytest.mark.parametrize("group", [[], ["plan"], ["bench"]])
def test_a_group_by_its_bare_name_shows_its_help_as_it_is_laid_out(capsys, group):
    """It is what a newcomer types first."""
    _, page, _ = run(capsys, *group, "--help")
    code, out, err = run(capsys, *group)
    assert (code, out, err) == (2, "", page)


def test_the_example_of_the_first_page_has_flights_to_train_on_and_to_test_on(capsys):
    _, page, _ = run(capsys, "--help")
    flown = re.search(r"airseg record (.+?) --embedded", page)[1].split()
    assert {load_plan(name)[1].split for name in flown} == {"train", "val", "test"}


def test_unknown_command_gets_one_line_with_the_nearest_name(capsys):
    code, _, err = run(capsys, "recrod")
    assert code == 2
    assert err.count("\n") == 1
    assert "Did you mean 'record'?" in err


def test_unknown_option_gets_one_line(capsys):
    code, _, err = run(capsys, "relabel", "--maap", "x")
    assert code == 2
    assert err.count("\n") == 1
    assert "--map" in err


def test_help_imports_neither_torch_nor_numba():
    script = (
        "import sys; from airseg.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "print([m for m in ('torch', 'numba', 'h5py', 'cv2') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip().splitlines()[-1] == "[]"


def test_what_is_mistyped_is_told_before_anything_large_is_loaded():
    """PyTorch and numba take many seconds on a busy machine."""
    script = (
        "import sys; from airseg.cli import main\n"
        "for line in sys.stdin.read().splitlines():\n"
        "    try: main([*line.split(), '--out', 'out'])\n"
        "    except SystemExit as stop: print(stop.code)\n"
        "print([m for m in ('torch', 'numba') if m in sys.modules])"
    )
    mistakes = (
        "record loop_wlk --embedded",
        "record loop_walk --simulator localhost",
        "relabel recordings --map neighbourhood",
        "bench run demo --dataset nowhere.h5",
        "bench run demo --set train.stepz=5 --dataset nowhere.h5",
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        input="\n".join(mistakes),
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split("\n")[:-1] == ["2"] * len(mistakes) + ["[]"]
    assert len(done.stderr.splitlines()) == len(mistakes)


@pytest.mark.parametrize("module", ["airseg.cli.record", "airseg.cli.relabel", "airseg.cli.sim"])
def test_recording_and_relabelling_start_without_torch(module):
    script = f"import sys, {module}; print('torch' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"


def test_the_leaderboard_is_made_without_torch_and_numba(tmp_path):
    """Scores are counted already: tables and pages of them need nothing that counts."""
    results = Path(__file__).parents[2] / "benchmark" / "results" / "tca-cpu-5hz"
    script = (
        "import sys; from airseg.cli import main\n"
        "main(['bench', 'leaderboard', *sys.argv[1:]])\n"
        "print([m for m in ('torch', 'numba', 'scipy.stats', 'matplotlib') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(results), "--out", str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "[]"
    assert (tmp_path / "leaderboard.html").is_file()
