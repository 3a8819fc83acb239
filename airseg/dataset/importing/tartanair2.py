"""TartanAir V2 and TartanGround: simulated flights and walks, every frame labelled, at 10 Hz.

Wang et al., TartanAir: A Dataset to Push the Limits of Visual SLAM, IROS 2020, whose second version
and its sibling on the ground (Patel et al., TartanGround, 2025) are laid out as ``<environment>/
Data_easy/P000/image_lcam_front/000000_lcam_front.png``, ``seg_lcam_front/..._seg.png``,
``depth_lcam_front/..._depth.png`` and ``pose_lcam_front.txt`` (tx ty tz qx qy qz qw of the camera,
NED metres, as airseg has them). What the label values mean differs between environments and lies
in ``seg_label_map.json``, beside the data or in the ``segfiles.zip`` of the authors' toolkit.
"""

from __future__ import annotations

import json
import zipfile
import zlib
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from airseg.dataset.importing.encodings import read_float32_depth
from airseg.dataset.importing.found import Found, ImportOptions, Promise, Publication, counted
from airseg.dataset.importing.numbered import check_pictures, numbered, times_of
from airseg.dataset.packing.folder_layouts import tartan_poses
from airseg.dataset.packing.folder_sources import FolderFacts, FolderSource, FrameFiles, NamedId
from airseg.errors import DatasetError
from airseg.text_files import decode_text, read_text


@dataclass(frozen=True)
class _Edition:
    """One of the two datasets: its layout's name, folders, and what it is said to hold."""

    layout: str
    publication: Publication
    folders: tuple[str, ...]
    environments: int
    trajectories: Mapping[str, int]


AIR = _Edition(
    "tartanair2",
    Publication("TartanAir V2", "https://tartanair.org", "CC BY 4.0", "tartanair2"),
    ("Data_easy", "Data_hard"),
    74,
    {},
)
GROUND = _Edition(
    "tartanground",
    Publication("TartanGround", "https://tartanair.org/tartanground/", "CC BY 4.0", "tartanair2"),
    ("Data_omni", "Data_diff", "Data_anymal"),
    63,
    {"Data_omni": 440, "Data_diff": 198, "Data_anymal": 240},
)
CAMERAS = tuple(
    f"{side}cam_{way}"
    for side in "lr"
    for way in ("front", "left", "right", "back", "top", "bottom")
)
"""Its pinhole cameras; fisheye and panorama are made of them."""
_RATE_HZ = 10.0
_SIZE = "640x640"
_FIELD_OF_VIEW_DEG = 90.0
_NAMES = "seg_label_map.json"
_ARCHIVE = "segfiles.zip"
_LARGEST_NAMES = 1 << 20


def find_tartanair2(root: Path, options: ImportOptions) -> Found:
    """Read TartanAir V2: a folder of environments, one environment, or its ``Data_easy``.

    Raises:
        DatasetError: not this layout, a frame that lacks a file, or nobody says what labels mean.
    """
    return _find(root, options, AIR)


def find_tartanground(root: Path, options: ImportOptions) -> Found:
    """Read TartanGround in the same way.

    Raises:
        DatasetError: see `find_tartanair2`.
    """
    return _find(root, options, GROUND)


def _find(root: Path, options: ImportOptions, edition: _Edition) -> Found:
    camera = options.camera or CAMERAS[0]
    folders = _data_folders(root, edition)
    if not folders:
        raise DatasetError(
            f"{root}: expected <environment>/{edition.folders[0]}/P000 or such, found none. Unpack "
            f"{edition.publication.title}'s archives as its toolkit does."
        )
    sources, notes, names = [], ["there are no time stamps; they are those of 10 Hz"], {}
    trajectories: Counter[str] = Counter()
    for data in folders:
        environment = data.resolve().parent
        for folder in sorted(p for p in data.iterdir() if p.is_dir() and p.name.startswith("P")):
            trajectories[data.name] += 1
            if not (folder / f"seg_{camera}").is_dir():
                notes.append(f"{folder} has no seg_{camera}; it is left out")
                continue
            if environment not in names:
                names[environment] = _objects(environment, root)
            sources.append(
                _trajectory(folder, environment.name, camera, names[environment], edition)
            )
    if not sources:
        raise DatasetError(
            f"{root}: none of its trajectories has seg_{camera}. Unpack the archives of labels "
            "beside those of pictures."
        )
    return Found(sources, _promises(edition, names, trajectories, sources), notes)


def _data_folders(root: Path, edition: _Edition) -> list[Path]:
    """Return the folders of trajectories in a root, in its environments, or the root itself."""
    places = [root, *(root / name for name in edition.folders)]
    places += [path for name in edition.folders for path in root.glob(f"*/{name}")]
    return sorted(p for p in places if p.resolve().name in edition.folders and p.is_dir())


def _trajectory(
    folder: Path, environment: str, camera: str, objects: tuple[NamedId, ...], edition: _Edition
) -> FolderSource:
    def files(kind: str, ending: str) -> dict[int, Path]:
        return numbered(folder / f"{kind}_{camera}", rf"(?P<number>\d{{6}})_{camera}{ending}\.png")

    pictures, labels, depth = files("image", ""), files("seg", "_seg"), files("depth", "_depth")
    check_pictures(labels, pictures, folder / f"image_{camera}")
    if lacking := sorted(pictures.keys() - labels.keys()):
        raise DatasetError(
            f"{pictures[lacking[0]]}: has no labels in seg_{camera} ({len(lacking)} frames lack "
            "theirs). Every frame has some: unpack the archive again."
        )
    if not pictures:
        raise DatasetError(
            f"{folder}: has no pictures in image_{camera}. Unpack its archive of pictures again."
        )
    poses = tartan_poses(folder / f"pose_{camera}.txt", len(pictures))
    warnings = [] if poses is not None else [f"has no pose_{camera}.txt; poses are unknown (NaN)"]
    times_ns, details = times_of(pictures, _RATE_HZ)
    name = f"{environment}-{folder.parent.resolve().name.removeprefix('Data_')}-{folder.name}"
    facts = FolderFacts(
        name if camera == CAMERAS[0] else f"{name}-{camera}",
        str(folder),
        environment,
        poses,
        times_ns,
        details={
            **details,
            "camera": {"name": camera, "fov_deg": _FIELD_OF_VIEW_DEG},
            "origin": edition.publication.origin(edition.layout, first_frame=next(iter(pictures))),
        },
        warnings=tuple(warnings),
        objects=objects,
        depth_reader=read_float32_depth,
    )
    frames = [FrameFiles(pictures[n], labels[n], depth.get(n)) for n in pictures]
    return FolderSource(facts, frames, None)


def _objects(environment: Path, root: Path) -> tuple[NamedId, ...]:
    """Return what the label values of an environment mean."""
    path, text = _names_of(environment, root)
    try:
        table = json.loads(text)["name_map"]
        names: dict[int, list[str]] = defaultdict(list)
        for name, value in table.items():
            if type(value) is not int or not 0 <= value <= 255:
                raise ValueError(f"{name!a:.60} is {value!a:.60}, no number from 0 to 255")
            if not name.isprintable():
                raise ValueError(f"{name!a:.60} cannot be printed")
            names[value].append(name)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as cause:
        reason = f"no {cause}" if isinstance(cause, KeyError) else str(cause)
        raise DatasetError(
            f"{path}: expected JSON with a 'name_map' of label values by name ({reason})."
        ) from None
    return tuple(NamedId(n, " ".join(found), tuple(found)) for n, found in sorted(names.items()))


def _names_of(environment: Path, root: Path) -> tuple[str, str]:
    """Return where an environment's names lie, and their JSON."""
    for path in (environment / _NAMES, root / "segfiles" / environment.name / _NAMES):
        if path.is_file():
            return str(path), read_text(path, DatasetError)
    for archive in (root / _ARCHIVE, environment / _ARCHIVE, environment.parent / _ARCHIVE):
        if archive.is_file():
            return _from_archive(archive, f"{environment.name}/{_NAMES}")
    raise DatasetError(
        f"{environment}: has no {_NAMES}, so nobody says what its label values mean. Put it there, "
        f"or the toolkit's {_ARCHIVE} beside the environments."
    )


def _from_archive(archive: Path, member: str) -> tuple[str, str]:
    """Return one file's text; an archive is read by exact name and never unpacked."""
    try:
        with zipfile.ZipFile(archive) as opened:
            size = opened.getinfo(member).file_size
            if size > _LARGEST_NAMES:
                raise ValueError(f"{member} would be {size:,} bytes")
            return f"{archive}: {member}", decode_text(opened.read(member))
    except KeyError:
        raise DatasetError(f"{archive}: has no {member}. Is it the toolkit's?") from None
    except (
        OSError,
        ValueError,
        zipfile.BadZipFile,
        zipfile.LargeZipFile,
        NotImplementedError,
        EOFError,
        RuntimeError,
        zlib.error,
    ) as cause:
        raise DatasetError(f"{archive}: is damaged ({cause}). Copy it again.") from None


def _promises(
    edition: _Edition,
    names: Mapping[Path, object],
    trajectories: Mapping[str, int],
    sources: list[FolderSource],
) -> list[Promise]:
    shown = ", ".join(sorted({f"{source.width}x{source.height}" for source in sources}))
    return [
        Promise("environments", counted(edition.environments), counted(len(names))),
        *(
            Promise(f"{folder}: trajectories", counted(said), counted(trajectories.get(folder, 0)))
            for folder, said in edition.trajectories.items()
        ),
        Promise("size of frames", _SIZE, shown),
    ]
