"""The formats that a dataset can be exported to, by name."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from airseg.dataset.exporting.common import (
    NOTE,
    ExportOptions,
    Facts,
    Progress,
    facts_of,
    published_folder,
)
from airseg.dataset.exporting.croissant import export_croissant
from airseg.dataset.exporting.cvat import export_cvat
from airseg.dataset.exporting.folders import export_imagefolder, export_mmseg, export_vspw
from airseg.dataset.exporting.hub import export_hub
from airseg.dataset.exporting.instances import (
    export_coco,
    export_kittistep,
    export_youtubevis,
)
from airseg.dataset.exporting.mcap import BYTES_PER_PIXEL as MCAP_BYTES_PER_PIXEL
from airseg.dataset.exporting.mcap import export_mcap
from airseg.dataset.exporting.parquet import export_parquet
from airseg.dataset.exporting.video import export_ffv1, export_h264
from airseg.dataset.format.publishing import check_free_space
from airseg.dataset.reading.reader import Dataset
from airseg.errors import DatasetError
from airseg.extensions import Registry
from airseg.path_names import names_of_one_file
from airseg.version import __version__

Export = Callable[[Dataset, Path, Facts, ExportOptions, "Progress | None"], None]


@dataclass(frozen=True)
class Format:
    """One format: what writes it, and about how many bytes a pixel takes."""

    write: Export
    bytes_per_pixel: float


FORMATS: dict[str, Format] = {
    "mmseg": Format(export_mmseg, 1.5),
    "vspw": Format(export_vspw, 1.5),
    "imagefolder": Format(export_imagefolder, 1.5),
    "parquet": Format(export_parquet, 1.5),
    "hub": Format(export_hub, 3.0),
    "ffv1": Format(export_ffv1, 1.5),
    "h264": Format(export_h264, 0.2),
    "cvat": Format(export_cvat, 1.5),
    "mcap": Format(export_mcap, MCAP_BYTES_PER_PIXEL),
    "kittistep": Format(export_kittistep, 1.5),
    "youtubevis": Format(export_youtubevis, 1.7),
    "coco": Format(export_coco, 1.7),
    "croissant": Format(export_croissant, 0.0),
}

_FORMATS = Registry(
    "format",
    "airseg.exporters",
    lambda: FORMATS,
    lambda found: isinstance(found, Format),
    "a Format of airseg.dataset.exporting.formats",
    DatasetError,
)


def format_names() -> list[str]:
    """Return the names of all formats, those of installed packages among them, sorted."""
    return _FORMATS.names()


def export(
    name: str,
    dataset: Dataset,
    folder: Path,
    options: ExportOptions,
    progress: Progress | None = None,
) -> None:
    """Write a dataset in a named format into a new folder.

    Raises:
        DatasetError: there is no such format, the folder is in use, or the disk is full.
    """
    chosen = _FORMATS[name]
    if pair := names_of_one_file(dataset.sequences):
        raise DatasetError(
            f"{dataset.path}: sequences {pair[0]!a} and {pair[1]!a} would be one folder on Windows "
            "or a Mac. Export them one by one ('airseg dataset subset --sequence')."
        )
    pixels = sum(view.length * view.height * view.width for view in dataset)
    with published_folder(folder, overwrite=options.overwrite) as unfinished:
        check_free_space(unfinished, int(pixels * chosen.bytes_per_pixel))
        note = {
            "format": name,
            "dataset": dataset.path.name,
            "content_hash": dataset.content_hash,
            "jpeg_quality": options.jpeg_quality,
            "airseg_version": __version__,
        }
        (unfinished / NOTE).write_text(json.dumps(note, indent=1), encoding="utf-8")
        chosen.write(dataset, unfinished, facts_of(dataset, options), options, progress)
