"""Handing out an answer that is already there as if a model were writing it: in pieces, with its waits, under the caller's timers."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator
from dataclasses import dataclass, replace
from typing import Final

from routerkit.errors import ProviderError
from routerkit.messages import Chunk, Reply, Request, ToolCallDelta

_WORD: Final = re.compile(r"\s*\S+|\s+$")
"""A word with the blanks before it; blanks at the very end are a piece of their own."""


@dataclass(frozen=True, slots=True)
class Ready:
    """What a call will come to: exactly one of `reply` and `error`."""

    reply: Reply | None = None
    error: ProviderError | None = None
    latency_s: float = 0.0
    """How long it takes, in seconds."""
    first_token_s: float | None = None
    """How long a stream takes to its first piece, in seconds; None = the pieces come evenly."""


@dataclass(frozen=True, slots=True)
class Pacer:
    """Serves `Ready` answers; how to wait is passed in."""

    pause: Callable[[float], None]
    apause: Callable[[float], Awaitable[None]]
    has_time: bool = True
    """Whether time passes; if not, nothing is waited for and no timer can fire."""

    def whole(self, ready: Ready, request: Request) -> Reply:
        """The answer, after its latency."""
        for wait_s in _waits(self._timed(ready), request):
            self.pause(wait_s)
        return _reply(ready)

    async def awhole(self, ready: Ready, request: Request) -> Reply:
        """The answer, after its latency."""
        for wait_s in _waits(self._timed(ready), request):
            await self.apause(wait_s)
        return _reply(ready)

    def pieces(self, ready: Ready, request: Request) -> Iterator[Chunk]:
        """The answer word by word."""
        for step in _steps(self._timed(ready), request):
            if isinstance(step, Chunk):
                yield step
            else:
                self.pause(step)

    async def apieces(self, ready: Ready, request: Request) -> AsyncIterator[Chunk]:
        """The answer word by word."""
        for step in _steps(self._timed(ready), request):
            if isinstance(step, Chunk):
                yield step
            else:
                await self.apause(step)

    def _timed(self, ready: Ready) -> Ready:
        return ready if self.has_time else replace(ready, latency_s=0.0, first_token_s=None)


def _no_pause(_wait_s: float) -> None:
    return


async def _no_apause(_wait_s: float) -> None:
    return


AT_ONCE: Final = Pacer(_no_pause, _no_apause, has_time=False)
"""Does not wait; latencies are only reported."""
IN_REAL_TIME: Final = Pacer(time.sleep, asyncio.sleep)
"""Waits as long as the answer says."""


def _reply(ready: Ready) -> Reply:
    if ready.reply is None:
        raise ready.error or AssertionError("neither reply nor error")
    return ready.reply


def _waits(ready: Ready, request: Request) -> Generator[float]:
    yield min(ready.latency_s, request.timeout_s)
    if ready.latency_s > request.timeout_s:
        raise _timeout("total", request.timeout_s)


def _steps(ready: Ready, request: Request) -> Generator[float | Chunk]:
    if ready.reply is None:
        yield from _waits(ready, request)
        _reply(ready)
        return
    chunks = list(reply_chunks(ready.reply))
    even_s = ready.latency_s / len(chunks)
    first_s = even_s if ready.first_token_s is None else min(ready.first_token_s, ready.latency_s)
    if request.first_token_s is not None and request.first_token_s < min(first_s, request.timeout_s):
        yield request.first_token_s
        raise _timeout("first token", request.first_token_s)
    rest_s = (ready.latency_s - first_s) / max(1, len(chunks) - 1)
    left_s = request.timeout_s
    for n, chunk in enumerate(chunks):
        gap_s = rest_s if n else first_s
        yield min(gap_s, left_s)
        if gap_s > left_s:
            raise _timeout("total", request.timeout_s)
        left_s -= gap_s
        yield chunk


def _timeout(timer: str, limit_s: float) -> ProviderError:
    return ProviderError(f"{timer} timer of {limit_s:g} s fired", code="timeout", maybe_billed=True)


def reply_chunks(reply: Reply) -> Iterator[Chunk]:
    """A whole answer as a stream would have brought it; the last chunk carries finish reason, usage, model and extras."""
    if reply.reasoning:
        yield Chunk(reasoning=reply.reasoning)
    for word in _WORD.findall(reply.text):
        yield Chunk(text=word)
    if reply.refusal:
        yield Chunk(refusal=reply.refusal)
    for index, call in enumerate(reply.tool_calls):
        yield Chunk(tool_calls=(ToolCallDelta(index, call.id, call.name, call.arguments),))
    yield Chunk(finish_reason=reply.finish_reason, usage=reply.usage, model=reply.model, extra=reply.extra)
