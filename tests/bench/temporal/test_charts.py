"""Charts of gains, drawn by a browser with the page's own style."""

import re
from pathlib import Path

import pytest
from browser import browser_page

import airseg.bench
from airseg.bench.temporal.charts import gain_chart
from airseg.bench.temporal.findings import Finding
from airseg.bench.temporal.gains import Curve, Point
from airseg.bench.temporal.study_page import Setting, page

TEMPLATES = Path(airseg.bench.__file__).parent / "templates"


def point(level, gain, low, high):
    return Point(level, gain, low, high, memory=40.0, base=40.0)


@pytest.mark.browser
@pytest.mark.parametrize("width", [1280, 400])
def test_signs_and_numbers_of_the_axis_stand_inside_the_chart(tmp_path, width):
    style = re.search(r"<style>(.*?)</style>", (TEMPLATES / "temporal.html").read_text(), re.DOTALL)
    curve = Curve("N=4", "N=0", [point("25 Hz", -0.11, -0.32, 0.1)], None)
    chart = gain_chart([curve], "frames a second", {"N=4": "#2f6fb3"}, line=True)
    page = tmp_path / "chart.html"
    page.write_text(f"<!doctype html><meta charset=utf-8><style>{style[1]}</style>{chart}")
    with browser_page(tmp_path) as tab:
        tab.call(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=900, deviceScaleFactor=1, mobile=width < 500,
        )  # fmt: skip
        tab.open(page.as_uri())
        tab.until("document.querySelector('svg')")
        texts = tab.evaluate("[...document.querySelectorAll('svg .end')].map(t => t.textContent)")
        assert "\u22120.3" in texts
        left = "Math.min(...[...document.querySelectorAll('svg text')].map(t => t.getBBox().x))"
        assert tab.evaluate(left) >= 0


@pytest.mark.browser
@pytest.mark.parametrize("level", ["25", "a level with a name so long that no telephone holds it"])
def test_on_a_telephone_tables_keep_their_lines_and_say_where_they_go_on(tmp_path, level):
    points = [point(each, -10.1, -12.3, 10.1) for each in ("none", level)]
    curve = Curve("N=4", "N=0", points, None)
    findings = [Finding(name, "Motion", "px", "How.", [curve], []) for name in ("overall", "rate")]
    setting = Setting({"d": 9}, "test", "abc", [], [], [], "airseg bench temporal")
    path = tmp_path / "page.html"
    path.write_text(page(findings, setting, {}), encoding="utf-8")
    with browser_page(tmp_path) as tab:
        tab.call(
            "Emulation.setDeviceMetricsOverride",
            width=400, height=900, deviceScaleFactor=1, mobile=True,
        )  # fmt: skip
        tab.open(path.as_uri())
        tab.until("document.querySelector('.more')")
        lines = """[...document.querySelectorAll('td:not(:last-child)')]
          .map(n => { const r = document.createRange(); r.selectNodeContents(n);
            return new Set([...r.getClientRects()].map(b => Math.round(b.top))).size; })"""
        assert set(tab.evaluate(lines)) == {1}
        wide = "(s => s.scrollWidth > s.clientWidth + 4)(document.querySelector('.scroll'))"
        hidden = "document.querySelector('.more').hidden"
        assert tab.evaluate(wide) == (len(level) > 20) != tab.evaluate(hidden)
        assert tab.evaluate("document.documentElement.scrollWidth") <= 400
