"""What `--dry-run` foretells is what a run then does."""

import json

from command_line import run

SMALL = ["--set", "data.height=64", "--set", "data.width=96", "--set", "train.warmup_steps=0"]


def test_frames_and_steps_are_those_of_the_run_and_nothing_is_made(dataset_path, tmp_path, capsys):
    out = tmp_path / "results"
    command = ("bench", "run", "demo", "--dataset", dataset_path, "--out", out, *SMALL)
    command += ("--set", "train.steps=4", "--set", "evaluate.samples=0", "--only", "FANet-18 N=0")
    code, said, err = run(capsys, *command, "--dry-run")
    assert code == 0, err
    assert not out.exists()
    code, _, err = run(capsys, *command)
    assert code == 0, err
    (path,) = out.glob("*.json")
    result = json.loads(path.read_text(encoding="utf-8"))
    assert f"{result['steps']} steps of" in said
    assert f"{result['supervised_frames']} supervised frames" in said
    assert f"{result['scored_frames']} frames scored" in said
    size = next(out.rglob("checkpoint.pt")).stat().st_size
    assert abs(float(said.split(" MB;")[0].rsplit(" ", 1)[1]) * 1e6 - size) < 2e6
    code, said, err = run(capsys, *command, "--dry-run")
    assert "FANet-18 N=0: done before" in said
