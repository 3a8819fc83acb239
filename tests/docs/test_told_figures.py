"""Lists, names and figures in sentences are those of the program and of the committed results."""

import json
import re

import pytest
import yaml
from pages import PAGES, ROOT, blocks

from airseg.bench.leaderboard import badges
from airseg.bench.recipes.recipe import load_recipe, rows
from airseg.bench.results.result import Result, ScoreResult, load_results
from airseg.bench.results.seeds import merge_seeds
from airseg.classes import CLASS_NAMES, THINGS
from airseg.dataset.importing.layouts import LAYOUTS
from airseg.flight.plan import FlightPlan, load_plan
from airseg.labels.label_map import load_label_map
from airseg.labels.suggest import suggest_name
from airseg.recording import conformance
from airseg.recording.simulator_settings import simulator_settings
from airseg.resources import shipped_names
from airseg.simulators.embedded.faults import FAULTS
from airseg.simulators.embedded.simulation import IDEALS

RESULTS = ROOT / "benchmark" / "results"
DOCS = ROOT / "docs"
COUNTS = {"fifteen": 15, "fifty": 50}


def text(path):
    """Return a page on one line, so that sentences can be looked for."""
    return " ".join((ROOT / path).read_text(encoding="utf-8").split())


def named_in(path, head):
    """Return the names in backticks of the first column below a table's head."""
    lines = (ROOT / path).read_text(encoding="utf-8").split(head)[1].splitlines()[1:]
    rows = [line.split(" | ")[0] for line in lines[: lines.index("") if "" in lines else None]]
    return [name for row in rows for name in re.findall(r"`([^`]+)`", row)]


def measured(name):
    """Return what a script of `benchmark` wrote on the machine with two cores."""
    return json.loads((RESULTS / "cpu-2-cores" / f"{name}.json").read_text())


def test_sizes_are_written_width_first():
    places = [*PAGES, *(ROOT / "benchmark").rglob("*.yaml"), *(ROOT / "benchmark").rglob("*.md")]
    for place in places:
        for width, height in re.findall(r"\b(\d{2,4})x(\d{2,4})\b", place.read_text()):
            assert int(width) >= int(height), f"{place.name}: {width}x{height}"


def test_the_settings_that_the_page_on_recording_shows_are_written():
    (shown,) = [b.text for b in blocks(DOCS / "recording.md") if b.language == "json"]
    assert json.loads(shown) == simulator_settings([load_plan("loop_walk")])


def test_every_field_of_a_plan_stands_in_its_table():
    named = named_in("docs/plans.md", "| field | default | |\n")
    assert sorted(named) == sorted(set(FlightPlan.model_fields) - {"format"})


def test_the_doctor_says_as_much_and_flies_as_far_as_its_page_says():
    page = text("docs/airsim-on-windows.md")
    lines, frames = re.search(r"Each of (\w+) lines.*?It flies (\w+) frames", page).groups()
    assert COUNTS[lines] == len(conformance._CHECKS)
    assert COUNTS[frames] == conformance._STEPS
    assert f"flies {conformance._STEPS} frames" in text("docs/recording-on-airsim.md")


def test_faults_and_kindnesses_of_the_simulator_are_all_named():
    shown = re.search(r"airseg sim --fault ([\w|-]+)", text("docs/embedded-simulator.md"))[1]
    assert shown.split("|") == list(FAULTS)
    assert set(named_in("docs/simulator.md", "| name | what it does |\n")) >= set(IDEALS)


def test_every_layout_that_is_imported_stands_in_its_table_with_its_default_map():
    lines = (DOCS / "importing.md").read_text().split("| layout | what it is ")[1].splitlines()[2:]
    rows = [line.strip("|").split("|") for line in lines if line.startswith("| `")]
    named = [name for row in rows for name in re.findall(r"`([\w-]+)`", row[0])]
    assert sorted(named) == sorted(LAYOUTS)
    for row in rows:
        for name in re.findall(r"`([\w-]+)`", row[0]):
            if default := LAYOUTS[name].publication.label_map:
                assert re.search(r"`([\w-]+)`", row[5])[1] == default


def test_what_the_page_on_troubleshooting_quotes_is_said():
    sources = [*(ROOT / "airseg").rglob("*.py"), ROOT / "Makefile"]
    said = "\n".join(path.read_text(encoding="utf-8") for path in sources)
    rows = [line for line in (DOCS / "troubleshooting.md").read_text().splitlines() if "|" in line]
    quoted = [q for row in rows for q in re.findall(r'"([^"]{9,})"', row.split(" | ")[0])]
    assert len(quoted) >= 5
    assert [q for q in quoted if q not in said] == []


def test_every_recipe_stands_in_the_table_of_the_benchmarks_rules():
    table = (ROOT / "benchmark" / "README.md").read_text().split("| recipe | rows |")[1]
    named = set(re.findall(r"`([\w-]+)`", table.split("\n\n")[0]))
    assert set(shipped_names("recipe")) <= named


def test_rows_that_examples_name_are_made_by_their_recipes():
    sources = [*PAGES, *(ROOT / "airseg").rglob("*.py")]
    shown = {n for p in sources for n in re.findall(r"\bresults/([\w-]+)\.json", p.read_text())}
    made = {row.run for recipe in ("demo", "fair-table2") for row in rows(load_recipe(recipe))}
    assert len(shown) >= 3
    assert shown <= made


def test_every_score_that_is_told_is_one_of_a_result():
    named = named_in("benchmark/README.md", "| score | what it is |\n")
    fields = {*ScoreResult.model_fields, *Result.model_fields}
    assert len(named) > 20
    assert [name for name in named if name not in fields] == []


def test_every_badge_is_explained():
    words = re.findall(r"^\| ([a-z]+)", text_of("docs/reading-tables.md", "## Badges"), re.M)
    known = [b for b in vars(badges).values() if isinstance(b, badges.Badge)]
    assert {b.kind for b in known} | {"budget"} <= set(words)


def text_of(path, heading):
    """Return a section of a page."""
    return (ROOT / path).read_text(encoding="utf-8").split(heading)[1].split("\n## ")[0]


def test_things_that_are_counted_are_those_of_the_classes():
    page = text("docs/objects.md")
    named = re.search(r"things that can be counted: (.*?), or those", page)[1]
    assert set(re.findall(r"\w+", named)) - {"and"} == THINGS & set(CLASS_NAMES)


def test_speeds_of_fanet_are_those_of_the_committed_measurement():
    found = {
        (r["depth"], r["way"], r["output"]): r["median_ms"] for r in measured("inference")["rows"]
    }
    page = (ROOT / "benchmark" / "README.md").read_text()
    for depth in (0, 6):
        for way in ("eager fp32", "best"):
            logits, labels = (f"{found[depth, way, o]:.1f}" for o in ("logits", "labels"))
            assert re.search(rf"\| {depth} \| {way}[^|]* \| {logits} \| {labels} \|", page)


def test_rates_of_simulator_and_recorder_are_those_of_the_committed_measurements():
    rows = {r["images"]: r for r in measured("simulator")["rows"] if "before" in r}
    page = text("docs/rendering.md")
    for images in ("RGB + segmentation", "RGB + segmentation + depth"):
        row = rows[images]
        before, now = row["before"], row["instants_per_second"]
        assert re.search(rf"{before:.1f} and {now:.1f} [^(]*\({row['times']:.2f} times", page)
    record = {(r["images"].count("depth"), r["way"]): r for r in measured("record")["rows"]}
    page = text("docs/measurements.md")
    loops = [f"official client, none kept, {kind}" for kind in ("moving", "still")]
    moving, still = (record[0, loop]["record_to_it"] for loop in loops)
    assert f"({moving:.2f} times" in page
    assert f"; {still:.2f} of the still one's" in page
    without, with_depth = (
        record[depth, "airseg record"]["frames_per_second"]
        / record[depth, "b6c82b7: airseg record"]["frames_per_second"]
        for depth in (0, 1)
    )
    assert f"{without:.1f} times without depth, {with_depth:.2f} with" in page
    assert f"its {record[1, loops[1]]['frames_per_second']:.2f} frames a second" in page


def test_modules_that_the_page_on_drawing_names_have_these_functions():
    folder = ROOT / "airseg" / "simulators" / "embedded" / "rendering"
    named = re.findall(r"`(\w+)\.(\w+)`", text("docs/rendering.md"))
    named = [pair for pair in named if pair[0] != "airseg"]
    assert len(named) >= 6
    for module, function in named:
        assert f"\ndef {function}(" in (folder / f"{module}.py").read_text(), f"{module}.{function}"


def test_proposals_agree_with_real_names_as_often_as_is_said():
    lines = (ROOT / "tests" / "labels" / "airsimnh_families.txt").read_text().splitlines()
    names = [line for line in lines if line and not line.startswith("#")]
    real = load_label_map("neighborhood")
    right = sum(suggest_name(name).class_name == real.class_of_name(name) for name in names)
    told = re.search(r"(\d+) % of AirSimNH's (\d+) families", text("docs/measurements.md"))
    assert [int(n) for n in told.groups()] == [round(100 * right / len(names)), len(names)]


def test_compiled_scans_agree_as_closely_as_is_said():
    told = float(re.search(r"agree with plain PyTorch to (\S+) of", text("docs/models.md"))[1])
    assert max(row["difference"] for row in measured("scan")["rows"]) < told


@pytest.fixture(scope="module")
def small_rows():
    found = load_results([RESULTS / "five-papers-mini-cpu"])
    return {r.label: r.scores for _, r in merge_seeds(found)}


def test_long_streams_of_the_published_cell_score_what_is_said(small_rows):
    labels = ("ESPNet L1b 3x3", "ESPNet L1b 3x3 tanh", "ESPNet")
    percent = [round(100 * small_rows[label].mean_iou) for label in labels]
    page = text("docs/models.md")
    told = re.search(
        r"it reaches (\d+) % mean IoU.*? more, (\d+) %, and ESPNet alone (\d+) %", page
    )
    assert [int(value) for value in told.groups()] == percent


def test_what_flickers_in_the_study_is_what_its_report_says():
    found = load_results([RESULTS / "tca-cpu"])
    percent = [100 * r.scores.flicker for _, r in merge_seeds(found) if r.kind == "model"]
    low, high = re.search(
        r"(\d) to (\d) % change their", text("benchmark/studies/tca/REPORT.md")
    ).groups()
    assert (int(low), int(high)) == (round(min(percent)), round(max(percent)))


def test_recipes_tell_of_commands_by_their_present_names():
    for name in shipped_names("recipe"):
        told = yaml.safe_load((ROOT / "benchmark" / "recipes" / f"{name}.yaml").read_text())
        assert "--in " not in told.get("description", "")
