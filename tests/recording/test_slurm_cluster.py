"""Flights and rows as jobs: run with submitit's local executor, requeued where they are cut off."""

import itertools
import os
import signal
import sys
import time
from functools import partial
from pathlib import Path

import pytest
import submitit
from command_line import run, said
from small_dataset import build_dataset

from airseg.errors import AirsegError
from airseg.recording.slurm_cluster import LOGS, SlurmOptions, _parameters, slurm_cluster
from airseg.recording.stored.recording_verification import verify_recording

LOCAL = SlurmOptions("local")
TWICE = """
import os, pathlib, sys, time
place = pathlib.Path(sys.argv[1])
if place.exists():
    print("went on")
else:
    place.write_text(str(os.getpid()))
    time.sleep(600)
"""


def test_settings_go_to_submitit_or_to_sbatch():
    options = SlurmOptions(settings={"timeout_min": 9, "partition": "cpu", "mem_gb": 2})
    found = _parameters(options)
    assert {"timeout_min": 9, "slurm_partition": "cpu", "mem_gb": 2}.items() <= found.items()
    assert found["name"] == "airseg"


def test_without_slurm_one_line_says_so(tmp_path):
    with (
        pytest.raises(AirsegError, match=r"jobs cannot be submitted here.*--slurm-executor local"),
        slurm_cluster(tmp_path, SlurmOptions()),
    ):
        pass


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["record", "loop_walk", "--slurm"], "--slurm runs a fleet; give it with --fleet"),
        (["record", "--fleet", "f.yaml", "--slurm", "--ray", "local"], "leave one out"),
        (["record", "loop_walk", "--slurm-set", "mem_gb=2"], "give it with --slurm"),
        (["record", "--fleet", "f", "--slurm", "--slurm-set", "mem"], "expected NAME=VALUE"),
        (
            ["bench", "run", "demo", "--dataset", "d", "--slurm", "--select", "val"],
            "leave out --ray and --slurm",
        ),
    ],
)
def test_arguments_that_do_not_go_together_get_one_line(tmp_path, capsys, arguments, told):
    code, _, err = run(capsys, *arguments, "--out", tmp_path / "out")
    assert code == 2
    assert told in said(err)


def process_of(begun):
    """Return the number of the process that began, once it has."""
    for _ in itertools.takewhile(lambda _: not (begun.exists() and begun.read_text()), range(600)):
        time.sleep(0.1)
    return int(begun.read_text())


def is_gone(process):
    for _ in itertools.takewhile(lambda _: Path(f"/proc/{process}").exists(), range(50)):
        time.sleep(0.1)
    return not Path(f"/proc/{process}").exists()


def notify(job):
    """Do what Slurm does before a time limit, or when it preempts: signal the job's task.

    submitit's own `_interrupt` signals its stand-in for Slurm instead, which dies of it.
    """
    controller = job._process.pid
    for task in Path(f"/proc/{controller}/task/{controller}/children").read_text().split():
        os.kill(int(task), signal.SIGUSR2)


@pytest.mark.slow
def test_a_job_gives_its_exit_code_and_one_that_is_cut_off_goes_on(tmp_path, monkeypatch):
    jobs, plain = [], submitit.AutoExecutor.submit

    def kept(self, *arguments):
        jobs.append(plain(self, *arguments))
        return jobs[-1]

    monkeypatch.setattr(submitit.AutoExecutor, "submit", kept)
    begun = tmp_path / "begun"
    with slurm_cluster(tmp_path, LOCAL) as submit:
        failed = submit([sys.executable, "-c", "import sys; sys.exit('no luck')"])
        cut_off = submit([sys.executable, "-c", TWICE, str(begun)])
        process = process_of(begun)
        notify(jobs[1])
        assert failed.result(60) == (1, "no luck")
        assert cut_off.result(60) == (0, "went on")
    assert is_gone(process)
    assert list((tmp_path / LOGS).glob("*.out"))


@pytest.mark.slow
@pytest.mark.parametrize("handler", [signal.default_int_handler, signal.SIG_IGN])
def test_jobs_that_are_not_done_are_cancelled(tmp_path, handler, request):
    """Also where a shell has put the command into the background, and signals are ignored."""
    request.addfinalizer(partial(signal.signal, signal.SIGINT, signal.getsignal(signal.SIGINT)))
    signal.signal(signal.SIGINT, handler)
    futures = []

    def stopped():
        with slurm_cluster(tmp_path, LOCAL) as submit:
            futures.append(submit([sys.executable, "-c", TWICE, str(tmp_path / "begun")]))
            process_of(tmp_path / "begun")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()
    with pytest.raises(Exception, match=r"(?i)job|cancel|interrupt|state"):
        futures[0].result(60)
    assert is_gone(process_of(tmp_path / "begun"))


@pytest.mark.slow
def test_a_fleet_of_two_flights_is_recorded_by_jobs(tmp_path, capsys):
    (tmp_path / "fleet.yaml").write_text("plans: [loop_walk, roofs]\nsimulators: [{count: 2}]\n")
    out = tmp_path / "recordings"
    more = ("--slurm", "--slurm-executor", "local", "--frames", "2")
    code, said_so, err = run(
        capsys, "record", "--fleet", tmp_path / "fleet.yaml", *more, "--out", out
    )
    assert code == 0, err
    assert "2 plans over 2 simulators: 4 frames" in said_so
    for name in ("loop_walk", "roofs"):
        assert verify_recording(out / name).is_sound


@pytest.mark.slow
def test_rows_are_made_by_jobs(tmp_path, capsys):
    data = build_dataset(tmp_path)
    capsys.readouterr()  # what packing it says
    settings = [
        "train.steps=2",
        "train.warmup_steps=0",
        "data.height=64",
        "data.width=96",
        "evaluate.speed_frames=1",
    ]
    out = tmp_path / "results"
    code, told, err = run(
        capsys,
        *("bench", "run", "demo", "--dataset", data, "--out", out, "--device", "cpu"),
        *("--slurm", "--slurm-executor", "local"),
        *itertools.chain(*(("--set", text) for text in settings)),
    )
    assert code == 0, err
    assert told.count("wrote ") == 3
    assert len(list(out.glob("*.json"))) == 3
