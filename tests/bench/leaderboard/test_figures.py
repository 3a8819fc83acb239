"""The founding paper's table and figures: its numbers as printed, ours beside them, marked."""

import re
import xml.etree.ElementTree as ET

import pytest
from command_line import run
from made_results import made_result, write_results

from airseg.bench.leaderboard.figures import paper_figures
from airseg.bench.leaderboard.line_plot import Line, Plot, line_plot
from airseg.bench.results.published import load_published
from airseg.bench.results.result import recipe_hash

PAPER = load_published()


def row(name, depth, protocol="paper", batching="mixed", **fields):
    run = f"{name}-n{depth}-{batching}"
    made = made_result(run, protocol=protocol, **fields)
    recipe = made.recipe | {"name": name}
    recipe["model"] = {"name": "fanet18", "options": {"tca_depth": depth}}
    recipe["data"] = made.recipe["data"] | {"batching": batching}
    curves = {
        "training_jaccard": [(10, 0.5), (20, 0.6 + depth / 100)],
        "validation_jaccard": [(10, 0.45), (20, 0.55)],
        "epoch_steps": 10,
    }
    updated = made.model_dump() | {"recipe": recipe, "curves": curves}
    updated["recipe_hash"] = recipe_hash(recipe)
    return type(made).model_validate(updated)


def table_two():
    paper = [
        row("paper-table2", n, iou=0.3, supervised_frames=700 // (n + 1)) for n in (0, 2, 4, 6)
    ]
    fair = [row("fair-table2", n, "fair", iou=0.4, supervised_frames=500) for n in (0, 6)]
    return [*paper, *fair]


def cells(figure):
    return [dict(zip(figure.heads, line, strict=True)) for line in figure.rows]


def test_table_two_has_the_papers_numbers_and_ours_for_every_depth():
    (figure,) = paper_figures(table_two(), PAPER)
    rows = {line["N"]: line for line in cells(figure)}
    assert list(rows) == ["0", "2", "4", "6"]
    assert [rows["6"][f"paper: {s}"] for s in ("train", "val", "test")] == ["78.7", "72.2", "72.9"]
    assert rows["6"]["ours, its protocol: train"] == "66.0"
    assert rows["6"]["mIoU"] == "30.0"
    assert [rows[n]["frames trained on"] for n in "026"] == ["700", "233", "100"]
    assert [rows[n]["fair: frames trained on"] for n in "026"] == ["500", "-", "500"]
    assert rows["0"]["fair: mIoU"] == "40.0"
    assert rows["0"]["FPS, paper"] == "50"
    assert rows["0"]["FPS, CPU A"] == "100.0"


def test_a_speed_that_was_disturbed_is_not_shown_beside_the_papers():
    rows = table_two()
    speed = rows[0].speed.model_copy(update={"busy": 0.85})
    loud = [r.model_copy(update={"speed": speed}) for r in rows]
    (figure,) = paper_figures(loud, PAPER)
    assert {line["FPS, CPU A"] for line in cells(figure)} == {"-"}


def test_placebos_and_the_control_never_stand_in_for_a_depth():
    placebo = row("fair-table2", 6, "fair", iou=0.38)
    placebo.recipe["model"]["options"] |= {"reduction": "decay", "decay": 0}
    control = row("fair-table2", 0, "fair", iou=0.9)
    control.recipe["model"] = {"name": "espnet", "options": {}}
    (figure,) = paper_figures([*table_two(), placebo, control], PAPER)
    rows = {line["N"]: line for line in cells(figure)}
    assert [rows[n]["fair: mIoU"] for n in "06"] == ["40.0", "40.0"]
    assert [rows[n]["fair: mIoU, placebo"] for n in "06"] == ["-", "38.0"]


def test_what_leaks_is_marked_and_what_is_fair_is_not():
    (figure,) = paper_figures(table_two(), PAPER)
    marked = {h for i, h in enumerate(figure.heads) if i in figure.leaks}
    assert {"paper: test", "val", "test", "mIoU"} <= marked
    assert not {"fair: mIoU", "ours, fair: Eq. 1-2", "FPS, paper"} & marked
    assert "paper: test *(leaks)*" in figure.markdown()


def test_sizes_have_tables_of_their_own():
    mini = [row("paper-table2-mini", 0)]
    names = [f.name for f in paper_figures([*table_two(), *mini], PAPER)]
    assert names == ["paper-table2", "paper-table2-mini"]


def test_without_the_papers_numbers_or_with_one_protocol_the_table_still_stands():
    (figure,) = paper_figures(table_two()[-2:], None)
    assert [line["N"] for line in cells(figure)] == ["0", "6"]
    assert cells(figure)[0]["paper: test"] == "-"
    assert "mIoU" not in figure.heads


def test_other_results_make_no_figure():
    assert paper_figures([made_result("a"), row("paper-table20", 0)][:1], PAPER) == []


def test_figure_nine_draws_a_line_a_depth_and_the_papers_ends():
    (figure,) = paper_figures([row("paper-fig9", n) for n in (0, 2, 4, 6)], PAPER)
    training, validation = map(line_plot, figure.plots)
    for plot in (training, validation):
        assert plot.count("<polyline") == 4
        assert plot.count('class="published"') == 4
    assert "N=6, as published: 72.2" in validation
    assert "N=6, as published: 78.7" in training


@pytest.mark.parametrize(("name", "depth"), [("paper-fig7", 0), ("paper-fig8", 4)])
def test_figures_seven_and_eight_tell_batchings_apart_by_their_line(name, depth):
    rows = [row(name, depth, batching=b) for b in ("mixed", "homogeneous")]
    (figure,) = paper_figures(rows, PAPER)
    assert figure.title.startswith(f"Figure {name[-1]} of the founding paper")
    assert line_plot(figure.plots[0]).count("<polyline") == 2
    assert len(re.findall(r"<polyline[^>]*stroke-dasharray", line_plot(figure.plots[0]))) == 1
    assert [line[0] for line in figure.rows] == [f"N={depth} homogeneous", f"N={depth} mixed"]


def test_a_plot_puts_points_where_they_belong_and_stays_inside():
    lines = [Line("a <b>", "#123456", [(0, 10), (1, 20), (2, 30)]), Line("none", "#fff", [])]
    root = ET.fromstring(line_plot(Plot(lines, "points, %", "epoch")))
    _, _, width, height = map(float, root.get("viewBox").split())
    circles = [
        (float(n.get("cx")), float(n.get("cy")))
        for n in root.iter("{http://www.w3.org/2000/svg}circle")
    ]
    (x0, y0), (x1, y1), (x2, y2) = circles
    assert abs(x1 - (x0 + x2) / 2) < 0.2
    assert abs(y1 - (y0 + y2) / 2) < 0.2
    assert y0 > y1 > y2
    assert all(0 <= x <= width and 0 <= y <= height for x, y in circles)
    assert line_plot(Plot((Line("none", "#fff", []),), "t", "x")) == ""


def test_a_flat_line_is_drawn_too():
    assert "<polyline" in line_plot(
        Plot((Line("flat", "#123456", [(1, 50.0), (2, 50.0)]),), "t", "x")
    )


def test_the_leaderboard_writes_them_and_shows_them_on_its_page(capsys, tmp_path):
    results = write_results(tmp_path / "r", *table_two(), row("paper-fig9", 0))
    code, _, err = run(capsys, "bench", "leaderboard", results, "--out", tmp_path / "board")
    assert code == 0, err
    names = {p.name for p in (tmp_path / "board").iterdir()}
    assert {"paper-table2.md", "paper-fig9-1.svg", "paper-fig9-2.svg"} <= names
    page = (tmp_path / "board" / "leaderboard.html").read_text()
    assert "Table 2 of the founding paper" in page
    assert page.count('aria-label="training Eq. 1-2, %"') == 1
