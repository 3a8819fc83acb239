"""Texts of others in Markdown and pages: a foreign reader of Markdown shows them as they are."""

import html
import re

import pytest
from markdown_it import MarkdownIt

from airseg.markdown import escaped, web_address

TEXTS = [
    "[ab]",
    "[click](javascript:alert(1))",
    "<script>alert(1)</script>",
    "*bold* _thin_ __init__ `code` ~~gone~~",
    "a | b || c",
    "# no heading",
    "&lt;b&gt; & co",
    "back\\slash\\",
    "![picture](http://example.org/x.png)",
    "<http://example.org>",
]


@pytest.mark.parametrize("text", TEXTS)
def test_texts_are_shown_as_they_are(text):
    page = MarkdownIt("commonmark").enable("table").render(f"| a |\n| --- |\n| {escaped(text)} |\n")
    cell = re.search("<td>(.*?)</td>", page, re.DOTALL)[1]
    assert html.unescape(cell) == text
    assert "<" not in cell


@pytest.mark.parametrize(
    "address",
    [
        "javascript:alert(1)",
        " JavaScript:alert(1)",
        "java\nscript:alert(1)",
        "data:text/html,<script>alert(1)</script>",
        "vbscript:x",
        "file:///etc/passwd",
        "//example.org",
        "http:",
        "http://[",
        "",
    ],
)
def test_addresses_that_are_not_the_web_s_are_no_links(address):
    assert web_address(address) == ""


def test_addresses_of_the_web_cannot_end_their_attribute():
    assert web_address("https://example.org/a?b=1#c") == "https://example.org/a?b=1#c"
    assert '"' not in web_address('https://example.org/"onclick="alert(1)')
    assert ">" not in web_address("https://example.org/> <b>")
