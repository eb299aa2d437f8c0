"""Calls in OpenAI's chat format passed on as they were written, but for the model's name: nothing is read and written again.

What makes that wrong (another name for the output limit, a changed conversation) is found here, per attempt; then the call is written anew.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final

from routerkit.as_written import WrittenAnswer
from routerkit.messages import Chunk, Json, Reply, Request, ToolCall, ToolCallDelta
from routerkit.providers.as_read import FINISHES, corrected, is_counted, is_strict
from routerkit.providers.http1 import Pieces
from routerkit.providers.openai_format import as_object
from routerkit.providers.openai_stream import StreamDecoder
from routerkit.providers.plain_events import PlainEvents, plain_events, plain_text
from routerkit.quick import maker, tupler

_chunk: Final = maker(Chunk)
_written: Final = tupler(WrittenAnswer)
_END_MARK: Final = b"data: [DONE]\n\n"
_ASK_USAGE: Final = b'{"stream_options":{"include_usage":true},'


def whole_body(request: Request, max_tokens_field: str) -> Pieces | None:
    """Body of a whole call; None when it must be written anew."""
    written = request.written
    if written is None or written.is_stream or written.limit_field not in {None, max_tokens_field} or not request.is_as_written():
        return None
    body, place = memoryview(written.body), written.model_at
    return body[: place.start], _quoted(request.model), body[place.stop :]


def streamed_body(request: Request, max_tokens_field: str) -> Pieces | None:
    """Body of a streamed call, which always asks for usage; None when it must be written anew."""
    written = request.written
    if written is None or not written.is_stream or written.limit_field not in {None, max_tokens_field} or not request.is_as_written():
        return None
    body, place = memoryview(written.body), written.model_at
    model, rest = _quoted(request.model), body[place.stop :]
    if written.asks_usage:
        return body[: place.start], model, rest
    return _ASK_USAGE, body[written.body.find(b"{") + 1 : place.start], model, rest


def with_body(reply: Reply, parsed: Json, body: bytes) -> Reply:
    """The answer with the body it was read from, if that keeps to the format so far that its caller may read it as the provider wrote it.

    Args:
        reply: Fresh, because it is the one returned.
        parsed: The body's JSON.
        body: As it came.
    """
    if _is_faithful(parsed, reply) and is_strict(body):
        # Made for this call, and nobody else has seen it yet.
        object.__setattr__(reply, "written", WrittenAnswer(body, reply.text, reply.tool_calls))
    return reply


def _is_faithful(parsed: Json, reply: Reply) -> bool:
    if not isinstance(parsed, dict) or not parsed.get("id") or reply.usage.is_estimated or reply.finish_reason not in FINISHES:
        return False
    choices = parsed.get("choices")
    only = choices[0] if isinstance(choices, list) and len(choices) == 1 else None
    message = only.get("message") if isinstance(only, dict) and only.get("finish_reason") == reply.finish_reason else None
    calls = (message.get("tool_calls") or ()) if isinstance(message, dict) else None
    if not isinstance(message, dict) or isinstance(message.get("content"), list) or not isinstance(calls, list | tuple):
        return False
    return len(calls) == len(reply.tool_calls) and all(map(_is_same, calls, reply.tool_calls))


def _is_same(written: Json, call: ToolCall) -> bool:
    said = as_object(written)
    return said.get("id") == call.id and as_object(said.get("function")).get("arguments") == call.arguments


class PassingDecoder(StreamDecoder):
    """As `StreamDecoder`, but what arrives together is one chunk, which carries the events as they were written.

    The end mark is left to the caller, who has something to say before it. Events without a choice pass only for the usage they tell, where
    somebody asked for it.
    """

    _reads_texts = False  # of those that are read one by one each is kept
    _texts: list[str]
    _events: list[bytes]
    _parsed_event: Mapping[str, Json]
    """What the event that is being read holds, and what those before it that arrived with it say."""
    _passes: bool | None = None
    """Whether the first event has the id that clients insist on; if not, all are written anew."""

    def feed(self, data: bytes) -> list[Chunk]:
        """One chunk of what these bytes complete, or none; raises as `StreamDecoder.feed`."""
        if self._is_flowing and (text := plain_text(data)) is not None:
            self._count(text)
            return [_chunk(text, written=_written((data, text, ())))]
        made = self._plain(data) or self._any(data)
        self._has_said = self._has_said or (made is not None and made.says_something())
        self._is_flowing = bool(self._passes) and self._has_said and not self._finish and self._sse.is_at_rest
        return [] if made is None else [made]

    def _passing(self, data: bytes, text: str, calls: tuple[ToolCallDelta, ...] = (), reasoning: str = "") -> bytes | Chunk:
        return data

    def _plain(self, data: bytes) -> Chunk | None:
        """What plain events say, perhaps with the end mark behind them; None where there is more to what arrived."""
        events = self._sse.whole(data)
        if not events or self._finish:
            return None
        if is_marked := events[-1] == b"[DONE]":
            events, data = events[:-1], data[: -len(_END_MARK)]
        if (plain := self._together(events)) is None:
            return None
        used = self._ended(is_marked=True) if is_marked else None
        if self._hides_usage(plain):
            data = _framed(events[:-1])
        written = WrittenAnswer(data, plain.text, plain.calls) if self._passes else None
        return _chunk(plain.text, plain.calls, plain.finish or None, used, plain.model, plain.reasoning, written=written)

    def _any(self, data: bytes) -> Chunk | None:
        events = self._sse.feed(data) if data else self._sse.flush()
        self._texts, self._events = [], []
        pieces: list[Chunk] = []
        self._read(events, pieces, is_last=not data)
        if not data and not self.is_done:
            pieces.append(self._last(is_marked=False))
        return self._joined(pieces) if pieces or self._events else None

    def _read(self, events: Sequence[bytes], chunks: list[Chunk], *, is_last: bool) -> None:
        if not events or self.is_done:
            return
        if not self._finish and events[-1] != b"[DONE]" and (plain := self._together(events)):
            self._events += events[:-1] if self._hides_usage(plain) else events
            self._texts.append(plain.text)
            if plain.finish or plain.calls or plain.reasoning:
                chunks.append(_chunk("", plain.calls, plain.finish or None, None, plain.model, plain.reasoning))
        elif len(events) == 1:
            super()._read(events, chunks, is_last=is_last)
        else:  # the others are looked for by halves, because they are few; the end mark is where it always is
            n = len(events) - 1 if events[-1] == b"[DONE]" else len(events) // 2
            self._read(events[:n], chunks, is_last=is_last)
            self._read(events[n:], chunks, is_last=is_last)

    def _together(self, events: Sequence[bytes]) -> PlainEvents | None:
        """What plain events say, after noting what `_event` would; None where one of them is none."""
        plain = plain_events(events)
        if plain is None or not self._goes_on(plain):
            return None
        if plain.finish and self._calls and self._calls.has_empty:
            return None
        self._has_events = self._has_choices = True
        self._has_text = self._has_text or bool(plain.text.strip())
        self._n_chars += len(plain.text)
        self._model, self._usage, self._finish = plain.model or self._model, plain.usage or self._usage, plain.finish
        self.is_ending = bool(plain.finish)
        if plain.reasoning or plain.calls:
            self._n_chars += len(plain.reasoning) + sum([len(call.arguments) for call in plain.calls])
        if self._passes is None:
            self._passes = True
        return plain

    def _event(self, event: bytes, chunks: list[Chunk], *, is_last: bool) -> None:
        n_before = len(chunks)
        super()._event(event, chunks, is_last=is_last)
        self._texts += [piece.text for piece in chunks[n_before:]]
        if self._parsed_event.get("choices") or (self._asks_usage() and is_counted(self._parsed_event)):
            self._events.append(corrected(event, self._parsed_event, chunks[n_before:]))

    def _hides_usage(self, plain: PlainEvents) -> bool:
        return plain.ends_in_usage and not self._asks_usage()

    def _asks_usage(self) -> bool:
        written = self._request.written
        return written is not None and written.asks_usage

    def _parsed(self, event: bytes, *, is_last: bool) -> Mapping[str, Json]:
        parsed = self._parsed_event = super()._parsed(event, is_last=is_last)
        if self._passes is None:
            self._passes = bool(parsed.get("id"))
        return parsed

    def _joined(self, pieces: list[Chunk]) -> Chunk:
        text, body = "".join(self._texts), _framed(self._events) if self._passes else None
        calls = tuple([call for piece in pieces for call in piece.tool_calls])
        return Chunk(
            text,
            calls,
            finish_reason=next((piece.finish_reason for piece in pieces if piece.finish_reason), None),
            usage=next((piece.usage for piece in reversed(pieces) if piece.usage), None),
            model=next((piece.model for piece in pieces if piece.model), self._model),
            reasoning="".join([piece.reasoning for piece in pieces]),
            refusal="".join([piece.refusal for piece in pieces]),
            extra={name: value for piece in pieces for name, value in piece.extra.items()},
            written=None if body is None else WrittenAnswer(body, text, calls),
        )


@lru_cache(maxsize=1024)
def _quoted(model: str) -> bytes:
    return json.dumps(model).encode()


def _framed(events: Sequence[bytes]) -> bytes:
    """Events with their frames put back; one that spans lines has a frame for each."""
    if not events:
        return b""
    data = b"\n\ndata: ".join(events)
    if data.count(b"\n") != 2 * (len(events) - 1):
        data = b"\n\ndata: ".join([event.replace(b"\n", b"\ndata: ") for event in events])
    return b"data: %b\n\n" % data
