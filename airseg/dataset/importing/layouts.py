"""The layouts that can be imported, by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from airseg.dataset.importing import (
    camvid,
    cityscapes,
    kitti_step,
    midair,
    tartanair2,
    uavid,
    viper,
    vspw,
)
from airseg.dataset.importing.found import Found, ImportOptions, Promise, Publication, counted
from airseg.dataset.packing.airsim_recorder import listed_images
from airseg.dataset.packing.folder_layouts import LAYOUTS as FOLDER_LAYOUTS
from airseg.dataset.packing.folder_layouts import find_folder_sources, load_palette
from airseg.dataset.packing.folder_sources import FolderSource
from airseg.dataset.packing.preparation import Preparation, prepare_sources
from airseg.errors import DatasetError, did_you_mean
from airseg.extensions import Registry
from airseg.labels.label_map import LabelMap


@dataclass(frozen=True)
class Layout:
    """One layout: where it comes from, what reads it, and the cameras to choose from."""

    publication: Publication
    find: Callable[[Path, ImportOptions], Found]
    cameras: tuple[str, ...] = ()


_FOLDER_PUBLICATIONS = {
    "tartanair": Publication(
        "TartanAir v1", "https://theairlab.org/tartanair-dataset/", "CC BY 4.0", "founding"
    ),
    "airsim": Publication("AirSim recording"),
    "folders": Publication("image folders"),
}


def _folder_finder(layout: str) -> Callable[[Path, ImportOptions], Found]:
    def find(root: Path, options: ImportOptions) -> Found:
        palette = load_palette(options.palette) if options.palette else None
        sources = find_folder_sources(root, palette, layout)
        if not sources:
            raise DatasetError(f"{root}: expected {FOLDER_LAYOUTS[layout]}, found none of it.")
        for source in sources:
            origin = _FOLDER_PUBLICATIONS[layout].origin(layout)
            source.details = {**source.details, "origin": origin}
        return Found(sources, _promises(layout, sources))

    return find


def _promises(layout: str, sources: Sequence[FolderSource]) -> list[Promise]:
    """Return what a layout's documentation, or a recording's own list, says and what is there."""
    if layout == "tartanair":
        sizes = sorted({f"{source.width}x{source.height}" for source in sources})
        return [Promise("size of frames", "640x480", ", ".join(sizes))]
    if layout != "airsim":
        return []
    promises = []
    for folder in sorted({Path(source.location) for source in sources}):
        listed = listed_images(folder)
        there = sum(image.is_file() for image in listed)
        what = f"{folder.resolve().name}: images named in airsim_rec.txt"
        promises.append(Promise(what, counted(len(listed)), counted(there)))
    return promises


LAYOUTS: dict[str, Layout] = {
    "cityscapes": Layout(cityscapes.PUBLICATION, cityscapes.find_cityscapes),
    "camvid": Layout(camvid.PUBLICATION, camvid.find_camvid),
    "vspw": Layout(vspw.PUBLICATION, vspw.find_vspw),
    "uavid": Layout(uavid.PUBLICATION, uavid.find_uavid),
    "tartanair2": Layout(
        tartanair2.AIR.publication, tartanair2.find_tartanair2, tartanair2.CAMERAS
    ),
    "tartanground": Layout(
        tartanair2.GROUND.publication, tartanair2.find_tartanground, tartanair2.CAMERAS
    ),
    "viper": Layout(viper.PUBLICATION, viper.find_viper),
    "midair": Layout(midair.PUBLICATION, midair.find_midair),
    "kitti-step": Layout(kitti_step.PUBLICATION, kitti_step.find_kitti_step),
    **{
        name: Layout(publication, _folder_finder(name))
        for name, publication in _FOLDER_PUBLICATIONS.items()
    },
}

_LAYOUTS = Registry(
    "layout",
    "airseg.importers",
    lambda: LAYOUTS,
    lambda found: isinstance(found, Layout),
    "a Layout of airseg.dataset.importing.layouts",
    DatasetError,
)


def layout_names() -> list[str]:
    """Return the names of all layouts, those of installed packages among them, sorted."""
    return _LAYOUTS.names()


def layout_named(name: str) -> Layout:
    """Return a layout.

    Raises:
        DatasetError: there is none of that name.
    """
    return _LAYOUTS[name]


def find(layout: str, root: Path, options: ImportOptions) -> Found:
    """Return the sequences of a folder in a named layout.

    Raises:
        DatasetError: there is no such layout, camera or folder, or the folder does not fit it.
    """
    chosen = layout_named(layout)
    if not root.is_dir():
        nearby = [p.name for p in root.parent.iterdir()] if root.parent.is_dir() else []
        raise DatasetError(f"{root}: there is no such folder.{did_you_mean(root.name, nearby)}")
    cameras = chosen.cameras
    if options.camera and options.camera not in cameras:
        known = f"expected one of {', '.join(cameras)}" if cameras else f"{layout} has one only"
        raise DatasetError(
            f"--camera {options.camera}: {known}.{did_you_mean(options.camera, cameras)}"
        )
    found = chosen.find(root, options)
    if not found.sources:
        raise DatasetError(f"{root}: has no sequence with labels in layout {layout}.")
    return found


def prepare_import(found: Found, label_map: LabelMap, splits: tuple[str, ...]) -> Preparation:
    """Resolve labels and choose splits of what was found; see `preparation.prepare`."""
    return prepare_sources([*sorted(found.sources, key=lambda s: s.name)], label_map, splits)
