"""``airseg settings``: write the settings.json that a real AirSim needs for plans."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("settings")
@click.argument("plans", nargs=-1, required=True)
@click.option("--out", type=click.Path(path_type=Path), help="File to write.  [default: print it]")
def command(plans: tuple[str, ...], out: Path | None) -> None:
    """Write the settings.json that a simulator needs to record PLANS.

    It sets the mode, the size of each image type, cameras, vehicles, and no display. AirSim reads
    it from Documents/AirSim when it starts.

    \b
    Examples:
      airseg settings loop_walk loop_back --out ~/Documents/AirSim/settings.json
      airseg settings car_drive
    """
    from airseg.errors import SettingsError
    from airseg.flight import load_plan
    from airseg.recording.simulator_settings import settings_text

    text = settings_text([load_plan(name) for name in plans])
    if out is None:
        click.echo(text, nl=False)
        return
    if out.is_dir():
        raise SettingsError(f"{out}: is a folder; name the file, such as {out / 'settings.json'}.")
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(text, encoding="ascii")
    click.echo(f"wrote settings for {len(plans)} plans to {out}")
