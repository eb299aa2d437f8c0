"""OpenAI's second format, for callers of `/v1/responses`: answers out, whole and as events."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from typing import Any, Final

from routerkit.gateway.chat import comment
from routerkit.gateway.exchange import encode
from routerkit.gateway.formats import Format
from routerkit.gateway.refusal import Refusal
from routerkit.gateway.responses import chat_body
from routerkit.messages import Chunk, Json, Reply, ToolCall, ToolCallDelta, Usage

Item = dict[str, Any]


def response(reply: Reply) -> Item:
    """Body of a whole answer."""
    items = [_message(reply.text, reply.refusal)] if reply.text or reply.refusal or not reply.tool_calls else []
    items += [_call(call) for call in reply.tool_calls]
    return _body(f"resp_{reply.record_id}", reply.model, items, finish=reply.finish_reason, used=reply.usage)


class ResponseEvents:
    """Writes chunks as this format's numbered events; an item closes when the next one opens."""

    def __init__(self, _: Mapping[str, Json]) -> None:
        self._id, self._model = f"resp_{os.urandom(12).hex()}", ""
        self._number = 0
        self._items: list[Item] = []
        self._open: Item | None = None
        self._call_index: int | None = None
        self._finish, self._usage, self._last = "stop", Usage(), Chunk()

    def of(self, chunk: Chunk) -> bytes:
        """Events of a chunk."""
        self._finish = chunk.finish_reason or self._finish
        self._usage = chunk.usage or self._usage
        if chunk.record_id:
            self._last = chunk
        out = b"" if self._number else self._begin(chunk.model)
        if said := chunk.text or chunk.refusal:
            out += self._text(said)
        for call in chunk.tool_calls:
            out += self._arguments(call)
        return out

    def end(self) -> bytes:
        """Closing events with the whole response, and the record."""
        closed = self._close()
        whole = _body(self._id, self._last.model or self._model, self._items, finish=self._finish, used=self._usage)
        return closed + comment(self._last) + self._event(f"response.{whole['status']}", {"response": whole})

    def broken(self, refused: Refusal) -> bytes:
        """An event of failure with what there was so far."""
        failed = _body(self._id, self._model, self._items, finish="stop", used=self._usage)
        failed |= {"status": "failed", "error": {"code": "server_error", "message": str(refused)}}
        return self._event("response.failed", {"response": failed})

    def _begin(self, model: str) -> bytes:
        self._model = model
        empty = _body(self._id, model, [], finish="stop", used=None) | {"status": "in_progress"}
        return self._event("response.created", {"response": empty}) + self._event("response.in_progress", {"response": empty})

    def _text(self, said: str) -> bytes:
        out = b""
        if self._open is None or self._open["type"] != "message":
            out = self._start(_message("", "") | {"content": []})
            part = {"type": "output_text", "text": "", "annotations": []}
            assert self._open is not None
            self._open["content"] = [part]
            out += self._event("response.content_part.added", {**self._place(), "content_index": 0, "part": part})
        assert self._open is not None
        self._open["content"][0]["text"] += said
        return out + self._event("response.output_text.delta", {**self._place(), "content_index": 0, "delta": said, "logprobs": []})

    def _arguments(self, call: ToolCallDelta) -> bytes:
        out = b""
        if self._open is None or self._open["type"] != "function_call" or self._call_index != call.index:
            out = self._start(_call(ToolCall(call.id or "", call.name or "", "")))
            self._call_index = call.index
        if not call.arguments:
            return out
        assert self._open is not None
        self._open["arguments"] += call.arguments
        return out + self._event("response.function_call_arguments.delta", {**self._place(), "delta": call.arguments})

    def _start(self, item: Item) -> bytes:
        closed = self._close()
        self._open = item
        shown = {**item, "status": "in_progress"}
        return closed + self._event("response.output_item.added", {"output_index": len(self._items), "item": shown})

    def _close(self) -> bytes:
        item = self._open
        if item is None:
            return b""
        if item["type"] == "message":
            part, place = item["content"][0], {**self._place(), "content_index": 0}
            out = self._event("response.output_text.done", {**place, "text": part["text"], "logprobs": []})
            out += self._event("response.content_part.done", {**place, "part": part})
        else:
            done = {**self._place(), "name": item["name"], "arguments": item["arguments"]}
            out = self._event("response.function_call_arguments.done", done)
        out += self._event("response.output_item.done", {"output_index": len(self._items), "item": item})
        self._items.append(item)
        self._open = None
        return out

    def _place(self) -> Item:
        assert self._open is not None
        return {"item_id": self._open["id"], "output_index": len(self._items)}

    def _event(self, kind: str, body: Item) -> bytes:
        numbered = {"type": kind, "sequence_number": self._number, **body}
        self._number += 1
        return f"event: {kind}\ndata: ".encode() + encode(numbered) + b"\n\n"


def _body(response_id: str, model: str, items: list[Item], *, finish: str, used: Usage | None) -> Item:
    is_cut = finish in {"length", "content_filter"}
    why = {"reason": "max_output_tokens" if finish == "length" else "content_filter"} if is_cut else None
    return {
        "id": response_id,
        "object": "response",
        "created_at": int(time.time()),
        "status": "incomplete" if is_cut else "completed",
        "incomplete_details": why,
        "error": None,
        "model": model,
        "output": items,
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "metadata": {},
        "instructions": None,
        "temperature": None,
        "top_p": None,
        "usage": None if used is None else _usage(used),
    }


def _message(text: str, refusal: str) -> Item:
    part: Item = {"type": "refusal", "refusal": refusal} if refusal else {"type": "output_text", "text": text, "annotations": []}
    return {"id": f"msg_{os.urandom(8).hex()}", "type": "message", "role": "assistant", "status": "completed", "content": [part]}


def _call(call: ToolCall) -> Item:
    head = {"id": f"fc_{os.urandom(8).hex()}", "type": "function_call", "status": "completed"}
    return {**head, "call_id": call.id, "name": call.name, "arguments": call.arguments}


def _usage(used: Usage) -> Item:
    return {
        "input_tokens": used.input_tokens,
        "input_tokens_details": {"cached_tokens": used.cached_input_tokens},
        "output_tokens": used.output_tokens,
        "output_tokens_details": {"reasoning_tokens": used.reasoning_tokens},
        "total_tokens": used.input_tokens + used.output_tokens,
    }


RESPONSES: Final = Format(chat_body, response, ResponseEvents)
