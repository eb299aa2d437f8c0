"""What a wheel holds."""

from __future__ import annotations

import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_package_of_the_source_roots_is_shipped():
    """A root that is developed here but left out of the wheel fails only on a user's machine."""
    hatch = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]
    shipped = {ROOT / path for path in hatch["targets"]["wheel"]["packages"]}
    roots = [ROOT / root for root in hatch["dev-mode-dirs"] if root != "."]
    assert {p for root in roots for p in root.iterdir() if p.name.startswith(("routerkit", "langchain_", "llama_"))} <= shipped
