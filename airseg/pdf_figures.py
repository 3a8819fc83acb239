"""Figures as PDF, for papers: matplotlib is needed here and nowhere else.

Fonts are embedded as TrueType, which publishers take and from which text can be copied; nothing
tells when a file was made, so that the same results give the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airseg.errors import AirsegError

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Drawing

FOLDER = "figures"
"""Where figures lie, in the folder of their page."""
WIDTH_IN = 6.9
"""Two columns of most journals, inches."""
_STYLE: dict[Any, Any] = {
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.unicode_minus": True,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "lines.linewidth": 1.4,
    "pdf.fonttype": 42,
    "text.parse_math": False,  # labels are texts of users, not formulas
    "timezone": "UTC",
}


@contextmanager
def figure_style() -> Iterator[None]:
    """Draw within this in the look of all figures.

    Raises:
        AirsegError: there is no matplotlib.
    """
    try:
        import matplotlib
    except ImportError:
        raise AirsegError(
            "figures as PDF need matplotlib, which is not installed. Install it: "
            "pip install 'airseg[figures]'."
        ) from None
    with matplotlib.rc_context({**matplotlib.rcParamsDefault, **_STYLE, "backend": "agg"}):
        yield


def new_drawing(height_in: float, columns: int = 1) -> tuple[Drawing, list[Any]]:
    """Return an empty figure of the full width, and its axes from left to right."""
    drawing = _empty(height_in)
    return drawing, list(drawing.subplots(1, columns, squeeze=False)[0])


def stacked_drawing(height_in: float, shares: Sequence[float]) -> tuple[Drawing, list[Any]]:
    """Return an empty figure of the full width, and axes below each other on one scale across.

    Args:
        height_in: of the whole figure, inches.
        shares: of the height, one for each of the axes.
    """
    drawing = _empty(height_in)
    axes = drawing.subplots(len(shares), 1, squeeze=False, sharex=True, height_ratios=shares)
    return drawing, list(axes[:, 0])


def _empty(height_in: float) -> Drawing:
    from matplotlib.figure import Figure

    return Figure(figsize=(WIDTH_IN, height_in), layout="constrained")


def dashes(pattern: str) -> str | tuple[int, tuple[float, ...]]:
    """Return what matplotlib calls SVG's pattern of dashes, such as ``6 3``."""
    return (0, tuple(float(n) / 1.5 for n in pattern.split())) if pattern else "-"


def key_below(drawing: Drawing, axes: list[Any]) -> None:
    """Put the key of a figure's lines and points below it, each label once."""
    found: dict[str, Any] = {}
    for ax in axes:
        for handle, label in zip(*ax.get_legend_handles_labels(), strict=True):
            found.setdefault(label, handle)
    if found:
        drawing.legend(list(found.values()), list(found), loc="outside lower center", ncols=3)


def write_pdfs(drawings: Mapping[str, Drawing], folder: Path) -> list[Path]:
    """Write figures, one page each, named after themselves; return their paths.

    Raises:
        AirsegError: the folder cannot be written.
    """
    paths = []
    for name, drawing in drawings.items():
        path = folder / f"{name}.pdf"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            told = {"CreationDate": None, "Creator": "airseg", "Producer": "matplotlib"}
            with figure_style():  # how fonts are embedded is asked now
                drawing.savefig(path, format="pdf", metadata=told)
        except OSError as cause:
            reason = cause.strerror or cause
            raise AirsegError(f"{path}: cannot be written ({reason}).") from cause
        paths.append(path)
    return paths
