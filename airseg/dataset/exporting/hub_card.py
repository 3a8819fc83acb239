"""The README of a dataset on the Hugging Face Hub, with the metadata its viewer goes by."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from airseg.dataset.exporting.common import ExportOptions, Facts
from airseg.markdown import escaped, web_address

_LICENCES = (
    *("mit", "apache-2.0", "bsd-2-clause", "bsd-3-clause", "cc0-1.0", "odbl", "pddl"),
    *("cc-by-4.0", "cc-by-sa-4.0", "cc-by-nc-4.0", "cc-by-nc-sa-4.0", "cc-by-nc-nd-4.0"),
    *("cc-by-3.0", "cc-by-sa-3.0", "cc-by-nc-3.0", "cc-by-nc-sa-3.0"),
)
_SPLIT_NAMES = {"val": "validation"}
_SIZES = (
    *((10**3, "n<1K"), (10**4, "1K<n<10K"), (10**5, "10K<n<100K"), (10**6, "100K<n<1M")),
    *((10**7, "1M<n<10M"), (10**8, "10M<n<100M")),
)
_README = """---
{metadata}---

# {title}

{description}

Licence: {licence}.

| column | what it holds |
| --- | --- |
| image | colour frame ({kind}) |
| label | class of every pixel (palette PNG), 255 where nothing counts |
| sequence, frame | which video, which frame of it |
| timestamp_ns | its time |
| labelled | false where a frame is context without labels |
| pose | x y z in metres (north, east, down), then quaternion w x y z; NaN where unknown |

Classes, by value: {classes}.
"""


def write_readme(
    folder: Path,
    facts: Facts,
    options: ExportOptions,
    splits: Iterable[str],
    frames: int,
    previews: Iterable[str] = (),
    more: str = "",
) -> None:
    """Write ``README.md``.

    Args:
        folder: where the Parquet files lie in ``data``.
        facts, options: of the dataset and its export.
        splits: with frames.
        frames: how many there are.
        previews: splits with films in ``preview``.
        more: Markdown behind the rest.
    """
    names = enumerate(facts.label_map.class_names)
    lossy = f"JPEG, quality {options.jpeg_quality}"
    text = _README.format(
        metadata=yaml.safe_dump(
            _metadata(facts, list(splits), frames, list(previews)),
            sort_keys=False,
            allow_unicode=True,
        ),
        title=escaped(facts.title),
        description=escaped(facts.description),
        licence=escaped(facts.licence),
        kind="PNG, lossless" if options.jpeg_quality is None else lossy,
        classes=", ".join(f"{value} {escaped(name)}" for value, name in names),
    )
    (folder / "README.md").write_text(text + more, encoding="utf-8")


def licence_metadata(licence: str, url: str) -> dict[str, str]:
    """Return a licence as the Hub names it; ``other`` and its own name where the Hub knows none."""
    words = re.sub(r"[^a-z0-9.]+", "-", licence.lower()).strip("-")
    if words in _LICENCES:
        return {"license": words}
    if words in ("", "not-stated"):
        return {"license": "unknown"}
    link = web_address(url)
    return {"license": "other", "license_name": words[:60]} | (
        {"license_link": link} if link else {}
    )


def _metadata(facts: Facts, splits: list[str], frames: int, previews: list[str]) -> dict[str, Any]:
    def files(folder: str, places: list[str]) -> list[dict[str, str]]:
        return [{"split": _SPLIT_NAMES.get(s, s), "path": folder.format(split=s)} for s in places]

    size = next((name for most, name in _SIZES if frames < most), "n>1T")
    configs: list[dict[str, Any]] = [
        {
            "config_name": "frames",
            "default": True,
            "data_files": files("data/{split}-*", splits),
        }
    ]
    if previews:
        configs.append(
            {
                "config_name": "preview",
                "data_files": files("preview/{split}-*", previews),
            }
        )
    made_by = "expert-generated" if facts.origins else "machine-generated"
    return {
        "pretty_name": facts.title,
        **licence_metadata(facts.licence, facts.url),
        "task_categories": ["image-segmentation"],
        "task_ids": ["semantic-segmentation"],
        "annotations_creators": [made_by],
        "size_categories": [size],
        "tags": ["video", "temporal", "airseg", *([] if facts.origins else ["synthetic", "drone"])],
        "configs": configs,
    }
