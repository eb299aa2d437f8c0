"""A RouterLLM in front of strict servers: of every format, on both provider paths, healthy or behind a target that always fails."""

from __future__ import annotations

import asyncio
import json
import random
import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from llama_index.core.instrumentation import get_dispatcher  # type: ignore[attr-defined]  # as its documentation says

from llama_index.llms.routerkit import RouterLLM
from routerkit import Router, load
from tests.integrations.failing import SERVERS, failing
from tests.integrations.llamaindex.suite import Listener, Way
from tests.servers.fault import Fault
from tests.servers.strict_openai import StrictOpenAI

MODELS = {"openai": "gpt-test", "anthropic": "claude-sonnet-4-5", "gemini": "gemini-3-pro-preview"}
KEY_NAME = "ROUTERKIT_TEST_KEY"


@dataclass
class Upstream:
    """The servers behind a pool `coding`, and the configuration that leads to them."""

    way: Way
    goods: dict[str, StrictOpenAI]
    """Healthy servers by the name of their target."""
    config: Path
    bad: StrictOpenAI | None
    dice: random.Random
    llms: list[RouterLLM] = field(default_factory=list)

    @property
    def good(self) -> StrictOpenAI:
        """The healthy server, where there is but one."""
        (server,) = self.goods.values()
        return server

    @property
    def hits(self) -> int:
        """Requests that reached healthy servers."""
        return sum(server.hits for server in self.goods.values())

    @property
    def body(self) -> dict[str, Any]:
        """Body of the last request to the healthy server."""
        body: dict[str, Any] = self.good.bodies[-1]
        return body

    @property
    def sent(self) -> str:
        """Everything that was sent to healthy servers, as one text."""
        return json.dumps([server.bodies for server in self.goods.values()])

    @property
    def is_tool_required(self) -> bool:
        """Whether the model was told, in its format's words, that it must call a tool."""
        words = ('"tool_choice": "required"', '"tool_choice": {"type": "any"', '"mode": "ANY"')
        return any(said in self.sent for said in words)

    def llm(self, **settings: Any) -> RouterLLM:
        """A RouterLLM of its own; closed with the test. Where formats are mixed, the same test always draws the same targets."""
        source: dict[str, Any] = {"config": self.config}
        if len(self.goods) > 1:
            source = {"router": Router(load(self.config).state, rng=self.dice)}
        made = RouterLLM(**source, **{"model": "coding", **settings})
        self.llms.append(made)
        return made

    def script(self, fault: Fault) -> None:
        """Answer the next request like this, whoever gets it."""
        for server in self.goods.values():
            server.script(fault)

    def close(self) -> None:
        for llm in self.llms:
            llm.router.close()


def write_config(folder: Path, way: Way, servers: dict[str, tuple[str, StrictOpenAI]]) -> Path:
    """Configuration with one target per server: format and server by the target's name. `bad` is tried first."""
    parts = []
    for name, (kind, server) in servers.items():
        model = MODELS[kind] if way.path == "openai" else f"{kind}/{MODELS[kind]}"
        parts.append(f'[providers.{name}]\nkind = "{way.path}"\nbase_url = "{server.base_url}"\napi_key = "env:{KEY_NAME}"\n')
        parts.append(
            f'[targets.{name}]\nprovider = "{name}"\nmodel = "{model}"\ncontext_tokens = 32_000\n'
            'can = ["tools", "parallel_tools", "json_schema", "json_mode", "vision", "pdf", "audio", "reasoning"]\n'
            "usd_per_mtok = { input = 1.0, output = 2.0 }\n"
        )
    policy = "weighted" if len(way.formats) > 1 else "fallback"
    parts.append(f'[pools.coding]\ntargets = {list(servers)!r}\npolicy = "{policy}"\n')
    if "bad" in servers:
        parts.append('[[rules]]\nname = "bad first"\nwhen = {}\nprefer = ["bad"]\n')
    path = folder / "routerkit.toml"
    path.write_text("\n".join(parts))
    return path


@pytest.fixture
def upstream(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Upstream]:
    """The direct path to one healthy server, unless the test is parametrized with a way. A failing target must really be asked first."""
    way: Way = getattr(request, "param", Way())
    if way.path == "litellm":
        import_module("litellm")  # takes seconds, and on a busy machine a minute: not from the deadline of the first call
    dice = random.Random(zlib.crc32(request.node.name.encode()))
    with ExitStack() as running:
        names = ["good"] if len(way.formats) == 1 else dice.sample(["ann", "ben", "cid"], len(way.formats))
        goods = {name: running.enter_context(SERVERS[kind]()) for name, kind in zip(names, way.formats, strict=True)}
        bad = running.enter_context(failing(way.formats[0], way.failure)) if way.failure else None
        servers = {name: (kind, server) for kind, (name, server) in zip(way.formats, goods.items(), strict=True)}
        if bad is not None:
            servers = {"bad": (way.formats[0], bad), **servers}
        monkeypatch.setenv(KEY_NAME, next(iter(goods.values())).api_key)
        upstream = Upstream(way, goods, write_config(tmp_path, way, servers), bad, dice)
        yield upstream
        upstream.close()
        assert bad is None or bad.hits >= 1 or upstream.hits == 0


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
