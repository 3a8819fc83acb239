"""The compiled scans against the plain one in double precision, and Triton's label map.

Triton's interpreter runs its kernels' own source on a CPU. Triton decides when it is first imported
whether it interprets, so the tests marked `interpreted` run in a process of their own.
"""

import importlib.util
import os
import subprocess
import sys

import pytest
import torch

from airseg.models.label_maps import label_map
from airseg.models.scan_layout import Sequences
from airseg.models.selective_scan import selective_scan
from airseg.models.upsampling import place_of

INTERPRETING = os.environ.get("TRITON_INTERPRET") == "1"
HAS_TRITON = importlib.util.find_spec("triton") is not None
interpreted = pytest.mark.skipif(not INTERPRETING, reason="runs in a process of its own")
needs_triton = pytest.mark.skipif(not HAS_TRITON, reason="Triton is not installed")
once = pytest.mark.skipif(INTERPRETING, reason="is not about the interpreter")
NAMES = ("inputs", "steps", "decay", "enter", "leave", "state")

ONE = ((1, 7),)
SHIFTED = ((2, 40), (1, 1), (3, 5), (1, 17))
"""Runs as a shifted layer has them: some longer than a chunk, one of one token."""


@once
@needs_triton
@pytest.mark.slow
def test_the_kernels_in_the_interpreter():
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-rs", __file__]
    environment = os.environ | {"TRITON_INTERPRET": "1"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=250)
    assert done.returncode == 0, done.stdout
    assert "3 passed" in done.stdout


def problem(runs, gap=3, batch=2, width=5, states=4, device="cpu"):
    """Return the scan's six arguments with gradients, and how the sequences lie."""
    torch.manual_seed(0)
    sequences = Sequences.of(runs, gap, torch.device(device))
    rows = int(sequences.starts[-1]) - gap
    u, c = torch.randn(batch, rows, width), torch.randn(batch, rows, states)
    dt, b = torch.rand(batch, rows, width), torch.randn(batch, rows, states)
    a = -torch.rand(width, states) * 4
    state = torch.randn(batch * (len(sequences.starts) - 1), width, states)
    return [t.to(device).requires_grad_() for t in (u, dt, a, b, c, state)], sequences


def inside(sequences, rows):
    """Return (S, 1) which rows belong to a sequence."""
    found = torch.zeros(rows, 1, device=sequences.starts.device)
    for start, stop in zip(
        sequences.starts[:-1], sequences.starts[1:] - sequences.gap, strict=True
    ):
        found[start:stop] = 1
    return found


def assert_same(arguments, sequences, forward, backward):
    """Values and all six gradients, of both results, equal those in double precision."""
    doubles = [t.detach().double().requires_grad_() for t in arguments]
    u, dt, a, b, c, state = doubles
    skip = torch.zeros_like(a[:, 0])
    wanted_y, wanted_end = selective_scan(u, dt, a, b, c, skip, state, sequences=sequences)
    is_token = inside(sequences, u.shape[1])
    given = [t.detach() for t in arguments]
    y, end, kept = forward(*given, sequences.starts, sequences.gap, True)
    torch.testing.assert_close(y.double(), wanted_y * is_token, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(end.double(), wanted_end, rtol=1e-5, atol=1e-5)
    pull = [torch.randn_like(y), torch.randn_like(end)]
    layout = (sequences.starts, sequences.gap)
    found = backward(*pull, *given[:5], *layout, kept)
    results = (wanted_y * is_token, wanted_end)
    wanted = torch.autograd.grad(results, doubles, [p.double() for p in pull])
    for name, f, w in zip(NAMES, found, wanted, strict=True):
        torch.testing.assert_close(
            f.double(), w, rtol=1e-4, atol=1e-4, msg=lambda m, n=name: f"{n}: {m}"
        )
    alone, _, nothing = forward(*given, *layout, False)
    assert torch.equal(alone, y)
    assert not nothing.numel()


@interpreted
@pytest.mark.parametrize(
    ("runs", "batch", "width"),
    [(((1, 1), (1, 18), (1, 2)), 1, 3), (((1, 2),), 2, 11)],
    ids=["lengths-beyond-a-chunk", "channels-beyond-a-block"],
)
def test_triton_agrees(runs, batch, width):
    from airseg.models.fused_scan import scan_backward, scan_forward

    assert_same(*problem(runs, 3, batch, width, states=2), scan_forward, scan_backward)


@interpreted
def test_triton_labels_as_a_cpu_does():
    from airseg.models.fused_label_map import fused_label_map

    logits = torch.randn(2, 5, 4, 6).to(memory_format=torch.channels_last)
    for aligned, seen in ((True, (9, 14)), (True, (5, 7)), (False, (9, 14))):
        rows, columns = (
            place_of(coarse, fine, frame, align_corners=aligned)
            for coarse, fine, frame in zip(logits.shape[-2:], (9, 14), seen, strict=True)
        )
        expected = label_map(logits[None], (9, 14), align_corners=aligned, frame_size=seen)[0]
        assert torch.equal(fused_label_map(logits, 9, 14, rows, columns), expected)
    logits[0, 3, 1, 1], logits[1, 2, 0, 0] = torch.inf, torch.nan
    same = [place_of(n, n, n, align_corners=True) for n in (4, 6)]
    assert torch.equal(fused_label_map(logits, 4, 6, *same), logits.argmax(1).byte())


@once
@pytest.mark.parametrize("runs", [ONE, ((1, 100),), SHIFTED])
@pytest.mark.parametrize(("width", "threads"), [(5, 1), (130, 2)])
def test_the_cpus_kernels_agree(runs, width, threads):
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        operators = torch.ops.airseg
        assert_same(
            *problem(runs, width=width),
            operators.selective_scan,
            operators.selective_scan_backward,
        )
    finally:
        torch.set_num_threads(before)


@once
def test_results_of_a_scan_can_be_differentiated_once():
    arguments, sequences = problem(ONE)
    y, _ = selective_scan(*arguments[:5], torch.zeros(5), arguments[5], sequences=sequences)
    (gradient,) = torch.autograd.grad(y.square().sum(), arguments[:1], create_graph=True)
    with pytest.raises(RuntimeError, match="double precision"):
        gradient.sum().backward()


@once
def test_a_cpu_never_takes_tritons_kernels(monkeypatch):
    monkeypatch.setitem(sys.modules, "airseg.models.fused_scan", None)  # importing it would fail
    arguments, sequences = problem(ONE)
    selective_scan(*arguments[:5], torch.zeros(5), arguments[5], sequences=sequences)


@pytest.mark.slow
@once
def test_compilers_do_not_stop_at_a_scan():
    arguments, sequences = problem(SHIFTED)

    def scan(*given):
        return selective_scan(*given[:5], torch.zeros(5), given[5], sequences=sequences)[0]

    compiled = torch.compile(scan, backend="aot_eager", fullgraph=True)
    torch.testing.assert_close(compiled(*arguments), scan(*arguments))
    compiled(*arguments).sum().backward()


@pytest.mark.gpu
@once
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA GPU")
@pytest.mark.parametrize("runs", [((3, 1500),), SHIFTED])
def test_compiled_kernels_on_a_gpu_agree_too(runs):
    operators = torch.ops.airseg
    assert_same(
        *problem(runs, width=96, states=16, device="cuda"),
        operators.selective_scan,
        operators.selective_scan_backward,
    )


@once
@needs_triton
@pytest.mark.parametrize("capability", [80, 90])
def test_the_kernels_compile_for_the_gpus_of_today(capability, monkeypatch, tmp_path):
    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path))
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource, compile

    from airseg.models import fused_label_map, fused_scan

    constants = {"STATES": 16, "CHANNELS": 8, "CHUNK": 16, "KEEP": True, "PIXELS": 256}
    for kernel in (fused_scan._forward, fused_scan._backward, fused_label_map._label):
        kinds = {n: "*fp32" if n.endswith("_at") else "i32" for n in kernel.arg_names}
        kinds |= {n: "fp32" for n in kernel.arg_names if n.startswith("scale_")}
        kinds |= {"starts_at": "*i64"} if "starts_at" in kinds else {}
        kinds |= {"out_at": "*u8"} if "out_at" in kinds else {}
        kinds |= {n: "constexpr" for n in kernel.arg_names if n in constants}
        known = {n: v for n, v in constants.items() if n in kernel.arg_names}
        target = GPUTarget("cuda", capability, 32)
        assert "cubin" in compile(ASTSource(kernel, kinds, known), target=target).asm
