"""The leaderboard: comparable rows only, one machine a column, and the papers' rows apart."""

import html
import json
import re
import shutil

import numpy as np
import pytest
import scipy.stats
from made_results import flown, made_result, write_results
from markdown_it import MarkdownIt

from airseg.bench.leaderboard import table as board
from airseg.bench.leaderboard.badges import badges
from airseg.bench.leaderboard.comparison import comparison, difference_table
from airseg.bench.leaderboard.figures import Figure
from airseg.bench.leaderboard.pictures import collect_moments
from airseg.bench.leaderboard.published_table import csv_table, published_markdown
from airseg.bench.results.published import PublishedNumbers, load_published
from airseg.bench.results.result import load_result, load_results, recipe_hash
from airseg.bench.results.seeds import merge_seeds
from airseg.errors import RecipeError


def test_numbers_of_different_machines_never_share_a_column():
    rows = [made_result("a", machine="CPU A", p50=10), made_result("b", machine="GPU B", p50=2)]
    table = board.table(rows)
    assert table["FPS [A]"].tolist()[0] == pytest.approx(100)
    assert table["FPS [B]"].tolist()[1] == pytest.approx(500)
    assert table["FPS [A]"].isna().tolist() == [False, True]
    assert table["p50 ms [B]"].isna().tolist() == [True, False]
    text = board.markdown(rows)
    assert "Speed: A: CPU A; B: GPU B." in text


def test_one_machine_needs_no_letter():
    table = board.table([made_result("a"), made_result("b", machine=None)])
    assert "FPS" in table
    assert table["FPS"].isna().tolist() == [False, True]


def test_a_row_of_the_paper_protocol_says_that_it_leaks():
    rows = [made_result("a"), made_result("b", protocol="paper")]
    assert board.table(rows)["protocol"].tolist() == ["fair", "leaks"]
    assert "**leaks**: test frames lie beside training frames" in board.markdown(rows)
    assert "leaks" not in board.markdown(rows[:1])


def test_fair_rows_come_first_whatever_the_others_score(tmp_path):
    rows = [made_result("a", iou=0.4), made_result("b", protocol="paper", iou=0.9)]
    write_results(tmp_path, *rows, made_result("c", iou=0.6))
    assert [r.run for _, r in load_results([tmp_path])] == ["c", "a", "b"]


def test_a_submission_scored_on_another_split_is_refused():
    other = {"content_hash": "abc123", "split": "val", "sequences": {"c": 3}}
    theirs = made_result("b", protocol="submitted", kind="submission", iou=0.9, dataset=other)
    with pytest.raises(RecipeError, match="one split of one dataset"):
        board.check_comparable([made_result("a"), theirs])


def test_rows_of_unequal_budget_do_not_share_the_word_fair():
    rows = [
        made_result("a", steps=100, supervised_frames=800),
        made_result("b", steps=100, supervised_frames=800),
        made_result("c", steps=900, supervised_frames=7200),
    ]
    assert board.table(rows[:2])["protocol"].tolist() == ["fair", "fair"]
    assert board.table(rows)["protocol"].tolist() == ["budget A", "budget A", "budget B"]
    assert "900 steps on 7200 supervised frames" in board.markdown(rows)
    assert board.table(rows)["steps"].tolist() == [100, 100, 900]


def test_the_majority_class_has_taken_no_steps_whatever_its_recipe_says():
    constant = made_result("constant", kind="baseline", machine=None)
    constant.recipe["train"] = {"steps": 300}
    table = board.table([made_result("a", steps=300), constant])
    assert table["steps"].tolist()[0] == 300
    assert np.isnan(table["steps"].tolist()[1])


def test_hours_are_cores_or_gpus_times_wall_time():
    made = [
        made_result("a", training_seconds=1800, environment={"device": "CPU X", "threads": 4}),
        made_result("b", training_seconds=1800, environment={"device": "H100", "threads": 4}),
    ]
    table = board.table(made)
    assert table["core h"].tolist()[0] == 2.0
    assert table["GPU h"].tolist()[1] == 0.5
    assert table["core h"].isna().tolist() == [False, True]


def test_every_value_of_a_sweep_on_test_wears_a_badge():
    row = made_result("a", swept=["train.learning_rate"])
    assert board.table([row, made_result("b")])["protocol"].tolist() == ["swept", "fair"]
    assert "`--select val` chooses before the test" in board.markdown([row])


def test_speeds_of_a_busy_machine_are_marked_and_not_ranked():
    quiet, loud = made_result("a"), made_result("b")
    loud = loud.model_copy(update={"speed": loud.speed.model_copy(update={"busy": 0.4})})
    table = board.table([quiet, loud])
    assert table["FPS"].isna().tolist() == [False, True]
    assert table["speed while busy"].tolist() == ["", "100.0 FPS, 10.0 ms; others took 40 %"]
    assert "that of one row is not shown: other programs took up to 40 %" in board.markdown(
        [quiet, loud]
    )
    assert "not shown" not in board.markdown([quiet])


def test_one_protocol_scored_on_different_frames_is_refused():
    other = {"content_hash": "abc123", "split": "val", "sequences": {"c": 3}}
    with pytest.raises(RecipeError, match="a and b were scored on different frames"):
        board.check_comparable([made_result("a"), made_result("b", dataset=other)])
    board.check_comparable([made_result("a"), made_result("b", protocol="paper", dataset=other)])


@pytest.mark.parametrize(
    ("evaluate", "told"),
    [({"classes": ["sky"]}, "sky"), ({"pool": {"tree": "sky"}}, "all classes, tree as sky")],
)
def test_rows_scored_on_other_classes_are_refused(evaluate, told):
    """The mean over two easy classes is higher than that over eleven, whatever the network."""
    rows = [made_result("a"), made_result("b")]
    rows.append(rows[1].model_copy(update={"recipe": rows[1].recipe | {"evaluate": evaluate}}))
    board.check_comparable(rows[:2])
    with pytest.raises(RecipeError, match=rf"on different classes \(all classes; {told}\)"):
        board.check_comparable(rows)


def test_rows_of_another_dataset_are_refused_whatever_their_protocol():
    other = {"content_hash": "fff", "split": "test", "sequences": {"d": 9, "e": 4}}
    with pytest.raises(RecipeError, match="scored on different frames"):
        board.check_comparable(
            [made_result("a"), made_result("b", protocol="paper", dataset=other)]
        )
    with pytest.raises(RecipeError, match="a was scored on dataset abc123"):
        board.check_comparable([made_result("a")], content_hash="fff")


def test_a_result_whose_recipe_was_edited_is_refused(tmp_path):
    write_results(tmp_path, made_result("a"))
    path = tmp_path / "a.json"
    assert load_result(path).run == "a"
    path.write_text(path.read_text().replace('"width": 64', '"width": 96', 1))
    with pytest.raises(RecipeError, match="is not that of the recipe in the file"):
        load_result(path)


@pytest.mark.parametrize(
    ("place", "value", "expected"),
    [
        (("scores", "mean_iou"), 32.6, "mean_iou: expected a share from 0 to 1, found 32.6"),
        (("scores", "class_iou", "sky"), -0.1, "class_iou: expected a share from 0 to 1"),
        (("recipe", "data"), 3, "recipe: data: expected fields"),
        (("recipe", "train", "seed"), "one", "recipe: train.seed: expected a whole number"),
    ],
)
def test_values_that_no_run_writes_are_refused(tmp_path, place, value, expected):
    write_results(tmp_path, made_result("a"))
    path = tmp_path / "a.json"
    content = json.loads(path.read_text())
    *sections, last = place
    field = content
    for name in sections:
        field = field[name]
    field[last] = value
    path.write_text(json.dumps(content | {"recipe_hash": recipe_hash(content["recipe"])}))
    with pytest.raises(RecipeError, match=expected) as caught:
        load_result(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("field", ["logits_ms", "labelmap_ms", "key_ms"])
@pytest.mark.parametrize("times", [{"p50": 1.0, "p95": 2.0}, {"median": 1.0}])
def test_a_result_without_the_percentiles_that_tables_show_is_refused(tmp_path, field, times):
    write_results(tmp_path, made_result("a"))
    path = tmp_path / "a.json"
    content = json.loads(path.read_text())
    content["speed"][field] = times
    path.write_text(json.dumps(content))
    with pytest.raises(RecipeError, match=f"speed.{field}: .*expected p50, p95 and p99") as caught:
        load_result(path)
    assert "\n" not in str(caught.value)


def test_published_rows_stand_apart_and_name_their_paper():
    numbers = load_published()
    assert {"FANet-18", "TV3S B5", "DFF R101, l=5"} <= {r.system for r in numbers.rows}
    text = published_markdown(numbers)
    (line,) = (x for x in text.splitlines() if x.startswith("| FANet-18 TCA N=6 |"))
    assert "| founding paper | AirSim, random windows |" in line
    assert "| 72.9 |" in line
    assert text.count("FPS, ") == len(numbers.machines) == 6


def test_the_csv_marks_published_rows_and_keeps_their_speeds_apart():
    numbers = load_published()
    frame = csv_table([made_result("a")], numbers)
    assert frame["kind"].tolist() == ["model"] + ["published"] * len(numbers.rows)
    assert frame["FPS"].notna().tolist() == [True] + [False] * len(numbers.rows)
    row = frame[frame["system"] == "DFF R101, l=5"].iloc[0]
    assert row["FPS, K40 of the DFF paper"] == 5.6
    assert frame.iloc[0]["command"].startswith("airseg bench run made")


def test_published_numbers_are_those_of_the_papers_tables():
    jaccard = {
        r.depth: r.paper_jaccard for r in load_published().rows if r.depth is not None and r.leaks
    }
    assert {n: j["test"] for n, j in jaccard.items()} == {0: 80.4, 2: 78.2, 4: 76.2, 6: 72.9}


def test_temporal_scores_have_columns_where_a_row_has_them():
    plain = made_result("old")
    assert "mVC8 %" not in board.table([plain])
    rich = made_result("new", scores={"mvc8_correct": 0.7, "mvc8_official": 0.9, "cons": 0.95})
    table = board.table([plain, rich])
    assert table["mVC8 %"].isna().tolist() == [True, False]
    assert table["mVC8 official %"].tolist()[1] == pytest.approx(90)
    assert "mVC8 % |" in board.markdown([plain, rich])
    assert "official" not in board.markdown([plain, rich])  # the page and the CSV have it


def test_two_flights_have_a_range_and_no_interval():
    table = board.table([made_result("a", **flown(0.30, 0.40))])
    assert table["by flight %"].tolist() == ["35.0, range 30.0 to 40.0"]
    assert not [title for title in table if "95" in title]


def test_six_flights_have_students_interval_over_flights():
    ious = [0.30, 0.35, 0.42, 0.38, 0.33, 0.44]
    low, high = 100 * np.array(scipy.stats.ttest_1samp(ious, 0).confidence_interval(0.95))
    table = board.table([made_result("a", **flown(*ious))])
    assert table["by flight %"].tolist() == [f"37.0 ({low:.1f} to {high:.1f})"]


def test_intervals_of_older_results_are_left_out(tmp_path):
    """They came from draws of two flights, and covered half of what they said."""
    write_results(tmp_path, made_result("a", scores={"intervals": {"mean_iou": (0.4, 0.6)}}))
    assert "intervals" not in load_result(tmp_path / "a.json").scores.model_dump()


def seeded(seed, iou, **fields):
    run = f"net-seed{seed}"
    return made_result(run, label="net", network="x", iou=iou, train={"seed": seed}, **fields)


def test_seeds_become_one_row_with_their_spread(tmp_path):
    write_results(tmp_path, seeded(0, 0.4), seeded(1, 0.5), seeded(2, 0.6), made_result("b"))
    merged = [r for _, r in merge_seeds(load_results([tmp_path]))]
    assert len(merged) == 2
    (mean,) = (r for r in merged if r.label == "net")
    assert mean.scores.mean_iou == pytest.approx(0.5)
    assert mean.scores.class_iou["sky"] == pytest.approx(0.6)
    assert mean.scores.class_iou["tree"] is None
    assert mean.seeds == [0, 1, 2]
    assert mean.deviation["mean_iou"] == pytest.approx(0.1)
    table = board.table(merged)
    assert set(table["± seeds"]) == {"10.0 (3)", ""}


def test_parts_of_the_pixels_are_means_over_seeds_too(tmp_path):
    rows = []
    for seed, iou in enumerate((0.4, 0.6)):
        parts = {"by_motion": {"below 1 px": {"pixels": 10, "mean_iou": iou}}}
        rows.append(seeded(seed, iou, scores=parts))
    write_results(tmp_path, *rows)
    ((_, merged),) = merge_seeds(load_results([tmp_path]))
    assert merged.scores.by_motion["below 1 px"].mean_iou == pytest.approx(0.5)


def test_a_training_that_is_given_twice_is_refused(tmp_path):
    """As two seeds it would have the spread 0.0, and an interval of trainings that nobody made."""
    write_results(tmp_path / "a", seeded(0, 0.4), seeded(1, 0.5))
    (tmp_path / "link").symlink_to(tmp_path / "a")
    assert len(load_results([tmp_path / "a", tmp_path / "link"])) == 2  # files of two names
    shutil.copy(tmp_path / "a/net-seed1.json", tmp_path / "a/copy.json")
    with pytest.raises(RecipeError, match=r"copy.json and .*net-seed1.json are one row, 'net'"):
        merge_seeds(load_results([tmp_path / "a"]))


def test_the_majority_class_of_two_folders_is_one_row(tmp_path):
    row = made_result("demo-majority-class", label="majority class (sky)", kind="baseline")
    write_results(tmp_path / "a", row)
    write_results(tmp_path / "b", row)
    merged = [r for _, r in merge_seeds(load_results([tmp_path / "a", tmp_path / "b"]))]
    assert [r.label for r in merged] == ["majority class (sky)"]
    assert "± seeds" not in board.table(merged)


def test_rows_of_one_name_from_two_folders_are_told_apart(tmp_path):
    """The same command with other steps and another --out names its row alike."""
    for folder, steps, gain in (("short", 50, 0.0), ("long", 100, 0.1)):
        flights = [0.3 + gain, 0.4 + gain]
        row = made_result("net", iou=0.3 + gain, train={"steps": steps}, **flown(*flights))
        write_results(tmp_path / folder, row, mistaken_columns=steps // 10)
    rows = merge_seeds(load_results([tmp_path / "short", tmp_path / "long"]))
    results = [r for _, r in rows]
    assert [r.label for r in results] == ["net (long)", "net (short)"]
    assert [badges(results)[r.run].name for r in results] == ["budget A", "budget B"]
    assert [[c.text for c in line.cells] for line in comparison(results).rows] == [
        ["", "+10.0"],
        ["\N{MINUS SIGN}10.0", ""],
    ]
    assert difference_table(results)[["row", "less"]].to_numpy().tolist() == [
        ["net (long)", "net (short)"]
    ]
    moment = collect_moments(rows)["d"][0]
    assert len(set(moment.predictions.values())) == 2


def test_rows_of_one_label_and_two_recipes_are_told_apart(tmp_path):
    """The shipped recipes call a network alike and train it at sizes of their own."""
    rows = [made_result(f"{name}-net", label="net", iou=0.4) for name in ("five", "mini")]
    for row in rows:
        recipe = row.recipe | {"name": row.run.removesuffix("-net")}
        update = {"recipe": recipe, "recipe_hash": recipe_hash(recipe)}
        write_results(tmp_path, row.model_copy(update=update))
    merged = [r for _, r in merge_seeds(load_results([tmp_path]))]
    assert {r.run: r.label for r in merged} == {
        "five-net": "net (five)", "mini-net": "net (mini)"
    }  # fmt: skip


def test_a_score_that_some_seeds_lack_has_no_mean(tmp_path):
    """Results of an older version lack scores: of those that have one, no mean of all is known."""
    write_results(
        tmp_path,
        seeded(0, 0.4, scores={"boundary_f": 0.5}),
        seeded(1, 0.6),
        seeded(2, 0.5, scores={"mean_iou": None}),
    )
    ((_, merged),) = merge_seeds(load_results([tmp_path]))
    assert merged.scores.boundary_f is None
    assert board.table([merged])["± seeds"].tolist() == ["- (3)"]


def test_what_a_study_of_memory_leaves_beside_results_is_passed_over(tmp_path):
    write_results(tmp_path, made_result("a"))
    (tmp_path / "temporal.json").write_text(json.dumps({"format": 1, "findings": []}))
    assert [r.run for _, r in load_results([tmp_path])] == ["a"]
    write_results(tmp_path, made_result("temporal"))  # a submission may have this name
    assert [r.run for _, r in load_results([tmp_path])] == ["a", "temporal"]


def test_a_table_is_not_put_between_markers_that_stand_the_wrong_way_round(tmp_path):
    begin, end = board.markers("leaderboard")
    readme = tmp_path / "README.md"
    readme.write_text(f"{end}\ntext\n{begin}\n")
    with pytest.raises(RecipeError, match=r"README\.md: .*end.* stands before"):
        board.splice(readme, "table")
    assert readme.read_text() == f"{end}\ntext\n{begin}\n"


def test_a_label_with_a_bar_stays_one_cell():
    lines = board.markdown([made_result("a", label="a|b")]).splitlines()
    assert sum(line.startswith(r"| a\|b |") for line in lines) == 2


@pytest.mark.parametrize(
    "text",
    [
        "[free](javascript:alert(1))",
        "<img src=x onerror=alert(1)>",
        "![x](http://example.org/x.png)",
        "<!-- leaderboard:end -->",
        "a | b",
        "two\nlines",
        "**best**",
    ],
)
def test_texts_of_results_are_shown_as_they_are(text):
    row = made_result("a", label=text, machine=text, scores={"class_iou": {text: 0.5}})
    written = board.markdown([row])
    assert board.markers("leaderboard")[1] not in written
    page = MarkdownIt("commonmark").enable("table").render(written)
    cells = [html.unescape(c) for c in re.findall("<t[dh].*?>(.*?)</t[dh]>", page, re.DOTALL)]
    assert cells.count(" ".join(text.split())) == 3
    assert not re.search("<(a|img|script|strong|!)", page)


@pytest.mark.parametrize("text", ["[x](javascript:1)", "a | b", "<b>x</b>"])
def test_texts_of_papers_and_in_figures_are_shown_as_they_are(text):
    figure = Figure("f", text, "", heads=("N", text), rows=(("0", text),))
    page = MarkdownIt("commonmark").enable("table").render(figure.markdown())
    assert html.unescape(page).count(text) == 3
    content = load_published().model_dump()
    content["rows"][0] |= {"system": text, "note": text}
    page = published_markdown(PublishedNumbers.model_validate(content))
    shown = html.unescape(MarkdownIt("commonmark").enable("table").render(page))
    assert shown.count(text) >= 2


def test_rows_of_one_label_that_differ_by_more_than_the_seed_stay_apart(tmp_path):
    other = made_result("other", label="net", network="y", train={"seed": 1})
    write_results(tmp_path, seeded(0, 0.4), other)
    assert len(merge_seeds(load_results([tmp_path]))) == 2


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"paper": "p", "system": "s", "dataset": "d", "fps": 3}, "needs the gpu"),
        ({"paper": "q", "system": "s", "dataset": "d"}, "no paper 'q'"),
        ({"paper": "p", "system": "s", "dataset": "d", "mean_iou": 740}, "100"),
    ],
)
def test_wrong_published_rows_are_refused(row, expected):
    papers = {"p": {"name": "P", "source": "somewhere"}}
    with pytest.raises(ValueError, match=expected):
        PublishedNumbers.model_validate({"papers": papers, "rows": [row]})
