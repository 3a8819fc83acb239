"""Options that several commands of ``airseg bench`` share."""

from __future__ import annotations

import click

classes_option = click.option(
    "--classes",
    default=11,
    show_default=True,
    type=click.IntRange(1, 1000),
    help="How many the network tells apart.",
)
height_option = click.option(
    "--height",
    default=480,
    show_default=True,
    type=click.IntRange(32, 4096),
    help="Of the frames it gets, pixels.",
)
width_option = click.option(
    "--width",
    default=640,
    show_default=True,
    type=click.IntRange(32, 4096),
    help="Of the frames it gets, pixels.",
)
split_option = click.option(
    "--split",
    default="test",
    show_default=True,
    type=click.Choice(["train", "val", "test"]),
    help="Whose sequences are scored.",
)
recipe_settings_option = click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="FIELD=VALUE",
    help="Change a field of the recipe; may be given several times.",
)
network_settings_option = click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="OPTION=VALUE",
    help="An option of the network; may be given several times.",
)
device_option = click.option(
    "--device", help="cuda, cuda:1, cpu.  [default: cuda where there is one]"
)
