"""Datasets at URLs: the same frames, copies where they are asked for, one line when it fails."""

import gc
import http.server
import multiprocessing
import re
import threading
from pathlib import Path

import fsspec
import h5py
import numpy as np
import pytest
from command_line import run, said
from fsspec.implementations.memory import MemoryFile
from recording_folders import write_recording

from airseg.dataset.editing.combining import CombineOptions
from airseg.dataset.editing.sharding import write_shards
from airseg.dataset.format.files import CACHE_VARIABLE, RemoteFile, locate
from airseg.dataset.packing.preparation import prepare
from airseg.dataset.packing.writer import pack
from airseg.dataset.reading.reader import Dataset
from airseg.errors import DatasetError
from airseg.labels.label_map import load_label_map


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A folder with one file, and the same as shards."""
    folder = tmp_path_factory.mktemp("store")
    label_map = load_label_map("neighborhood")
    for seed, name in enumerate("abc"):
        write_recording(folder / "r", name, 5, seed=seed)
    pack(folder / "d.h5", prepare([folder / "r"], label_map).items, label_map)
    options = CombineOptions()
    write_shards(folder / "s", [Dataset(folder / "d.h5")], megabytes=1e-6, options=options)
    return folder


@pytest.fixture
def memory(folder):
    """The folder's files in fsspec's own memory."""
    store = fsspec.filesystem("memory")
    for path in [folder / "d.h5", *(folder / "s").iterdir()]:
        store.pipe(f"/store/{path.relative_to(folder)}", path.read_bytes())
    yield "memory://store"
    store.rm("/store", recursive=True)


class RangeHandler(http.server.SimpleHTTPRequestHandler):
    """A web server that delivers parts of files, as object stores do."""

    asked: list[str] = []

    def do_GET(self) -> None:
        path = Path(self.translate_path(self.path))
        wanted = re.match(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        if not path.is_file():
            self.send_error(404)
            return
        content = path.read_bytes()
        self.asked.append(f"{path.name} {wanted and wanted.groups()}")
        first, last = (int(g) for g in wanted.groups()) if wanted else (0, len(content) - 1)
        last = min(last, len(content) - 1)
        self.send_response(206 if wanted else 200)
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(last + 1 - first))
        if wanted:
            self.send_header("Content-Range", f"bytes {first}-{last}/{len(content)}")
        self.end_headers()
        self.wfile.write(content[first : last + 1])

    def do_HEAD(self) -> None:
        path = Path(self.translate_path(self.path))
        if not path.is_file():
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(path.stat().st_size))
        self.end_headers()

    def log_message(self, *arguments) -> None:
        pass


@pytest.fixture
def web(folder):
    """The URL of the folder on a web server."""
    pytest.importorskip("aiohttp")
    RangeHandler.asked.clear()

    def handler(*arguments):
        return RangeHandler(*arguments, directory=str(folder))

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def same(one: Dataset, other: Dataset) -> bool:
    return one.content_hash == other.content_hash and all(
        np.array_equal(v.rgb(0, 5), other.sequence(v.name).rgb(0, 5))
        and np.array_equal(v.label(1, 5, 3), other.sequence(v.name).label(1, 5, 3))
        and np.array_equal(v.poses, other.sequence(v.name).poses)
        for v in one
    )


@pytest.mark.parametrize("chain", ["", "simplecache::", "filecache::"])
@pytest.mark.parametrize("name", ["d.h5", "s/index.json"])
def test_object_stores_hold_datasets_and_shards(folder, memory, chain, name):
    dataset = Dataset(f"{chain}{memory}/{name}")
    assert same(dataset, Dataset(folder / "d.h5"))
    assert dataset.path.name == Path(name).name
    assert str(dataset.path) == f"{chain}{memory}/{name}"
    dataset.close()
    assert dataset.sequence("b").rgb(0, 1).shape[0] == 1


@pytest.mark.parametrize("chain", ["", "blockcache::"])
@pytest.mark.parametrize("name", ["d.h5", "s/index.json"])
def test_web_servers_are_read_in_parts(folder, web, chain, name):
    assert same(Dataset(f"{chain}{web}/{name}"), Dataset(folder / "d.h5"))
    assert any("('0'," in one for one in RangeHandler.asked)


def test_files_by_url_are_local_files(folder):
    assert same(Dataset(f"file://{folder}/d.h5"), Dataset(folder / "d.h5"))


def test_a_folder_named_in_the_environment_keeps_copies(folder, web, tmp_path, monkeypatch):
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    assert same(Dataset(f"{web}/s/index.json"), Dataset(folder / "d.h5"))
    kept = [path for path in (tmp_path / "cache").iterdir() if path.stat().st_size > 10_000]
    assert len(kept) == 3
    RangeHandler.asked.clear()
    assert same(Dataset(f"{web}/s/index.json"), Dataset(folder / "d.h5"))
    assert {one.split()[0] for one in RangeHandler.asked} <= {"index.json"}


def test_collecting_garbage_in_fsspecs_thread_does_not_lock_hdf5(folder, memory, monkeypatch):
    """An h5py object that dies in another thread waits for the lock that the reading one holds."""
    waiting = []

    class Old:
        def __del__(self) -> None:
            with h5py._objects.phil:  # as every h5py object does
                pass

    def read_beside_a_collector(self, buffer) -> int:
        def collect() -> None:
            litter = [Old()]
            litter.append(litter)
            del litter
            _ = [[] for _ in range(5_000)]  # enough for Python to look for garbage

        if not any(waiting):
            thread = threading.Thread(target=collect, daemon=True)
            thread.start()
            thread.join(timeout=10)
            waiting.append(thread.is_alive())
        content = self.read(len(buffer))
        buffer[: len(content)] = content
        return len(content)

    monkeypatch.setattr(MemoryFile, "readinto", read_beside_a_collector, raising=False)
    Dataset(f"{memory}/d.h5")
    assert waiting
    assert not any(waiting)
    assert gc.isenabled()


def read_all(dataset: Dataset, queue) -> None:
    queue.put([int(v.rgb(0, 5).sum()) for v in dataset])


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_forked_workers_read_the_web_for_themselves(web):
    dataset = Dataset(f"{web}/d.h5")
    expected = [int(v.rgb(0, 5).sum()) for v in dataset]
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    worker = context.Process(target=read_all, args=(dataset, queue))
    worker.start()
    assert queue.get(timeout=60) == expected
    worker.join()


@pytest.mark.parametrize(
    ("url", "part"),
    [
        ("memory://store/none.h5", "there is no such file"),
        ("memory://store/none.json", "there is no such file"),
        ("simplecache::memory://store/none.h5", "there is no such file"),
        ("memory://store/s/index.h5", "is no HDF5 file"),
        ("nothing://store/d.h5", "cannot be read"),
        ("file:///nowhere/d.h5", "there is no such dataset"),
    ],
)
def test_what_cannot_be_read_is_told_in_one_line(memory, url, part):
    fsspec.filesystem("memory").pipe("/store/s/index.h5", b"no HDF5 at all")
    with pytest.raises(DatasetError) as caught:
        Dataset(url)
    assert part in str(caught.value)
    assert "store" in str(caught.value) or "nowhere" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_urls_survive_the_command_line(memory, tmp_path, capsys):
    code, printed, _ = run(capsys, "info", f"{memory}/d.h5")
    assert (code, "a" in printed) == (0, True)
    out = tmp_path / "x.h5"
    code, printed, _ = run(
        capsys, "dataset", "subset", f"{memory}/s/index.json", "--sequence", "b", "--out", out
    )
    assert code == 0
    assert Dataset(out).sequences == ["b"]
    code, printed, _ = run(capsys, "verify", f"{memory}/d.h5")
    assert (code, "all sound" in printed) == (0, True)
    arguments = ("--map", "neighborhood", "--out", tmp_path / "r.h5")
    assert run(capsys, "relabel", f"{memory}/d.h5", *arguments)[0] == 0
    assert Dataset(tmp_path / "r.h5").content_hash == Dataset(f"{memory}/d.h5").content_hash
    code, _, err = run(capsys, "info", f"{memory}/none.h5")
    assert (code, f"{memory}/none.h5" in said(err)) == (2, True)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("d.h5", Path("d.h5")),
        (Path("a/d.h5"), Path("a/d.h5")),
        ("a:b/d.h5", Path("a:b/d.h5")),
        ("s3://b/d.h5", RemoteFile("s3://b/d.h5")),
        (Path("s3://b/d.h5"), RemoteFile("s3://b/d.h5")),
        (Path("blockcache::s3://b/d.h5"), RemoteFile("blockcache::s3://b/d.h5")),
        (Path("file:///b/d.h5"), RemoteFile("file:///b/d.h5")),
        (Path("simplecache::file:///b/d.h5"), RemoteFile("simplecache::file:///b/d.h5")),
    ],
)
def test_urls_are_told_from_paths(path, expected):
    assert locate(path) == expected
