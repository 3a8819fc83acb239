"""A handful of spoiled inputs of each kind are read or refused in one line, never anything else.

benchmark/input_fuzzer.py tries many, each in its own process; these few are the same every time.
"""

import importlib
import random
import re
import sys
from pathlib import Path

import pytest

from airseg.errors import AirsegError

EACH = 4


@pytest.fixture(scope="module")
def fuzzer():
    folder = str(Path(__file__).parents[1] / "benchmark")
    sys.path.insert(0, folder)
    try:
        yield importlib.import_module("input_fuzzer")
    finally:
        sys.path.remove(folder)


def outcome(read):
    """Return the exit code of a command or what stands for it, and what a function refused with."""
    try:
        read()
    except SystemExit as stop:
        return stop.code or 0, []
    except (AirsegError, OSError) as refusal:
        return 2, [str(refusal)]
    return 0, []


@pytest.mark.parametrize(
    "name", ["plans", "maps", "settings", "recipes", "results", "recordings", "datasets"]
)
def test_spoiled_inputs_are_read_or_refused_in_one_line(fuzzer, name, tmp_path, capfd):
    (tmp_path / "sound").mkdir()
    sounds = fuzzer.KINDS[name].make(tmp_path / "sound")
    capfd.readouterr()
    for number in range(EACH):
        chance = random.Random(f"slice {name} {number}")
        (tmp_path / str(number)).mkdir()
        path = fuzzer.spoiled(chance.choice(sounds), tmp_path / str(number), chance)
        code, refused = outcome(lambda path=path: fuzzer.KINDS[name].read(path))
        told = capfd.readouterr().err.strip().splitlines()
        assert code in (0, 1, 2)
        if code == 2:
            lines = refused or [line for line in told if re.match(r"airseg: \S", line)]
            assert lines, told
            assert "\n" not in lines[0]
