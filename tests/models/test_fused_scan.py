"""The Triton kernels of the selective scan against the plain one, in Triton's interpreter.

The interpreter runs the kernels' own source on a CPU. Triton decides when it is first imported
whether it interprets, so the tests marked `interpreted` run in a process of their own.
"""

import os
import subprocess
import sys

import pytest
import torch

from airseg.models.selective_scan import selective_scan

pytest.importorskip("triton")

INTERPRETING = os.environ.get("TRITON_INTERPRET") == "1"
interpreted = pytest.mark.skipif(not INTERPRETING, reason="runs in a process of its own")
NAMES = ("inputs", "steps", "decay", "enter", "leave", "state")


@pytest.fixture
def fused_scan():
    from airseg.models.fused_scan import fused_scan

    return fused_scan


@pytest.mark.skipif(INTERPRETING, reason="is in that process")
def test_the_kernels_in_the_interpreter():
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-rs", __file__]
    environment = os.environ | {"TRITON_INTERPRET": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=250)
    assert done.returncode == 0, done.stdout
    assert "5 passed" in done.stdout


def problem(length, batch=2, width=5, states=4, device="cpu"):
    torch.manual_seed(0)
    u, c = torch.randn(batch, length, width), torch.randn(batch, length, states)
    dt, b = torch.rand(batch, length, width), torch.randn(batch, length, states)
    a, state = -torch.rand(width, states) * 4, torch.randn(batch, width, states)
    return tuple(t.to(device).requires_grad_() for t in (u, dt, a, b, c, state))


def plain(u, dt, a, b, c, state):
    doubles = [t.detach().double().requires_grad_() for t in (u, dt, a, b, c, state)]
    u, dt, a, b, c, state = doubles
    y, end = selective_scan(u, dt, a, b, c, torch.zeros_like(a[:, 0]), state)
    return doubles, y, end


def assert_same(arguments, fused):
    """Values and all six gradients, of both results, equal those in double precision."""
    doubles, expected, last = plain(*arguments)
    y, end = fused(*arguments)
    torch.testing.assert_close(y.double(), expected, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(end.double(), last, rtol=1e-5, atol=1e-5)
    pull = [torch.randn_like(y), torch.randn_like(end)]
    found = torch.autograd.grad((y, end), arguments, pull)
    wanted = torch.autograd.grad((expected, last), doubles, [p.double() for p in pull])
    for name, f, w in zip(NAMES, found, wanted, strict=True):
        torch.testing.assert_close(
            f.double(), w, rtol=1e-4, atol=1e-4, msg=lambda m, n=name: f"{n}: {m}"
        )


@interpreted
@pytest.mark.parametrize("length", [1, 7, 70])
def test_values_and_gradients_are_those_of_the_plain_scan(fused_scan, length):
    assert_same(problem(length, batch=1 if length > 10 else 2), fused_scan)


@interpreted
def test_channels_beyond_a_block_are_scanned_too(fused_scan):
    assert_same(problem(3, batch=1, width=37), fused_scan)


@interpreted
def test_without_gradients_no_states_are_kept(fused_scan):
    with torch.no_grad():
        y, _ = fused_scan(*problem(5))
    assert not y.requires_grad


@pytest.mark.skipif(INTERPRETING, reason="is not about the interpreter")
def test_a_cpu_never_takes_the_kernels(monkeypatch):
    monkeypatch.setitem(sys.modules, "airseg.models.fused_scan", None)  # importing it would fail
    u, dt, a, b, c, state = problem(5)
    selective_scan(u, dt, a, b, c, torch.zeros(5), state)


@pytest.mark.gpu
@pytest.mark.skipif(INTERPRETING or not torch.cuda.is_available(), reason="needs a CUDA GPU")
def test_compiled_kernels_on_a_gpu_agree_too():
    from airseg.models.fused_scan import fused_scan

    assert_same(problem(1500, batch=3, width=96, states=16, device="cuda"), fused_scan)


@pytest.mark.skipif(INTERPRETING, reason="compiles")
@pytest.mark.parametrize("capability", [80, 90])
def test_the_kernels_compile_for_the_gpus_of_today(capability, monkeypatch, tmp_path):
    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path))
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource, compile

    from airseg.models import fused_scan

    constants = {"STATES": 16, "CHANNELS": 32, "CHUNK": 64, "KEEP": True}
    for kernel in (fused_scan._forward, fused_scan._backward):
        kinds = {n: "*fp32" if n.endswith("_at") else "i32" for n in kernel.arg_names}
        kinds |= {n: "constexpr" for n in kernel.arg_names if n in constants}
        known = {n: v for n, v in constants.items() if n in kernel.arg_names}
        target = GPUTarget("cuda", capability, 32)
        assert "cubin" in compile(ASTSource(kernel, kinds, known), target=target).asm
