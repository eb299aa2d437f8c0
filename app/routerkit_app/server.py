"""The app's server process: loads what pages are made of before it listens, so that no visitor waits seconds for imports."""

from __future__ import annotations

import ctypes
import os
import signal
from importlib import import_module
from typing import Final

# Not our own pages: Streamlit warns of what they cache when no server runs yet.
_SLOW: Final = ("altair", "duckdb", "pandas", "pyarrow", "routerkit.config", "routerkit.store", "streamlit")

_PR_SET_PDEATHSIG: Final = 1


def give_way() -> None:
    """Leave the processor to whoever wants it: who looks may wait, who routes may not."""
    os.nice(10)


def end_with_parent() -> None:
    """Have the kernel end this process with the one that started it, which would else leave the port taken when it is killed."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def main() -> None:
    """Streamlit's own command line."""
    end_with_parent()
    give_way()
    for name in _SLOW:
        import_module(name)
    import_module("streamlit.web.cli").main(prog_name="streamlit")


if __name__ == "__main__":
    main()
