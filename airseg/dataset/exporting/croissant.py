"""Croissant metadata (MLCommons, http://mlcommons.org/croissant/1.0), as JSON-LD."""

from __future__ import annotations

import hashlib
import json
from datetime import date
from pathlib import Path
from typing import Any

from airseg.dataset.exporting.common import (
    ExportOptions,
    Facts,
    Progress,
    class_table,
    sequence_row,
)
from airseg.dataset.format.files import Location
from airseg.dataset.reading.reader import Dataset
from airseg.version import __version__

_CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "equivalentProperty": "cr:equivalentProperty",
    "samplingRate": "cr:samplingRate",
    "dct": "http://purl.org/dc/terms/",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileProperty": "cr:fileProperty",
    "fileObject": "cr:fileObject",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
_COLUMNS = {
    "image": ("sc:ImageObject", "Colour frame."),
    "label": ("sc:ImageObject", "Class of every pixel; 255 where nothing counts."),
    "sequence": ("sc:Text", "Which video."),
    "frame": ("sc:Integer", "Which frame of it, from 0."),
    "timestamp_ns": ("sc:Integer", "Time of the frame, nanoseconds."),
    "labelled": ("sc:Boolean", "Whether the frame has labels, or is context for its neighbours."),
}
_SEQUENCE_COLUMNS = {
    **dict.fromkeys(("sequence", "split", "environment"), "sc:Text"),
    **dict.fromkeys(("frames", "labelled_frames", "width", "height"), "sc:Integer"),
}
_HASHED_AT_ONCE = 1 << 22


def describe_parquet(
    dataset: Dataset, folder: Path, facts: Facts, files: dict[str, list[Path]]
) -> dict[str, Any]:
    """Return the metadata of exported Parquet files: a record for each frame, read by column.

    Args:
        dataset: what was exported.
        folder: where the description will lie.
        facts: title, licence and classes.
        files: the files of each split, inside `folder`.
    """
    objects = [
        _file(path, path.relative_to(folder), "application/x-parquet")
        for paths in files.values()
        for path in paths
    ]
    # Without containedIn the set is looked for beside the description, wherever that lies.
    sets = [
        {
            "@type": "cr:FileSet",
            "@id": f"{split}-files",
            "name": f"{split}-files",
            "encodingFormat": "application/x-parquet",
            "includes": f"data/{split}-*.parquet",
        }
        for split in files
    ]
    records = [_records(split, {"fileSet": {"@id": f"{split}-files"}}) for split in files]
    return _dataset(dataset, facts, [*objects, *sets], [*records, _classes(facts)])


def export_croissant(
    dataset: Dataset, folder: Path, facts: Facts, options: ExportOptions, progress: Progress | None
) -> None:
    """Write ``croissant.json`` about the dataset file itself: size, SHA-256, classes, splits.

    Of a dataset of many files each is described, and the index that joins them.
    """
    files = [
        _file(file.path, _name(file.path, dataset.path), "application/x-hdf5", progress)
        for file in dataset.files
    ]
    if dataset.files != [dataset]:
        files.insert(0, _file(dataset.path, Path(dataset.path.name), "application/json"))
    sequences = _table(
        "sequences",
        "Which sequence is in which split.",
        _SEQUENCE_COLUMNS,
        [sequence_row(view) for view in dataset],
        key="sequence",
    )
    description = _dataset(dataset, facts, files, [_classes(facts), sequences])
    (folder / "croissant.json").write_text(json.dumps(description, indent=1), encoding="utf-8")


def _dataset(
    dataset: Dataset,
    facts: Facts,
    distribution: list[dict[str, Any]],
    records: list[dict[str, Any]],
) -> dict[str, Any]:
    sources = "; ".join(o["title"] for o in facts.origins) or "flights in a simulator"
    described = {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": facts.title,
        "description": facts.description,
        "license": facts.licence,
        "url": facts.url,
        "version": "1.0.0",
        "keywords": ["video", "semantic segmentation"],
        "identifier": f"airseg:{dataset.content_hash}",
        "datePublished": _written_on(dataset.path).isoformat(),
        "citeAs": f"{facts.title}, dataset of airseg {__version__}, "
        f"content {dataset.content_hash[:12]}",
        "rai:dataCollection": f"Made from {sources}.",
        "distribution": distribution,
        "recordSet": records,
    }
    return {key: value for key, value in described.items() if value != ""}


def _written_on(location: Location) -> date:
    """Return when a file was written; of a URL nobody knows, so it is today."""
    if isinstance(location, Path):
        return date.fromtimestamp(location.stat().st_mtime)
    return date.today()


def _name(location: Location, index: Location) -> Path:
    """Return what a file is called from beside the index."""
    if isinstance(location, Path) and isinstance(index, Path):
        folder = index.resolve().parent
        resolved = location.resolve()
        return resolved.relative_to(folder) if resolved.is_relative_to(folder) else resolved
    return Path(location.name)


def _file(
    location: Location, name: Path, encoding: str, progress: Progress | None = None
) -> dict[str, Any]:
    digest, done, size = hashlib.sha256(), 0, location.stat().st_size
    with location.open("rb") if isinstance(location, Path) else location.open() as file:
        while block := file.read(_HASHED_AT_ONCE):
            digest.update(block)
            done += len(block)
            if progress:
                progress(f"hashing {name}", done, size)
    return {
        "@type": "cr:FileObject",
        "@id": str(name),
        "name": str(name),
        "contentUrl": str(name),
        "contentSize": f"{size} B",
        "encodingFormat": encoding,
        "sha256": digest.hexdigest(),
    }


def _records(split: str, source: dict[str, Any]) -> dict[str, Any]:
    fields = []
    for column, (kind, text) in _COLUMNS.items():
        extract: dict[str, Any] = {**source, "extract": {"column": column}}
        if kind == "sc:ImageObject":
            extract["transform"] = {"jsonPath": "bytes"}
        fields.append(
            {
                "@type": "cr:Field",
                "@id": f"{split}/{column}",
                "name": column,
                "description": text,
                "dataType": kind,
                "source": extract,
            }
        )
    return {
        "@type": "cr:RecordSet",
        "@id": split,
        "name": split,
        "description": f"The frames of the {split} split, sequence by sequence.",
        "field": fields,
    }


def _classes(facts: Facts) -> dict[str, Any]:
    rows = [
        {
            "value": row["value"],
            "name": row["name"],
            "color": "#{:02x}{:02x}{:02x}".format(*row["color"]),
        }
        for row in class_table(facts)
    ]
    kinds = {"value": "sc:Integer", "name": "sc:Text", "color": "sc:Text"}
    return _table("classes", "What the values of labels mean.", kinds, rows, key="value")


def _table(
    name: str,
    text: str,
    kinds: dict[str, str],
    rows: list[dict[str, Any]],
    key: str = "name",
) -> dict[str, Any]:
    """Return a record set whose rows stand in the description itself."""
    return {
        "@type": "cr:RecordSet",
        "@id": name,
        "name": name,
        "description": text,
        "key": {"@id": f"{name}/{key}"},
        "field": [
            {"@type": "cr:Field", "@id": f"{name}/{field}", "name": field, "dataType": kind}
            for field, kind in kinds.items()
        ],
        "data": [{f"{name}/{field}": row[field] for field in kinds} for row in rows],
    }
