"""``airseg labels check``: mistakes in label maps, and names they leave out."""

from __future__ import annotations

from pathlib import Path

import click
import yaml

from airseg import yaml_schema
from airseg.cli.names import LABEL_MAP
from airseg.errors import LabelMapError
from airseg.text_files import read_text


@click.command("check")
@click.argument("maps", nargs=-1, metavar="[MAP]...", type=LABEL_MAP)
@click.option(
    "--names",
    "lists",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Mesh names the maps must know: a text file with one a line, or a recording; may be "
    "given several times.",
)
def command(maps: tuple[str, ...], lists: tuple[Path, ...]) -> None:
    """Run the examples of MAPs, and find doubles, dead rules and names without a class.

    Without MAP all shipped maps are checked. With --names, rules that take nothing and AirSim
    default ids that several classes share are told too.

    \b
    Examples:
      airseg labels check
      airseg labels check my_map.yaml --names mesh_names.txt --names recordings
    """
    from airseg.labels import load_label_map
    from airseg.labels.check import check_map
    from airseg.resources import shipped_names

    names = [name for path in lists for name in names_in(path)]
    problems = 0
    for map_name in maps or shipped_names("label map"):
        report = check_map(load_label_map(map_name), names)
        problems += len(report.problems)
        known = f", {len(names) - len(report.classes.get(None, []))} of {len(names)} names known"
        click.echo(
            f"{report.name}: {report.examples} examples hold; {report.patterns} expressions, "
            f"{report.ids} ids, {report.colors} colours{known if names else ''}"
        )
        for problem in report.problems:
            click.echo(f"  problem: {problem}")
        for class_name, pattern in report.unused:
            click.echo(f"  note: rule for {class_name}: '{pattern}' takes none of the names")
        for collision in report.collisions:
            click.echo(f"  note: {collision}")
    if problems:
        raise LabelMapError(f"{problems} problem(s) in label maps; they are listed above.")


def names_in(path: Path) -> list[str]:
    """Return mesh names of a text file, or of the object tables of recordings."""
    if path.is_file() and path.suffix.lower() not in (".h5", ".hdf5"):
        text = read_text(path, LabelMapError)
        lines = _listed(text, path) if text.lstrip().startswith("[") else text.splitlines()
        return sorted({line.strip() for line in lines} - {""})
    from airseg.dataset.packing.sources import open_sources

    groups = [group for source in open_sources([path]) for group in source.object_table]
    return sorted({mesh for group in groups for mesh in (group.meshes or (group.group,))})


def _listed(text: str, path: Path) -> list[str]:
    """Return the names of a list as JSON or Python writes what simListSceneObjects returns."""
    try:
        found = yaml_schema.load(text)
    except (yaml.YAMLError, ValueError):
        found = None
    if not isinstance(found, list) or not all(isinstance(name, str) for name in found):
        raise LabelMapError(
            f"{path}: begins as a list of names, and is none. Write one name a line."
        )
    return found
