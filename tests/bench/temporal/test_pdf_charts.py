"""Charts of gains as PDF: dots and whiskers where the page has them, text that pypdf reads."""

from pypdf import PdfReader

from airseg.bench.temporal.findings import Finding
from airseg.bench.temporal.gains import Curve, Point
from airseg.bench.temporal.pdf_charts import gain_drawings
from airseg.pdf_figures import write_pdfs


def finding(name, kind):
    points = [
        Point("25 Hz", -0.11, -0.32, 0.1, memory=40, base=40, kind=kind),
        Point("5 Hz", 1.5, 0.5, 2.5, memory=40, base=40, kind=kind),
    ]
    return Finding(
        name, "Frame rate", "frames a second", "", [Curve("N=4", "N=0", points, None)], []
    )


def test_gains_and_intervals_stand_where_they_are(tmp_path):
    drawn = gain_drawings([finding("rate", "interval"), finding("visibility", "range")])
    assert list(drawn) == ["gain-rate", "gain-visibility"]
    for name, style, joined in (("gain-rate", "-", "-"), ("gain-visibility", ":", "None")):
        (ax,) = drawn[name].axes
        _, gains, *whiskers = ax.get_lines()
        assert list(gains.get_ydata()) == [-0.11, 1.5]
        assert gains.get_linestyle() == joined
        assert [list(w.get_ydata()) for w in whiskers] == [[-0.32, 0.1], [0.5, 2.5]]
        assert {w.get_linestyle() for w in whiskers} == {style}
    path, _ = write_pdfs(drawn, tmp_path)
    text = PdfReader(path).pages[0].extract_text()
    assert all(told in text for told in ("25 Hz", "5 Hz", "frames a second", "N=4 over N=0"))
