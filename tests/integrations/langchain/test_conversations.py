"""Conversations that change provider: whoever wrote the tool loop, whoever goes on, each strict server takes what it gets."""

from __future__ import annotations

from typing import Any

import pytest
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolMessage
from langchain_core.tools import tool

from langchain_routerkit import ChatRouter
from routerkit import Policy, Pool, Retry, Router, RouterState, Target
from routerkit.testing import Recorder
from tests.integrations.langchain.pools import MODELS, provider, server

KINDS = tuple(MODELS)
THINKING = {"anthropic": {"thinking": {"type": "enabled", "budget_tokens": 1024}}, "openai": {}, "gemini": {}}
PNG = {"type": "image", "base64": "AA==", "mime_type": "image/png"}


@tool
def weather(city: str) -> str:
    """Weather of a city."""
    return f"sunny in {city}"


def chat(*kinds: str, recorder: Recorder | None = None) -> ChatRouter:
    """A pool tried in this order; Claude thinks."""
    targets = tuple(Target(k, k, MODELS[k], extra=THINKING[k]) for k in kinds)
    state = RouterState(
        {"pool": Pool("pool", targets, "fallback")},
        {k: provider("litellm", k) for k in kinds},
        {"fallback": Policy("fallback", "fallback")},
    )
    return ChatRouter(router=Router(state, observers=[recorder] if recorder else [], retry=Retry(extra_attempts=0)), max_tokens=2000)


def begun_by(kind: str, *, is_streamed: bool) -> list[BaseMessage]:
    """A tool loop whose call `kind` made, up to the tool's result."""
    question = HumanMessage("call weather for 'Paris'")
    model = chat(kind).bind_tools([weather])
    if is_streamed:
        turn: Any = None
        for chunk in model.stream([question]):
            turn = chunk if turn is None else turn + chunk
    else:
        turn = model.invoke([question])
    assert [{"city": "Paris"}] == [c["args"] for c in turn.tool_calls]
    return [question, turn, ToolMessage("sunny in Paris", tool_call_id=turn.tool_calls[0]["id"])]


@pytest.mark.parametrize("is_streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("goes_on", KINDS)
@pytest.mark.parametrize("begins", KINDS)
def test_tool_loop_of_one_provider_is_finished_by_another(begins, goes_on, is_streamed):
    """Nine pairs; the servers refuse foreign signatures, unknown fields and unpaired calls."""
    answer = chat(goes_on).bind_tools([weather]).invoke(begun_by(begins, is_streamed=is_streamed))
    assert "sunny in Paris" in answer.text
    assert goes_on == answer.response_metadata["routerkit"]["target"]


@pytest.mark.parametrize("goes_on", KINDS)
@pytest.mark.parametrize("begins", KINDS)
def test_a_later_turn_with_a_late_system_message_and_a_picture_from_a_tool(begins, goes_on):
    """The whole history, each part in a form the provider takes."""
    question, turn, result = begun_by(begins, is_streamed=False)
    picture = ToolMessage([{"type": "text", "text": "a map"}, PNG], tool_call_id=result.tool_call_id)
    history = [SystemMessage("be kind"), question, turn, picture, AIMessage("there"), SystemMessage("be brief"), HumanMessage("and now?")]
    assert "and now?" in chat(goes_on).invoke(history).text


def test_claudes_thinking_returns_to_claude_and_to_nobody_else():
    """Its own server checks the signature; the others refuse the field."""
    history = begun_by("anthropic", is_streamed=True)
    chat("anthropic").bind_tools([weather]).invoke(history)
    turn = server("anthropic").bodies[-1]["messages"][1]
    assert "thinking" == turn["content"][0]["type"]
    chat("openai").bind_tools([weather]).invoke(history)
    assert {"role", "content", "tool_calls"} >= server("openai").bodies[-1]["messages"][1].keys()


def test_claude_thinks_again_once_the_foreign_loop_is_closed():
    """Thinking is switched off for the turn that needs it, and recorded."""
    recorder = Recorder()
    model = chat("anthropic", recorder=recorder).bind_tools([weather])
    history = begun_by("openai", is_streamed=False)
    answer = model.invoke(history)
    assert "thinking" not in server("anthropic").bodies[-1]
    assert any("switched thinking off" in note for note in recorder.records[0].attempts[0].normalised)
    model.invoke([*history, answer, HumanMessage("thanks")])
    assert "thinking" in server("anthropic").bodies[-1]


def test_geminis_signature_returns_to_gemini():
    """Without it Gemini 3 refuses its own function call."""
    history = begun_by("gemini", is_streamed=False)
    chat("gemini").bind_tools([weather]).invoke(history)
    part = server("gemini").bodies[-1]["contents"][1]["parts"][0]
    assert server("gemini").signature == part["thoughtSignature"]


def test_open_loop_stays_with_the_provider_that_began_it():
    """Although another stands first."""
    history = begun_by("gemini", is_streamed=False)
    model = chat("openai", "gemini").bind_tools([weather])
    assert "gemini" == model.invoke(history).response_metadata["routerkit"]["target"]
    assert "openai" == model.invoke([*history, AIMessage("sunny"), HumanMessage("thanks")]).response_metadata["routerkit"]["target"]


@pytest.mark.parametrize("goes_on", KINDS)
def test_history_of_another_chat_model_is_taken(goes_on):
    """Content blocks as ChatAnthropic and ChatOpenAI's Responses API leave them in checkpoints."""
    blocks = [
        {"type": "thinking", "thinking": "hm", "signature": "foreign"},
        {"type": "reasoning", "id": "rs_1", "encrypted_content": "foreign"},
        {"type": "text", "text": "let me look"},
        {"type": "tool_use", "id": "functions.weather:0", "name": "weather", "input": {"city": "Paris"}},
    ]
    call = {"name": "weather", "args": {"city": "Paris"}, "id": "functions.weather:0"}
    turn = AIMessage(blocks, tool_calls=[call], response_metadata={"model_provider": "anthropic"})
    history = [HumanMessage("go"), turn, ToolMessage("sunny in Paris", tool_call_id="functions.weather:0")]
    assert "sunny in Paris" in chat(goes_on).bind_tools([weather]).invoke(history).text


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["openai", "anthropic", "gemini"])
def test_call_that_a_model_broke_off_does_not_end_the_conversation(kind):
    """Formats in which a call holds an object have no place for half of one; litellm gives up there."""
    broken = {"name": "f", "args": '{"a": ', "id": "call_1", "error": None, "type": "invalid_tool_call"}
    turns = [HumanMessage("go"), AIMessage("", invalid_tool_calls=[broken]), ToolMessage("no JSON", tool_call_id="call_1")]
    assert chat(kind).invoke(turns).text
