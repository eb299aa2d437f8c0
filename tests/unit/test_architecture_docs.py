"""The page about the code names files and folders that exist."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]


def test_everything_it_names_is_there() -> None:
    named = re.findall(r"`([\w/]+(?:\.py|/))`", (ROOT / "docs" / "architecture.md").read_text())
    missing = [
        name for name in named if not any((ROOT / base / name).exists() for base in (".", "routerkit", "evals/routerkit_evals", "tests"))
    ]
    assert [] == missing
    assert len(named) > 40
