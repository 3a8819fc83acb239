"""The card tells what is in a dataset: figures are counted again here, the page stands alone."""

import json
import re
from pathlib import Path

import cv2
import h5py
import numpy as np
import pytest
from browser import browser_page
from command_line import run
from published_datasets import cityscapes, vspw
from small_dataset import build_dataset

from airseg.cli import main
from airseg.dataset.reading.reader import Dataset


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """Return a dataset of four short flights."""
    return build_dataset(tmp_path_factory.mktemp("small"))


def card_of(capsys, path, out, *options):
    code, _, err = run(capsys, "dataset", "card", path, "--out", out, *options)
    assert code == 0, err
    return json.loads((out / "card.json").read_text())


def test_class_shares_are_those_of_the_pixels(small, tmp_path, capsys):
    card = card_of(capsys, small, tmp_path / "card")
    with Dataset(small) as dataset:
        for split in ("train", "val", "test"):
            labels = np.concatenate(
                [v.label(0, len(v)).ravel() for v in dataset if v.split == split]
            )
            shares = np.bincount(labels, minlength=256) / labels.size
            told = [c["shares"][split] for c in card["classes"]]
            assert told == pytest.approx(shares[: dataset.num_classes])
            assert card["ignored"][split] == pytest.approx(shares[255])
    assert [s["frames"] for s in card["splits"]] == [25, 8, 9]


def test_motion_and_change_are_measured_from_frame_to_frame(small, tmp_path, capsys):
    card = card_of(capsys, small, tmp_path / "card")
    told = {s["sequence"]: s for s in card["sequences"]}
    for view in Dataset(small):
        # The flights go one metre north every 40 ms.
        assert told[view.name]["motion"]["mean_speed_mps"] == pytest.approx(25)
        assert told[view.name]["motion"]["highest_m"] == 2
        labels = view.label(0, len(view))
        change = np.mean(labels[1:] != labels[:-1])
        assert told[view.name]["changed_share"] == pytest.approx(change)
    assert {h["name"]: h["median"] for h in card["histograms"]}["speed"] == pytest.approx(25)


def test_pictures_show_the_frame_beside_its_labels(small, tmp_path, capsys):
    card_of(capsys, small, tmp_path / "card", "--samples", "3")
    pictures = sorted((tmp_path / "card" / "samples").iterdir())
    assert len(pictures) == 3
    view = Dataset(small).sequence("d")
    shown = next(p for p in pictures if p.name.startswith("d-"))
    index = int(shown.stem.partition("-")[2])
    picture = cv2.imread(str(shown))[..., ::-1]
    frame = cv2.resize(view.rgb(index, index + 1)[0], (480, 320), interpolation=cv2.INTER_NEAREST)
    assert np.abs(picture[:, :480].astype(int) - frame).mean() < 4
    assert len(np.unique(view.label(index, index + 1))) == 5  # road, sky and three blocks


def test_markdown_and_page_tell_the_same_and_nothing_is_missing(small, tmp_path, capsys):
    out = tmp_path / "card"
    options = ("--title", "Blocks & <sky>", "--licence", "CC-BY-4.0")
    card = card_of(capsys, small, out, *options)
    markdown, page = (out / "card.md").read_text(), (out / "card.html").read_text()
    for path in re.findall(r"\]\((samples/[^)]*)\)", markdown):
        assert (out / path).is_file()
    assert "Blocks &amp; &lt;sky&gt;" in page
    assert not re.findall(r'(?:src|href)="(?!data:|https?://)', page)
    assert not re.findall(r'src="https?:', page)
    for text in (markdown, page):
        assert "CC-BY-4.0" in text
        assert card["content_hash"] in text
        assert all(sequence["content_hash"][:12] in text for sequence in card["sequences"])
    table = [line for line in markdown.splitlines() if line.startswith("|")]
    blocks = re.findall(r"(?:^\|.*\n)+", markdown, re.MULTILINE)
    assert sum(block.count("\n") for block in blocks) == len(table)
    for block in blocks:
        assert len({line.count("|") for line in block.splitlines()}) == 1


@pytest.mark.parametrize("address", ["javascript:alert(1)", "data:text/html,x", "//x.example"])
def test_a_dataset_s_address_is_a_link_to_the_web_or_none(small, tmp_path, capsys, address):
    path = tmp_path / "d.h5"
    path.write_bytes(Path(small).read_bytes())
    origin = {"layout": "x", "title": "[t](javascript:1) <b>", "url": address, "licence": "*x*"}
    with h5py.File(path, "r+") as file:
        for group in file["sequences"].values():
            group.attrs["origin"] = json.dumps(origin)
    card_of(capsys, path, tmp_path / "card")
    markdown, page = ((tmp_path / "card" / n).read_text() for n in ("card.md", "card.html"))
    assert f'href="{address}' not in page
    assert f"({address}" not in markdown
    assert "[t](javascript" not in markdown
    assert "<b>" not in markdown
    assert "(javascript:1) &lt;b&gt;" in page


def test_context_and_unknown_poses_are_told(tmp_path, capsys):
    cityscapes(tmp_path / "city")
    main(["dataset", "import", "cityscapes", str(tmp_path / "city"), "--before", "3",
          "--out", str(tmp_path / "city.h5")])  # fmt: skip
    card = card_of(capsys, tmp_path / "city.h5", tmp_path / "card")
    assert (card["frames"], card["labelled_frames"]) == (12, 3)
    assert card["histograms"] == []
    assert card["splits"][0]["changed_share"] is None
    text = (tmp_path / "card" / "card.md").read_text()
    assert "12, 3 with labels; the others are context" in text
    assert "Cityscapes terms" in text
    assert "https://www.cityscapes-dataset.com" in text


@pytest.mark.browser
def test_the_page_fits_its_window(small, tmp_path, capsys):
    vspw(tmp_path / "vspw")
    main(["dataset", "import", "vspw", str(tmp_path / "vspw"), "--out", str(tmp_path / "v.h5")])
    for path in (small, tmp_path / "v.h5"):
        card_of(capsys, path, tmp_path / path.stem)
    with browser_page(tmp_path) as page:
        for width, stem in ((1280, "small"), (400, "small"), (400, "v")):
            page.call("Emulation.setDeviceMetricsOverride", width=width, height=800,
                      deviceScaleFactor=1, mobile=width < 600)  # fmt: skip
            page.open((tmp_path / stem / "card.html").as_uri())
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            told = "[...document.querySelectorAll('.more')].some(hint => !hint.hidden)"
            page.until(told if width == 400 else f"!{told}")  # of more columns to the right
            page.evaluate("[...document.images].forEach(i => i.loading = 'eager')")
            page.until("[...document.images].every(i => i.complete && i.naturalWidth > 0)")


def test_its_figures_are_written_for_papers_too(small, tmp_path, capsys):
    from pypdf import PdfReader

    from airseg.dataset.card.pdf_plots import card_drawings

    card = card_of(capsys, small, tmp_path / "card", "--figures", "pdf")
    (ax,) = card_drawings(card)["classes"].axes
    drawn = {bars.get_label(): [bar.get_width() for bar in bars][::-1] for bars in ax.containers}
    for split in ("train", "val", "test"):
        assert drawn[split] == pytest.approx([100 * c["shares"][split] for c in card["classes"]])
    pages = {p.stem: PdfReader(p).pages for p in (tmp_path / "card" / "figures").iterdir()}
    assert {name: len(found) for name, found in pages.items()} == {"classes": 1, "motion": 1}
    assert "traffic fixture" in pages["classes"][0].extract_text()
