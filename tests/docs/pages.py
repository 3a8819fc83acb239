"""What the pages show: their fenced blocks, and the commands a reader would type."""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
_OUTSIDE = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "benchmark" / "README.md"]
PAGES = [*_OUTSIDE, *sorted((ROOT / "docs").glob("*.md"))]
_FENCE = re.compile(r"^( *)```([^\n]*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
# What starts airseg elsewhere or often: a container, a process for each GPU.
_LAUNCHER = re.compile(r"^(docker run .* (?=airseg )|torchrun .*-m (?=airseg ))")
# What stands for something of the reader's own.
_PLACEHOLDER = re.compile(r"\.\.\.|[\[\]<>|]|\b[A-Z]{3,}\b| / ")


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, its text, and where it is."""

    page: str
    language: str
    text: str


def blocks(page):
    """Return the fenced blocks of a page."""
    found = _FENCE.findall(page.read_text())
    return [Block(page.name, language.strip(), text) for _, language, text in found]


def typed_commands(page):
    """Return the words of each ``airseg`` command in a page's blocks, as a shell splits them."""
    lines = []
    for block in blocks(page):
        if block.language in ("", "console", "bash"):
            lines += re.sub(r"\\\n\s*", " ", block.text).splitlines()
    commands = [_LAUNCHER.sub("", line.strip().removeprefix("$ ")) for line in lines]
    return [_words(c) for c in commands if c.startswith("airseg ")]


def sessions(page):
    """Return (words of a command, lines that the page shows below it) of its console blocks."""
    typed = []
    for block in blocks(page):
        if block.language == "console":
            for line in re.sub(r"\\\n\s*", " ", block.text).splitlines():
                if line.startswith("$ "):
                    typed.append((_words(line.removeprefix("$ ")), []))
                else:
                    typed[-1][1].append(line)
    return typed


def mentioned_commands(page):
    """Return the words of each ``airseg`` command that is named in running text."""
    text = _FENCE.sub("", page.read_text())
    named = re.findall(r"`(airseg [^`]+)`", text.replace("\n", " "))
    return [_words(c) for c in named if not _PLACEHOLDER.search(c)]


def _words(command):
    words = shlex.split(command, comments=True)
    return words[: words.index(">")] if ">" in words else words
