"""`routerkit demo` with providers of which one is not there: the run goes on, says why, and what to type next can be typed."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from routerkit.cli import main

CONFIG = """
[providers.sim]
kind = "simulated"
[providers.gone]
kind = "openai"
base_url = "http://127.0.0.1:9/v1"
[targets.here]
provider = "sim"
model = "here"
usd_per_mtok = { input = 0.1, output = 0.1 }
[targets.gone]
provider = "gone"
model = "gone"
usd_per_mtok = { input = 0.0, output = 0.0 }
[pools.coding]
targets = ["here", "gone"]
policy = "cheapest"
[scorecard]
path = "scorecard.json"
[ledger]
path = "data"
"""


@pytest.fixture
def shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    """What the demo prints over two tasks, started as `make demo` does it: by its path."""
    (tmp_path / "routerkit.toml").write_text(CONFIG)
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    monkeypatch.setattr(sys, "argv", [".venv/bin/routerkit", "demo", "--folder", str(tmp_path), "--limit", "2"])
    with pytest.raises(SystemExit) as caught:
        main()
    assert not caught.value.code
    return capsys.readouterr().out


def test_demo_goes_on_without_a_provider_and_says_why(shown: str) -> None:
    assert "gone: 2 answers do not count (infra_provider), e.g. demo/" in shown
    assert "127.0.0.1:9: cannot connect" in shown
    assert "answered by here after" in shown
    assert ".venv/bin/routerkit ledger --config" in shown


INTERRUPTED = """
import signal
from routerkit.testing import ScriptedProvider, make_reply

class Interrupted(ScriptedProvider):
    def __init__(self, **settings):
        super().__init__([])

    def complete(self, request):
        signal.raise_signal(signal.SIGINT)
        return make_reply("no code")
"""


def test_interrupted_demo_ends_and_publishes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "interrupted.py").write_text(INTERRUPTED)
    (tmp_path / "routerkit.toml").write_text(CONFIG.replace('kind = "simulated"', 'kind = "interrupted:Interrupted"'))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "argv", ["routerkit", "demo", "--folder", str(tmp_path), "--limit", "3"])
    with pytest.raises(SystemExit) as caught:
        main()
    assert 130 == caught.value.code
    assert "the same command goes on" in capsys.readouterr().err
    assert not (tmp_path / "scorecard.json").exists()
