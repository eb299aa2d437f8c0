"""OpenAI's chat format, as callers of `/v1/chat/completions` see it."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from typing import Any, Final

from routerkit.gateway.chat import comment
from routerkit.gateway.chat_parts import ChatParts
from routerkit.gateway.chat_shape import checked
from routerkit.gateway.exchange import encode
from routerkit.gateway.formats import Format
from routerkit.gateway.refusal import Refusal
from routerkit.messages import Chunk, Json, Reply, Request, ToolCallDelta, Usage

_FINISHES: Final = frozenset({"stop", "length", "tool_calls", "content_filter"})
DONE: Final = b"data: [DONE]\n\n"
"""The end mark of a stream."""


def completion(reply: Reply, _: Mapping[str, Json]) -> dict[str, Any]:
    """Body of a whole answer."""
    message: dict[str, Any] = {"role": "assistant", "content": reply.text or (None if reply.tool_calls else "")}
    if reply.tool_calls:
        message["tool_calls"] = [
            {"id": c.id, "type": "function", "function": {"name": c.name, "arguments": c.arguments}} for c in reply.tool_calls
        ]
    if reply.reasoning:
        message["reasoning_content"] = reply.reasoning
    message["refusal"] = reply.refusal or None
    return {
        "id": f"chatcmpl-{reply.record_id}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": reply.model,
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": finish_of(reply.finish_reason)}],
        "usage": usage_of(reply.usage),
    }


class ChatEvents:
    """Writes chunks as events. The finish reason waits for the end, so that no client takes a cut answer for a whole one."""

    _finish, _usage, _last = "stop", Usage(), Chunk()
    _is_passed = False
    """Whether the provider's own events are what the caller gets."""

    def __init__(self, body: Mapping[str, Json], _: Request) -> None:
        self._body = body
        self._head: dict[str, Any] = {}

    def of(self, chunk: Chunk) -> bytes:
        """Event of a chunk, or the events it was read from."""
        if chunk.finish_reason:
            self._finish = chunk.finish_reason
        if chunk.usage:
            self._usage = chunk.usage
        if chunk.record_id:
            self._last = chunk
        if (written := chunk.as_written()) is not None:
            self._is_passed = True
            return written
        if self._is_passed and not chunk.has_content():
            return b""
        added = _delta(chunk)
        if not self._head:
            self._head = _head(chunk.model)
            added = {"role": "assistant", "content": "", **added}
        return self._choice(added, None) if added else b""

    def end(self) -> bytes:
        """The finish reason, usage if it was asked for, the record, the end mark; of a passed stream what it has not said yet."""
        if self._is_passed:
            told = self._told_usage() if self._usage.is_estimated else b""
            return told + comment(self._last) + DONE
        self._head["model"] = self._last.model or self._head["model"]
        return self._choice({}, finish_of(self._finish)) + self._told_usage() + comment(self._last) + DONE

    @property
    def _with_usage(self) -> bool:
        options = self._body.get("stream_options")
        return isinstance(options, Mapping) and bool(options.get("include_usage"))

    def _told_usage(self) -> bytes:
        if not self._with_usage:
            return b""
        head = self._head or _head(self._last.model)
        return _event({**head, "choices": [], "usage": usage_of(self._usage)})

    def broken(self, refused: Refusal) -> bytes:
        """An error event; the missing end mark tells everybody else."""
        return _event(refused.body())

    def _choice(self, added: dict[str, Any], finish: str | None) -> bytes:
        return _event({**self._head, "choices": [{"index": 0, "delta": added, "logprobs": None, "finish_reason": finish}]})


def _head(model: str) -> dict[str, Any]:
    return {"id": f"chatcmpl-{os.urandom(12).hex()}", "object": "chat.completion.chunk", "created": int(time.time()), "model": model}


def finish_of(reason: str) -> str:
    """Why an answer ended, in a word of the format: clients may take no other."""
    return reason if reason in _FINISHES else "stop"


def _delta(chunk: Chunk) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if chunk.text:
        found["content"] = chunk.text
    if chunk.tool_calls:
        found["tool_calls"] = [_call(c) for c in chunk.tool_calls]
    if chunk.reasoning:
        found["reasoning_content"] = chunk.reasoning
    if chunk.refusal:
        found["refusal"] = chunk.refusal
    return found


def _call(call: ToolCallDelta) -> dict[str, Any]:
    function: dict[str, Any] = {"arguments": call.arguments}
    if call.name is not None:
        function["name"] = call.name
    head = {"id": call.id, "type": "function"} if call.id is not None else {}
    return {"index": call.index, **head, "function": function}


def usage_of(used: Usage) -> dict[str, Any]:
    """What was used, in the words of the format."""
    return {
        "prompt_tokens": used.input_tokens,
        "completion_tokens": used.output_tokens,
        "total_tokens": used.input_tokens + used.output_tokens,
        "prompt_tokens_details": {"cached_tokens": used.cached_input_tokens},
        "completion_tokens_details": {"reasoning_tokens": used.reasoning_tokens},
    }


def _event(body: Json) -> bytes:
    return b"data: " + encode(body) + b"\n\n"


CHAT: Final = Format(checked, completion, ChatEvents, ChatParts())
