"""The app's server process: loads what pages are made of before it listens, so that no visitor waits seconds for imports."""

from __future__ import annotations

import os
from importlib import import_module
from typing import Final

from routerkit.offspring import end_with

# Not our own pages: Streamlit warns of what they cache when no server runs yet.
_SLOW: Final = ("altair", "duckdb", "pandas", "pyarrow", "routerkit.config", "routerkit.store", "streamlit")


def give_way() -> None:
    """Leave the processor to whoever wants it: who looks may wait, who routes may not."""
    os.nice(10)


def main() -> None:
    """Streamlit's own command line."""
    end_with(os.getppid())
    give_way()
    for name in _SLOW:
        import_module(name)
    import_module("streamlit.web.cli").main(prog_name="streamlit")


if __name__ == "__main__":
    main()
