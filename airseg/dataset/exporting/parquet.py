"""Parquet files with pictures inside, for Hugging Face's ``datasets`` and any Arrow reader."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from airseg.dataset.exporting.common import (
    ExportOptions,
    Facts,
    Progress,
    each_frame,
    encode_color,
    encode_labels,
    frame_row,
)
from airseg.dataset.exporting.croissant import describe_parquet
from airseg.dataset.exporting.hub_card import write_readme
from airseg.dataset.reading import Dataset, SequenceView
from airseg.errors import DatasetError
from airseg.labels.label_map import SPLITS

_SHARD_BYTES = 400 << 20
_ROWS_AT_ONCE = 32
_FEATURES = {
    "image": {"_type": "Image"},
    "label": {"_type": "Image"},
    "sequence": {"dtype": "string", "_type": "Value"},
    "frame": {"dtype": "int32", "_type": "Value"},
    "timestamp_ns": {"dtype": "int64", "_type": "Value"},
    "labelled": {"dtype": "bool", "_type": "Value"},
    "pose": {"feature": {"dtype": "float64", "_type": "Value"}, "_type": "List"},
}


def export_parquet(
    dataset: Dataset, folder: Path, facts: Facts, options: ExportOptions, progress: Progress | None
) -> None:
    """Write ``data/<split>-00000-of-00001.parquet``, ``README.md`` and ``croissant.json``.

    Raises:
        DatasetError: pyarrow is not installed.
    """
    try:
        import pyarrow  # noqa: F401
    except ImportError:
        raise DatasetError(
            "the parquet format needs pyarrow. Run: pip install 'airseg[parquet]'"
        ) from None
    palette = facts.label_map.palette()

    def row(view: SequenceView, index: int) -> dict[str, Any]:
        name = f"{view.name}/{index:06d}"
        image = encode_color(view.rgb(index, index + 1)[0], options.jpeg_quality)
        label = encode_labels(view.label(index, index + 1)[0], palette)
        return {
            "image": {"bytes": image, "path": f"{name}{options.suffix}"},
            "label": {"bytes": label, "path": f"{name}_label.png"},
            **frame_row(view, index),
        }

    (folder / "data").mkdir()
    views = [view for split in SPLITS for view in dataset if view.split == split]
    with _Shards(folder / "data") as shards:
        for view, _, values in each_frame(views, row, "exporting", progress):
            shards.add(view.split, values)
    files = shards.rename()
    write_readme(folder, facts, options, files, len(dataset))
    description = describe_parquet(dataset, folder, facts, files)
    (folder / "croissant.json").write_text(json.dumps(description, indent=1), encoding="utf-8")


class _Shards:
    """Parquet files of bounded size, one after the other; a split begins a new one."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: list[tuple[str, Path]] = []
        self._rows: list[dict[str, Any]] = []
        self._bytes = 0
        self._writer: Any = None

    def __enter__(self) -> _Shards:
        return self

    def __exit__(self, *raised: object) -> None:
        self._close()

    def add(self, split: str, row: dict[str, Any]) -> None:
        """Append one row."""
        if self._writer is None or self._files[-1][0] != split or self._bytes > _SHARD_BYTES:
            self._close()
            self._open(split)
        self._rows.append(row)
        self._bytes += len(row["image"]["bytes"]) + len(row["label"]["bytes"])
        if len(self._rows) >= _ROWS_AT_ONCE:
            self._flush()

    def rename(self) -> dict[str, list[Path]]:
        """Give the files their final names; return them by split."""
        named: dict[str, list[Path]] = {}
        for split in dict.fromkeys(split for split, _ in self._files):
            own = [path for s, path in self._files if s == split]
            named[split] = [
                path.rename(path.with_name(f"{split}-{n:05d}-of-{len(own):05d}.parquet"))
                for n, path in enumerate(own)
            ]
        return named

    def _open(self, split: str) -> None:
        import pyarrow.parquet as pq

        path = self._folder / f"part-{len(self._files):05d}"
        self._writer = pq.ParquetWriter(path, _schema(), compression="snappy")
        self._files.append((split, path))
        self._bytes = 0

    def _flush(self) -> None:
        import pyarrow as pa

        if self._rows:
            self._writer.write_table(pa.Table.from_pylist(self._rows, _schema()))
        self._rows = []

    def _close(self) -> None:
        if self._writer is not None:
            self._flush()
            self._writer.close()
            self._writer = None


def _schema() -> Any:
    """Return the columns, with the note by which ``datasets`` knows pictures."""
    import pyarrow as pa

    picture = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    note = json.dumps({"info": {"features": _FEATURES}})
    return pa.schema(
        [
            ("image", picture),
            ("label", picture),
            ("sequence", pa.string()),
            ("frame", pa.int32()),
            ("timestamp_ns", pa.int64()),
            ("labelled", pa.bool_()),
            ("pose", pa.list_(pa.float64())),
        ],
        metadata={"huggingface": note},
    )
