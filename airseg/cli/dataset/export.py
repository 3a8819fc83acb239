"""``airseg dataset export``: write a dataset in the layouts that other programs read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from airseg.cli.names import FORMAT
from airseg.cli.options import (
    jpeg_option,
    map_option,
    out_folder_option,
    overwrite_folder_option,
    publication_options,
)

if TYPE_CHECKING:
    from airseg.dataset.exporting.common import ExportOptions


@click.command("export")
@click.argument("format_name", metavar="FORMAT", type=FORMAT)
@click.argument("source", metavar="DATASET", type=click.Path(path_type=Path))
@out_folder_option("The folder to write.")
@jpeg_option
@map_option("Label map of recordings.  [default: that of their environment]")
@publication_options
@click.option(
    "--things",
    default="",
    metavar="NAMES",
    help="Classes whose objects are told apart, such as vehicle,tree.  [default: those known]",
)
@overwrite_folder_option
def command(
    format_name: str,
    source: Path,
    out: Path,
    jpeg_quality: int | None,
    map_name: str | None,
    title: str,
    licence: str,
    url: str,
    things: str,
    overwrite: bool,
) -> None:
    """Write DATASET as FORMAT into a folder.

    FORMAT mcap takes recordings, too: their folder, or a folder of them.

    \b
    FORMAT is one of
      mmseg        img_dir, ann_dir, lists and a dataset class for mmsegmentation
      vspw         VSPW's folders: data/<video>/origin and mask, lists
      imagefolder  folders with metadata.jsonl for Hugging Face's imagefolder
      parquet      Parquet files with pictures inside, README.md, croissant.json
      hub          what `dataset push` uploads: Parquet, films, the file itself
      ffv1         a Matroska video for each sequence, colour and labels, lossless
      h264         the same with colour in H.264; labels stay lossless
      mcap         MCAP files for Foxglove, Rerun and FiftyOne
      kittistep    panoptic pictures: class in red, object in green and blue
      youtubevis   YouTube-VIS: masks and boxes of each object through the video
      coco         COCO: masks, boxes and track ids of the objects of each frame
      cvat         pictures and masks to correct; see dataset correct
      croissant    croissant.json about the dataset file itself

    \b
    Examples:
      airseg dataset export parquet dataset.h5 --out for_the_hub \\
          --licence CC-BY-4.0
      airseg dataset export vspw dataset.h5 --jpeg 95 --out vspw
      airseg dataset export mcap recordings/loop_walk --out to_look_at
    """
    from airseg.cli.display import progress_bar
    from airseg.dataset.exporting.common import ExportOptions
    from airseg.dataset.exporting.formats import export
    from airseg.dataset.reading.reader import Dataset

    named = tuple(name.strip() for name in things.split(",") if name.strip())
    options = ExportOptions(jpeg_quality, title, licence, url, overwrite, named)
    if format_name == "mcap" and source.is_dir():
        _export_recordings(source, map_name, out, options)
    else:
        if map_name is not None:
            raise click.UsageError(
                "--map is for recordings; a dataset has classes. Change them by 'airseg relabel'."
            )
        with (
            Dataset(source, check=True) as opened,
            progress_bar("frames", {"hashing": "bytes"}) as update,
        ):
            export(format_name, opened, out, options, update)
    files = [path for path in out.rglob("*") if path.is_file()]
    size = sum(path.stat().st_size for path in files)
    click.echo(f"wrote {len(files):,} files, {size / 1e6:.1f} MB, to {out}")


def _export_recordings(
    source: Path, map_name: str | None, out: Path, options: ExportOptions
) -> None:
    """Write an MCAP file of each recording in a folder."""
    from airseg.cli.display import progress_bar
    from airseg.cli.recorded_flights import open_flights
    from airseg.dataset.exporting.mcap import export_flights

    with progress_bar("frames") as update:
        export_flights(open_flights([source], map_name), out, options, update)
