"""`routerkit demo` with providers of which one is not there: the run goes on, says why, and what to type next can be typed."""

from __future__ import annotations

import signal
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


def test_demo_says_that_answers_are_missing(shown: str) -> None:
    assert "2 of 4 answers are missing; the same command asks for them again" in shown


def test_demo_spends_no_unknown_amount_unasked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "routerkit.toml").write_text(CONFIG.replace("usd_per_mtok = { input = 0.1, output = 0.1 }\n", ""))
    monkeypatch.setattr(sys.stdin, "isatty", lambda: False)
    assert 2 == _code(monkeypatch, "--folder", str(tmp_path))
    told = "an unknown amount: no price is known of here; run it again with --yes (make demo ARGS=--yes), or give usd_per_mtok"
    assert capsys.readouterr().err.endswith(f"routerkit: the demo would spend {told}\n")


def test_demo_without_any_answer_ends_by_saying_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "routerkit.toml").write_text(CONFIG.replace('["here", "gone"]', '["gone"]'))
    assert 2 == _code(monkeypatch, "--folder", str(tmp_path), "--limit", "1")
    assert (
        capsys.readouterr().err.splitlines()[-1].startswith("routerkit: no model answered: see above why, then run the same command again")
    )
    assert not (tmp_path / "scorecard.json").exists()


def test_demo_whose_key_is_gone_can_begin_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "routerkit.toml").write_text(CONFIG.replace('/v1"', '/v1"\napi_key = "env:NO_SUCH_KEY"'))
    assert 2 == _code(monkeypatch, "--folder", str(tmp_path))
    told = capsys.readouterr().err
    assert "NO_SUCH_KEY is not set" in told
    assert told.endswith(f"or delete {tmp_path}/routerkit.toml, and the demo looks anew for what is here\n")


def test_demo_without_langchain_says_so_before_anything_is_spent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delitem(sys.modules, "routerkit.cli.demo_traffic", raising=False)
    monkeypatch.setitem(sys.modules, "langchain_routerkit", None)
    assert 2 == _code(monkeypatch, "--folder", str(tmp_path / "new"))
    assert "run pip install 'routerkit[evals,langchain,local]'" in capsys.readouterr().err
    assert not (tmp_path / "new").exists()


def _code(monkeypatch: pytest.MonkeyPatch, *args: str) -> object:
    monkeypatch.setattr(sys, "argv", ["routerkit", "demo", *args])
    with pytest.raises(SystemExit) as caught:
        main()
    return caught.value.code


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
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background of a shell inherits "ignore"
    try:
        assert 130 == _code(monkeypatch, "--folder", str(tmp_path), "--limit", "3")
    finally:
        signal.signal(signal.SIGINT, before)
    assert "run the same command again to resume" in capsys.readouterr().err
    assert not (tmp_path / "scorecard.json").exists()
