"""What is installed is what was looked at: pinned by hash, nothing that runs by itself, no version known to be bad."""

from __future__ import annotations

import ast
import re
import site
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Final

import pytest
from packaging.requirements import Requirement

ROOT: Final = Path(__file__).parents[2]
LOCK: Final = (ROOT / "requirements.lock").read_text()
PINNED: Final = re.findall(r"^([a-z0-9-]+)==(\S+)[^\n]*((?:\n    --hash=\S+[^\n]*)*)", LOCK, re.MULTILINE)
KNOWN_PTH: Final = frozenset({"_routerkit.pth", "a1_coverage.pth", "distutils-precedence.pth", "_virtualenv.pth"})
"""Files that Python runs at every start: this project's own, of coverage, setuptools and virtualenv."""
WORSE: Final = {"litellm": ("1.82.7", "1.82.8", "1.107.0"), "guardrails-ai": ("0.10.1",)}
"""Releases that carried malware (litellm 1.82.7, 1.82.8: PYSEC-2026-2; guardrails-ai 0.10.1) or are reported broken."""


def test_every_package_is_pinned_with_hashes() -> None:
    """`pip install --require-hashes` refuses whatever is not, so an index cannot slip in another file."""
    assert len(PINNED) > 100
    assert [] == [name for name, _, hashes in PINNED if "--hash=sha256:" not in hashes]
    assert [] == [line for line in LOCK.splitlines() if line.strip() and not re.match(r"[a-z0-9-]+==|    --hash=sha256:[0-9a-f]{64}", line)]


def test_lock_says_nothing_about_where_it_was_made() -> None:
    assert "://" not in LOCK


def test_no_bad_release_is_pinned() -> None:
    assert [] == [(name, version) for name, version, _ in PINNED if version in WORSE.get(name, ())]


@pytest.mark.parametrize("version", WORSE["litellm"])
def test_bad_release_of_litellm_cannot_be_asked_for(version: str) -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    (wanted,) = [Requirement(text) for text in extras["litellm"]]
    assert not wanted.specifier.contains(version)


def test_nothing_unexpected_runs_whenever_python_starts() -> None:
    """litellm 1.82.8 stole keys by a `.pth` file, which needs no import."""
    found = {path.name for folder in site.getsitepackages() for path in Path(folder).glob("*.pth")}
    assert set() == found - KNOWN_PTH


def test_litellms_proxy_is_never_imported() -> None:
    """Nearly all its vulnerabilities are there; we use its library alone."""
    paths = [path for root in ("routerkit", "integrations", "evals/routerkit_evals", "app") for path in (ROOT / root).rglob("*.py")]
    trees = [(path, ast.parse(text)) for path in paths if "litellm" in (text := path.read_text())]
    assert trees
    named = [path for path, tree in trees for node in ast.walk(tree) if "litellm.proxy" in imported(node)]
    assert [] == named


def imported(node: ast.AST) -> str:
    match node:
        case ast.Import(names=names):
            return " ".join(name.name for name in names)
        case ast.ImportFrom(module=str(module), names=names):
            return " ".join(f"{module}.{name.name}" for name in names)
    return ""


@pytest.mark.slow
def test_litellm_without_a_call_opens_no_connection_and_loads_no_proxy() -> None:
    """Its import fetches a price list unless told not to, and may drag in the server."""
    code = (
        "import socket, sys\n"
        "def refuse(*_, **__): raise SystemExit('a connection was opened')\n"
        "socket.socket.connect = refuse\n"
        "socket.getaddrinfo = refuse\n"
        "from routerkit.providers import litellm\n"
        "litellm._library()\n"
        "print([name for name in sys.modules if name.startswith('litellm.proxy.proxy_server')])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert ("[]\n", 0) == (done.stdout, done.returncode), done.stderr[-500:]
