"""Which conversation a call belongs to, on every path LangChain can take to the model."""

from __future__ import annotations

from typing import Any

import pytest
from langgraph.graph import START, MessagesState, StateGraph

from tests.integrations.langchain.scripting import arun, run, scripted


@pytest.mark.parametrize("way", ["invoke", "stream"])
def test_thread_id_of_a_direct_call_becomes_the_session(way):
    """LangChain itself hands it to no model."""
    model, provider = scripted()
    run(model.bind(seed=1), way, "hi", {"configurable": {"thread_id": "t1"}})
    run(model, way, "hi")
    assert ["t1", None] == [r.session for r in provider.requests]


@pytest.mark.parametrize("way", ["ainvoke", "astream"])
async def test_thread_id_of_a_direct_async_call_becomes_the_session(way):
    """As above."""
    model, provider = scripted()
    await arun(model, way, "hi", {"configurable": {"thread_id": "t1"}})
    assert "t1" == provider.requests[0].session


@pytest.mark.filterwarnings("ignore::langchain_core._api.beta_decorator.LangChainBetaWarning")
@pytest.mark.parametrize("version", ["v2", "v3"])
async def test_thread_id_reaches_event_streams(version):
    """They are pumped later, where no context variable of the call is left."""
    model, provider = scripted()
    events = model.astream_events("hi", {"configurable": {"thread_id": "t1"}}, version=version)
    async for _ in events if version == "v2" else await events:
        pass
    assert "t1" == provider.requests[0].session


@pytest.mark.parametrize("mode", ["values", "messages"])
async def test_thread_id_of_a_graph_becomes_the_session(mode):
    """Inside a node the model is called without a config."""
    model, provider = scripted()

    async def node(state: MessagesState) -> dict[str, Any]:
        return {"messages": [await model.ainvoke(state["messages"])]}

    graph = StateGraph(MessagesState).add_node("n", node).add_edge(START, "n").compile()
    async for _ in graph.astream({"messages": [("user", "hi")]}, {"configurable": {"thread_id": "t1"}}, stream_mode=mode):
        pass
    assert "t1" == provider.requests[0].session


def test_config_of_one_call_is_not_seen_by_the_next():
    """Also not through a stream that was left half read."""
    model, provider = scripted()
    stream = model.stream("hi", {"configurable": {"thread_id": "t1"}})
    next(stream)
    model.invoke("hi")
    stream.close()
    assert ["t1", None] == [r.session for r in provider.requests]


def test_batch_keeps_sessions_apart():
    """Each input has its own config."""
    model, provider = scripted()
    model.batch(["a", "b"], [{"configurable": {"thread_id": t}} for t in "xy"])
    assert {("a", "x"), ("b", "y")} == {(r.messages[0]["content"], r.session) for r in provider.requests}
