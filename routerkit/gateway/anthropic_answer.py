"""Anthropic's format, for callers of `/v1/messages`: answers out, whole and as events."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any, Final

from routerkit.gateway.anthropic import chat_body
from routerkit.gateway.anthropic_parts import MessagesParts, names_of
from routerkit.gateway.chat import comment
from routerkit.gateway.exchange import encode
from routerkit.gateway.formats import Format
from routerkit.gateway.refusal import Refusal
from routerkit.gateway.tool_turns import ToolTurns
from routerkit.messages import Chunk, Json, Reply, Request, ToolCallDelta, Usage
from routerkit.sizes import measure

_STOPS: Final = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use", "content_filter": "refusal"}
_DELTA: Final = b'event: content_block_delta\ndata: {"type":"content_block_delta","index":%d,"delta":{"type":"%b_delta","%b":%b}}\n\n'
"""An event by which a block grows: the block, what kind of growth it is, the field's name, and its text in JSON."""
_REFUSED: Final[Mapping[str, Json]] = {"stop_reason": "refusal", "stop_sequence": None}


def message(reply: Reply, asked: Mapping[str, Json]) -> dict[str, Any]:
    """Body of a whole answer."""
    blocks: list[dict[str, Any]] = []
    if reply.reasoning and _wants_thinking(asked):
        blocks.append({"type": "thinking", "thinking": reply.reasoning, "signature": ""})
    if reply.text or reply.refusal:
        blocks.append({"type": "text", "text": reply.text or reply.refusal})
    names = names_of(asked.get("tools")) if reply.tool_calls else {}
    blocks += [{"type": "tool_use", "id": c.id, "name": names.get(c.name, c.name), "input": _input(c.arguments)} for c in reply.tool_calls]
    ending = _REFUSED if reply.refusal else _ending(reply, asked, has_calls=bool(reply.tool_calls))
    return {**_head(reply.model, f"msg_{reply.record_id}"), "content": blocks, **ending, "usage": _usage(reply.usage)}


class MessageEvents:
    """Writes chunks as Anthropic's events: blocks that open, grow and close, one after another."""

    def __init__(self, asked: Mapping[str, Json], request: Request) -> None:
        self._asked, self._request = asked, request
        self._shows_thinking = _wants_thinking(asked)
        self._names = names_of(asked.get("tools"))
        self._is_open = self._has_begun = self._has_calls = self._has_refused = False
        self._index, self._turns = -1, ToolTurns()
        self._block: object = None
        """What the open block holds: `thinking`, `text`, or the index of a tool call."""
        self._final, self._usage, self._last = Chunk(finish_reason="stop"), Usage(), Chunk()

    def of(self, chunk: Chunk) -> bytes:
        """Events of a chunk."""
        if self._is_open and self._block == "text" and not self._has_calls and chunk.is_text():  # as most are
            return self._delta(b"text", b"text", chunk.text)
        self._final = chunk if chunk.finish_reason else self._final
        self._usage = chunk.usage or self._usage
        if chunk.record_id:
            self._last = chunk
        out = b"" if self._has_begun else self._begin(chunk.model)
        return out + self._blocks(self._turns.of(chunk))

    def end(self) -> bytes:
        """Stop reason, usage (of the prompt, too, which `message_start` could only estimate), the record, the end mark."""
        rest = self._blocks(self._turns.rest())
        delta = _REFUSED if self._has_refused else _ending(self._final, self._asked, has_calls=self._has_calls)
        ended = _event("message_delta", {"delta": delta, "usage": _usage(self._usage)})
        return rest + self._close() + ended + comment(self._last) + _event("message_stop", {})

    def broken(self, refused: Refusal) -> bytes:
        """An error event."""
        return b"event: error\ndata: " + encode(refused.anthropic_body()) + b"\n\n"

    def _blocks(self, chunk: Chunk) -> bytes:
        out = b""
        if chunk.reasoning and self._shows_thinking:
            out += self._in("thinking", {"type": "thinking", "thinking": "", "signature": ""})
            out += self._delta(b"thinking", b"thinking", chunk.reasoning)
        self._has_refused = self._has_refused or bool(chunk.refusal)
        if said := chunk.text or chunk.refusal:
            out += self._in("text", {"type": "text", "text": ""}) + self._delta(b"text", b"text", said)
        for call in chunk.tool_calls:
            out += self._call(call)
        return out

    def _begin(self, model: str) -> bytes:
        self._has_begun = True
        ending = {"stop_reason": None, "stop_sequence": None}
        expected = _usage(Usage(measure(self._request).tokens))
        empty = {**_head(model, f"msg_{os.urandom(12).hex()}"), "content": [], **ending, "usage": expected}
        return _event("message_start", {"message": empty})

    def _call(self, call: ToolCallDelta) -> bytes:
        self._has_calls = True
        name = self._names.get(call.name or "", call.name)
        out = self._in(call.index, {"type": "tool_use", "id": call.id, "name": name, "input": {}})
        return out + (self._delta(b"input_json", b"partial_json", call.arguments) if call.arguments else b"")

    def _in(self, block: object, start: dict[str, Any]) -> bytes:
        if self._is_open and self._block == block:
            return b""
        closed = self._close()
        self._is_open, self._block, self._index = True, block, self._index + 1
        return closed + _event("content_block_start", {"index": self._index, "content_block": start})

    def _delta(self, kind: bytes, name: bytes, said: str) -> bytes:
        return _DELTA % (self._index, kind, name, encode(said))

    def _close(self) -> bytes:
        was_open, self._is_open = self._is_open, False
        return _event("content_block_stop", {"index": self._index}) if was_open else b""


def _wants_thinking(asked: Mapping[str, Json]) -> bool:
    thinking = asked.get("thinking")
    return isinstance(thinking, Mapping) and thinking.get("type") in ("enabled", "adaptive")


def _ending(last: Reply | Chunk, asked: Mapping[str, Json], *, has_calls: bool) -> Mapping[str, Json]:
    """Why the answer ended. Many servers say `stop` beside forced tool calls, which Anthropic's clients would then never make."""
    reason, stopped_by = _STOPS.get(last.finish_reason or "", "end_turn"), last.extra.get("stop_sequence")
    if reason != "end_turn":
        return {"stop_reason": reason, "stop_sequence": None}
    if has_calls:
        return {"stop_reason": "tool_use", "stop_sequence": None}
    given = asked.get("stop_sequences")
    stops = given if isinstance(given, list) else []
    if stopped_by == "" and stops:
        return {"stop_reason": "stop_sequence", "stop_sequence": stops[0] if len(stops) == 1 else None}
    if stopped_by in stops:  # and not some other word for an ordinary end
        return {"stop_reason": "stop_sequence", "stop_sequence": stopped_by}
    return {"stop_reason": "end_turn", "stop_sequence": None}


def _head(model: str, message_id: str) -> dict[str, Any]:
    return {"id": message_id, "type": "message", "role": "assistant", "model": model}


def _usage(used: Usage) -> dict[str, Any]:
    return {
        "input_tokens": max(0, used.input_tokens - used.cached_input_tokens - used.cache_write_tokens),
        "output_tokens": used.output_tokens,
        "cache_read_input_tokens": used.cached_input_tokens,
        "cache_creation_input_tokens": used.cache_write_tokens,
    }


def _input(arguments: str) -> Any:
    """The arguments as an object; what is none is kept under one name, so that nothing a model wrote is lost."""
    try:
        value = json.loads(arguments or "{}")
    except (ValueError, RecursionError):
        return {"_invalid_json": arguments}
    return value if isinstance(value, dict) else {"_invalid_json": arguments}


def _event(kind: str, body: dict[str, Any]) -> bytes:
    return f"event: {kind}\ndata: ".encode() + encode({"type": kind, **body}) + b"\n\n"


MESSAGES: Final = Format(chat_body, message, MessageEvents, MessagesParts())
