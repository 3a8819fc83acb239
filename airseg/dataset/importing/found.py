"""What an importer returns: sequences, and how what was found compares with what was published."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from airseg.dataset.packing.folder_sources import FolderSource


@dataclass(frozen=True)
class Publication:
    """A dataset that somebody published.

    Attributes:
        title: its name.
        url: where it is told of.
        licence: what may be done with it, in a few words.
        label_map: the shipped map of its own classes; empty where there is none.
    """

    title: str
    url: str = ""
    licence: str = ""
    label_map: str = ""

    def origin(self, layout: str, **more: Any) -> dict[str, Any]:
        """Return the provenance that each sequence carries."""
        known = {"layout": layout, "title": self.title, "url": self.url, "licence": self.licence}
        return {key: value for key, value in (known | more).items() if value not in ("", None)}


@dataclass(frozen=True)
class Promise:
    """One thing the archive's documentation says, and what was found instead or as well.

    Attributes:
        what: such as ``train: labelled frames``.
        promised: what the documentation says.
        found: what lies in the folder.
    """

    what: str
    promised: str
    found: str

    @property
    def is_kept(self) -> bool:
        """Whether the two agree."""
        return self.promised == self.found

    def __str__(self) -> str:
        if self.is_kept:
            return f"{self.what}: {self.found}, as published"
        return f"{self.what}: {self.found} found, {self.promised} published"


@dataclass(frozen=True)
class ImportOptions:
    """How a published dataset is read.

    Attributes:
        before: context frames before each labelled frame, where there is unlabelled video.
        after: context frames after it.
        palette: what label colours mean, for layouts that do not say.
        camera: which of several, for layouts that have them; the first unless given.
    """

    before: int = 6
    after: int = 0
    palette: Path | None = None
    camera: str = ""


@dataclass(frozen=True)
class Found:
    """What lies in a folder.

    Attributes:
        sources: its sequences.
        promises: what was published beside what was found.
        notes: what a person should know.
    """

    sources: Sequence[FolderSource]
    promises: list[Promise] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def runs(
    labelled: Iterable[int],
    available: set[int],
    before: int,
    after: int,
    others: Iterable[int] = (),
) -> Iterator[list[int]]:
    """Yield runs of consecutive frame numbers around labelled frames.

    Context is taken as far as frames follow each other without a gap; runs that touch become one.

    Args:
        labelled: numbers of the frames with labels.
        available: numbers of all frames that are there, the labelled ones among them.
        before: frames wanted before each labelled one.
        after: frames wanted after it.
        others: frames that must not be context, such as those another split is scored on.
    """
    labelled, forbidden = sorted(set(labelled)), set(others)
    usable = (available | set(labelled)) - (forbidden - set(labelled))
    chosen: set[int] = set()
    for number in labelled:
        for step, count in ((-1, before), (1, after)):
            at = number
            for _ in range(count):
                at += step
                if at not in usable:
                    break
                chosen.add(at)
        chosen.add(number)
    run: list[int] = []
    for number in sorted(chosen):
        if run and number != run[-1] + 1:
            yield run
            run = []
        run.append(number)
    if run:
        yield run


def counted(number: int) -> str:
    """Return a number with its thousands set apart."""
    return f"{number:,}"
