"""Figures of the page as PDF: read back by pypdf, and points where the results have them."""

import re

import pytest
from command_line import run
from made_results import flown, made_result, write_results
from pypdf import PdfReader
from test_figures import row as paper_row

from airseg.bench.leaderboard.pdf_plots import leaderboard_drawings, pareto_front
from airseg.bench.results.certainty import certainty
from airseg.bench.results.published import load_published


def six(iou):
    """Scores of six flights, of which an interval can be told."""
    return flown(*(iou + d for d in (-0.05, -0.03, -0.01, 0.01, 0.03, 0.05)))


ROWS = [
    made_result("slow", label="FANet N=4 $x_1$", iou=0.6, p50=40, **six(0.6)),
    made_result("fast", label="ESPNet", iou=0.5, p50=5, **six(0.5)),
    made_result("beaten", label="SSNet", iou=0.4, p50=20, **six(0.4)),
    made_result("leaky", label="windows", iou=0.9, p50=4, protocol="paper", **six(0.9)),
]


def text_of(path):
    reader = PdfReader(path)
    assert len(reader.pages) == 1
    return reader.pages[0].extract_text()


def points(ax):
    """Return the points of a plot by their label."""
    return {
        line.get_label(): list(zip(*map(list, line.get_data()), strict=True))
        for line in ax.get_lines()
    }


def test_the_command_writes_a_page_for_every_figure(tmp_path, capsys):
    write_results(tmp_path / "results", *ROWS)
    asked = ["bench", "leaderboard", tmp_path / "results", "--out", tmp_path, "--figures", "pdf"]
    code, out, err = run(capsys, *asked)
    assert code == 0, err
    folder = tmp_path / "figures"
    names = {path.stem for path in folder.iterdir()}
    assert names == {"scores", "accuracy-latency", "accuracy-operations", "training", "classes"}
    assert f"wrote 5 figures into {folder}" in out
    for name in names:
        assert "ESPNet" in text_of(folder / f"{name}.pdf")
    scores = text_of(folder / "scores.pdf")
    assert "FANet N=4 $x_1$" in scores  # as written: no formula
    assert "windows (leaks)" in scores
    assert "CPU A" in text_of(folder / "accuracy-latency.pdf")
    for name in ("accuracy-latency", "accuracy-operations"):
        assert "mathdefault" not in text_of(folder / f"{name}.pdf")
    fonts = PdfReader(folder / "scores.pdf").pages[0]["/Resources"]["/Font"]
    assert {font.get_object()["/Subtype"] for font in fonts.values()} == {"/Type0"}  # TrueType
    first = {path.name: path.read_bytes() for path in folder.iterdir()}
    run(capsys, *asked)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == first


def test_points_are_the_numbers_of_the_results():
    drawn = leaderboard_drawings(ROWS)
    (ax,) = drawn["accuracy-latency"].axes
    told = points(ax)
    assert told["FANet N=4 $x_1$"] == [(40, 60)]
    assert told["windows (leaks)"] == [(4, 90)]
    (front,) = [where for label, where in told.items() if label.startswith("_")]
    assert front == [(5, 50), (40, 60)]  # what leaks is not on it, what is beaten is not
    ticks = [t.get_text() for t in ax.get_xticklabels(which="both") if t.get_text()]
    assert {"5", "10", "20"} <= set(ticks)  # of the logarithmic axis, as numbers
    (ax,) = drawn["scores"].axes
    assert [t.get_text() for t in ax.get_yticklabels()] == [
        "SSNet", "ESPNet", "FANet N=4 $x_1$", "windows (leaks)"
    ]  # fmt: skip
    sure = certainty(ROWS[1])
    ends = [list(line.get_xdata()) for line in ax.get_lines()]
    assert [pytest.approx(100 * sure.low), pytest.approx(100 * sure.high)] in ends


def test_parts_of_the_pixels_say_what_they_are_and_in_which_unit():
    parts = {
        "unknown": {"pixels": 1, "mean_iou": 0.3},
        "seen before": {"pixels": 9, "mean_iou": 0.5},
    }
    rows = [
        made_result(f"r{i}", scores={"by_visibility": parts, "by_motion": parts}) for i in range(11)
    ]
    motion, occlusion = leaderboard_drawings(rows)["where"].axes
    titles = [ax.get_title(loc="left") for ax in (motion, occlusion)]
    assert titles == ["By motion in the image", "By occlusion"]
    assert occlusion.get_xlabel() == "mIoU of the pixels, %"
    assert [t.get_text() for t in occlusion.get_yticklabels()] == ["unknown", "seen before"]
    looks = {(line.get_color(), line.get_marker()) for line in occlusion.get_lines()}
    assert len(looks) == 11  # colours come again after ten rows


def test_the_papers_figures_are_among_them():
    rows = [paper_row("paper-fig9", depth) for depth in (0, 4)]
    drawn = leaderboard_drawings(rows, load_published())["paper-fig9"]
    training, validation = drawn.axes
    assert points(training)["N=4"] == [(1, 50), (2, pytest.approx(64))]
    assert re.fullmatch(r"validation Eq. 1-2, % \(leaks\)", validation.get_title(loc="left"))


def test_a_front_is_what_nothing_beats():
    some = [(3, 1), (1, 2), (2, 5), (2, 4), (4, 5), (5, 6)]
    beaten = lambda p: any(q != p and q[0] <= p[0] and q[1] >= p[1] for q in some)  # noqa: E731
    assert pareto_front(some) == sorted(p for p in some if not beaten(p))


def test_without_matplotlib_it_is_said_what_to_install(monkeypatch):
    from airseg.errors import AirsegError

    monkeypatch.setitem(__import__("sys").modules, "matplotlib", None)
    with pytest.raises(AirsegError, match=r"pip install 'airseg\[figures\]'"):
        leaderboard_drawings(ROWS)
