"""What the papers report: numbers on other data and other machines, for rows that say so."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from airseg.documents import StrictModel, load_document
from airseg.errors import RecipeError
from airseg.resources import find_resource

Percent = float | None


class Paper(StrictModel):
    """A paper: its short name, and where it is found."""

    name: str
    source: str


class PublishedRow(StrictModel):
    """One row of a paper's table; per cent as printed, None where the paper is silent.

    Attributes:
        paper: key of `PublishedNumbers.papers`; table: where in it.
        dataset: with the split it was scored on; size: width x height of the frames.
        paper_jaccard: the founding paper's Eq. 1-2, of each split.
        mvc8, mvc16: of VSPW's script; cons, consw: of frame pairs; accuracy: of pixels.
        fps: on `gpu`, as the paper timed it; params_m: millions; gmacs: multiply-adds, 1e9.
        depth: N of the founding paper's rows.
        leaks: whether frames were tested that lie beside training frames.
        verified: whether the number was read in the text; note: what to know before quoting it.
    """

    paper: str
    system: str
    dataset: str
    size: str = ""
    mean_iou: Percent = Field(None, ge=0, le=100)
    paper_jaccard: dict[Literal["train", "val", "test"], float] = {}
    accuracy: Percent = Field(None, ge=0, le=100)
    mvc8: Percent = Field(None, ge=0, le=100)
    mvc16: Percent = Field(None, ge=0, le=100)
    cons: Percent = Field(None, ge=0, le=100)
    consw: Percent = Field(None, ge=0, le=100)
    fps: float | None = Field(None, gt=0)
    gpu: str = ""
    params_m: float | None = Field(None, gt=0)
    gmacs: float | None = Field(None, gt=0)
    depth: int | None = None
    leaks: bool = False
    table: str = ""
    note: str = ""
    verified: bool = True

    @model_validator(mode="after")
    def _a_speed_names_its_machine(self) -> PublishedRow:
        if self.fps is not None and not self.gpu:
            raise ValueError(f"{self.system}: fps needs the gpu it was measured on")
        return self


class PublishedNumbers(StrictModel):
    """The file of published numbers."""

    format: Literal[1] = 1
    papers: dict[str, Paper]
    rows: list[PublishedRow]

    @model_validator(mode="after")
    def _rows_name_known_papers(self) -> PublishedNumbers:
        for row in self.rows:
            if row.paper not in self.papers:
                raise ValueError(f"{row.system}: no paper '{row.paper}' stands under papers")
        return self

    @property
    def machines(self) -> list[str]:
        """Return the machines that speeds were measured on, in the file's order."""
        return list(dict.fromkeys(r.gpu for r in self.rows if r.fps is not None))


def load_published(name: str = "published") -> PublishedNumbers:
    """Read published numbers: the shipped file, or one of the same form.

    Raises:
        RecipeError: no such file, or it is wrong; the message names file, line and field.
    """
    path = find_resource("table of published numbers", name, RecipeError)
    return load_document(path, PublishedNumbers, RecipeError)
