"""Pools over strict local servers, by upstream format, by path (direct or litellm) and by what is wrong with the first target."""

from __future__ import annotations

import random
from dataclasses import replace
from functools import cache
from importlib import import_module

from routerkit import Policy, Pool, Provider, Retry, Router, RouterState, Target
from routerkit.providers.litellm import LiteLLM
from routerkit.providers.openai_compatible import OpenAICompatible
from routerkit.rules import Rule, When
from tests.integrations.failing import SERVERS, failing
from tests.servers.strict_openai import StrictOpenAI

OTHER = "other-model"
"""A second pool whose targets serve a model of this name."""
MODELS = {"openai": "model-a", "anthropic": "claude-sonnet-4-5", "gemini": "gemini-3-pro-preview"}
"""Model of each upstream format, reached through litellm."""
_dice = random.Random(7)
"""One for all routers, so that they do not all pick the same target first."""
_running: list[StrictOpenAI] = []
_made: list[OpenAICompatible | LiteLLM] = []


def server(kind: str = "openai", fault: str | None = None) -> StrictOpenAI:
    """A running server of that format, shared by all tests; with a fault, every answer has it."""
    return _server(kind, fault)


def provider(path: str, kind: str = "openai", fault: str | None = None) -> Provider:
    """A provider for that server, shared by all tests: litellm's, or our own connection."""
    return _provider(path, kind, fault)


def format_router(*kinds: str, bad: str = "", fault: str | None = None) -> Router:
    """Router over `pool`, one target per format, of which each call draws one; and over a pool of the first one's model alone.

    Args:
        kinds: Formats of the healthy targets.
        bad: Format of one more target that has the fault, and that rules put first.
        fault: Name of the fault.
    """
    providers = {kind: provider("litellm", kind) for kind in kinds}
    mixed = _shuffled(tuple(Target(kind, kind, MODELS[kind]) for kind in kinds))
    alone = (Target("alone", kinds[0], MODELS[kinds[0]]),)
    rules: tuple[Rule, ...] = ()
    if fault is not None:
        providers["bad"] = provider("litellm", bad, fault)
        first = Target("bad", "bad", MODELS[bad])
        mixed, alone = (first, *mixed), (replace(first, name="bad-too"), *alone)
        rules = (Rule("bad first", When(), prefer=("bad", "bad-too")),)
    pools = {name: Pool(name, targets, "weighted") for name, targets in (("pool", mixed), (alone[-1].model, alone))}
    state = RouterState(pools, providers, {"weighted": Policy("weighted", "weighted")}, rules)
    return Router(state, retry=Retry(extra_attempts=1, base_s=0.01), rng=_dice)


def pool_router(path: str = "direct", fault: str | None = None, **target: object) -> Router:
    """Router over the pools `pool` and `other-model`; in each, a healthy target after a failing one if there is a fault."""
    providers = {"good": provider(path)}
    if fault is not None:
        providers["bad"] = provider(path, fault=fault)
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
    for cached in (_provider, _server):
        cached.cache_clear()


@cache
def _server(kind: str, fault: str | None) -> StrictOpenAI:
    upstream = SERVERS[kind]() if fault is None else failing(kind, fault)
    _running.append(upstream.start())
    return upstream


@cache
def _provider(path: str, kind: str, fault: str | None) -> Provider:
    upstream = _server(kind, fault)
    if path == "direct":
        made: OpenAICompatible | LiteLLM = OpenAICompatible(upstream.base_url, upstream.api_key)
    else:
        import_module("litellm")  # takes seconds, and on a busy machine a minute: not from the deadline of the first call
        made = LiteLLM(api_key=upstream.api_key, base_url=upstream.base_url, custom_llm_provider=kind)
    _made.append(made)
    return made


def _shuffled(targets: tuple[Target, ...]) -> tuple[Target, ...]:
    """Under names of random rank: after the first, targets are tried in the order of their scores and names."""
    return tuple(Target(f"{_dice.random():.6f}-{t.name}", t.provider, t.model) for t in targets)


def _targets(name: str, model: str, fault: str | None, more: dict[str, object]) -> tuple[Target, ...]:
    good = Target(f"{name}-good", "good", model, **more)
    return (good,) if fault is None else (Target(f"{name}-bad", "bad", model, **more), good)
