"""`docs/dataset-format.md` is enough to read a file: it is read here by what the page says."""

import hashlib
import json
import re
import shutil
import subprocess
from pathlib import Path

import h5py
import numpy as np
import pytest
from recording_folders import write_recording

from airseg.dataset.format.schema import CODECS, DETAIL_ATTRIBUTES, STREAMS
from airseg.dataset.packing.preparation import prepare
from airseg.dataset.packing.writer import PackOptions, pack
from airseg.labels.label_map import load_label_map

PAGE = (Path(__file__).parents[3] / "docs" / "dataset-format.md").read_text(encoding="utf-8")
NEIGHBORHOOD = load_label_map("neighborhood")
FRAME_SHAPES = {
    "rgb": ("|u1", (24, 32, 3)),
    "label": ("|u1", (24, 32)),
    "raw_label": ("|u1", (24, 32)),
    "depth": ("<f2", (24, 32)),
    "pose": ("<f8", (7,)),
    "timestamp_ns": ("<i8", ()),
    "labelled": ("|u1", ()),
}


@pytest.fixture
def portable(tmp_path):
    write_recording(tmp_path / "recordings", "a", 4, seed=1, split="train")
    write_recording(tmp_path / "recordings", "b", 3, seed=2, split="test")
    items = prepare([tmp_path / "recordings"], NEIGHBORHOOD).items
    items[1].source.labelled = np.array([True, False, True])
    pack(tmp_path / "p.h5", items, NEIGHBORHOOD, PackOptions(codec="gzip"))
    return tmp_path / "p.h5"


def blake(text):
    return hashlib.blake2b(text if isinstance(text, bytes) else text.encode(), digest_size=32)


def test_hashes_follow_from_the_page(portable):
    with h5py.File(portable) as file:
        lines = ["classes " + " ".join(json.loads(file.attrs["classes"]))]
        for name, group in sorted(file["sequences"].items()):
            sums = {}
            for array in group:
                dtype, shape = FRAME_SHAPES[array]
                digest = blake(f"{array} {dtype} {shape}")
                digest.update(group[array][...].astype(dtype).tobytes())
                sums[array] = digest.hexdigest()
                assert group[array].attrs["blake2b"] == sums[array]
            counted = [n for n in ("rgb", "label", "raw_label", "labelled") if n in sums]
            text = "\n".join([f"frames {len(group['rgb'])}", *(f"{n} {sums[n]}" for n in counted)])
            assert group.attrs["content_hash"] == blake(text).hexdigest()
            split = group.attrs["split"]
            lines.append(f"{name}\t{split}\t{group.attrs['content_hash']}")
        assert file.attrs["content_hash"] == blake("\n".join(lines)).hexdigest()
        for owner in (file, *file["sequences"].values()):
            pairs = [
                [name, getattr(value, "item", lambda value=value: value)()]
                for name, value in owner.attrs.items()
                if name != "attributes_hash"
            ]
            text = json.dumps(sorted(pairs), separators=(",", ":"))
            assert owner.attrs["attributes_hash"] == blake(text).hexdigest()


def test_the_reader_on_the_page_runs(portable, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copy(portable, "portable.h5")
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    exec(compile(code, "page", "exec"), {})
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert lines[1] == "b 1 ignored"


def test_the_page_names_everything_that_is_written(portable):
    for stream in STREAMS:
        assert re.search(rf"── {stream.name} .*{stream.dtype}", PAGE), stream.name
    for codec in CODECS:
        assert f"codec `{codec}`" in PAGE
    with h5py.File(portable) as file:
        written = {*file.attrs, *file["sequences/b"].attrs, *DETAIL_ATTRIBUTES}
        written |= set(file["sequences/b/rgb"].attrs)
    assert {name for name in written if f"`{name}`" not in PAGE} == set()


@pytest.mark.skipif(not shutil.which("h5dump"), reason="hdf5-tools are not installed")
@pytest.mark.parametrize("array", ["rgb", "label", "raw_label", "pose", "timestamp_ns"])
def test_portable_files_are_read_by_h5dump(portable, tmp_path, array):
    out = tmp_path / "out.bin"
    command = ["h5dump", "-d", f"/sequences/a/{array}", "-b", "LE", "-o", str(out), str(portable)]
    subprocess.run(command, check=True, capture_output=True)
    with h5py.File(portable) as file:
        assert out.read_bytes() == file[f"sequences/a/{array}"][...].tobytes()
