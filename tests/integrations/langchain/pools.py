"""Pools over strict local servers, by path (direct or litellm) and by what is wrong with the first target."""

from __future__ import annotations

import random
from functools import lru_cache

from routerkit import Policy, Pool, Provider, Retry, Router, RouterState, Target
from routerkit.providers.litellm import LiteLLM
from routerkit.providers.openai_compatible import OpenAICompatible
from tests.servers.strict_anthropic import StrictAnthropic
from tests.servers.strict_gemini import StrictGemini
from tests.servers.strict_openai import Fault, StrictOpenAI

OTHER = "other-model"
"""A second pool whose targets serve a model of this name."""
FAULTS = {
    "limited": Fault(status=429, body=b'{"error":{"message":"slow down","type":"requests"}}'),
    "busy": Fault(status=503, body=b'{"error":{"message":"busy"}}'),
    "cut": Fault(cut_after=1, cut_by="rst"),
}
_dice = random.Random(7)
"""One for all routers, so that they do not all pick the same target first."""
_running: list[StrictOpenAI] = []
_made: list[OpenAICompatible | LiteLLM] = []


class FailingOpenAI(StrictOpenAI):
    """Answers every request with the same fault."""

    def __init__(self, fault: Fault) -> None:
        super().__init__()
        self._fault = fault

    def _note(self, path: str, headers: dict[str, str], raw: bytes) -> Fault:
        super()._note(path, headers, raw)
        return self._fault


@lru_cache
def server(fault: str | None = None) -> StrictOpenAI:
    """A running server, shared by all tests."""
    made = StrictOpenAI() if fault is None else FailingOpenAI(FAULTS[fault])
    _running.append(made.start())
    return made


FORMATS: dict[str, tuple[type[StrictOpenAI], str]] = {
    "openai": (StrictOpenAI, "model-a"),
    "anthropic": (StrictAnthropic, "claude-sonnet-4-5"),
    "gemini": (StrictGemini, "gemini-3-pro-preview"),
}
"""Server and model of each upstream format, reached through litellm."""


@lru_cache
def format_server(kind: str) -> StrictOpenAI:
    """A running server of that format, shared by all tests."""
    made = FORMATS[kind][0]()
    _running.append(made.start())
    return made


@lru_cache
def format_provider(kind: str) -> Provider:
    """litellm's provider of that format, shared by all tests."""
    upstream = format_server(kind)
    _made.append(LiteLLM(api_key=upstream.api_key, base_url=upstream.base_url, custom_llm_provider=kind))
    return _made[-1]


def format_router(*kinds: str, policy: str = "fallback") -> Router:
    """Router over `pool` with one target per format, and over a pool of the first one's model alone, under the model's name."""
    providers = {kind: format_provider(kind) for kind in kinds}
    mixed = Pool("pool", tuple(Target(kind, kind, FORMATS[kind][1]) for kind in kinds), policy)
    model = FORMATS[kinds[0]][1]
    alone = Pool(model, (Target(f"{kinds[0]}-alone", kinds[0], model),), policy)
    state = RouterState({"pool": mixed, model: alone}, providers, {policy: Policy(policy, policy)})
    return Router(state, retry=Retry(extra_attempts=0), rng=_dice)


@lru_cache
def provider(path: str, fault: str | None = None) -> Provider:
    """A provider for one of the servers, shared by all tests."""
    upstream = server(fault)
    if path == "direct":
        _made.append(OpenAICompatible(upstream.base_url, upstream.api_key))
    else:
        _made.append(LiteLLM(api_key=upstream.api_key, base_url=upstream.base_url, custom_llm_provider="openai"))
    return _made[-1]


def pool_router(path: str = "direct", fault: str | None = None, **target: object) -> Router:
    """Router over the pools `pool` and `other-model`; in each, a healthy target after a failing one if there is a fault."""
    providers: dict[str, Provider] = {"good": provider(path)}
    if fault is not None:
        providers["bad"] = provider(path, fault)
    pools = {name: Pool(name, _targets(name, model, fault, target), "fallback") for name, model in (("pool", "model-a"), (OTHER, OTHER))}
    return Router(RouterState(pools, providers, {"fallback": Policy("fallback", "fallback")}), retry=Retry(extra_attempts=1, base_s=0.01))


async def aclose_idle() -> None:
    """Close the idle connections that belong to the running event loop."""
    for each in _made:
        if isinstance(each, OpenAICompatible):
            await each.aclose()


def stop_all() -> None:
    """Stop every server and provider."""
    for each in _made:
        each.close()
    for each in _running:
        each.stop()
    _made.clear()
    _running.clear()
    for cached in (provider, server, format_provider, format_server):
        cached.cache_clear()


def _targets(name: str, model: str, fault: str | None, more: dict[str, object]) -> tuple[Target, ...]:
    good = Target(f"{name}-good", "good", model, **more)
    return (good,) if fault is None else (Target(f"{name}-bad", "bad", model, **more), good)
