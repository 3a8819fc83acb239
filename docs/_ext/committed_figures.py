"""A directive that shows what measurements were committed: JSON files below ``benchmark/results``.

Results of networks become a leaderboard for each folder, speeds of networks and what the scripts of
``benchmark/`` wrote a table for each file, under the name of the machine that was measured.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

RESULTS = Path(__file__).parents[2] / "benchmark" / "results"


def committed_figures(folder: Path = RESULTS) -> str:
    """Return Markdown of everything below a folder; nothing where nothing was committed."""
    parts = []
    for place in sorted({path.parent for path in folder.rglob("*.json")}):
        texts = [_leaderboard(place)]
        texts += [_file(path) for path in sorted(place.glob("*.json"))]
        if told := [text for text in texts if text]:
            parts.append(f"**`benchmark/results/{place.relative_to(folder)}`**")
            parts += told
    return "\n\n".join(parts)


def _leaderboard(place: Path) -> str:
    """Return the leaderboard of the results in a folder, or nothing where there are none."""
    if not any(_is_result(json.loads(path.read_text())) for path in place.glob("*.json")):
        return ""
    from airseg.bench.leaderboard.table import markdown
    from airseg.bench.results.result import load_results
    from airseg.bench.results.seeds import merge_seeds

    return markdown([row for _, row in merge_seeds(load_results([place]))])


def _is_result(content: Any) -> bool:
    return isinstance(content, dict) and "recipe" in content and "scores" in content


def _file(path: Path) -> str:
    """Return the table of a file of measurements, or nothing where it is another kind of file."""
    content = json.loads(path.read_text())
    if not isinstance(content, dict):
        return ""
    rows = content.get("rows") or content.get("measurements") or []
    flat = [{k: v for k, v in row.items() if _is_plain(v)} for row in rows]
    if not flat:
        return ""
    heads = list(dict.fromkeys(key for row in flat for key in row))
    lines = ["| " + " | ".join(head.replace("_", " ") for head in heads) + " |"]
    lines.append("| " + " | ".join(["---"] * len(heads)) + " |")
    lines += ["| " + " | ".join(_cell(row.get(head, "")) for head in heads) + " |" for row in flat]
    machine = content.get("machine", "")
    named = machine if isinstance(machine, str) else machine.get("device") or machine.get("cpu")
    return f"`{path.name}`, {named or 'machine not said'}:\n\n" + "\n".join(lines)


def _is_plain(value: Any) -> bool:
    return value is None or isinstance(value, str | int | float)


def _cell(value: Any) -> str:
    text = f"{value:.4g}" if isinstance(value, float) else "" if value is None else str(value)
    return text.replace("|", "\\|")


class CommittedFigures(SphinxDirective):
    """``{committed-figures}``."""

    def run(self) -> list[nodes.Node]:
        text = committed_figures()
        for path in RESULTS.rglob("*.json"):
            self.env.note_dependency(str(path))
        return self.parse_text_to_nodes(text) if text else []


def setup(app: Sphinx) -> dict[str, bool]:
    """Tell Sphinx of the directive."""
    app.add_directive("committed-figures", CommittedFigures)
    return {"parallel_read_safe": True}
