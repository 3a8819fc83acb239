"""Whatever a file of others calls a sequence or a run, nothing is written outside --out."""

import json
import os
import shutil

import pytest
from command_line import run, said
from made_results import made_result
from recording_folders import write_recording

from airseg.bench.leaderboard.figures import paper_figures
from airseg.bench.recipes.recipe import load_recipe
from airseg.bench.results.result import load_result, save_result
from airseg.dataset.format.attributes import check_sequence_name
from airseg.errors import DatasetError, RecipeError
from airseg.path_names import is_path_name, names_of_one_file

HOSTILE = [
    "../x",
    "..",
    ".",
    "",
    "/etc/x",
    "a/b",
    "..\\x",
    "C:x",
    "c:\\x",
    "//server/share",
    "a\0b",
    "a\nb",
    "\x1b[31mx",
    "x" * 300,
    "\u00e4" * 120,
    # Devices of Windows, and names whose ends it drops ("Naming Files, Paths, and Namespaces").
    *("CON", "nul", "aux.tar.gz", "COM1", "lpt9.h5", "COM\u00b2", "prn .txt", "walk.", "walk "),
    "\u202egnp.exe",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_no_such_name_is_joined_to_a_folder(name):
    assert not is_path_name(name)
    with pytest.raises(DatasetError, match="cannot name a sequence"):
        check_sequence_name(name, "here")


@pytest.mark.parametrize(
    "name",
    ["a", "walk 2", "[ab]", "..a", "a.b", "\u8857\u8def", "x" * 200, "console", "COM10", "nulls"],
)
def test_names_of_files_are_names(name, tmp_path):
    assert is_path_name(name)
    (tmp_path / f"{name}.json").touch()
    assert os.listdir(tmp_path) == [f"{name}.json"]  # noqa: PTH208


@pytest.fixture
def hostile(tmp_path, monkeypatch):
    """Make a recording whose description gives it a name, and tell what lies beside --out."""
    monkeypatch.chdir(tmp_path)

    def made(name):
        folder = write_recording(tmp_path / "deep" / "rec", "a", 2)
        path = folder / "recording.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | {"sequence": name}))
        return folder

    yield made
    shutil.rmtree(tmp_path / "deep" / "rec")
    assert [p.name for p in tmp_path.rglob("*") if p.is_file()] == []


COMMANDS = [
    ("relabel", "--map", "neighborhood", "--as", "npy", "--out", "deep/out"),
    ("relabel", "--map", "neighborhood", "--as", "png", "--out", "deep/out"),
    ("relabel", "--map", "neighborhood", "--out", "deep/out.h5"),
    ("preview", "--out", "deep/out"),
    ("verify",),
    ("info",),
]


@pytest.mark.parametrize("name", ["../x", "/x", "C:x", "a\0b", "x" * 300, 7, None])
@pytest.mark.parametrize("command", COMMANDS, ids=lambda c: " ".join(c[:5]))
def test_a_recording_with_such_a_name_is_refused_by_every_reader(hostile, capsys, command, name):
    folder = hostile(name)
    code, out, err = run(capsys, command[0], str(folder), *command[1:])
    assert code != 0
    assert "cannot name a sequence" in out + err
    assert "Traceback" not in err


@pytest.mark.parametrize("name", ["../../x", "/x", "..", "x" * 300])
def test_a_result_that_names_pictures_elsewhere_is_refused(tmp_path, name):
    path = save_result(tmp_path, made_result("one"))
    content = json.loads(path.read_text())
    for changed in ({"samples": [[name, 0]]}, {"run": name} if len(name) < 9 else None):
        if changed:
            path.write_text(json.dumps(content | changed))
            with pytest.raises(RecipeError):
                load_result(path)


@pytest.mark.parametrize("ending", ["/../../x", "\\x", "\0", " x"])
def test_a_recipe_whose_name_is_a_path_makes_no_figure(ending):
    result = made_result("one", label="N=0")
    result.recipe["name"] = f"paper-fig9{ending}"
    assert paper_figures([result], None) == []


@pytest.mark.parametrize("name", ["..", ".", "../x", "/x", "a b"])
def test_a_recipe_is_no_folder_above(tmp_path, name):
    path = tmp_path / "recipe.yaml"
    path.write_text(json.dumps({"format": 1, "name": name, "model": {"name": "tcanet"}}))
    with pytest.raises(RecipeError, match="name"):
        load_recipe(str(path))


@pytest.mark.parametrize(
    ("names", "pair"),
    [
        (["walk", "Walk"], ("walk", "Walk")),
        (["b", "caf\u00e9", "cafe\u0301"], ("caf\u00e9", "cafe\u0301")),
        (["STRASSE", "stra\u00dfe"], ("STRASSE", "stra\u00dfe")),
        (["walk", "walk1", "wa lk"], None),
    ],
)
def test_names_that_are_one_file_elsewhere_are_told(names, pair):
    """Unicode's full case folding and canonical forms (Unicode 15, 3.13 and 3.11)."""
    assert names_of_one_file(names) == pair


def test_sequences_that_are_one_folder_elsewhere_are_not_exported(tmp_path, capsys):
    for name in ("walk", "Walk"):
        write_recording(tmp_path / "recordings", name, 2)
    data, out = tmp_path / "d.h5", tmp_path / "out"
    code = run(capsys, "relabel", tmp_path / "recordings", "--map", "neighborhood", "--out", data)
    assert code[0] == 0
    code, _, err = run(capsys, "dataset", "export", "vspw", data, "--out", out)
    assert code == 2
    assert "would be one folder on Windows or a Mac" in said(err)
    assert not out.exists()
