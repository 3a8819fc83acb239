"""Names are listed and completed, old spellings still work, and all of it fits 80 columns."""

import re
import time

import click
import pytest
from click.shell_completion import ShellComplete
from command_line import run
from small_dataset import build_dataset

from airseg.cli import _cli, names
from airseg.cli.display import Pace
from airseg.dataset.format import schema
from airseg.dataset.reading.reader import Dataset
from airseg.labels.label_map import SPLITS, load_label_map
from airseg.models import list_models
from airseg.resources import shipped_names
from airseg.simulators.embedded import faults, simulation
from airseg.simulators.embedded.rpc import dialects
from airseg.simulators.embedded.worlds.catalogue import WORLD_NAMES


def commands(group, path=("airseg",)):
    """Yield the path and the command of everything that can be typed."""
    context = click.Context(group, info_name=path[-1])
    yield path, group
    for name in group.list_commands(context):
        found = group.get_command(context, name)
        if isinstance(found, click.Group):
            yield from commands(found, (*path, name))
        else:
            yield (*path, name), found


ALL = {" ".join(path): command for path, command in commands(_cli)}


@pytest.mark.parametrize("typed", sorted(ALL))
def test_every_help_fits_80_columns(typed):
    context = click.Context(ALL[typed], info_name=typed, terminal_width=80, max_content_width=80)
    lines = ALL[typed].get_help(context).splitlines()
    assert [line for line in lines if len(line) > 80] == []
    assert not any(line.endswith("...") and "  " in line.strip() for line in lines)


def examples(command):
    """Return the lines that a help shows for typing, continued ones joined."""
    text = command.help.replace("\\\n", " ")
    return [line.strip() for line in re.findall(r"^ +((?:airseg|torchrun) .*)$", text, re.M)]


@pytest.mark.parametrize("typed", sorted(ALL))
def test_every_help_has_examples_of_the_command(typed):
    shown = examples(ALL[typed])
    assert shown
    begun = [line for line in shown if line.startswith((typed, "torchrun"))]
    assert begun, f"none of {shown} is about {typed}"
    heading = re.search(r"^ +(Examples?)\b[^.\n]*:$", ALL[typed].help, re.M)[1]
    assert (heading == "Examples") == (len(shown) > 1)


def test_what_may_be_given_several_times_says_so():
    told = {
        f"{typed} {option.opts[-1]}": option.help
        for typed, command in ALL.items()
        for option in command.params
        if isinstance(option, click.Option) and option.multiple
    }
    assert len(told) > 20
    assert [name for name, text in told.items() if "several times" not in text] == []


NUMBERS = [
    pytest.param(typed, option, id=f"{typed} {option.opts[-1]}")
    for typed, command in ALL.items()
    for option in command.params
    if isinstance(option.type, click.types.FloatParamType | click.types.IntParamType)
]


@pytest.mark.parametrize(("typed", "option"), NUMBERS)
def test_every_number_has_bounds_and_is_finite(typed, option):
    """Python's float takes nan, inf and -1; a time, a size and a share are none of these."""
    for wrong in ("nan", "inf", "-1", "1e999"):
        with pytest.raises(click.BadParameter):
            option.type.convert(wrong, option, click.Context(ALL[typed], info_name=typed))


def test_lists_that_the_help_shows_are_those_that_work():
    assert names.CODECS == schema.CODECS
    assert set(names.FAULTS) == set(faults.FAULTS)
    assert set(names.DIALECTS) == set(dialects.DIALECTS)
    assert set(names.CLOCKS) == set(simulation.CLOCKS)
    assert set(names.IDEALS) == set(simulation.IDEALS)
    assert {*names.SIM_MODES} == {*simulation.VEHICLES}
    assert set(names.SPLITS) == set(SPLITS)
    assert {*names.WORLD._names()} == {*WORLD_NAMES}
    assert [*names.NETWORK._names()] == list_models()


@pytest.mark.parametrize(
    ("typed", "begun", "expected"),
    [
        (["record"], "loop_", "loop_walk"),
        (["plan", "check"], "gardens_n", "gardens_north"),
        (["relabel", "x", "--map"], "neigh", "neighborhood"),
        (["labels", "check"], "city", "cityscapes20"),
        (["bench", "run"], "five", "five-papers"),
        (["bench", "models"], "fanet", "fanet18"),
        (["bench", "export"], "pidnet", "pidnet_s"),
        (["sim", "--world"], "pine", "pine_estate"),
        (["sim", "--fault"], "rep", "repeat-frame"),
        (["dataset", "import"], "camv", "camvid"),
        (["dataset", "export"], "mms", "mmseg"),
        (["dataset"], "sub", "subset"),
        (["ben"], "", None),
    ],
)
def test_the_shell_completes_names(typed, begun, expected):
    shell = ShellComplete(_cli, {}, "airseg", "_AIRSEG_COMPLETE")
    found = [item.value for item in shell.get_completions(typed, begun)]
    assert expected is None or expected in found
    assert all(value.startswith(begun) for value in found)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return build_dataset(tmp_path_factory.mktemp("small"))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (["--in", "test"], ["--split", "test"]),
        (["--frames", "0:2"], ["--range", "0:2"]),
        (["--frames=0:2"], ["--frames", "2"]),
    ],
)
def test_old_spellings_of_subset_still_work_with_a_word(dataset, tmp_path, capsys, old, new):
    hashes = []
    for name, spelled in (("old.h5", old), ("new.h5", new)):
        out = tmp_path / name
        code, _, err = run(capsys, "dataset", "subset", dataset, *spelled, "--out", out)
        assert code == 0, err
        assert ("is called" in err) == (name == "old.h5")
        hashes.append(Dataset(out).content_hash)
    assert hashes[0] == hashes[1]


def test_split_assigns_by_either_spelling(dataset, tmp_path, capsys):
    for number, option in enumerate(("--split", "--assign")):
        out = tmp_path / f"{number}.h5"
        code, _, err = run(capsys, "dataset", "split", dataset, option, "test=a", "--out", out)
        assert code == 0, err
        assert ("--split is called --assign now" in err) == (option == "--split")
        assert Dataset(out).split("test") == ["a", "d"]


def test_sim_s_mode_is_called_sim_mode(capsys):
    code, _, err = run(capsys, "sim", "--mode", "Boat")
    assert code == 2
    assert "--mode is called --sim-mode now" in err
    assert "Boat" in err


def test_a_suggested_map_is_written_where_asked_and_never_over_another(tmp_path, capsys):
    listed = tmp_path / "names.txt"
    listed.write_text("Road_1\nStreet_Tree_4\n")
    code, printed, _ = run(capsys, "labels", "suggest", listed)
    out = tmp_path / "maps" / "mine.yaml"
    code, told, _ = run(capsys, "labels", "suggest", listed, "--out", out)
    assert code == 0
    assert told == f"wrote {out}\n"
    assert out.read_text() == printed.replace("my_map", "mine")
    assert load_label_map(out).class_of_name("Road_1") == "road"
    code, _, err = run(capsys, "labels", "suggest", listed, "--out", out)
    assert code == 2
    assert "is there already" in err


def test_two_samples_forecast_nothing_and_the_first_piece_does_not_count(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    pace = Pace()
    for done, at in enumerate([0.0, 60.0, 61.0, 62.0, 63.0, 64.0, 65.0]):
        now[0] = at
        pace.add(done)
        if done < 2:
            assert pace.per_second is None
        if done < 5:
            assert pace.seconds_left(100) is None
    assert pace.per_second == pytest.approx(1.0)  # compiling for a minute is no pace
    assert pace.seconds_left(100) == pytest.approx(94.0)
    assert pace.seconds_left(None) is None


def test_info_has_classes_down_and_sequences_across_in_80_columns(dataset, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    code, out, _ = run(capsys, "info", dataset)
    assert code == 0
    lines = out.splitlines()
    assert max(map(len, lines)) <= 80
    heads = next(line.split() for line in lines if line.startswith("sequence"))
    assert heads == ["sequence", "a", "b", "c", "d"]
    assert next(line.split()[0] for line in lines if line.startswith("road")) == "road"
    monkeypatch.setenv("COLUMNS", "40")
    _, out, _ = run(capsys, "info", dataset)
    assert max(map(len, out.splitlines())) <= 40
    assert sum(line.startswith("sequence") for line in out.splitlines()) > 1


def test_shipped_names_are_what_completion_is_made_of():
    assert {*names.PLAN._names()} == {*shipped_names("flight plan")}
    assert {*names.RECIPE._names()} == {*shipped_names("recipe")}


def test_no_command_takes_a_file_for_a_folder_to_write_into(tmp_path):
    file = tmp_path / "notes.txt"
    file.write_text("mine")
    tried = 0
    for typed, command in ALL.items():
        for option in command.params:
            told = (getattr(option, "help", None) or "").casefold()
            if told.startswith(("folder", "the folder")):
                tried += 1
                with pytest.raises(click.BadParameter, match="is a file"):
                    option.type.convert(str(file), option, click.Context(command, info_name=typed))
    assert tried >= 15


@pytest.mark.parametrize("given", ["nan", "inf", "-inf", "1e999"])
def test_no_command_takes_what_is_no_number_for_one(given):
    tried = 0
    for typed, command in ALL.items():
        for option in command.params:
            if isinstance(option.type, click.FloatRange | click.types.FloatParamType):
                tried += 1
                with pytest.raises(click.BadParameter):
                    option.type.convert(given, option, click.Context(command, info_name=typed))
    assert tried >= 8
