"""docs/decisions.md, docs/routing.md and docs/cascades.md run, and print what they say they print."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize("page", ["decisions.md", "routing.md", "cascades.md"])
def test_blocks_print_what_the_page_shows(page: str) -> None:
    """Output on the page is executed output; the blocks share their names, as on the page."""
    names: dict[str, object] = {}
    for code, shown in re.findall(r"```python\n(.*?)```(?:\n\n```text\n(.*?)```)?", (DOCS / page).read_text("utf-8"), re.DOTALL):
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            exec(compile(code, page, "exec"), names)
        assert shown == out.getvalue()
