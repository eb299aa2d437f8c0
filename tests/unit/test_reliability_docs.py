"""The table of the fault matrix names tests that exist, for every row."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
TABLE: Final = (ROOT / "docs" / "fault-matrix.md").read_text()
LAST: Final = {"U": 34, "S": 7, "K": 4, "I": 7, "R": 3, "X": 4, "T": 2, "Q": 5, "H": 6}
"""Number of the last row of each group."""


def test_every_row_is_there_once() -> None:
    assert [f"{group}{n}" for group, last in LAST.items() for n in range(1, last + 1)] == re.findall(r"^\| ([A-Z]\d+) \|", TABLE, re.M)


def test_every_test_exists() -> None:
    named = re.findall(r"`([\w/]+\.py)::(\w+)`", TABLE)
    missing = [f"{path}::{name}" for path, name in named if not re.search(rf"def {name}\(", (ROOT / "tests" / path).read_text())]
    assert [] == missing
    assert len(named) > sum(LAST.values())
