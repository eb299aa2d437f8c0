"""Telling the router what became of a result, whatever form LangChain gave it."""

from __future__ import annotations

import pytest
from langchain.agents import create_agent
from langchain_core.messages import AIMessage, HumanMessage
from langchain_core.tools import tool

from langchain_routerkit import ChatRouter
from routerkit import ConfigError, Reply, ToolCall
from routerkit.testing import Recorder, ScriptedProvider, make_reply, make_router

CALL = Reply("", (ToolCall("c1", "weather", '{"city": "Paris"}'),), "tool_calls")


@tool
def weather(city: str) -> str:
    """Weather of a city."""
    return f"sunny in {city}"


def test_answers_are_reported_by_their_records():
    """A message, whole or streamed, knows its record."""
    seen = Recorder()
    model = ChatRouter(router=make_router({"a": ScriptedProvider([make_reply()])}, observers=[seen]))
    chunks = list(model.stream("hello"))
    whole = chunks[0]
    for chunk in chunks[1:]:
        whole = whole + chunk
    reported = [model.report(result, success=True, evidence="tests passed") for result in (model.invoke("hello"), whole)]
    assert sorted((r.id,) for r in seen.records) == sorted(reported)
    assert [(True, "tests passed")] * 2 == [(r.success, r.evidence) for r in seen.reports]


def test_outcome_of_an_agent_is_reported_about_each_of_its_calls():
    """Two calls led to the agent's final state; both are told, each once."""
    seen = Recorder()
    model = ChatRouter(router=make_router({"a": ScriptedProvider([CALL, make_reply("sunny")])}, observers=[seen]))
    state = create_agent(model, [weather]).invoke({"messages": [("user", "weather in Paris?")]})
    assert tuple(r.id for r in seen.records) == model.report(state, success=False)
    assert [False, False] == [r.success for r in seen.reports]


@pytest.mark.parametrize("result", [AIMessage("from elsewhere"), [HumanMessage("hi")], {"messages": []}, None, "text"])
def test_result_without_a_routed_answer_is_refused(result):
    """Nothing is reported about nothing."""
    model = ChatRouter(router=make_router({"a": ScriptedProvider([make_reply()])}))
    with pytest.raises(ConfigError, match="no answer of a ChatRouter in this"):
        model.report(result, success=True)
