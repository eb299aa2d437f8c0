"""A pool of one pretended target whose answers are kept and repeated."""

from __future__ import annotations

from pathlib import Path

_TEXT = """
[providers.sim]
kind = "simulated"
[targets.one]
provider = "sim"
model = "m"
usd_per_mtok = { input = 1, output = 1 }
[pools.coding]
targets = ["one"]
[cache]
url = "memory:"
"""


def write_repeating(folder: Path) -> Path:
    """The configuration's path."""
    path = folder / "routerkit.toml"
    path.write_text(_TEXT)
    return path
