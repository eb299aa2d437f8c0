"""docs/decisions.md runs, and prints what it says it prints."""

from __future__ import annotations

import contextlib
import io
import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[2] / "docs" / "decisions.md"
STEPS = re.findall(r"```python\n(.*?)```(?:\n\n```text\n(.*?)```)?", PAGE.read_text("utf-8"), re.DOTALL)


@pytest.fixture(scope="module")
def printed() -> list[str]:
    """What each block prints; the blocks share their names, as on the page."""
    names: dict[str, object] = {}
    outputs = []
    for code, _ in STEPS:
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            exec(compile(code, PAGE.name, "exec"), names)
        outputs.append(out.getvalue())
    return outputs


@pytest.mark.parametrize("i", range(len(STEPS)))
def test_block_prints_what_the_page_shows(printed, i):
    """Output on the page is executed output."""
    assert STEPS[i][1] == printed[i]
