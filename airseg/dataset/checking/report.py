"""What checks of a dataset file find, collected sequence by sequence."""

from __future__ import annotations

from dataclasses import dataclass, field

from airseg.dataset.format.files import Location


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong.

    Attributes:
        sequence: where, or None for the file as a whole.
        frame: the first frame at fault, or None for the sequence as a whole.
        message: what was found and what was expected.
    """

    sequence: str | None
    frame: int | None
    message: str


@dataclass
class Report:
    """Collects findings of one sequence, or of the file."""

    sequence: str | None
    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, message: str, frame: int | None = None) -> None:
        """Take a finding."""
        place = f"{self.sequence}: " if self.sequence else ""
        frame_text = "" if frame is None else f"frame {frame}: "
        self.findings.append(Finding(self.sequence, frame, f"{place}{frame_text}{message}"))


def without_path(cause: Exception, path: Location) -> str:
    """Return what an error says, without the path that the report has said."""
    text = ascii(" ".join(str(cause).split()))[1:-1]
    return text.removeprefix(f"{path}: ") or type(cause).__name__
