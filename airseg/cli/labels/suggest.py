"""``airseg labels suggest``: propose classes for names that no rule takes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from airseg.cli.options import map_option, recordings_argument

if TYPE_CHECKING:
    from airseg.labels.label_map import LabelMap


@click.command("suggest")
@recordings_argument("inputs")
@map_option("Leave out what this label map takes already.")
@click.option(
    "--out", type=click.Path(path_type=Path), help="The YAML to write.  [default: print it]"
)
@click.option("--no-frames", is_flag=True, help="Judge by names alone; reads no picture.")
def command(
    inputs: tuple[Path, ...], map_name: str | None, out: Path | None, no_frames: bool
) -> None:
    """Propose a label map for the meshes of INPUTS, each rule with its confidence and reason.

    INPUTS are a text file with one mesh name a line, recordings, or a dataset. Where there are
    frames, position and appearance speak beside the words of the names. Nothing is applied: read
    the rules before you keep them.

    \b
    Examples:
      airseg labels suggest recordings --map common --out my_map.yaml
      airseg labels suggest mesh_names.txt
    """
    from airseg.errors import LabelMapError
    from airseg.labels.label_map import load_label_map
    from airseg.labels.suggest import suggest_entry, to_yaml

    if out is not None and out.exists():
        raise LabelMapError(f"{out}: is there already; name another --out, or remove it.")
    label_map = load_label_map(map_name) if map_name else None
    entries = _entries(inputs, label_map, no_frames)
    # Without a map nothing is mapped yet, so every name is asked about.
    asked = [e for e in entries if e.class_name is None and not e.ids and e.patterns]
    suggestions = [suggest_entry(entry, entries) for entry in asked]
    known = sum(s.class_name is not None for s in suggestions)
    text = to_yaml(suggestions, asked, _base(map_name), out.stem if out else "my_map")
    if out is None:
        click.echo(text, nl=False)
    else:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(text, encoding="utf-8")
        click.echo(f"wrote {out}")
    nameless = sum(e.class_name is None and bool(e.ids or e.colors) for e in entries)
    if asked:
        click.echo(f"{known} of {len(asked)} names have a suggestion; check each one.", err=True)
    elif entries and not nameless:
        click.echo(f"nothing to suggest: {map_name} has a class for every name.", err=True)
    if nameless:
        click.echo(
            f"{nameless} labels have no name, only an id or a colour: 'airseg labels audit' shows "
            "them, and lets you choose.",
            err=True,
        )


def _base(map_name: str | None) -> str | None:
    """Return what the printed map extends; a map that extends another cannot be, so paste there."""
    from airseg.documents import load_document
    from airseg.errors import LabelMapError
    from airseg.labels.document import LabelMapDocument
    from airseg.resources import find_resource

    if map_name is None:
        return None
    path = find_resource("label map", map_name, LabelMapError)
    return None if load_document(path, LabelMapDocument, LabelMapError).extends else map_name


def _entries(inputs: tuple[Path, ...], label_map: LabelMap | None, no_frames: bool) -> list:
    """Return audited labels, or labels by name alone for lists of names."""
    from airseg.cli.display import progress_bar
    from airseg.cli.labels.check import names_in
    from airseg.dataset.packing.sources import open_sources
    from airseg.labels.audit import entries_of_names, join
    from airseg.labels.label_counts import count_sequences

    lists = [path for path in inputs if path.is_file() and path.suffix not in (".h5", ".hdf5")]
    if lists or no_frames:
        names = [name for path in inputs for name in names_in(path)]
        return entries_of_names(names, label_map)
    sources = open_sources(list(inputs))
    with progress_bar("frames") as update:
        statistics = count_sequences(sources, update)
    return join(sources, statistics, label_map).entries
