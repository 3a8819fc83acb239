"""The command line: one thin file per command, loaded when it is called.

Importing a command's file only when it is asked for keeps ``airseg --help`` fast and lets
``airseg record`` start without torch.
"""

from __future__ import annotations

import sys

import click

from airseg.cli.lazy import LazyGroup
from airseg.cli.slow_imports import slow_imports_told
from airseg.errors import AirsegError
from airseg.extras import how_to_install
from airseg.version import __version__

_COMMANDS = {
    "sim": ("airseg.cli.sim", "Run the embedded simulator, which speaks AirSim's RPC."),
    "record": ("airseg.cli.record", "Fly plans and record every frame with its labels."),
    "plan": ("airseg.cli.plan", "Check, draw and import flight plans."),
    "settings": ("airseg.cli.settings", "Write the settings.json that plans need."),
    "doctor": ("airseg.cli.doctor", "Check how well a simulator suits recording."),
    "verify": (
        "airseg.cli.verify",
        "Check recordings and datasets frame by frame; repair recordings.",
    ),
    "preview": ("airseg.cli.preview", "Make an MP4 of a recording: frames beside labels."),
    "view": ("airseg.cli.view", "Look at a recording or dataset in Rerun, or as a film."),
    "info": ("airseg.cli.info", "Say what is in recordings and datasets."),
    "relabel": ("airseg.cli.relabel", "Collapse mesh labels into classes and pack a dataset."),
    "labels": ("airseg.cli.labels", "Check label maps, audit recordings, suggest classes."),
    "dataset": ("airseg.cli.dataset", "Import, choose, join, export and check dataset files."),
    "bench": ("airseg.cli.bench", "Train and score networks, and publish the leaderboard."),
}


@click.group(
    cls=LazyGroup, modules=_COMMANDS, context_settings={"help_option_names": ["-h", "--help"]}
)
@click.version_option(__version__, prog_name="airseg")
@click.option("--debug", is_flag=True, help="Show a traceback when something goes wrong.")
@click.pass_context
def _cli(ctx: click.Context, debug: bool) -> None:
    """Labelled synthetic video: record flights, relabel meshes, bench networks.

    \b
    Examples, without AirSim and without a GPU:
      airseg record loop_walk street_val loop_back --embedded --out recordings
      airseg relabel recordings --map neighborhood --out dataset.h5
      airseg bench run demo --dataset dataset.h5 --out results
      airseg bench leaderboard results --out results
    """
    ctx.obj = {"debug": debug}


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; mistakes print one line and exit with code 2."""
    arguments = sys.argv[1:] if arguments is None else arguments
    try:
        with slow_imports_told():
            _cli(args=arguments, standalone_mode=False)
    except click.exceptions.Exit as stop:
        sys.exit(stop.exit_code)
    except click.exceptions.NoArgsIsHelpError as question:  # a group by its bare name: no mistake
        question.show()
        sys.exit(2)
    except click.ClickException as mistake:
        click.echo(f"airseg: {_with_help_hint(mistake)}", err=True)
        sys.exit(2)
    except (click.Abort, KeyboardInterrupt):
        kept = "given again, the command goes on from what it has kept"
        click.echo(f"airseg: interrupted; {kept}.", err=True)
        sys.exit(130)
    except ModuleNotFoundError as missing:
        if "--debug" in arguments or not (advice := how_to_install(missing.name)):
            raise
        click.echo(f"airseg: {advice}", err=True)
        sys.exit(2)
    except UnicodeEncodeError as mistake:
        if "--debug" in arguments or mistake.reason != "surrogates not allowed":
            raise
        around = mistake.object[max(mistake.start - 30, 0) : mistake.end + 30]
        what = f"the name of a file or folder is no text in UTF-8: {around!a}"
        click.echo(f"airseg: {what}. Rename it.", err=True)
        sys.exit(2)
    except (AirsegError, OSError, MemoryError) as mistake:
        if "--debug" in arguments:
            raise
        click.echo(f"airseg: {_one_line(mistake)}", err=True)
        sys.exit(2)


def _with_help_hint(mistake: click.ClickException) -> str:
    """Return click's complaint about the arguments on one line, with where to read more."""
    message = " ".join(mistake.format_message().split())
    context = getattr(mistake, "ctx", None)
    return f"{message} See: {context.command_path} --help" if context else message


def _one_line(mistake: BaseException) -> str:
    """Return the message of an error on one line; the system's own errors keep their file name."""
    return " ".join(str(mistake).split()) or type(mistake).__name__
