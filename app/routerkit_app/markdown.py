"""Putting stored text into Markdown, which Streamlit makes of captions, heads and messages."""

from __future__ import annotations

from typing import Final

_MEANS_SOMETHING: Final = frozenset("\\`*_{}[]()<>#+-.!|~$:&@/")


def plain(value: object) -> str:
    """Text in which nothing becomes a link, a picture or a formula; on one line, because lines mean something, too."""
    return "".join(f"\\{c}" if c in _MEANS_SOMETHING else c for c in " ".join(str(value).split()))
