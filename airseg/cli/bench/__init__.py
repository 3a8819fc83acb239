"""``airseg bench``: train, score, and publish the leaderboard."""

from __future__ import annotations

import click

from airseg.cli.lazy import LazyGroup

_COMMANDS = {
    "run": ("airseg.cli.bench.run", "Train and score every row of recipes."),
    "leaderboard": ("airseg.cli.bench.leaderboard", "Turn results into tables and one page."),
    "models": ("airseg.cli.bench.models", "List networks, and what they cost."),
    "publish": ("airseg.cli.bench.publish", "Write networks as files of a release."),
    "push": ("airseg.cli.bench.push", "Upload a network to the Hugging Face Hub."),
    "export": ("airseg.cli.bench.export", "Write a network for other programs: ONNX."),
    "distances": ("airseg.cli.bench.distances", "Score Deep Feature Flow by distance."),
    "pretrain-flow": ("airseg.cli.bench.flow", "Teach a flow network the exact flow."),
    "score": ("airseg.cli.bench.score", "Score label maps of any framework."),
    "objects": ("airseg.cli.bench.objects", "Score objects in video, of any framework."),
    "reproduce": ("airseg.cli.bench.reproduce", "Make a row again, and compare."),
    "speed": ("airseg.cli.bench.speed", "Time a network in every way it can be run."),
    "temporal": ("airseg.cli.bench.temporal", "Ask when the past helps, and why."),
}


@click.group("bench", cls=LazyGroup, modules=_COMMANDS)
def command() -> None:
    """Train and score networks, and publish the leaderboard.

    \b
    Examples:
      airseg bench run demo --dataset dataset.h5 --out results
      airseg bench leaderboard results --out results
    """
