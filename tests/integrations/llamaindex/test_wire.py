"""Tools, history and media: what the target is sent, and how its tool calls come back."""

from __future__ import annotations

import base64
from datetime import date
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
    VideoBlock,
)
from llama_index.core.tools import FunctionTool
from pydantic import BaseModel

from llama_index.llms.routerkit import RouterLLM
from routerkit import Price, ProviderError, Reply, Target, ToolCall, Usage
from routerkit.testing import ScriptedProvider, make_reply, make_router, make_target
from tests.integrations.llamaindex.conftest import Upstream
from tests.integrations.llamaindex.suite import HELLO, Way, scripted
from tests.servers.fault import Fault

CALL = {"id": "call_1", "type": "function", "function": {"name": "add", "arguments": '{"a": 2}'}}
WAV = b"RIFF\x24\x00\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00"


def add(a: int, b: int = 0) -> int:
    """Add two numbers, the second of which may be left out."""
    return a + b


ADD = FunctionTool.from_defaults(add)


def wire(*messages: ChatMessage) -> list[dict[str, Any]]:
    """What a history looks like to the target."""
    llm, provider = scripted()
    llm.chat(list(messages))
    return [dict(m) for m in provider.requests[-1].messages]


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


def test_arguments_that_are_no_json_are_refused_in_one_line() -> None:
    """Applications may have put objects there; `json` names the type, but neither the call nor what to do."""
    turn = ChatMessage(
        role="assistant", blocks=[ToolCallBlock(tool_call_id="call_1", tool_name="add", tool_kwargs={"day": date(2026, 1, 2)})]
    )
    with pytest.raises(
        ValueError, match=r"tool call 'add' .* arguments that are not JSON: Object of type date .*; give them as JSON has them"
    ):
        wire(*HELLO, turn)


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


VIDEO = ChatMessage(role="user", blocks=[TextBlock(text="look"), VideoBlock(video=b"not really", video_mimetype="video/mp4")])


@pytest.mark.slow  # litellm takes seconds to import
@pytest.mark.parametrize("upstream", [Way("litellm", "", ("gemini",))], indirect=True)
def test_video_reaches_gemini(upstream: Upstream) -> None:
    """As a file, since litellm knows no other form of it there."""
    upstream.llm().chat([VIDEO])
    assert '"mime_type": "video/mp4"' in upstream.sent


@pytest.mark.slow  # litellm takes seconds to import
@pytest.mark.parametrize("upstream", [Way("litellm", "", ("anthropic",))], indirect=True)
def test_video_for_claude_is_refused(upstream: Upstream) -> None:
    """And not left out, so that the model would answer about nothing."""
    with pytest.raises(ProviderError, match="takes no video"):
        upstream.llm().chat([VIDEO])
    assert [] == upstream.good.bodies


def test_no_messages_is_refused() -> None:
    """Rather than sent."""
    with pytest.raises(ValueError, match="no messages"):
        scripted()[0].chat([])
