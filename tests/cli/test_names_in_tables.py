"""Tables show names as they are: what rich takes for markup or a picture is a name like others."""

import cv2
import numpy as np
import pytest
from command_line import run
from foreign_folders import IDS_MAP, save_rgb


@pytest.mark.parametrize("name", ["[ab]", "[bold]x[end]", ":smile:", "[red", "a[1]", "[#ff0000]b"])
def test_info_shows_names_with_brackets(tmp_path, capsys, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ids.yaml").write_text(IDS_MAP)
    save_rgb(tmp_path / name / "images" / "000.png")
    (tmp_path / name / "labels").mkdir()
    cv2.imwrite(str(tmp_path / name / "labels" / "000.png"), np.zeros((12, 16), np.uint8))
    assert run(capsys, "relabel", name, "--map", "ids.yaml", "--out", "d.h5")[0] == 0
    code, out, _ = run(capsys, "info", "d.h5")
    assert code == 0
    assert sum(f" {name} " in f" {line} " for line in out.splitlines()) == 1
