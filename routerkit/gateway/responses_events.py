"""OpenAI's second format, for callers of `/v1/responses`: streamed answers."""

from __future__ import annotations

import os
from functools import partial
from typing import Final

from routerkit.gateway.chat import comment
from routerkit.gateway.exchange import encode
from routerkit.gateway.formats import Format
from routerkit.gateway.refusal import Refusal
from routerkit.gateway.response_tools import Object, tools_of
from routerkit.gateway.responses import chat_body
from routerkit.gateway.responses_answer import Item, body_of, call, finished, message, response, thought
from routerkit.gateway.responses_parts import ResponsesParts
from routerkit.gateway.spoken import Spoken
from routerkit.gateway.tool_turns import ToolTurns
from routerkit.messages import Chunk, Request, ToolCallDelta, Usage

_TEXT_DELTA: Final = (
    b'event: response.output_text.delta\ndata: {"type":"response.output_text.delta","sequence_number":%d,'
    b'"item_id":%b,"output_index":%d,"content_index":0,"delta":%b,"logprobs":[]}\n\n'
)
"""The event that nearly all of an answer is told by: its number, the item and its place, the text in JSON."""


class ResponseEvents:
    """Writes chunks as this format's numbered events; an item closes when the next one opens."""

    def __init__(self, asked: Object, _: Request, spoken: Spoken) -> None:
        self._asked, self._spoken = asked, spoken
        self._id, self._model = f"resp_{os.urandom(12).hex()}", ""
        self._tools = tools_of(asked)
        self._number = 0
        self._items: list[Item] = []
        self._open: Item | None = None
        self._said = ""
        """What the open item holds so far."""
        self._refuses = False
        """Whether an open message holds a refusal, not the answer."""
        self._call_index: int | None = None
        self._turns = ToolTurns()
        self._finish, self._usage, self._last = "stop", Usage(), Chunk()

    def of(self, chunk: Chunk) -> bytes:
        """Events of a chunk."""
        if self._call_index is None and self._is_open("message") and not self._refuses and chunk.is_text():  # as most are
            return self._text(chunk.text)
        self._finish = chunk.finish_reason or self._finish
        self._usage = chunk.usage or self._usage
        if chunk.record_id:
            self._last = chunk
        out = b"" if self._number else self._begin(chunk.model)
        return out + self._pieces(self._turns.of(chunk))

    def end(self) -> bytes:
        """Closing events with the whole response, and the record."""
        closed = self._pieces(self._turns.rest()) + self._close()
        self._spoken.keep(self._items, self._asked)
        whole = body_of(self._id, self._last.model or self._model, self._items, self._asked, finish=self._finish, used=self._usage)
        return closed + comment(self._last) + self._event(f"response.{whole['status']}", {"response": whole})

    def broken(self, refused: Refusal) -> bytes:
        """An event of failure with what there was so far.

        OpenAI's SDKs hand it on like any other and end; what makes them raise is an error beside the response.
        """
        failed = body_of(self._id, self._model, self._items, self._asked, finish="stop", used=self._usage)
        failed |= {"status": "failed", "error": {"code": "server_error", "message": str(refused)}}
        return self._event("response.failed", {"response": failed, **refused.body()})

    def _begin(self, model: str) -> bytes:
        self._model = model
        empty = body_of(self._id, model, [], self._asked, finish="stop", used=None) | {"status": "in_progress"}
        return self._event("response.created", {"response": empty}) + self._event("response.in_progress", {"response": empty})

    def _pieces(self, chunk: Chunk) -> bytes:
        out = self._thought(chunk.reasoning) if chunk.reasoning else b""
        if chunk.text:
            out += self._text(chunk.text)
        if chunk.refusal:
            out += self._refusal(chunk.refusal)
        for delta in chunk.tool_calls:
            out += self._arguments(delta)
        return out

    def _thought(self, said: str) -> bytes:
        out = b""
        if not self._is_open("reasoning"):
            out = self._start(thought("") | {"summary": []})
            out += self._event("response.reasoning_summary_part.added", {**self._part(), "part": {"type": "summary_text", "text": ""}})
        self._said += said
        return out + self._event("response.reasoning_summary_text.delta", {**self._part(), "delta": said})

    def _text(self, said: str) -> bytes:
        out = b""
        if not self._is_open("message") or self._refuses:
            out = self._begin_message(_output_text(""))
        self._said += said
        assert self._open is not None
        out += _TEXT_DELTA % (self._number, encode(self._open["id"]), len(self._items), encode(said))
        self._number += 1
        return out

    def _refusal(self, said: str) -> bytes:
        out = b""
        if not self._is_open("message") or not self._refuses:
            out = self._begin_message(_refused(""))
        self._said += said
        return out + self._event("response.refusal.delta", {**self._part(), "delta": said})

    def _begin_message(self, part: Item) -> bytes:
        out = self._start(message("", "") | {"content": []})
        self._refuses = part["type"] == "refusal"
        return out + self._event("response.content_part.added", {**self._part(), "part": part})

    def _arguments(self, delta: ToolCallDelta) -> bytes:
        out = b""
        if self._call_index != delta.index or not self._is_open("function_call", "custom_tool_call"):
            name = delta.name or ""
            out = self._start(call(delta.id or "", self._tools.get(name), name))
            self._call_index = delta.index
        self._said += delta.arguments
        # What a custom tool is given is text within the arguments: it can be told once they are complete.
        if not delta.arguments or self._is_open("custom_tool_call"):
            return out
        return out + self._event("response.function_call_arguments.delta", {**self._place(), "delta": delta.arguments})

    def _start(self, item: Item) -> bytes:
        closed = self._close()
        self._open, self._said = item, ""
        return closed + self._event("response.output_item.added", {"output_index": len(self._items), "item": _begun(item)})

    def _close(self) -> bytes:
        if self._open is None:
            return b""
        item, out = self._whole(self._open)
        out += self._event("response.output_item.done", {"output_index": len(self._items), "item": item})
        self._items.append(item)
        self._open = None
        return out

    def _whole(self, item: Item) -> tuple[Item, bytes]:
        """The open item as it has become, and the events that say so."""
        said = self._said
        match item["type"]:
            case "reasoning":
                out = self._event("response.reasoning_summary_text.done", {**self._part(), "text": said})
                part = {"type": "summary_text", "text": said}
                return item | {"summary": [part]}, out + self._event("response.reasoning_summary_part.done", {**self._part(), "part": part})
            case "message":
                if self._refuses:
                    part, out = _refused(said), self._event("response.refusal.done", {**self._part(), "refusal": said})
                else:
                    out = self._event("response.output_text.done", {**self._part(), "text": said, "logprobs": []})
                    part = _output_text(said)
                return item | {"content": [part]}, out + self._event("response.content_part.done", {**self._part(), "part": part})
            case "custom_tool_call":
                item = finished(item, said)
                out = self._event("response.custom_tool_call_input.delta", {**self._place(), "delta": item["input"]})
                return item, out + self._event("response.custom_tool_call_input.done", {**self._place(), "input": item["input"]})
        done = {**self._place(), "name": item["name"], "arguments": said}
        return finished(item, said), self._event("response.function_call_arguments.done", done)

    def _is_open(self, *kinds: str) -> bool:
        return self._open is not None and self._open["type"] in kinds

    def _place(self) -> Item:
        assert self._open is not None
        return {"item_id": self._open["id"], "output_index": len(self._items)}

    def _part(self) -> Item:
        """Place of the only part that an item has."""
        return {**self._place(), "summary_index" if self._is_open("reasoning") else "content_index": 0}

    def _event(self, kind: str, body: Item) -> bytes:
        numbered = {"type": kind, "sequence_number": self._number, **body}
        self._number += 1
        return f"event: {kind}\ndata: ".encode() + encode(numbered) + b"\n\n"


def _begun(item: Item) -> Item:
    return item | {"status": "in_progress"} if "status" in item else item


def _output_text(text: str) -> Item:
    return {"type": "output_text", "text": text, "annotations": []}


def _refused(text: str) -> Item:
    return {"type": "refusal", "refusal": text}


def responses_format() -> Format:
    """One that remembers for a while what it answered."""
    spoken = Spoken()
    return Format(
        partial(chat_body, spoken=spoken),
        partial(response, spoken=spoken),
        partial(ResponseEvents, spoken=spoken),
        ResponsesParts(spoken),
    )


RESPONSES: Final = responses_format()
