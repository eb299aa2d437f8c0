"""LangChain messages in OpenAI's chat format."""

from __future__ import annotations

from datetime import date

import pytest
from langchain_core.messages import AIMessage, ChatMessage, HumanMessage, RemoveMessage, SystemMessage, ToolMessage

from langchain_routerkit.convert import last_target, to_messages
from routerkit import ProviderError

CALL = {"name": "f", "args": {"a": 1}, "id": "c1", "type": "tool_call"}
SENT_CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}
MARK = {"type": "ephemeral"}
PNG = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}
PDF = {"type": "file", "file": {"filename": "document.pdf", "file_data": "data:application/pdf;base64,AA=="}}
CLIP = {"type": "video_url", "video_url": {"url": "http://x/a.mp4"}}
WAV = {"type": "input_audio", "input_audio": {"data": "AA==", "format": "wav"}}


def sent(*messages):
    return list(to_messages(messages))


def answered_by(target, content="", **more):
    return AIMessage(content, response_metadata={"routerkit": {"target": target}}, **more)


@pytest.mark.parametrize(
    ("block", "part"),
    [
        ("hi", {"type": "text", "text": "hi"}),
        ({"type": "text", "text": "hi", "cache_control": MARK}, {"type": "text", "text": "hi", "cache_control": MARK}),
        ({"type": "text-plain", "text": "hi"}, {"type": "text", "text": "hi"}),
        ({"type": "text-plain", "base64": "aGk=", "mime_type": "text/plain"}, {"type": "text", "text": "hi"}),
        ({"type": "file", "base64": "aGk=", "mime_type": "text/csv"}, {"type": "text", "text": "hi"}),
        ({"type": "document", "source": {"type": "base64", "media_type": "text/plain", "data": "aGk="}}, {"type": "text", "text": "hi"}),
        ({"type": "media", "mime_type": "image/png", "data": "AA=="}, PNG),
        ({"type": "media", "mime_type": "application/pdf", "data": "AA=="}, PDF),
        (
            {"type": "input_image", "image_url": "http://x/a.png", "detail": "low"},
            {"type": "image_url", "image_url": {"url": "http://x/a.png", "detail": "low"}},
        ),
        ({"type": "input_file", "file_id": "file-1"}, {"type": "file", "file": {"file_id": "file-1"}}),
        ({"type": "image_url", "image_url": "http://x/a.png"}, {"type": "image_url", "image_url": {"url": "http://x/a.png"}}),
        (PNG, PNG),
        ({"type": "image", "base64": "AA==", "mime_type": "image/png"}, PNG),
        ({"type": "image", "source_type": "base64", "data": "AA==", "mime_type": "image/png"}, PNG),
        ({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AA=="}}, PNG),
        ({"type": "image", "url": "http://x/a.png"}, {"type": "image_url", "image_url": {"url": "http://x/a.png"}}),
        (
            {"type": "image", "source": {"type": "url", "url": "http://x/a.png"}},
            {"type": "image_url", "image_url": {"url": "http://x/a.png"}},
        ),
        ({"type": "image", "base64": "AA==", "mime_type": "image/png", "extras": {"cache_control": MARK}}, {**PNG, "cache_control": MARK}),
        ({"type": "file", "base64": "AA==", "mime_type": "application/pdf"}, PDF),
        ({"type": "file", "source_type": "base64", "data": "AA==", "mime_type": "application/pdf"}, PDF),
        ({"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "AA=="}}, PDF),
        ({"type": "document", "source": {"type": "text", "data": "hi"}}, {"type": "text", "text": "hi"}),
        ({"type": "file", "file_id": "file-1"}, {"type": "file", "file": {"file_id": "file-1"}}),
        ({"type": "file", "url": "http://x/a.pdf"}, {"type": "file", "file": {"file_id": "http://x/a.pdf"}}),
        (PDF, PDF),
        ({"type": "audio", "base64": "AA==", "mime_type": "audio/wav"}, WAV),
        (WAV, WAV),
        (
            {"type": "video", "base64": "AA==", "mime_type": "video/webm"},
            {"type": "video_url", "video_url": {"url": "data:video/webm;base64,AA=="}},
        ),
        ({"type": "video", "url": "http://x/a.mp4"}, CLIP),
        ({"type": "video_url", "video_url": "http://x/a.mp4"}, CLIP),
    ],
)
def test_every_convention_of_content_becomes_a_part(block, part):
    """OpenAI's two, Anthropic's, Google's, and LangChain's own two."""
    assert [{"role": "user", "content": [part]}] == sent(HumanMessage([block]))


@pytest.mark.parametrize(
    "block",
    [
        {"type": "video"},
        {"type": "audio", "url": "http://x"},
        {"type": "image"},
        {"type": "text-plain", "url": "http://x/a.txt", "mime_type": "text/plain"},
        {"type": "text-plain", "base64": "/w==", "mime_type": "text/plain"},
        {"type": "input_image", "detail": "low"},
    ],
)
def test_content_that_cannot_be_sent_is_refused(block):
    """Dropping it would answer another question."""
    with pytest.raises(ProviderError, match="nothing was sent") as caught:
        sent(HumanMessage([block]))
    assert "invalid_request" == caught.value.code


@pytest.mark.parametrize("message", [HumanMessage([]), ToolMessage([], tool_call_id="c1")], ids=lambda m: m.type)
def test_a_turn_without_content_stays_a_turn(message):
    """Tools may have nothing to say; without their turn, or with an empty list of parts, the conversation is refused."""
    assert [""] == [turn["content"] for turn in sent(message)]


def test_a_message_that_is_none_is_refused():
    """LangGraph's markers are not conversation."""
    with pytest.raises(ProviderError, match="RemoveMessage"):
        sent(RemoveMessage(id="1"))


@pytest.mark.parametrize(
    "private",
    [
        {"type": "thinking", "thinking": "hm", "signature": "s"},
        {"type": "redacted_thinking", "data": "x"},
        {"type": "reasoning", "reasoning": "hm"},
        {"type": "function_call", "name": "f"},
        {"type": "tool_use", "id": "c1", "name": "f", "input": {}},
        {**CALL},
        {"type": "server_tool_call", "id": "s", "name": "search", "args": {}},
        {"type": "server_tool_result", "tool_call_id": "s", "status": "success"},
    ],
    ids=lambda b: b["type"],
)
def test_private_blocks_of_an_answer_are_not_sent(private):
    """Only their author can read them; tool calls are said once, as tool calls."""
    message = AIMessage([private, {"type": "text", "text": "ok"}], tool_calls=[CALL])
    assert [{"role": "assistant", "content": "ok", "tool_calls": [SENT_CALL]}] == sent(message)


def test_names_travel():
    """Agents tell participants apart by them."""
    assert "ann" == sent(HumanMessage("hi", name="ann"))[0]["name"]
    assert "bot" == sent(AIMessage("hi", name="bot"))[0]["name"]


def test_failed_tools_say_so():
    """The format has no field for it."""
    assert "Error: no such file" == sent(ToolMessage("no such file", tool_call_id="c1", status="error"))[0]["content"]
    assert "error 42" == sent(ToolMessage("error 42", tool_call_id="c1", status="error"))[0]["content"]


def test_invalid_tool_calls_are_sent_as_they_were_written():
    """So that the model sees its own mistake."""
    bad = {"name": "f", "args": '{"a":', "id": "c1", "error": None, "type": "invalid_tool_call"}
    assert '{"a":' == sent(AIMessage("", invalid_tool_calls=[bad]))[0]["tool_calls"][0]["function"]["arguments"]


def test_arguments_that_are_no_json_are_refused_in_one_line():
    """Middleware may have put objects there; `json` names the type, but neither the call nor what to do."""
    call = {**CALL, "args": {"day": date(2026, 1, 2)}}
    with pytest.raises(
        ValueError, match=r"tool call 'f' .* arguments that are not JSON: Object of type date .*; give them as JSON has them"
    ):
        sent(AIMessage("", tool_calls=[call]))


def test_tool_results_inside_user_messages_become_tool_messages():
    """As Anthropic writes them."""
    result = {"type": "tool_result", "tool_use_id": "c1", "content": [{"type": "text", "text": "42"}]}
    tool, user = sent(HumanMessage([result, {"type": "text", "text": "and?"}]))
    assert {"role": "tool", "tool_call_id": "c1", "content": [{"type": "text", "text": "42"}]} == tool
    assert {"role": "user", "content": [{"type": "text", "text": "and?"}]} == user


def test_roles():
    """System, developer and free roles."""
    assert "system" == sent(SystemMessage("x"))[0]["role"]
    assert "developer" == sent(SystemMessage("x", additional_kwargs={"__openai_role__": "developer"}))[0]["role"]
    assert "critic" == sent(ChatMessage("x", role="critic"))[0]["role"]


def test_what_the_author_alone_can_read_travels_with_its_name():
    """The router gives it back to that target only."""
    thoughts = [{"type": "thinking", "thinking": "hm", "signature": "s"}]
    (message,) = sent(answered_by("sonnet", "ok", additional_kwargs={"thinking_blocks": thoughts, "reasoning_content": "hm"}))
    assert ("sonnet", thoughts, "hm") == (message["origin"], message["thinking_blocks"], message["reasoning_content"])


def test_streamed_thinking_is_put_together_as_it_was_signed():
    """The signature covers the whole text and comes last."""
    pieces = [
        {"type": "thinking", "thinking": "a", "signature": None},
        {"type": "thinking", "thinking": "b", "signature": None},
        {"type": "thinking", "thinking": "", "signature": "s1"},
        {"type": "redacted_thinking", "data": "x"},
        {"type": "thinking", "thinking": "c", "signature": "s2"},
    ]
    (message,) = sent(answered_by("sonnet", "ok", additional_kwargs={"thinking_blocks": pieces}))
    assert [("ab", "s1"), (None, None), ("c", "s2")] == [(b.get("thinking"), b.get("signature")) for b in message["thinking_blocks"]]


def test_foreign_answers_bring_nothing_private():
    """A history of another chat model names no target of ours."""
    (message,) = sent(AIMessage("ok", additional_kwargs={"thinking_blocks": [{}], "reasoning_content": "hm"}))
    assert {"role": "assistant", "content": "ok"} == message


def test_the_last_answer_pins():
    """An earlier one does not."""
    assert "b" == last_target([answered_by("a"), HumanMessage("x"), answered_by("b"), ToolMessage("r", tool_call_id="c")])
    assert last_target([answered_by("a"), HumanMessage("x"), AIMessage("y")]) is None
