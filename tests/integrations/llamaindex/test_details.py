"""What the list of 32 leaves open: counting, failures, settings, copies, and the shapes of history and media on the wire."""

from __future__ import annotations

import asyncio
import base64
import copy
import gc
import json
import pickle
from typing import Any

import pytest
from llama_index.core.base.llms.types import (
    AudioBlock,
    CacheControl,
    CachePoint,
    ChatMessage,
    CitableBlock,
    DocumentBlock,
    ImageBlock,
    TextBlock,
    ThinkingBlock,
    ToolCallBlock,
)
from llama_index.core.callbacks import CallbackManager, CBEventType, LlamaDebugHandler, TokenCountingHandler
from llama_index.core.tools import FunctionTool
from pydantic import BaseModel

from llama_index.llms.routerkit import RouterLLM
from routerkit import ConfigError, NoCandidateError, Price, Reply, StreamBrokenError, Target, ToolCall, UnknownModelError, Usage
from routerkit.testing import ScriptedProvider, make_reply, make_router, make_target
from tests.integrations.llamaindex.conftest import Upstream
from tests.servers.fault import Fault

HELLO = [ChatMessage("Say hello", role="user")]
CALL = {"id": "call_1", "type": "function", "function": {"name": "add", "arguments": '{"a": 2}'}}

WAV = b"RIFF\x24\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00"


def add(a: int, b: int = 0) -> int:
    """Add two numbers."""
    return a + b


ADD = FunctionTool.from_defaults(add)


def scripted(*replies: Reply, **settings: Any) -> tuple[RouterLLM, ScriptedProvider]:
    provider = ScriptedProvider(replies or [make_reply()])
    return RouterLLM(router=make_router({"only": provider}), **{"model": "pool", **settings}), provider


def wire(*messages: ChatMessage) -> list[dict[str, Any]]:
    """What a history looks like to the target."""
    llm, provider = scripted()
    llm.chat(list(messages))
    return [dict(m) for m in provider.requests[-1].messages]


# Counting and events


async def test_token_counting_handler_counts_what_the_provider_reported(upstream: Upstream) -> None:
    """Whole, streamed and async calls are all counted with the provider's own numbers."""
    counter = TokenCountingHandler(tokenizer=lambda text: [0] * 1_000)
    llm = upstream.llm(callback_manager=CallbackManager([counter]))
    llm.chat(HELLO)
    list(llm.stream_chat(HELLO))
    [r async for r in await llm.astream_complete("Say hello")]
    assert [(3, 5)] * 3 == [(c.prompt_token_count, c.completion_token_count) for c in counter.llm_token_counts]


def test_callback_handlers_see_one_event_per_call(upstream: Upstream) -> None:
    """`complete` is one LLM event, not one of its own and another of the chat beneath it."""
    debug = LlamaDebugHandler(print_trace_on_end=False)
    llm = upstream.llm(callback_manager=CallbackManager([debug]))
    llm.complete("Say hello")
    list(llm.stream_complete("Say hello"))
    assert 2 == len(debug.get_event_pairs(CBEventType.LLM))


def test_response_says_what_routerkit_did(upstream: Upstream) -> None:
    """Record, target, attempts, cost and reason are on the response, streamed or not, and travel with the message."""
    llm = upstream.llm()
    for response in (llm.chat(HELLO), list(llm.stream_chat(HELLO))[-1]):
        facts = response.additional_kwargs["routerkit"]
        assert {"record_id", "target", "attempts", "cost_usd", "reason"} == facts.keys()
        assert ("good", 1, pytest.approx(13e-6)) == (facts["target"], facts["attempts"], facts["cost_usd"])
        assert facts == response.message.additional_kwargs["routerkit"]
        assert json.dumps(response.message.model_dump(mode="json"))


def test_reply_with_reasoning_has_a_thinking_block_and_thinking_deltas(upstream: Upstream) -> None:
    """Reasoning is a block of its own; agents read it piecewise from `thinking_delta`."""
    upstream.good.script(Fault(text="yes", reasoning="because"), Fault(text="yes", reasoning="because"))
    llm = upstream.llm()
    whole = llm.chat(HELLO).message
    assert ("yes", "because") == (whole.content, whole.blocks[0].content)
    seen = list(llm.stream_chat(HELLO))
    assert "because" == "".join(r.additional_kwargs.get("thinking_delta", "") for r in seen)
    assert whole.blocks == seen[-1].message.blocks


def test_refusal_is_shown_as_text(upstream: Upstream) -> None:
    """A refusal does not look like an empty answer."""
    upstream.good.script(Fault(refusal="I may not."), Fault(refusal="I may not."))
    llm = upstream.llm()
    assert "I may not." == llm.chat(HELLO).message.content
    assert "I may not." == list(llm.stream_chat(HELLO))[-1].message.content


# Failures


def test_stream_that_breaks_after_content_raises_and_is_not_continued(upstream: Upstream) -> None:
    """Nobody gets two halves of different answers."""
    upstream.good.script(Fault(text="one two three four", cut_after=3))
    llm, seen = upstream.llm(), []
    with pytest.raises(StreamBrokenError):
        seen.extend(llm.stream_chat(HELLO))
    assert 1 == upstream.good.hits


async def test_abandoned_stream_is_closed_upstream(upstream: Upstream) -> None:
    """Closing the response stream ends the request at the server."""
    upstream.good.script(Fault(text="word " * 200, stall_after=5))
    stream = await upstream.llm().astream_chat(HELLO)
    await anext(stream)
    await stream.aclose()
    del stream
    gc.collect()  # LlamaIndex's own wrapper leaves the inner stream to the collector
    assert await asyncio.to_thread(upstream.good.wait_until_idle)


def test_unknown_pool_is_refused_when_the_llm_is_made(upstream: Upstream) -> None:
    """With the nearest name."""
    with pytest.raises(UnknownModelError, match="did you mean 'coding'"):
        upstream.llm(model="codign")


def test_tools_without_a_target_that_can_call_them() -> None:
    """The error names the target and why it was dropped; nothing is sent."""
    provider = ScriptedProvider([make_reply()])
    router = make_router({"mute": provider}, targets=[make_target("mute", can={"tools": False})])
    llm = RouterLLM(router=router, model="pool")
    assert not llm.metadata.is_function_calling_model
    with pytest.raises(NoCandidateError, match="mute"):
        llm.chat_with_tools([ADD], user_msg="add")
    assert [] == provider.requests


def test_neither_config_nor_router() -> None:
    """One of the two is needed."""
    with pytest.raises(ConfigError, match="exactly one"):
        RouterLLM(model="coding")


# Settings


def test_fields_and_keywords_reach_the_request() -> None:
    """Fields hold for every call, keywords win for one call, None changes nothing, unknown keywords pass through."""
    llm, provider = scripted(kind="review", agent="planner", tags="legacy", temperature=1.9, additional_kwargs={"seed": 7})
    llm.chat(HELLO, session="s1", temperature=None, stop="END", kind="refactor", top_p=0.5)
    sent = provider.requests[-1]
    assert ("refactor", "planner", "s1", ("legacy",), 1.9, ("END",)) == (
        sent.kind,
        sent.agent,
        sent.session,
        sent.tags,
        sent.temperature,
        sent.stop,
    )
    assert {"seed": 7, "top_p": 0.5} == sent.extra


def test_settings_may_be_changed_later() -> None:
    """Fields are read at each call; a copy shares the router."""
    llm, provider = scripted()
    twin = llm.model_copy(update={"session": "s2"})
    llm.temperature = 0.25
    llm.chat(HELLO)
    twin.chat(HELLO)
    assert [(0.25, None), (None, "s2")] == [(r.temperature, r.session) for r in provider.requests]


@pytest.mark.parametrize("name", ["api_key", "base_url", "Extra_Headers"])
def test_keys_are_refused_as_keyword_arguments(name: str) -> None:
    """So that none can appear in what is stored or traced; the error does not repeat the value."""
    with pytest.raises(ValueError, match="configuration file") as caught:
        scripted(additional_kwargs={name: "sk-secret-value"})
    assert "sk-secret-value" not in str(caught.value)


def test_metadata_is_the_least_of_the_pool() -> None:
    """Shortest known window; no function calling if one target is known not to; both can be overruled."""
    targets = [make_target("a", context_tokens=8_000, can={"tools": True}), make_target("b", context_tokens=4_000, can={"tools": False})]
    router = make_router({t.name: ScriptedProvider([make_reply()]) for t in targets}, targets=[*targets, make_target("a2")])
    found = RouterLLM(router=router, model="pool", max_tokens=500).metadata
    assert (4_000, 500, False) == (found.context_window, found.num_output, found.is_function_calling_model)
    assert 8_000 == RouterLLM(router=router, model="pool/a").metadata.context_window
    assert 8_000 == RouterLLM(router=router, model="a").metadata.context_window
    told = RouterLLM(router=router, model="pool", context_window=6_000, is_function_calling_model=True).metadata
    assert (6_000, True) == (told.context_window, told.is_function_calling_model)


# Copies


def test_pickle_with_config_loads_the_router_again(upstream: Upstream) -> None:
    """A pickle holds the path, never a key, and the copy works."""
    llm = upstream.llm(session="s1")
    stored = pickle.dumps(llm)
    assert upstream.good.api_key.encode() not in stored
    again = pickle.loads(stored)
    upstream.llms.append(again)
    assert ("You said: Say hello", "s1") == (again.chat(HELLO).message.content, again.session)


def test_pickle_without_config_says_what_to_do() -> None:
    """A router cannot be stored."""
    again = pickle.loads(pickle.dumps(scripted()[0]))
    with pytest.raises(ConfigError, match="config="):
        again.chat(HELLO)


def test_from_dict_restores(upstream: Upstream) -> None:
    """`to_dict` and `from_dict` are inverse."""
    llm = upstream.llm(kind="review", stop=("END",))
    again = RouterLLM.from_dict(llm.to_dict())
    upstream.llms.append(again)
    assert llm.to_dict() == again.to_dict()


def test_deep_copy_shares_the_router() -> None:
    """Connections and health belong to the process."""
    llm, _ = scripted()
    assert llm.router is copy.deepcopy(llm).router


# Tools


@pytest.mark.parametrize(
    ("choice", "sent"),
    [
        (None, None),
        ("auto", "auto"),
        ("any", "required"),
        ("add", {"type": "function", "function": {"name": "add"}}),
        ({"type": "function", "function": {"name": "add"}}, {"type": "function", "function": {"name": "add"}}),
    ],
)
def test_tool_choice(choice: Any, sent: Any) -> None:
    """Every form that LlamaIndex integrations know becomes OpenAI's."""
    llm, provider = scripted()
    llm.chat_with_tools([ADD], user_msg="add", tool_choice=choice)
    assert sent == provider.requests[-1].tool_choice


def test_only_first_call_is_kept_unless_parallel_calls_are_allowed() -> None:
    """Some models ignore the flag; agents that forbid it must still see one call."""
    reply = Reply("", (ToolCall("1", "add", '{"a": 1}'), ToolCall("2", "add", '{"a": 2}')), "tool_calls", Usage(1, 1))
    llm, _ = scripted(reply)
    one = llm.chat_with_tools([ADD], user_msg="add")
    two = llm.chat_with_tools([ADD], user_msg="add", allow_parallel_tool_calls=True)
    assert [1, 2] == [len(llm.get_tool_calls_from_response(r)) for r in (one, two)]
    assert [1, 2] == [len(r.message.additional_kwargs["tool_calls"]) for r in (one, two)]


def test_parallel_calls_stream_apart(upstream: Upstream) -> None:
    """Pieces of two calls are put together by index."""
    upstream.good.script(Fault(tool_calls=[("add", '{"a": 1, "b": 10}'), ("add", '{"a": 2, "b": 20}')]))
    llm = upstream.llm()
    last = list(llm.stream_chat_with_tools([ADD], user_msg="add", allow_parallel_tool_calls=True))[-1]
    assert [{"a": 1, "b": 10}, {"a": 2, "b": 20}] == [c.tool_kwargs for c in llm.get_tool_calls_from_response(last)]
    assert upstream.body["parallel_tool_calls"]


def test_call_with_broken_arguments_runs_no_tool() -> None:
    """Arguments are never guessed: `add` would accept a repaired `{"a": 2}`, but it was not asked for that."""
    llm, _ = scripted(Reply("", (ToolCall("1", "add", '{"a": 2, "b": '),), "length", Usage(1, 1)))
    answer = llm.predict_and_call([ADD], user_msg="add")
    assert answer.sources[0].is_error
    assert "unreadable_arguments" in answer.response


def test_no_tool_call_is_an_error_only_when_asked(upstream: Upstream) -> None:
    """Agents pass `error_on_no_tool_call=False`."""
    llm = upstream.llm()
    response = llm.chat(HELLO)
    assert [] == llm.get_tool_calls_from_response(response, error_on_no_tool_call=False)
    with pytest.raises(ValueError, match="at least one tool call"):
        llm.get_tool_calls_from_response(response)


class Maybe(BaseModel):
    """Every field has a default, so that broken arguments would validate."""

    name: str = "nobody"


def test_pool_without_tools_predicts_structures_by_text() -> None:
    """LlamaIndex's text program takes over, and gets nothing of ours in its way."""
    from llama_index.core.prompts import PromptTemplate

    provider = ScriptedProvider([make_reply('{"name": "Ada"}')])
    router = make_router({"mute": provider}, targets=[make_target("mute", can={"tools": False})])
    llm = RouterLLM(router=router, model="pool")
    assert Maybe(name="Ada") == llm.structured_predict(Maybe, PromptTemplate("Who?"))
    assert not provider.requests[-1].extra


# History and media on the wire


def test_last_target_travels_with_the_history() -> None:
    """The router learns who wrote the last assistant turn, also when the history was stored in between."""
    llm, provider = scripted()
    turn = ChatMessage.model_validate(llm.chat(HELLO).message.model_dump(mode="json"))
    llm.chat([*HELLO, turn, *HELLO])
    assert [None, "only"] == [r.pin for r in provider.requests]


def test_nothing_of_ours_is_sent_to_the_target(upstream: Upstream) -> None:
    """A history that this class wrote is valid for a strict server: no metadata, and every call answered."""
    upstream.good.script(Fault(tool_calls=[("add", '{"a": 2}')]))
    llm = upstream.llm()
    turn = llm.chat_with_tools([ADD], user_msg="add").message
    call_id = turn.additional_kwargs["tool_calls"][0]["id"]
    result = ChatMessage("2", role="tool", additional_kwargs={"tool_call_id": call_id})
    assert "The result is 2." == llm.chat([*HELLO, turn, result]).message.content
    assert {"role", "content", "tool_calls"} == upstream.body["messages"][1].keys()


class SdkCall(BaseModel):
    """Like the objects that other integrations keep in a message."""

    id: str
    type: str
    function: dict[str, str]


@pytest.mark.parametrize(
    "turn",
    [
        ChatMessage(role="assistant", blocks=[], additional_kwargs={"tool_calls": [CALL]}),
        ChatMessage(role="assistant", blocks=[], additional_kwargs={"tool_calls": [SdkCall.model_validate(CALL)]}),
        ChatMessage(role="assistant", blocks=[], additional_kwargs={"tool_calls": [{"id": "call_1", "name": "add", "input": {"a": 2}}]}),
        ChatMessage(role="assistant", blocks=[ToolCallBlock(tool_call_id="call_1", tool_name="add", tool_kwargs={"a": 2})]),
        ChatMessage(role="assistant", blocks=[ToolCallBlock(tool_call_id="call_1", tool_name="add", tool_kwargs='{"a": 2}')]),
    ],
    ids=["openai", "openai-sdk", "anthropic", "block", "block-text"],
)
def test_tool_calls_of_any_integration_are_understood(turn: ChatMessage) -> None:
    """So that a stored conversation can be continued here."""
    result = ChatMessage("2", role="tool", additional_kwargs={"tool_call_id": "call_1"})
    assert [
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "call_1", "content": "2"},
    ] == wire(*HELLO, turn, result)[1:]


def test_roles_and_names() -> None:
    """Roles of other vendors become OpenAI's; a name is kept."""
    sent = wire(
        ChatMessage("rules", role="developer"),
        ChatMessage("hi", role="user", additional_kwargs={"name": "ada"}),
        ChatMessage("yes", role="chatbot"),
        ChatMessage("yes", role="model"),
    )
    assert ["system", "user", "assistant", "assistant"] == [m["role"] for m in sent]
    assert "ada" == sent[1]["name"]


def test_foreign_reasoning_is_left_out() -> None:
    """Signed reasoning is valid at its own endpoint only, and must not become text."""
    assert [{"role": "assistant", "content": "yes"}] == wire(
        ChatMessage(role="assistant", blocks=[ThinkingBlock(content="secret plan"), TextBlock(text="yes")])
    )


def test_signed_thinking_goes_back_to_its_writer_only() -> None:
    """The whole block, put together from a stream, to the target that signed it; nothing of it to another."""
    call = (ToolCall("call_1", "add", '{"a": 2}'),)
    pieces = [{"type": "thinking", "thinking": "so"}, {"type": "thinking", "thinking": " so"}, {"type": "thinking", "signature": "sig"}]
    answer = Reply("", call, "tool_calls", Usage(1, 1), reasoning="so so", extra={"thinking_blocks": pieces, "logprobs": [1]})
    targets = [Target("claude", "claude", "claude-x", price=Price(1, 1)), Target("gpt", "gpt", "gpt-x", price=Price(2, 2))]
    providers = {name: ScriptedProvider([answer]) for name in ("claude", "gpt")}
    llm = RouterLLM(router=make_router(providers, targets=targets), model="pool/claude")
    turn = ChatMessage.model_validate(llm.chat(HELLO).message.model_dump(mode="json"))
    history = [*HELLO, turn, ChatMessage("2", role="tool", additional_kwargs={"tool_call_id": "call_1"})]
    llm.chat(history)
    llm.chat(history, model="pool/gpt")
    own, foreign = (providers[name].requests[-1].messages[1] for name in ("claude", "gpt"))
    assert [{"type": "thinking", "thinking": "so so", "signature": "sig"}] == own["thinking_blocks"]
    assert {"role", "content", "tool_calls"} == foreign.keys()
    assert {"role", "content", "tool_calls", "thinking_blocks"} == own.keys()


def test_cache_points_become_marks_where_they_are_understood() -> None:
    """Anthropic's models get them, others do not see them."""
    blocks = [TextBlock(text="long"), CachePoint(cache_control=CacheControl(type="ephemeral")), TextBlock(text="short")]
    targets = [Target("claude", "claude", "claude-x"), Target("gpt", "gpt", "gpt-x")]
    providers = {name: ScriptedProvider([make_reply()]) for name in ("claude", "gpt")}
    llm = RouterLLM(router=make_router(providers, targets=targets), model="pool")
    for name in providers:
        llm.chat([ChatMessage(role="user", blocks=blocks)], model=f"pool/{name}")
    marked, plain = (providers[name].requests[-1].messages[0]["content"] for name in ("claude", "gpt"))
    assert [{"type": "ephemeral", "ttl": "5m"}, None] == [part.get("cache_control") for part in marked]  # type: ignore[union-attr]
    assert "cache_control" not in str(plain)


def test_media_become_parts() -> None:
    """Audio and documents travel inline, images by address or inline, text documents as text."""
    blocks = [
        TextBlock(text="look"),
        ImageBlock(url="https://example.test/a.png", detail="low"),
        AudioBlock(audio=WAV, format="wav"),
        DocumentBlock(data=b"%PDF-1.4", document_mimetype="application/pdf", title="a.pdf"),
        DocumentBlock(data=b"plain", document_mimetype="text/plain"),
        CitableBlock(title="t", source="s", content=[TextBlock(text="cited")]),
    ]
    (message,) = wire(ChatMessage(role="user", blocks=blocks))
    assert [
        {"type": "text", "text": "look"},
        {"type": "image_url", "image_url": {"url": "https://example.test/a.png", "detail": "low"}},
        {"type": "input_audio", "input_audio": {"data": base64.b64encode(WAV).decode(), "format": "wav"}},
        {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERi0xLjQ="}},
        {"type": "text", "text": "plain"},
        {"type": "text", "text": "cited"},
    ] == message["content"]


def test_media_in_tool_results_follow_in_a_user_message() -> None:
    """After all results of the turn, since those must come first."""
    image = ImageBlock(url="https://example.test/a.png")
    calls = [{**CALL, "id": "1"}, {**CALL, "id": "2"}]
    sent = wire(
        ChatMessage(role="assistant", blocks=[], additional_kwargs={"tool_calls": calls}),
        ChatMessage(role="tool", blocks=[image], additional_kwargs={"tool_call_id": "1"}),
        ChatMessage("2", role="tool", additional_kwargs={"tool_call_id": "2"}),
    )
    assert ["assistant", "tool", "tool", "user"] == [m["role"] for m in sent]
    assert "https://example.test/a.png" == sent[3]["content"][1]["image_url"]["url"]


def test_no_messages_is_refused() -> None:
    """Rather than sent."""
    with pytest.raises(ValueError, match="no messages"):
        scripted()[0].chat([])
