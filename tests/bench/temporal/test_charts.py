"""Charts of gains, drawn by a browser with the page's own style."""

import re
from pathlib import Path

import pytest
from browser import browser_page

import airseg.bench
from airseg.bench.temporal.charts import gain_chart
from airseg.bench.temporal.gains import Curve, Point

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
