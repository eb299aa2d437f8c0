"""`import routerkit` is cheap: the standard library only, and of that only what every call needs."""

from __future__ import annotations

import subprocess
import sys

HEAVY = [
    "litellm",
    "pydantic",
    "duckdb",
    "langchain",
    "langchain_core",
    "llama_index",
    "streamlit",
    "httpx",
    "httptools",
    "openai",
    "numpy",
    "pandas",
    "typer",
    "rich",
    "redis",
    "ray",
    "asyncio",
    "ssl",
    "importlib.metadata",
    "email",
    "json",
    "hashlib",
    "difflib",
]


def _run(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30).stdout.strip()


def test_import_loads_nothing_heavy():
    """No SDK, no event loop, no metadata reader: what only some callers need is imported where they need it."""
    # What the interpreter itself loads at start (a .pth file of an editable install, say) is not ours.
    assert "[]" == _run(
        f"import sys; before = set(sys.modules); import routerkit; print([m for m in {HEAVY} if m in set(sys.modules) - before])"
    )


def test_import_loads_no_package_but_ours():
    """Everything loaded is routerkit or the standard library."""
    code = (
        "import sys; before = set(sys.modules); import routerkit;"
        "print({m.split('.')[0] for m in set(sys.modules) - before} - set(sys.stdlib_module_names))"
    )
    assert "{'routerkit'}" == _run(code)


def test_import_says_and_reads_nothing():
    """No output, no threads, no environment needed."""
    assert "1" == _run("import os; os.environ.clear(); import threading, routerkit; print(threading.active_count())")


def test_version_is_found_when_asked_for():
    """`routerkit.__version__` works although nothing was read at import."""
    major, minor, *_ = _run("import routerkit; print(routerkit.__version__)").split(".")
    assert (major + minor).isdigit()


def test_unknown_attribute_is_an_attribute_error():
    """The lazy lookup does not swallow typos."""
    assert "False" == _run("import routerkit; print(hasattr(routerkit, 'Ruoter'))")
