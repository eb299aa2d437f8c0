"""The examples run on any configuration."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import pytest

from tests.integrations.llamaindex.conftest import Upstream

EXAMPLES = Path(__file__).parents[3] / "examples"


def run(name: str, upstream: Upstream, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    monkeypatch.setattr(sys, "argv", [name, "--config", str(upstream.config)])
    runpy.run_path(str(EXAMPLES / name), run_name="__main__")
    return capsys.readouterr().out


def test_query_engine(upstream: Upstream, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Prints a streamed answer made from the files, and who answered."""
    out = run("llamaindex_query_engine.py", upstream, monkeypatch, capsys)
    assert "round(net * 0.19, 2)" in out
    assert "answered by good after 1 attempt(s)" in out


def test_function_agent(upstream: Upstream, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Calls the tool, then answers from its result."""
    out = run("llamaindex_function_agent.py", upstream, monkeypatch, capsys)
    assert "[read_file({'name': 'tax.py'}) -> " in out
    assert "The result is def tax(net)" in out
