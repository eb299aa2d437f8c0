"""A policy inside LangChain's own model router, where LangChain is new enough; a clear error where it is not."""

from __future__ import annotations

import importlib.util
from typing import Any

import pytest

import langchain_routerkit
from langchain_routerkit import ChatRouter
from routerkit import Policy
from routerkit.testing import ScriptedProvider, make_reply, make_router, make_target

HAS_DECISIONS = importlib.util.find_spec("langchain_core.decisions") is not None


def cheap_and_dear() -> Any:
    providers = {name: ScriptedProvider([make_reply(f"from {name}")]) for name in ("dear", "cheap")}
    targets = [make_target("dear", usd=9.0, context_tokens=100_000), make_target("cheap", usd=1.0, context_tokens=1_000)]
    return make_router(providers, targets=targets, policy=Policy("cheapest", "cheapest"))


def test_older_langchain_is_named_when_it_is_in_the_way():
    """And nothing else of the package is affected."""
    if HAS_DECISIONS:
        assert langchain_routerkit.RouterDecisionModel
    else:
        with pytest.raises(ImportError, match=r"RouterDecisionModel needs langchain-core 1\.8"):
            _ = langchain_routerkit.RouterDecisionModel


@pytest.mark.skipif(not HAS_DECISIONS, reason="this langchain-core has no decision models")
@pytest.mark.filterwarnings("ignore::langchain_core._api.beta_decorator.LangChainBetaWarning")
@pytest.mark.parametrize(("prompt", "answer"), [("hi", "from cheap"), ("word " * 3_000, "from dear")])
def test_langchains_router_follows_the_policy(prompt, answer):
    """A short prompt goes to the cheap target, one that is too long for it to the other."""
    from langchain.agents import create_agent
    from langchain.agents.middleware.model_router import ModelChoice, ModelRouterMiddleware

    router = cheap_and_dear()
    choices = {name: ModelChoice(ChatRouter(router=router, model=f"pool/{name}"), name) for name in ("dear", "cheap")}
    classifier = langchain_routerkit.RouterDecisionModel(router=router, model="pool")
    middleware = ModelRouterMiddleware(choices=choices, instructions="Which?", classifier=classifier)
    agent = create_agent(choices["dear"].model, middleware=[middleware])
    assert answer == agent.invoke({"messages": [("user", prompt)]})["messages"][-1].content
