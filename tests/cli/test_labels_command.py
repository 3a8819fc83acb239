"""``airseg labels``: its commands are found, explained, and start without torch."""

import subprocess
import sys

import pytest
from command_line import run, said
from recording_folders import write_recording


@pytest.mark.parametrize("name", ["check", "audit", "suggest"])
def test_each_command_shows_an_example(capsys, name):
    code, out, _ = run(capsys, "labels", name, "--help")
    assert code == 0
    assert f"airseg labels {name}" in out
    assert "Example" in out


def test_unknown_command_gets_the_nearest_name(capsys):
    code, _, err = run(capsys, "labels", "audits")
    assert code == 2
    assert "Did you mean 'audit'?" in said(err)


def test_map_that_does_not_exist_is_one_line_everywhere(capsys, tmp_path):
    write_recording(tmp_path / "rec", "a", 1)
    for arguments in (
        ("check", "neighbourhood"),
        ("audit", tmp_path / "rec", "--map", "neighbourhood", "--out", tmp_path / "x"),
        ("suggest", tmp_path / "rec", "--map", "neighbourhood"),
    ):
        code, _, err = run(capsys, "labels", *arguments)
        assert code == 2
        assert "'neighborhood'" in said(err)
    assert not (tmp_path / "x").exists()


def test_audit_never_imports_torch(tmp_path):
    write_recording(tmp_path / "rec", "a", 2)
    script = (
        "import sys; from airseg.cli import main\n"
        "try:\n    main(['labels', 'audit', 'rec', '--out', 'audit'])\n"
        "finally:\n    print('torch' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert done.stdout.splitlines()[-1] == "False"
    assert (tmp_path / "audit" / "audit.html").is_file()
