"""What OpenAI's chat API refuses. Strictness here is what exposes fields leaking from other providers' histories."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

PARAMETERS = frozenset(
    {
        "model",
        "messages",
        "tools",
        "tool_choice",
        "parallel_tool_calls",
        "response_format",
        "temperature",
        "top_p",
        "max_tokens",
        "max_completion_tokens",
        "stop",
        "n",
        "seed",
        "stream",
        "stream_options",
        "user",
        "logit_bias",
        "logprobs",
        "top_logprobs",
        "presence_penalty",
        "frequency_penalty",
        "metadata",
        "store",
        "reasoning_effort",
        "service_tier",
        "prediction",
        "modalities",
        "audio",
        "verbosity",
        "prompt_cache_key",
        "safety_identifier",
        "web_search_options",
    }
)
_MESSAGE_KEYS = {
    "system": {"role", "content", "name"},
    "developer": {"role", "content", "name"},
    "user": {"role", "content", "name"},
    "assistant": {"role", "content", "name", "refusal", "tool_calls", "audio"},
    "tool": {"role", "content", "tool_call_id"},
}
_PART_TYPES = {
    "system": {"text"},
    "developer": {"text"},
    "user": {"text", "image_url", "input_audio", "file"},
    "assistant": {"text", "refusal"},
    "tool": {"text"},
}
_PART_KEYS = {"image_url": {"url", "detail"}, "input_audio": {"data", "format"}, "file": {"file_data", "file_id", "filename"}}
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


def violation(body: Any) -> tuple[str, str] | None:
    """First rule that a request body breaks, as (message, parameter); None if it keeps them all."""
    return next(_violations(body), None)


def _violations(body: Any) -> Iterator[tuple[str, str]]:
    if not isinstance(body, dict):
        yield "We could not parse the JSON body of your request.", "body"
        return
    for name in body.keys() - PARAMETERS:
        yield f"Unrecognized request argument supplied: {name}", name
    if not isinstance(body.get("model"), str) or not body["model"]:
        yield "you must provide a model parameter", "model"
    yield from _numbers(body)
    yield from _tools(body)
    yield from _format(body)
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        yield "Invalid 'messages': empty array. Expected an array with minimum length 1.", "messages"
        return
    for n, message in enumerate(messages):
        yield from _message(message, f"messages.[{n}]")
    yield from _open_calls(messages)


def _numbers(body: dict[str, Any]) -> Iterator[tuple[str, str]]:
    if not 0 <= (body.get("temperature") or 0) <= 2:
        yield "Invalid 'temperature': expected a value between 0 and 2.", "temperature"
    limits = [body[k] for k in ("max_tokens", "max_completion_tokens") if k in body]
    if len(limits) == 2 or any(not isinstance(limit, int) or limit < 1 for limit in limits):
        yield "Invalid 'max_tokens': integer below minimum value, or set twice.", "max_tokens"
    stop = body.get("stop")
    if not isinstance(stop, str | list | None) or (isinstance(stop, list) and not 1 <= len(stop) <= 4):
        yield "Invalid 'stop': expected a string or 1 to 4 strings.", "stop"
    if body.get("stream_options") is not None and not body.get("stream"):
        yield "The 'stream_options' parameter is only allowed when 'stream' is enabled.", "stream_options"
    if any(value is None for name, value in body.items() if name in {"tools", "messages", "max_tokens", "response_format", "tool_choice"}):
        yield "Invalid type: expected a value, but got null instead.", "body"


def _tools(body: dict[str, Any]) -> Iterator[tuple[str, str]]:
    if "tools" not in body:
        for name in {"tool_choice", "parallel_tool_calls"} & body.keys():
            yield f"'{name}' is only allowed when 'tools' are specified.", name
        return
    tools = body["tools"]
    if not isinstance(tools, list) or not 1 <= len(tools) <= 128:
        yield "Invalid 'tools': expected an array of 1 to 128 tools.", "tools"
        return
    for n, tool in enumerate(tools):
        if (
            not isinstance(tool, dict)
            or tool.keys() != {"type", "function"}
            or tool["type"] != "function"
            or not isinstance(tool["function"], dict)
        ):
            yield "Invalid tool: expected 'type' and 'function'.", f"tools[{n}]"
        elif not _NAME.fullmatch(str(tool["function"].get("name", ""))) or tool["function"].keys() - {
            "name",
            "description",
            "parameters",
            "strict",
        }:
            yield "Invalid tool function: bad name or unknown key.", f"tools[{n}].function"
    yield from _tool_choice(body.get("tool_choice", "auto"), [t.get("function", {}).get("name") for t in tools if isinstance(t, dict)])


def _tool_choice(choice: Any, names: list[str]) -> Iterator[tuple[str, str]]:
    if isinstance(choice, str):
        if choice not in {"none", "auto", "required"}:
            yield f"Invalid value: '{choice}'. Supported values are: 'none', 'auto', and 'required'.", "tool_choice"
    elif not isinstance(choice, dict) or choice.keys() != {"type", "function"}:
        yield "Invalid 'tool_choice' object.", "tool_choice"
    elif choice["function"].get("name") not in names:
        yield f"Tool choice '{choice['function'].get('name')}' not found in 'tools' parameter.", "tool_choice"


def _format(body: dict[str, Any]) -> Iterator[tuple[str, str]]:
    form = body.get("response_format")
    if form is None:
        return
    kind = form.get("type") if isinstance(form, dict) else None
    if kind not in {"text", "json_object", "json_schema"}:
        yield "Invalid 'response_format.type'.", "response_format.type"
    elif kind == "json_object" and "json" not in json.dumps(body.get("messages")).lower():
        yield "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'.", "messages"
    elif kind == "json_schema":
        schema = form.get("json_schema")
        if not isinstance(schema, dict) or not _NAME.fullmatch(str(schema.get("name"))) or "schema" not in schema:
            yield "Missing or invalid 'response_format.json_schema'.", "response_format.json_schema"
        elif schema.keys() - {"name", "schema", "strict", "description"}:
            yield "Unknown key in 'response_format.json_schema'.", "response_format.json_schema"


def _message(message: Any, where: str) -> Iterator[tuple[str, str]]:
    role = message.get("role") if isinstance(message, dict) else None
    if role not in _MESSAGE_KEYS:
        yield f"Invalid value: {role!r}. Supported values are: 'system', 'assistant', 'user', 'tool', and 'developer'.", f"{where}.role"
        return
    for key in message.keys() - _MESSAGE_KEYS[role]:
        yield f"Additional properties are not allowed ('{key}' was unexpected) - '{where}'", where
    yield from _content(message, role, where)
    yield from _calls(message, where)


def _content(message: dict[str, Any], role: str, where: str) -> Iterator[tuple[str, str]]:
    content = message.get("content")
    if isinstance(content, list):
        for n, part in enumerate(content):
            yield from _part(part, role, f"{where}.content[{n}]")
        if not content:
            yield "Invalid content: empty array.", f"{where}.content"
    elif content is None:
        if role != "assistant" or not (message.get("tool_calls") or message.get("refusal")):
            yield "Invalid value for 'content': expected a string, got null.", f"{where}.content"
    elif not isinstance(content, str):
        yield "Invalid type for 'content': expected a string or an array.", f"{where}.content"


def _part(part: Any, role: str, where: str) -> Iterator[tuple[str, str]]:
    kind = part.get("type") if isinstance(part, dict) else None
    if kind not in _PART_TYPES[role]:
        yield f"Invalid value: {kind!r}. Supported values for role '{role}' are: {sorted(_PART_TYPES[role])}.", f"{where}.type"
        return
    if part.keys() != {"type", kind}:
        yield f"Additional properties are not allowed, or '{kind}' is missing.", where
    elif kind in {"text", "refusal"}:
        if not isinstance(part[kind], str):
            yield f"Invalid type for '{kind}': expected a string.", where
    elif not isinstance(part[kind], dict) or part[kind].keys() - _PART_KEYS[kind]:
        yield f"Unknown key in '{kind}'.", where


def _calls(message: dict[str, Any], where: str) -> Iterator[tuple[str, str]]:
    if "tool_calls" not in message:
        return
    calls = message["tool_calls"]
    if not isinstance(calls, list) or not calls:
        yield "Invalid 'tool_calls': empty array. Expected an array with minimum length 1.", f"{where}.tool_calls"
        return
    for n, call in enumerate(calls):
        function = call.get("function") if isinstance(call, dict) else None
        if not isinstance(function, dict) or call.keys() != {"id", "type", "function"} or function.keys() != {"name", "arguments"}:
            yield "Invalid tool call: expected id, type and function with name and arguments.", f"{where}.tool_calls[{n}]"
        elif not isinstance(call["id"], str) or not 1 <= len(call["id"]) <= 40 or not isinstance(function["arguments"], str):
            yield "Invalid tool call: 'id' must have 1 to 40 characters, 'arguments' must be a string.", f"{where}.tool_calls[{n}]"


def _open_calls(messages: list[Any]) -> Iterator[tuple[str, str]]:
    open_ids: list[str] = []
    for n, message in enumerate(m for m in messages if isinstance(m, dict)):
        if message.get("role") == "tool":
            if message.get("tool_call_id") not in open_ids:
                yield "messages with role 'tool' must be a response to a preceeding message with 'tool_calls'.", f"messages.[{n}].role"
                return
            open_ids.remove(message["tool_call_id"])
            continue
        if open_ids:
            break
        open_ids = [str(call.get("id")) for call in message.get("tool_calls") or () if isinstance(call, dict)]
    if open_ids:
        unanswered = ", ".join(open_ids)
        yield (
            f"An assistant message with 'tool_calls' must be followed by tool messages for each 'tool_call_id', missing: {unanswered}",
            "messages",
        )
