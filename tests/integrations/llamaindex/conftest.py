"""A RouterLLM in front of strict servers: on both provider paths, healthy or behind a target that always fails."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from llama_index.core.instrumentation import get_dispatcher  # type: ignore[attr-defined]  # as its documentation says

from llama_index.llms.routerkit import RouterLLM
from tests.integrations.llamaindex.suite import Listener
from tests.servers.fault import Fault
from tests.servers.strict_openai import StrictOpenAI

FAILURES = {
    "503": Fault(status=503, body=b'{"error":{"message":"busy","type":"server_error"}}'),
    "429": Fault(status=429, headers={"retry-after": "30"}, body=b'{"error":{"message":"slow down","type":"rate_limit_error"}}'),
    "cut": Fault(cut_after=1),
}
"""What a first target does on every request; a cut stream is cut before its first content."""
MODELS = {"openai": "gpt-test", "litellm": "openai/gpt-test"}
KEY_NAME = "ROUTERKIT_TEST_KEY"


@dataclass
class Upstream:
    """The servers behind a pool `coding`, and the configuration that leads to them."""

    good: StrictOpenAI
    config: Path
    bad: StrictOpenAI | None = None
    llms: list[RouterLLM] = field(default_factory=list)

    def llm(self, **settings: Any) -> RouterLLM:
        """A RouterLLM of its own; closed with the test."""
        made = RouterLLM(config=self.config, **{"model": "coding", **settings})
        self.llms.append(made)
        return made

    @property
    def body(self) -> dict[str, Any]:
        """Body of the last request that was answered."""
        body: dict[str, Any] = self.good.bodies[-1]
        return body

    def close(self) -> None:
        for llm in self.llms:
            llm.router.close()


def write_config(folder: Path, kind: str, servers: dict[str, StrictOpenAI]) -> Path:
    """Configuration with one target per server, tried in their order."""
    parts = []
    for name, server in servers.items():
        parts.append(f'[providers.{name}]\nkind = "{kind}"\nbase_url = "{server.base_url}"\napi_key = "env:{KEY_NAME}"\n')
        parts.append(
            f'[targets.{name}]\nprovider = "{name}"\nmodel = "{MODELS[kind]}"\ncontext_tokens = 32_000\n'
            'can = ["tools", "parallel_tools", "json_schema", "json_mode", "vision", "pdf", "audio", "reasoning"]\n'
            "usd_per_mtok = { input = 1.0, output = 2.0 }\n"
        )
    parts.append(f'[pools.coding]\ntargets = {list(servers)!r}\npolicy = "fallback"\n')
    path = folder / "routerkit.toml"
    path.write_text("\n".join(parts))
    return path


def open_upstream(folder: Path, good: StrictOpenAI, kind: str, failure: str) -> Iterator[Upstream]:
    """Yield the upstream, then check that a failing first target was really tried first."""
    if not failure:
        upstream = Upstream(good, write_config(folder, kind, {"good": good}))
        yield upstream
        upstream.close()
        return
    with StrictOpenAI() as bad:
        bad.script(*[FAILURES[failure]] * 50)
        upstream = Upstream(good, write_config(folder, kind, {"bad": bad, "good": good}), bad)
        yield upstream
        upstream.close()
        assert bad.hits >= 1 or good.hits == 0


@pytest.fixture
def upstream(
    request: pytest.FixtureRequest, tmp_path: Path, openai_server: StrictOpenAI, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Upstream]:
    """The direct path to one healthy server, unless the test is parametrized with a provider kind and a failure."""
    kind, failure = getattr(request, "param", ("openai", ""))
    monkeypatch.setenv(KEY_NAME, openai_server.api_key)
    yield from open_upstream(tmp_path, openai_server, kind, failure)


@pytest.fixture
def llm(upstream: Upstream) -> RouterLLM:
    """A RouterLLM on that upstream."""
    return upstream.llm()


@pytest.fixture
def events() -> Iterator[Listener]:
    """What LlamaIndex's dispatcher is told during the test."""
    root = get_dispatcher("root")
    listener = Listener()
    before = list(root.event_handlers)
    root.add_event_handler(listener)
    yield listener
    root.event_handlers = before


@pytest.fixture(autouse=True)
def own_loop(request: pytest.FixtureRequest) -> Iterator[None]:
    """LlamaIndex's blocking calls take the thread's event loop, or leave one open; blocking tests give them one that is closed."""
    if request.node.get_closest_marker("asyncio"):
        yield
        return
    with asyncio.Runner() as runner:
        asyncio.set_event_loop(runner.get_loop())
        yield
    asyncio.set_event_loop(None)
