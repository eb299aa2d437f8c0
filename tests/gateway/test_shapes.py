"""Well-formed JSON of a wrong shape deep inside: a 400 that names the place, and no provider is asked. What a format leaves open passes."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import IO, Any, Final, get_args

import anthropic.types as of_anthropic
import openai.types.chat as of_chat
import openai.types.responses as of_responses
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from routerkit.gateway import anthropic_shape, responses_shape
from routerkit.gateway.anthropic_answer import MESSAGES
from routerkit.gateway.chat_shape import checked
from routerkit.gateway.formats import Format
from routerkit.gateway.head import Head
from routerkit.gateway.limits import Limits
from routerkit.gateway.openai_chat import CHAT
from routerkit.gateway.refusal import Refusal
from routerkit.gateway.responses_events import RESPONSES
from routerkit.gateway.wire import request_of
from routerkit.messages import Request

RECORDED = [json.loads(path.read_text()) for path in (Path(__file__).parent / "recorded").glob("*.json")]
FORMATS: Final = {"/v1/chat/completions": CHAT, "/v1/messages": MESSAGES, "/v1/responses": RESPONSES}
CALL: Final = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
FUNCTION: Final = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
TOOL: Final = {"name": "f", "input_schema": {"type": "object"}}
USE: Final = {"type": "tool_use", "id": "c1", "name": "f", "input": {}}
RESULT: Final = {"type": "tool_result", "tool_use_id": "c1", "content": "5"}
FLAT: Final = {"type": "function", "name": "f", "parameters": {"type": "object"}}


def said(*parts: Any, role: str = "user", **more: Any) -> dict[str, Any]:
    """A message of these parts, or of a text."""
    return {"role": role, "content": list(parts) or "hi", **more}


def chat(*messages: Any, **more: Any) -> dict[str, Any]:
    return {"model": "pool", "messages": [said(), *messages], **more}


def messages(*more_messages: Any, **more: Any) -> dict[str, Any]:
    return {"model": "pool", "max_tokens": 9, "messages": [said(), *more_messages], **more}


def responses(*items: Any, **more: Any) -> dict[str, Any]:
    return {"model": "pool", "input": [said(), *items], **more}


def read(spoken: Format, body: dict[str, Any]) -> Request:
    """As the gateway reads it."""
    return request_of(spoken.chat_body(body), Head("POST", "/"), Limits())


WRONG_CHATS: Final = [
    ("messages[1].content[1].image_url", chat(said({"type": "text", "text": "x"}, {"type": "image_url", "image_url": 7}))),
    ("messages[1].content[0].image_url", chat(said({"type": "image_url", "image_url": {"detail": "low"}}))),
    ("messages[1].content[0].text", chat(said({"type": "text", "text": None}))),
    ("messages[1].content[0]", chat(said({"type": "text"}))),
    ("messages[1].content[0]", chat(said({"text": "x"}))),
    ("messages[1].content[0]", chat(said("x"))),
    ("messages[1].content[0].input_audio", chat(said({"type": "input_audio", "input_audio": {"data": "x"}}))),
    ("messages[1].content[0].file.file_data", chat(said({"type": "file", "file": {"file_data": 7}}))),
    ("messages[1].content", chat({"role": "user", "content": {"type": "text"}})),
    ("messages[1].role", chat(said(role="wizard"))),
    ("messages[1].name", chat(said(name=7))),
    ("messages[1].tool_calls", chat(said(role="assistant", tool_calls={}))),
    ("messages[1].tool_calls[0]", chat(said(role="assistant", tool_calls=[{"function": CALL["function"]}]))),
    ("messages[1].tool_calls", chat(said(role="assistant", tool_calls=[{"id": "c1", "type": "function"}]))),
    (
        "messages[1].tool_calls[0].function.arguments",
        chat(said(role="assistant", tool_calls=[CALL | {"function": {"name": "f", "arguments": {}}}])),
    ),
    ("messages[1].tool_call_id", chat(said(role="tool"))),
    ("messages[1].tool_call_id", chat(said(role="tool", tool_call_id="c1"))),
    ("messages[2].tool_call_id", chat(said(role="assistant", tool_calls=[CALL]), said(role="tool", tool_call_id="c2"))),
    ("tools[0]", chat(tools=[{"function": FUNCTION["function"]}])),
    ("tools[0].function", chat(tools=[{"type": "function"}])),
    ("tools[0].function.parameters", chat(tools=[{"type": "function", "function": {"name": "f", "parameters": []}}])),
    ("tools[0].function.name", chat(tools=[{"type": "function", "function": {"name": ""}}])),
    ("tool_choice", chat(tools=[FUNCTION], tool_choice="f")),
    ("tool_choice", chat(tools=[FUNCTION], tool_choice=["auto"])),
    ("tool_choice", chat(tools=[FUNCTION], tool_choice={"type": "function", "function": {"name": "g"}})),
    ("tool_choice", chat(tool_choice={"type": "function", "function": {"name": "f"}})),
    ("tool_choice.function", chat(tools=[FUNCTION], tool_choice={"type": "function", "function": "f"})),
    ("response_format", chat(response_format={})),
    ("response_format.json_schema", chat(response_format={"type": "json_schema"})),
    ("response_format.json_schema.schema", chat(response_format={"type": "json_schema", "json_schema": {"name": "x", "schema": []}})),
    ("top_p", chat(top_p="much")),
    ("logit_bias", chat(logit_bias=[1])),
    ("seed", chat(seed="7")),
    ("stream_options", chat(stream=True, stream_options=True)),
]
WRONG_MESSAGES: Final = [
    ("messages.1.content.1.source", messages(said({"type": "text", "text": "x"}, {"type": "image", "source": 7}))),
    ("messages.1.content.0", messages(said({"type": "text"}))),
    ("messages.1.content.0.text", messages(said({"type": "text", "text": 7}))),
    ("messages.1.content.0", messages(said("x"))),
    ("messages.1.content", messages({"role": "user"})),
    ("messages.1.role", messages(said(role="wizard"))),
    ("messages.1.role", messages("x")),
    ("messages.1.content.0.input", messages(said(USE | {"input": []}, role="assistant"))),
    ("messages.1.content.0", messages(said({"type": "tool_use", "name": "f", "input": {}}, role="assistant"))),
    ("messages.1.content.0.tool_use_id", messages(said(RESULT))),
    (
        "messages.2.content.0.content.0.text",
        messages(said(USE, role="assistant"), said(RESULT | {"content": [{"type": "text", "text": 7}]})),
    ),
    ("messages.2.content.0.content", messages(said(USE, role="assistant"), said(RESULT | {"content": 7}))),
    ("system.0.text", messages(system=[{"type": "text", "text": 7}])),
    ("system", messages(system=7)),
    ("tools.0.input_schema", messages(tools=[{"name": "f", "input_schema": []}])),
    ("tools.0", messages(tools=[{"name": "f"}])),
    ("tools.0", messages(tools=["f"])),
    ("tool_choice", messages(tools=[TOOL], tool_choice="auto")),
    ("tool_choice", messages(tools=[TOOL], tool_choice={"type": "tool", "name": "g"})),
    ("stop_sequences.0", messages(stop_sequences=[7])),
    ("stop_sequences", messages(stop_sequences="END")),
    ("metadata", messages(metadata="x")),
    ("thinking", messages(thinking=True)),
    ("top_k", messages(top_k="7")),
    ("output_config.format.schema", messages(output_config={"format": {"type": "json_schema", "schema": []}})),
]
WRONG_RESPONSES: Final = [
    ("input[1].content[1].image_url", responses(said({"type": "input_text", "text": "x"}, {"type": "input_image", "image_url": 7}))),
    ("input[1].content[0]", responses(said({"type": "input_text"}))),
    ("input[1].content", responses({"role": "user", "content": 7})),
    ("input[1].role", responses(said(role="wizard"))),
    ("input[1]", responses("x")),
    ("input[1].type", responses({"type": 7})),
    ("input[1].arguments", responses({"type": "function_call", "call_id": "c1", "name": "f", "arguments": {}})),
    ("input[1].call_id", responses({"type": "function_call_output", "call_id": "c1", "output": "5"})),
    ("input", responses() | {"input": 7}),
    ("tools[0].parameters", responses(tools=[FLAT | {"parameters": []}])),
    ("tools[0]", responses(tools=[{"type": "function"}])),
    ("tools[0].type", responses(tools=[{"name": "f"}])),
    ("tools[0].tools[0]", responses(tools=[{"type": "namespace", "name": "n", "tools": [{"type": "function"}]}])),
    ("tool_choice", responses(tools=[FLAT], tool_choice="f")),
    ("tools", responses(tools=[FLAT], tool_choice={"type": "function", "name": "g"})),
    ("text.format", responses(text={"format": {}})),
    ("reasoning", responses(reasoning="low")),
    ("instructions", responses(instructions=["x"])),
    ("text.format", responses(text={"format": {"type": "json_schema", "schema": {}}})),
    ("user", responses(user=7)),
]


@pytest.mark.parametrize(
    ("spoken", "place", "body"),
    [
        *(pytest.param(CHAT, *row, id=f"chat {row[0]}") for row in WRONG_CHATS),
        *(pytest.param(MESSAGES, *row, id=f"messages {row[0]}") for row in WRONG_MESSAGES),
        *(pytest.param(RESPONSES, *row, id=f"responses {row[0]}") for row in WRONG_RESPONSES),
    ],
)
def test_wrong_shape_is_refused_by_its_place(spoken, place, body):
    with pytest.raises(Refusal) as caught:
        read(spoken, body)
    refused = caught.value
    assert (400, place) == (refused.status, refused.param)
    assert "\n" not in str(refused)


def test_refusals_of_shapes_name_the_place_in_the_message_of_every_format():
    for spoken, (place, body) in ((CHAT, WRONG_CHATS[0]), (MESSAGES, WRONG_MESSAGES[0]), (RESPONSES, WRONG_RESPONSES[0])):
        with pytest.raises(Refusal) as caught:
            read(spoken, body)
        assert str(caught.value).startswith(f"{place}: expected ")


OPEN: Final = [
    (CHAT, chat(said({"type": "video_url", "video_url": {"url": "https://x"}}))),  # vLLM
    (CHAT, chat(said({"type": "image_url", "image_url": "https://x"}))),  # Mistral
    (CHAT, chat(said({"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}}))),
    (CHAT, chat(said(role="assistant", tool_calls=[{"id": "c1", "function": CALL["function"]}]), said(role="tool", tool_call_id="c1"))),
    (CHAT, chat({"role": "assistant", "tool_calls": [CALL]}, said(role="tool", tool_call_id="c1", name="f"))),
    (
        CHAT,
        chat({"role": "assistant", "content": None, "tool_calls": None, "refusal": None, "function_call": None, "reasoning_content": "x"}),
    ),
    (CHAT, chat({"role": "function", "name": "f", "content": "5"})),
    (CHAT, chat(said(role="assistant", tool_calls=[{"id": "c1", "type": "custom", "custom": {"name": "g", "input": "x"}}]))),
    (
        CHAT,
        chat(tools=[{"type": "function", "function": {"name": "f", "description": None, "strict": None}}, {"type": "code_interpreter"}]),
    ),
    (CHAT, chat(tools=[{"type": "custom", "custom": {"name": "g"}}], tool_choice={"type": "custom", "custom": {"name": "g"}})),
    (CHAT, chat(tools=[FUNCTION], tool_choice={"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [FUNCTION]}})),
    (CHAT, chat(tools=[FUNCTION], tool_choice="any")),  # Mistral
    (CHAT, chat(tool_choice="none", tools=None, response_format=None)),
    (CHAT, chat(response_format={"type": "json_object", "schema": {}})),
    (CHAT, chat(top_p=1, seed=None, logit_bias={"50256": -100}, logprobs=False, reasoning={"effort": "low"}, top_k=3)),
    (MESSAGES, messages(said(USE | {"caller": {"type": "direct"}}, role="assistant"), said(RESULT | {"content": None, "is_error": True}))),
    (MESSAGES, messages(said({"type": "text", "text": "x", "citations": None}, role="assistant"), thinking=None, metadata=None)),
    (MESSAGES, messages(tools=[TOOL | {"type": "custom", "eager_input_streaming": True}], tool_choice={"type": "auto"}, top_k=None)),
    (MESSAGES, messages(said({"type": "thinking", "thinking": "hm", "signature": "s"}, USE, role="assistant"), said(RESULT))),
    (RESPONSES, responses({"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": None})),
    (RESPONSES, responses(said({"type": "output_text", "text": "x", "annotations": [], "logprobs": []}, role="assistant", phase="final"))),
    (RESPONSES, responses(said({"type": "input_image", "image_url": "https://x", "detail": "auto", "file_id": None}), text={}, tools=[])),
    (RESPONSES, responses(tools=[FLAT, {"type": "web_search"}], reasoning={"effort": None, "summary": "auto"}, text={"verbosity": "low"})),
]


@pytest.mark.parametrize(("spoken", "body"), OPEN)
def test_what_a_format_leaves_open_passes(spoken, body):
    assert read(spoken, body).messages


@pytest.mark.parametrize("recorded", RECORDED, ids=lambda recorded: recorded["client"])
def test_what_agents_sent_passes(recorded):
    assert read(FORMATS[recorded["path"].partition("?")[0]], recorded["body"]).messages


# What JSON has of the kind.
st.register_type_strategy(
    object, st.one_of(st.none(), st.booleans(), st.integers(), st.text(), st.lists(st.text()), st.dictionaries(st.text(), st.text()))
)
st.register_type_strategy(IO, st.text())
st.register_type_strategy(os.PathLike, st.text())
st.register_type_strategy(Iterable, lambda kind: st.lists(st.from_type(get_args(kind)[0]), max_size=3))
SDK: Final = [
    (of_chat.ChatCompletionMessageParam, lambda value: checked(chat(value))),
    (of_chat.ChatCompletionToolUnionParam, lambda value: checked(chat(tools=[value]))),
    (of_chat.ChatCompletionToolChoiceOptionParam, lambda value: checked(chat(tools=[FUNCTION], tool_choice=value))),
    (of_chat.completion_create_params.ResponseFormat, lambda value: checked(chat(response_format=value))),
    (of_anthropic.ContentBlockParam, lambda value: anthropic_shape.check(messages(said(value)))),
    (of_anthropic.ToolUnionParam, lambda value: anthropic_shape.check(messages(tools=[value]))),
    (of_responses.ResponseInputItemParam, lambda value: responses_shape.check(responses(value))),
    (of_responses.ToolParam, lambda value: responses_shape.check(responses(tools=[value]))),
    (of_responses.response_create_params.ToolChoice, lambda value: responses_shape.check(responses(tool_choice=value))),
]


def refusal_of(check: Callable[[Any], object], value: Any) -> str:
    """What is said against a value; empty when it is taken."""
    try:
        check(value)
    except Refusal as refused:
        return str(refused)
    return ""


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "check"), SDK, ids=range(len(SDK)))
@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_what_a_vendors_sdk_takes_is_not_refused(kind, check, data):
    """Save what refers to something that is not there, empty names, and schemas that are no objects: vendors refuse them, too.

    And what only they could read.
    """
    value = data.draw(st.from_type(kind))
    assert re.search("^$|cannot be routed|parameters: expected object|which no |which is none of|length >= 1", refusal_of(check, value))
