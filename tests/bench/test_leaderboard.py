"""The leaderboard: comparable rows only, one machine a column, and the papers' rows apart."""

import pytest
from made_results import made_result, write_results

from airseg.bench import leaderboard as board
from airseg.bench.published import PublishedNumbers, load_published
from airseg.bench.results import load_result, load_results
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


def test_one_protocol_scored_on_different_frames_is_refused():
    other = {"content_hash": "abc123", "split": "val", "sequences": {"c": 3}}
    with pytest.raises(RecipeError, match="a and b were scored on different frames"):
        board.check_comparable([made_result("a"), made_result("b", dataset=other)])
    board.check_comparable([made_result("a"), made_result("b", protocol="paper", dataset=other)])


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


def test_published_rows_stand_apart_and_name_their_paper():
    numbers = load_published()
    assert {"FANet-18", "TV3S B5", "DFF R101, l=5"} <= {r.system for r in numbers.rows}
    text = board.published_markdown(numbers)
    (line,) = (x for x in text.splitlines() if x.startswith("| FANet-18 TCA N=6 |"))
    assert "| founding paper | AirSim, random windows |" in line
    assert "| 72.9 |" in line
    assert text.count("FPS, ") == len(numbers.machines) == 6


def test_the_csv_marks_published_rows_and_keeps_their_speeds_apart():
    numbers = load_published()
    frame = board.csv_table([made_result("a")], numbers)
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
