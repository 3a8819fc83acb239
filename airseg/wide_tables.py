"""A hint at wide tables, on every page that airseg writes and on the site."""

from pathlib import Path

SCRIPT = Path(__file__).with_suffix(".js").read_text(encoding="utf-8")
"""JavaScript that tells of each table in an element of class ``scroll`` that has more columns to
the right."""
