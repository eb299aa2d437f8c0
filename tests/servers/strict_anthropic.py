"""A strict server of Anthropic's Messages format, with the brain and the faults of `strict_openai`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from hashlib import sha256
from typing import Any

from tests.servers.answering import Answering
from tests.servers.brain import Answer
from tests.servers.strict_openai import StrictOpenAI

_PARAMETERS = frozenset({"max_tokens", "messages", "metadata", "model", "output_config", "output_format", "service_tier", "stop_sequences"})
_PARAMETERS |= {"stream", "system", "temperature", "thinking", "tool_choice", "tools", "top_k", "top_p"}
_TOOL_KEYS = {"type", "name", "description", "input_schema", "cache_control", "strict"}
_BLOCK_KEYS = {
    "text": {"type", "text", "cache_control", "citations"},
    "image": {"type", "source", "cache_control"},
    "document": {"type", "source", "cache_control", "title", "context", "citations"},
    "tool_use": {"type", "id", "name", "input", "cache_control"},
    "tool_result": {"type", "tool_use_id", "content", "is_error", "cache_control"},
    "thinking": {"type", "thinking", "signature"},
    "redacted_thinking": {"type", "data"},
}
_ROLE_BLOCKS = {"user": {"text", "image", "document", "tool_result"}, "assistant": {"text", "tool_use", "thinking", "redacted_thinking"}}
_STOP_REASONS = {"stop": "end_turn", "tool_calls": "tool_use", "length": "max_tokens"}
_TOOL_ID = re.compile(r"[a-zA-Z0-9_-]+")


def _stop_reason(answer: Answer) -> str:
    return _STOP_REASONS.get(answer.finish_reason, answer.finish_reason)


class StrictAnthropic(StrictOpenAI):
    """The server; `base_url` is what litellm's provider `anthropic` is given."""

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def sign(self, thought: str) -> str:
        """The signature with which this server, and no other, vouches for a thought."""
        return f"sig{sha256(f'{self.port}:{thought}'.encode()).hexdigest()[:24]}"


class AnthropicAnswering(Answering):
    """One answer in Anthropic's format."""

    async def _healthy(self, start: str, headers: dict[str, str], raw: bytes) -> None:
        if headers.get("x-api-key") != self._server.api_key:
            return await self._send(401, _error("authentication_error", "invalid x-api-key"))
        if start.split(" ")[:2] != ["POST", "/v1/messages"]:
            return await self._send(404, _error("not_found_error", start))
        body = json.loads(raw)
        problem = next(violations(body, self._server.sign), None)  # type: ignore[attr-defined]  # only StrictAnthropic uses this class
        if problem is not None:
            return await self._send(400, _error("invalid_request_error", problem))
        answer = self._answer(as_openai(body))
        content = [*self._thoughts(body), *_content(answer, self._n)]
        if body.get("stream"):
            return await self._stream([json.dumps(event) for event in _events(answer, content, body["model"], self._n)])
        whole = {**_top(body["model"], self._n), "content": content, "stop_reason": _stop_reason(answer)}
        return await self._send(200, json.dumps({**whole, "usage": _usage(answer)}).encode())

    def _thoughts(self, body: dict[str, Any]) -> list[dict[str, Any]]:
        if (body.get("thinking") or {}).get("type") != "enabled":
            return []
        thought = f"thought {self._n}"
        return [{"type": "thinking", "thinking": thought, "signature": self._server.sign(thought)}]  # type: ignore[attr-defined]  # as above


StrictAnthropic.answering = AnthropicAnswering


def violations(body: dict[str, Any], sign: Any) -> Iterator[str]:
    """Rules of the format that a body breaks."""
    for name in body.keys() - _PARAMETERS:
        yield f"{name}: Extra inputs are not permitted"
    if not isinstance(body.get("max_tokens"), int):
        yield "max_tokens: Field required"
    messages = body.get("messages") or []
    if not messages or messages[0]["role"] != "user":
        yield "messages: first message must use the user role"
    for n, message in enumerate(messages):
        yield from _message(message, f"messages.{n}", sign)
    yield from _pairs(messages)
    yield from _thinking(body, messages)
    for tool in body.get("tools") or ():
        if not {"name", "input_schema"} <= tool.keys() or tool.keys() - _TOOL_KEYS:
            yield f"tools: malformed tool {sorted(tool)}"
    if body.get("tool_choice") and not body.get("tools"):
        yield "tool_choice may only be specified while providing tools"


def _message(message: dict[str, Any], where: str, sign: Any) -> Iterator[str]:
    if message.keys() != {"role", "content"} or message["role"] not in _ROLE_BLOCKS:
        yield f"{where}: Input should be 'user' or 'assistant' with 'content'"
        return
    if not message["content"]:
        yield f"{where}: all messages must have non-empty content"
    for block in _blocks(message):
        kind = block.get("type")
        if kind not in _ROLE_BLOCKS[message["role"]] or block.keys() - _BLOCK_KEYS[kind]:
            yield f"{where}.content: block {kind!r} with {sorted(block)} is not permitted"
        elif kind == "text" and not block["text"].strip():
            yield f"{where}: text content blocks must be non-empty"
        elif kind == "thinking" and block.get("signature") != sign(block["thinking"]):
            yield f"{where}: Invalid `signature` in `thinking` block"
        elif kind in {"tool_use", "tool_result"} and not _TOOL_ID.fullmatch(block.get("id") or block.get("tool_use_id") or ""):
            yield f"{where}: tool id should match pattern '^[a-zA-Z0-9_-]+$'"


def _pairs(messages: list[dict[str, Any]]) -> Iterator[str]:
    waiting: set[str] = set()
    for n, message in enumerate(messages):
        answered = [b["tool_use_id"] for b in _blocks(message) if b.get("type") == "tool_result"]
        if waiting - set(answered):
            yield f"messages.{n}: `tool_use` ids were found without `tool_result` blocks immediately after: {sorted(waiting)}"
        if set(answered) - waiting:
            yield f"messages.{n}: unexpected `tool_use_id` found in `tool_result` blocks"
        waiting = {b["id"] for b in _blocks(message) if b.get("type") == "tool_use"}


def _thinking(body: dict[str, Any], messages: list[dict[str, Any]]) -> Iterator[str]:
    if (body.get("thinking") or {}).get("type") != "enabled" or len(messages) < 2:
        return
    last, before = messages[-1], messages[-2]
    first = next(iter(_blocks(before)), {})
    if any(b.get("type") == "tool_result" for b in _blocks(last)) and first.get("type") not in {"thinking", "redacted_thinking"}:
        yield f"messages.{len(messages) - 2}.content.0.type: Expected `thinking` or `redacted_thinking`, but found `{first.get('type')}`"


def as_openai(body: dict[str, Any]) -> dict[str, Any]:
    """The request as the brain reads it."""
    messages = [{"role": "system", "content": _text(body["system"])}] if body.get("system") else []
    for message in body["messages"]:
        results = [b for b in _blocks(message) if b.get("type") == "tool_result"]
        rest = [b for b in _blocks(message) if b.get("type") != "tool_result"]
        messages += [{"role": "tool", "content": _text(b.get("content") or "")} for b in results]
        messages += [{"role": message["role"], "content": _text(rest)}] if rest else []
    asked: dict[str, Any] = {
        "model": body["model"],
        "messages": messages,
        "max_tokens": body["max_tokens"],
        "stop": body.get("stop_sequences"),
    }
    tools = [{"function": {"name": t["name"], "parameters": t["input_schema"]}} for t in body.get("tools") or ()]
    choice = body.get("tool_choice") or {"type": "auto"}
    named = {"function": {"name": choice.get("name")}}
    asked |= {"tools": tools, "tool_choice": {"any": "required", "tool": named}.get(choice["type"], choice["type"])} if tools else {}
    if form := body.get("output_format") or (body.get("output_config") or {}).get("format"):
        asked["response_format"] = {"type": "json_schema", "json_schema": {"schema": form["schema"]}}
    elif "nothing other than JSON" in _text(messages[-1]["content"]):
        asked["response_format"] = {"type": "json_object"}  # the format has no JSON mode, but a Claude does as it is told
    return asked


def _content(answer: Answer, n: int) -> list[dict[str, Any]]:
    calls = [
        {"type": "tool_use", "id": f"toolu_{n}_{i}", "name": name, "input": json.loads(arguments)}
        for i, (name, arguments) in enumerate(answer.tool_calls)
    ]
    return [*([{"type": "text", "text": answer.text}] if answer.text else []), *calls]


def _events(answer: Answer, content: list[dict[str, Any]], model: str, n: int) -> Iterator[dict[str, Any]]:
    start = {**_top(model, n), "content": [], "stop_reason": None, "usage": {**_usage(answer), "output_tokens": 1}}
    yield {"type": "message_start", "message": start}
    for i, block in enumerate(content):
        empty, deltas = _deltas(block)
        yield {"type": "content_block_start", "index": i, "content_block": empty}
        for delta in deltas:
            yield {"type": "content_block_delta", "index": i, "delta": delta}
        yield {"type": "content_block_stop", "index": i}
    stop = {"stop_reason": _stop_reason(answer), "stop_sequence": None}
    yield {"type": "message_delta", "delta": stop, "usage": {"output_tokens": answer.usage["completion_tokens"]}}
    yield {"type": "message_stop"}


def _deltas(block: dict[str, Any]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    kind = block["type"]
    if kind == "tool_use":
        pieces = _pieces(json.dumps(block["input"], ensure_ascii=False))
        return {**block, "input": {}}, [{"type": "input_json_delta", "partial_json": p} for p in pieces]
    if kind == "thinking":
        deltas = [{"type": "thinking_delta", "thinking": p} for p in _pieces(block["thinking"])]
        return {**block, "thinking": "", "signature": ""}, [*deltas, {"type": "signature_delta", "signature": block["signature"]}]
    return {"type": "text", "text": ""}, [{"type": "text_delta", "text": p} for p in _pieces(block["text"])]


def _pieces(text: str) -> list[str]:
    return [text[i : i + 5] for i in range(0, len(text), 5)]


def _top(model: str, n: int) -> dict[str, Any]:
    return {"id": f"msg_{n}", "type": "message", "role": "assistant", "model": model, "stop_sequence": None}


def _usage(answer: Answer) -> dict[str, int]:
    details = answer.usage["prompt_tokens_details"]
    cached, written = details["cached_tokens"], details.get("cache_write_tokens", 0)
    asked = {"input_tokens": answer.usage["prompt_tokens"] - cached - written}
    asked |= {"cache_read_input_tokens": cached, "cache_creation_input_tokens": written}
    return {**asked, "output_tokens": answer.usage["completion_tokens"]}


def _blocks(message: dict[str, Any]) -> list[dict[str, Any]]:
    content = message.get("content") or []
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def _text(content: Any) -> str:
    return content if isinstance(content, str) else " ".join(b.get("text", "") for b in content if isinstance(b, dict))


def _error(kind: str, message: str) -> bytes:
    return json.dumps({"type": "error", "error": {"type": kind, "message": message}}).encode()
