"""The examples run, and the first two differ in one line."""

from __future__ import annotations

import ast
import json
import runpy
from pathlib import Path

import pytest

from tests.servers.strict_openai import Fault, StrictOpenAI

EXAMPLES = Path(__file__).parents[3] / "examples"
MODERN = 'def greet(name: str) -> str:\n    return f"Hello, {name}!"\n'


@pytest.fixture
def configured(openai_server: StrictOpenAI, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration over the strict server, known to routerkit and to OpenAI's client."""
    path = tmp_path / "routerkit.toml"
    path.write_text(
        f'[providers.p]\nkind = "openai"\nbase_url = "{openai_server.base_url}"\napi_key = "env:OPENAI_API_KEY"\n'
        '[targets.t]\nprovider = "p"\nmodel = "model-a"\n[pools.coding]\ntargets = ["t"]\n'
    )
    monkeypatch.setenv("ROUTERKIT_CONFIG", str(path))
    monkeypatch.setenv("OPENAI_BASE_URL", openai_server.base_url)
    monkeypatch.setenv("OPENAI_API_KEY", openai_server.api_key)
    monkeypatch.chdir(tmp_path)
    return path


@pytest.mark.parametrize("name", ["langchain_before.py", "langchain_after.py"])
def test_the_agent_reads_writes_and_reports(name, configured, openai_server, capsys):
    """With and without the router."""
    openai_server.script(
        Fault(tool_calls=[("read_file", '{"name": "greet.py"}')]),
        Fault(tool_calls=[("write_file", json.dumps({"name": "greet.py", "source": MODERN}))]),
        Fault(text="Done."),
    )
    model = runpy.run_path(str(EXAMPLES / name), run_name="__main__")["model"]
    (getattr(model, "router", None) or model.root_client).close()
    assert 3 == openai_server.hits
    assert MODERN in capsys.readouterr().out


def test_before_and_after_differ_in_one_line_and_the_import():
    """That is the promise."""
    before, after = (_statements(EXAMPLES / f"langchain_{name}.py") for name in ("before", "after"))
    assert {"from langchain_openai import ChatOpenAI", "model = ChatOpenAI(model='gpt-5-mini', temperature=0)"} == before - after
    assert {"from langchain_routerkit import ChatRouter", "model = ChatRouter(temperature=0)"} == after - before


def test_the_graph_keeps_its_conversation(configured, openai_server, capsys, monkeypatch):
    """The second question is asked with the first and its answer."""
    monkeypatch.setattr("sys.argv", ["langchain_graph.py", "--config", str(configured)])
    runpy.run_path(str(EXAMPLES / "langchain_graph.py"), run_name="__main__")
    assert [1, 3] == [len(body["messages"]) for body in openai_server.bodies]
    assert "picked 't' for kind explain" in capsys.readouterr().out


def _statements(path: Path) -> set[str]:
    return {ast.unparse(statement) for statement in ast.parse(path.read_text()).body[1:]}
