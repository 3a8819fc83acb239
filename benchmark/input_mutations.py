"""Ways to spoil a file: in its bytes, in its values, and as a whole.

Bytes find what is wrong with readers of formats; values that are of the wrong type, size or name,
but stand in a sound document, find what is wrong with those who use them.
"""

from __future__ import annotations

import contextlib
import json
import random
import shutil
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from airseg import yaml_schema

_BYTES = (b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b"\n", b"\t", b"---\n", b"{", b"[", b'"', b"&a *a")
_NUMBERS: tuple[Any, ...] = (0, -1, 1, 2**31, 2**64, -(2**63), 10**40, 0.5, -0.0, 1e308, 1e-320)
_NO_NUMBERS: tuple[Any, ...] = (float("nan"), float("inf"), -float("inf"), None, True, False)
_TEXTS = (
    "",
    " ",
    "x" * 5000,
    "../../up",
    "/etc/passwd",
    "a\0b",
    "\u202e",
    "1e5",
    "010",
    "12:30",
    "no",
)
_PATTERNS = ("(a+)+$", "(", "[", "(?P<x>a)(?P=x)", ".*" * 30, "\\", "*")


def _odd(chance: random.Random) -> Any:
    """Return a value that few expect."""
    plain = chance.choice((*_NUMBERS, *_NO_NUMBERS, *_TEXTS, *_PATTERNS))
    wrap = chance.randrange(12)
    if wrap == 0:
        return [plain] * chance.choice((0, 1, 3, 1000))
    if wrap == 1:
        return {chance.choice(("", "a", "x")): plain}
    if wrap == 2:
        deep: Any = plain
        for _ in range(chance.choice((5, 200))):
            deep = [deep]
        return deep
    return plain


def spoil_bytes(data: bytes, chance: random.Random) -> bytes:
    """Flip, cut, put in and repeat, in one to four places."""
    spoiled = bytearray(data)
    for _ in range(chance.randrange(1, 5)):
        place = chance.randrange(len(spoiled) + 1)
        end = min(place + chance.choice((1, 1, 4, 60, 4000)), len(spoiled))
        match chance.randrange(6):
            case 0 | 1 if place < len(spoiled):
                spoiled[place] ^= 1 << chance.randrange(8)
            case 2:
                spoiled[place:place] = chance.choice((*_BYTES, chance.randbytes(8)))
            case 3:
                del spoiled[place:end]
            case 4:
                spoiled[place:place] = spoiled[place:end] * chance.choice((1, 1, 20))
            case _:
                spoiled[place:end] = chance.randbytes(end - place)
    if chance.randrange(8) == 0:
        del spoiled[chance.randrange(len(spoiled) + 1) :]
    return bytes(spoiled)


def spoil_values(document: Any, chance: random.Random) -> Any:
    """Change, drop, rename or double one to three values, anywhere in a document."""
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        places = list(_places(document))
        if not places:
            return _odd(chance)
        inside, key = chance.choice(places)
        match chance.randrange(6):
            case 0:
                del inside[key]
            case 1 if isinstance(inside, dict):
                inside[chance.choice((f"{key}x", str(key).upper(), *_TEXTS[:4]))] = inside.pop(key)
            case 2 if isinstance(inside, list):
                inside[key:key] = [inside[key]] * chance.choice((1, 2, 2000))
            case 3:
                other, at = chance.choice(places)
                inside[key] = json.loads(json.dumps(other[at], default=str))
            case 4 if _is_number(inside[key]):
                inside[key] = type(inside[key])(chance.choice((-1, 0, 1, 2, 7, 1000, 10**9)))
            case _:
                inside[key] = _odd(chance)
    return document


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _places(document: Any) -> Any:
    """Yield (container, key) of every value below the top."""
    keys: Any = ()
    if isinstance(document, dict):
        keys = list(document)
    elif isinstance(document, list):
        keys = range(len(document))
    for key in keys:
        yield document, key
        yield from _places(document[key])


def spoil_file(path: Path, chance: random.Random) -> None:
    """Spoil a file: by its values where they can be read, by its bytes otherwise."""
    data = path.read_bytes()
    if path.suffix == ".h5" and chance.randrange(2):
        _spoil_hdf5(path, chance)
        return
    if path.suffix in (".yaml", ".json") and chance.randrange(4):
        is_yaml = path.suffix == ".yaml"
        document = yaml_schema.load(data.decode()) if is_yaml else json.loads(data)
        spoiled = spoil_values(document, chance)
        # An odd value may be none that YAML can write; JSON always can.
        text = json.dumps(spoiled, default=str)
        with contextlib.suppress(ValueError, RecursionError):
            text = yaml_schema.dump(spoiled) if is_yaml else text
        path.write_text(text, encoding="utf-8", errors="surrogatepass")
    elif path.suffix in (".csv", ".txt") and chance.randrange(4):
        path.write_text(_spoil_table(data.decode(), chance), errors="surrogatepass")
    else:
        path.write_bytes(spoil_bytes(data, chance))


def _spoil_table(text: str, chance: random.Random) -> str:
    rows = [line.split(",") for line in text.splitlines()]
    for _ in range(chance.randrange(1, 4)):
        row = chance.choice(rows)
        row[chance.randrange(len(row))] = str(chance.choice((*_NUMBERS, *_NO_NUMBERS, *_TEXTS)))
    if chance.randrange(4) == 0:
        rows.insert(chance.randrange(len(rows) + 1), chance.choice(rows))
    return "\n".join(",".join(row) for row in rows) + "\n"


def spoil_folder(folder: Path, chance: random.Random) -> None:
    """Spoil one file of a folder, or take it away, or put something else in its place."""
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    texts = [p for p in files if p.suffix != ".png"]
    path = chance.choice(texts if texts and chance.randrange(2) else files)
    match chance.randrange(8):
        case 0:
            path.unlink()
        case 1:
            path.unlink()
            path.mkdir()
        case 2:
            shutil.copy(chance.choice([other for other in files if other != path]), path)
        case 3:
            path.write_bytes(b"")
        case _:
            spoil_file(path, chance)


def _spoil_hdf5(path: Path, chance: random.Random) -> None:
    """Change an attribute or a dataset of a file that stays sound HDF5."""
    with h5py.File(path, "r+") as file:
        names: list[str] = []
        file.visit(names.append)
        item = file[chance.choice(["/", *names])]
        attributes = list(item.attrs)
        if attributes and chance.randrange(3):
            name = chance.choice(attributes)
            if chance.randrange(4) == 0:
                del item.attrs[name]
            else:
                item.attrs[name] = _attribute(item.attrs[name], chance)
        elif item.name != "/":
            parent, name = item.parent, item.name
            del parent[name]
            match chance.randrange(4):
                case 0:
                    parent[name] = np.zeros((3, 2), np.float32)
                case 1:
                    parent[name] = h5py.SoftLink(chance.choice(["/nowhere", "/", name]))
                case 2:
                    parent[name] = h5py.ExternalLink(chance.choice(["/dev/zero", path.name]), "/")


def _attribute(value: Any, chance: random.Random) -> Any:
    """Return another attribute: a text that is JSON is spoiled as a document."""
    if isinstance(value, str) and chance.randrange(4):
        try:
            return json.dumps(spoil_values(json.loads(value), chance), default=str)
        except ValueError:
            pass
    odd = chance.choice((*_NUMBERS[:4], 0.5, *_NO_NUMBERS[:3], *_TEXTS[:5], [1, 2], [""]))
    return odd.replace("\0", "") if isinstance(odd, str) else odd
