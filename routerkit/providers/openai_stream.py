"""A streamed answer in OpenAI's format, put together from bytes; shared by the blocking and the asyncio path."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from routerkit.as_written import PassOn
from routerkit.errors import ProviderError
from routerkit.messages import Chunk, Json, Request, ToolCallDelta, Usage
from routerkit.providers import openai_format
from routerkit.providers.openai_errors import Upstream, error_event
from routerkit.providers.openai_usage import counted
from routerkit.providers.plain_events import PlainEvents, plain_events, plain_pieces, plain_text, said
from routerkit.providers.sse import SseDecoder
from routerkit.providers.tool_index import ToolIndex
from routerkit.quick import maker

_chunk: Final = maker(Chunk)


class StreamDecoder:
    """Turns the body of one streamed answer into chunks and insists that it ends properly.

    Usage is held back until the end, because some servers repeat a growing count with every event.
    """

    _reads_texts = True
    """Whether events that say nothing but a text are read for that alone."""
    is_done = False
    """Whether the last chunk has been handed out."""
    is_ending = False
    """Whether nothing but usage and the end mark can follow, and has not yet."""
    _usage: Usage | None = None
    _n_chars = 0
    _model = _finish = ""
    _has_text = _has_other = _has_events = _has_choices = False
    _has_said = False
    """Whether a chunk was made that says something."""
    _is_flowing = False
    """Whether an answer that may pass has said something and goes on, with the beginning of an event."""
    _calls: ToolIndex | None = None
    """None until there is a tool call."""

    def __init__(self, request: Request, upstream: Upstream) -> None:
        self._request, self._upstream, self._sse = request, upstream, SseDecoder()

    def feed(self, data: bytes) -> list[Chunk]:
        """Chunks completed by these bytes; no bytes mean that the body ended.

        Raises:
            ProviderError: `malformed`, `truncated`, `empty_answer`, or what an error event says.
        """
        chunks: list[Chunk] = []
        self._read(self._sse.feed(data) if data else self._sse.flush(), chunks, is_last=not data)
        if not data and not self.is_done:
            chunks.append(self._last(is_marked=False))
        self._has_said = self._has_said or any(chunk.says_something() for chunk in chunks)
        self._is_flowing = self._has_said and not self._finish and self._sse.is_at_rest
        return chunks

    def pass_on(self, data: bytes) -> bool:
        """Give what these bytes say to `request.pass_on` instead of yielding it; returns whether that could be done."""
        onward = self._request.pass_on
        if onward is None or not self._is_flowing:
            return False
        if b'"content":' not in data or (text := plain_text(data)) is None:
            return self._pass_others(data, onward)
        if is_taken := onward(len(text), self._passing(data, text)):
            self._count(text)
        return is_taken

    def _pass_others(self, data: bytes, onward: PassOn) -> bool:
        """Likewise several events, or what goes on with reasoning or with a call's arguments."""
        events, read = self._sse.whole(data), plain_events if b'"content":' in data else plain_pieces
        plain = read(events) if events else None
        if plain is None or plain.finish or plain.usage or plain.model not in {"", self._model} or not self._goes_on(plain):
            return False
        if plain.calls and plain.reasoning:  # which came first is not told
            return False
        n_in_calls = sum([len(call.arguments) for call in plain.calls])
        if is_taken := onward(len(plain.text) + n_in_calls, self._passing(data, plain.text, plain.calls, plain.reasoning)):
            self._count(plain.text)
            self._n_chars += n_in_calls + len(plain.reasoning)
        return is_taken

    def _passing(self, data: bytes, text: str, calls: tuple[ToolCallDelta, ...] = (), reasoning: str = "") -> bytes | Chunk:
        """What is passed on of events that say this."""
        return _chunk(text, calls, None, None, self._model, reasoning)

    def _goes_on(self, plain: PlainEvents) -> bool:
        """Whether the pieces of calls that it holds belong to calls that have begun."""
        return not plain.calls or (self._calls is not None and all(map(self._calls.goes_on, plain.calls)))

    def _count(self, text: str) -> None:
        self._n_chars += len(text)
        self._has_text = self._has_text or bool(text.strip())

    def broken(self, failure: ProviderError) -> list[Chunk]:
        """What a failure of the connection means: nothing once the answer is known to be complete.

        Raises:
            ProviderError: the failure, otherwise.
        """
        if not self._finish:
            raise failure
        return [] if self.is_done else [self._last(is_marked=False)]

    def _read(self, events: Sequence[bytes], chunks: list[Chunk], *, is_last: bool) -> None:
        for event in events:
            if self.is_done:
                break
            if self._reads_texts and self._has_text and not self._finish and (plain := said(event)) is not None:
                self._text(*plain, chunks)
            elif event.strip() == b"[DONE]":
                chunks.append(self._last(is_marked=True))
            else:
                self._event(event, chunks, is_last=is_last)

    def _text(self, text: str, model: str, chunks: list[Chunk]) -> None:
        """What `_event` does with an event that says a text and nothing else, once the answer has begun."""
        self._model, self._n_chars = model or self._model, self._n_chars + len(text)
        if text:
            chunks.append(_chunk(text, (), None, None, model))

    def _event(self, event: bytes, chunks: list[Chunk], *, is_last: bool) -> None:
        parsed = self._parsed(event, is_last=is_last)
        self._has_events = True
        if parsed.get("error") or parsed.get("object") == "error":
            raise error_event(self._upstream, parsed)
        self._has_choices = self._has_choices or bool(parsed.get("choices"))
        piece = openai_format.chunk(parsed)
        # The piece is ours alone yet, and dataclasses.replace takes as long as all the rest of this.
        if piece.tool_calls:
            self._calls = self._calls or ToolIndex()
            object.__setattr__(piece, "tool_calls", self._calls.place(piece.tool_calls))
        if piece.usage is not None:
            self._usage = piece.usage
            object.__setattr__(piece, "usage", None)
        if piece.finish_reason == "tool_calls" and not self._calls:
            object.__setattr__(piece, "finish_reason", "stop")  # as in a whole answer
        if piece.finish_reason and self._finish:  # some servers say it again with the usage
            object.__setattr__(piece, "finish_reason", None)
        if piece.finish_reason and self._calls and self._calls.has_empty:
            object.__setattr__(piece, "tool_calls", piece.tool_calls + self._calls.rest(piece.finish_reason))
        self._note(piece)
        if piece.has_content() or piece.finish_reason or piece.extra:
            chunks.append(piece)

    def _parsed(self, event: bytes, *, is_last: bool) -> Mapping[str, Json]:
        try:
            parsed = openai_format.decode(event)
        except ProviderError as exc:
            if is_last:  # the connection was closed within an event
                raise self._truncated() from exc
            raise
        if not isinstance(parsed, dict):
            raise openai_format.malformed(f"a stream event holds a JSON {type(parsed).__name__} instead of an object")
        return parsed

    def _note(self, piece: Chunk) -> None:
        self._model = piece.model or self._model
        if piece.finish_reason:
            self._finish, self.is_ending = piece.finish_reason, True
        self._has_text = self._has_text or bool(piece.text.strip())
        self._n_chars += len(piece.text) + len(piece.reasoning) + len(piece.refusal)
        if piece.tool_calls or piece.refusal:
            self._has_other = True
            self._n_chars += sum(len(c.name or "") + len(c.arguments) for c in piece.tool_calls)

    def _last(self, *, is_marked: bool) -> Chunk:
        return Chunk(usage=self._ended(is_marked=is_marked), model=self._model)

    def _ended(self, *, is_marked: bool) -> Usage:
        """What the whole answer used, if it ended properly."""
        self.is_done, self.is_ending = True, False
        if not self._finish:
            if self._sse.foreign and not self._has_events:
                raise self._foreign(self._sse.foreign)
            if is_marked and self._has_events and not self._has_choices:
                raise openai_format.empty_answer("its stream has no choices")
            raise self._truncated()
        if self._calls:
            openai_format.check_named(self._calls.names.values())
        openai_format.check_not_empty("x" if self._has_text else "", self._finish, has_other=self._has_other)
        return counted(self._usage, self._request, self._n_chars)

    def _foreign(self, line: bytes) -> ProviderError:
        """What a body is that holds no events: an error in plain JSON, or nothing we understand."""
        try:
            parsed = openai_format.decode(line)
        except ProviderError:
            parsed = None
        if isinstance(parsed, Mapping) and parsed.get("error"):
            return error_event(self._upstream, parsed)
        return openai_format.malformed("not an event stream")

    def _truncated(self) -> ProviderError:
        return ProviderError(f"{self._upstream.name}: the stream ended without a finish_reason", code="truncated", maybe_billed=True)
