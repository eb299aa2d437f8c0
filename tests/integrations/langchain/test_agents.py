"""Agents over a router: LangChain's middleware around it, checkpoints, and our own middleware."""

from __future__ import annotations

from typing import Any

import pytest
from langchain.agents import create_agent
from langchain.agents.middleware import ModelFallbackMiddleware, ModelRetryMiddleware, SummarizationMiddleware
from langchain_core.language_models.fake_chat_models import FakeListChatModel
from langchain_core.messages import AIMessage, AIMessageChunk, ToolMessage
from langchain_core.tools import tool
from langgraph.checkpoint.memory import InMemorySaver
from pydantic import BaseModel

from langchain_routerkit import ChatRouter, RouterMiddleware
from routerkit import Policy, ProviderError, Reply, Rule, ToolCall, When
from routerkit.testing import Recorder, ScriptedProvider, make_reply, make_router, make_target
from tests.integrations.langchain.pools import pool_router

THREAD: Any = {"configurable": {"thread_id": "t1"}}
ASK_WEATHER: Any = {"messages": [("user", "call weather for 'Paris'")]}
CALL = Reply("", (ToolCall("functions.weather:0", "weather", '{"city": "Paris"}'),), "tool_calls")
BUSY = ProviderError("busy", code="overloaded", status=503)


@tool
def weather(city: str) -> str:
    """Weather of a city."""
    return f"sunny in {city}"


class Report(BaseModel):
    """A weather report."""

    city: str


def test_summarization_by_fraction_works():
    """It needs the profile's window and our token counts."""
    provider = ScriptedProvider([make_reply("summary")])
    model = ChatRouter(router=make_router({"a": provider}, targets=[make_target("a", context_tokens=4_000)]))
    agent = create_agent(model, middleware=[SummarizationMiddleware(model, trigger=("fraction", 0.5), keep=("messages", 1))])
    turns = [(role, "word " * 400) for role in ("user", "assistant") * 3]
    answer = agent.invoke({"messages": [*turns, ("user", "and now?")]})
    assert 2 == len(provider.requests)
    assert any("summary" in str(m.content) for m in answer["messages"])
    assert len(answer["messages"]) < 7


@pytest.mark.parametrize(("error", "n_calls"), [(BUSY, 3), (ProviderError("bad", code="invalid_request", status=400), 1)])
def test_retry_middleware_repeats_what_may_succeed_and_nothing_else(error, n_calls):
    """It reads `is_retryable`; a wrong request stays wrong."""
    recorder = Recorder()
    model = ChatRouter(router=make_router({"a": ScriptedProvider([error])}, observers=[recorder]))
    retry = ModelRetryMiddleware(max_retries=2, initial_delay=0.0, jitter=False, on_failure="error")
    with pytest.raises(ProviderError):
        create_agent(model, middleware=[retry]).invoke({"messages": [("user", "hi")]})
    assert n_calls == len(recorder.records)


def test_fallback_middleware_takes_over_when_the_whole_pool_is_down():
    """And not before."""
    model = ChatRouter(router=make_router({"a": ScriptedProvider([BUSY]), "b": ScriptedProvider([BUSY])}))
    agent = create_agent(model, middleware=[ModelFallbackMiddleware(FakeListChatModel(responses=["spare"]))])
    assert "spare" == agent.invoke({"messages": [("user", "hi")]})["messages"][-1].content


@pytest.mark.parametrize("can", [{"json_schema": True}, {"json_schema": False}], ids=["by schema", "by tool"])
def test_agents_structured_answers(can):
    """The profile decides between LangChain's two strategies."""
    agent = create_agent(ChatRouter(router=pool_router(can={**can, "tools": True}), model="pool"), [weather], response_format=Report)
    assert Report(city="Paris") == agent.invoke(ASK_WEATHER)["structured_response"]


@pytest.mark.parametrize("path", ["direct", "litellm"])
async def test_agent_streams_text_and_whole_tool_arguments(path):
    """Tool arguments arrive in pieces and add up to JSON."""
    agent = create_agent(ChatRouter(router=pool_router(path, "busy"), model="pool"), [weather])
    pieces = [p async for p, _ in agent.astream(ASK_WEATHER, stream_mode="messages")]
    arguments = "".join(c["args"] or "" for p in pieces if isinstance(p, AIMessageChunk) for c in p.tool_call_chunks)
    assert '{"city": "Paris"}' == arguments
    assert 1 == sum(isinstance(p, ToolMessage) for p in pieces)


def interrupted(providers: dict[str, ScriptedProvider], recorder: Recorder) -> Any:
    """An agent that stopped in the middle of its tool loop, with a checkpoint."""
    model = ChatRouter(router=make_router(providers, observers=[recorder]))
    agent = create_agent(model, [weather], checkpointer=InMemorySaver(), interrupt_before=["tools"])
    agent.invoke(ASK_WEATHER, THREAD)
    return agent


def test_resumed_tool_loop_stays_with_its_target():
    """The target's name is in the checkpoint."""
    recorder = Recorder()
    providers = {"a": ScriptedProvider([BUSY, make_reply("from a")]), "b": ScriptedProvider([CALL, make_reply("from b")])}
    agent = interrupted(providers, recorder)
    assert "from b" == agent.invoke(None, THREAD)["messages"][-1].content
    assert "functions.weather:0" == providers["b"].requests[1].messages[-1]["tool_call_id"]
    assert "stays with b" in " ".join(recorder.records[1].decision.notes)


def test_resumed_tool_loop_survives_the_death_of_its_target():
    """Another target goes on, with ids it takes and nothing it could not read."""
    recorder = Recorder()
    thinking = {"thinking_blocks": [{"type": "thinking", "thinking": "hm", "signature": "s"}]}
    call = Reply("", CALL.tool_calls, "tool_calls", extra=thinking)
    providers = {"a": ScriptedProvider([BUSY, make_reply("from a")]), "b": ScriptedProvider([call, BUSY])}
    agent = interrupted(providers, recorder)
    assert "from a" == agent.invoke(None, THREAD)["messages"][-1].content
    went_on, tried = providers["a"].requests[-1].messages, providers["b"].requests[-1].messages
    assert thinking["thinking_blocks"] == tried[1]["thinking_blocks"]
    assert "thinking_blocks" not in went_on[1]
    assert went_on[1]["tool_calls"][0]["id"] == went_on[2]["tool_call_id"] != "functions.weather:0"
    assert {"dropped foreign thinking_blocks", "renamed 1 tool call ids"} <= set(recorder.records[-1].attempts[-1].normalised)


def test_all_calls_of_a_thread_carry_its_id_and_the_agents_name():
    """Budgets and stickiness go by them."""
    provider = ScriptedProvider([CALL, make_reply()])
    agent = create_agent(ChatRouter(router=make_router({"a": provider})), [weather], checkpointer=InMemorySaver(), name="planner")
    agent.invoke(ASK_WEATHER, THREAD)
    assert [("t1", "planner")] * 2 == [(r.session, r.agent) for r in provider.requests]


def routed_agent(providers: dict[str, ScriptedProvider], **options: Any) -> Any:
    """An agent whose own model is another, with our middleware."""
    router = make_router(providers)
    rule = Rule("stuck", When(tags=("tool_error",)), prefer=("b",))
    state = router.state
    router.swap(type(state)(state.pools, state.providers, {"fallback": Policy("fallback", "fallback")}, rules=(rule,)))
    middleware = RouterMiddleware(router=router, model="pool", **options)
    return create_agent(FakeListChatModel(responses=["not asked"]), [failing_tool], middleware=[middleware])


@tool
def failing_tool(city: str) -> str:
    """Weather of a city."""
    return f"no weather in {city}"


def failed(call_id: str) -> Any:
    call = {"name": "failing_tool", "args": {"city": "x"}, "id": call_id}
    return [("user", "go"), AIMessage("", tool_calls=[call]), ToolMessage("no", tool_call_id=call_id, status="error")]


async def test_middleware_replaces_the_agents_model():
    """On both paths."""
    providers = {"a": ScriptedProvider([make_reply("from a")]), "b": ScriptedProvider([make_reply("from b")])}
    agent = routed_agent(providers, kind="plan")
    assert "from a" == agent.invoke({"messages": [("user", "hi")]})["messages"][-1].content
    assert "from a" == (await agent.ainvoke({"messages": [("user", "hi")]}))["messages"][-1].content
    assert [("plan", ()), ("plan", ())] == [(r.kind, r.tags) for r in providers["a"].requests]
    assert "failing_tool" == providers["a"].requests[0].tools[0]["function"]["name"]


def test_middleware_tells_rules_where_the_agent_stands():
    """A failed tool sends the next turn to the stronger target."""
    providers = {"a": ScriptedProvider([make_reply("from a")]), "b": ScriptedProvider([make_reply("from b")])}
    agent = routed_agent(providers)
    assert "from b" == agent.invoke({"messages": failed("c1")})["messages"][-1].content
    assert ("tool_loop", "tool_error") == providers["b"].requests[0].tags


def test_middleware_takes_the_task_kind_from_the_agents_request():
    """A function sees state, tools and messages."""
    providers = {"a": ScriptedProvider([make_reply("from a")])}
    agent = routed_agent(providers, kind=lambda request: "review" if len(request.messages) == 1 else None)
    agent.invoke({"messages": [("user", "hi")]})
    assert "review" == providers["a"].requests[0].kind
