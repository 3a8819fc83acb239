"""Texts of others inside Markdown and pages: shown as they are, never taken for markup."""

from __future__ import annotations

import json
import re
from urllib.parse import quote, urlsplit

_MARKUP = re.compile(r"([\\`*\[\]<>|~#&]|(?<![^\W_])_|_(?![^\W_]))")


def escaped(text: str) -> str:
    """Return a text that Markdown (CommonMark, GitHub's) shows as it is, on one line."""
    return _MARKUP.sub(r"\\\1", " ".join(text.split()))


def code(text: str) -> str:
    """Return a text for a span of code, which knows no escapes but those of a table's cells."""
    return " ".join(text.split()).replace("`", "'").replace("|", "\\|")


def python_text(text: str) -> str:
    """Return a text as a literal of Python, in double quotes."""
    return json.dumps(text, ensure_ascii=False)


def web_address(text: str) -> str:
    """Return an address that a page may link to; empty for those of other kinds than the web's.

    A dataset comes from anybody, and a browser runs what follows ``javascript:``.
    """
    try:
        parts = urlsplit(text.strip())
    except ValueError:
        return ""
    is_web = parts.scheme in ("http", "https") and bool(parts.netloc)
    return quote(text.strip(), safe=":/?#@!$&'*+,;=%~") if is_web else ""


def file_address(text: str) -> str:
    """Return the address of a file beside the page."""
    return quote(text, safe="/")
