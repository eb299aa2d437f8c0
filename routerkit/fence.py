"""Ends calls to providers that do not end them themselves: a foreign class without timers must not hold a caller for ever.

Our own providers but litellm's say `keeps_deadline = True` and are called directly, which saves a timer per call.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextvars import copy_context
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Final, Generic, TypeVar

from routerkit.errors import ProviderError
from routerkit.messages import Chunk, Reply, Request
from routerkit.provider import Provider

T = TypeVar("T")
_GRACE_S: Final = 0.2
"""A provider may end itself at its deadline; only if it does not, we end it this much later."""


def fenced(provider: Provider, target: str) -> Provider:
    """The provider itself if it keeps its deadline, else one that does so in its place; `target` is named in errors."""
    return provider if getattr(provider, "keeps_deadline", False) else Fenced(provider, target)


class Fenced:
    """A provider that is given up once `request.timeout_s` has passed, or `request.first_token_s` without a piece of an answer.

    Async calls are cancelled. Blocking ones cannot be: they run in a thread of their own, which is left behind when it is late.
    """

    keeps_deadline = True

    def __init__(self, provider: Provider, target: str) -> None:
        self._provider, self._target = provider, target

    def complete(self, request: Request) -> Reply:
        """Whole answer, blocking."""
        helper: _Helper[Reply] = _Helper()
        try:
            return self._checked(helper.run(lambda: self._provider.complete(request), _first_s(request)))
        except Empty:
            raise self._late(request) from None
        finally:
            helper.end()

    async def acomplete(self, request: Request) -> Reply:
        """Whole answer."""
        from asyncio import timeout  # a third of our import time, and sync callers never need it

        try:
            async with timeout(_first_s(request)):
                return self._checked(await self._provider.acomplete(request))
        except TimeoutError:
            raise self._late(request) from None

    def stream(self, request: Request) -> Iterator[Chunk]:
        """Answer in pieces, blocking."""
        helper: _Helper[Chunk | None] = _Helper()
        began_at, chunks, is_late, is_whole = time.monotonic(), self._provider.stream(request), False, False
        end_at = began_at + _first_s(request)
        try:
            while chunk := self._piece(helper.run(lambda: next(chunks, None), end_at - time.monotonic()), is_whole=is_whole):
                is_whole = is_whole or chunk.finish_reason is not None
                if chunk.says_something():
                    end_at = began_at + request.timeout_s + _GRACE_S
                yield chunk
        except Empty:
            is_late = True  # still running over there, so it cannot be closed from here
            raise self._late(request) from None
        finally:
            helper.end()
            closing = getattr(chunks, "close", None)
            if closing is not None and not is_late:
                closing()

    async def astream(self, request: Request) -> AsyncIterator[Chunk]:
        """Answer in pieces."""
        from asyncio import get_running_loop, timeout_at  # see acomplete

        began_at, chunks, is_whole = get_running_loop().time(), self._provider.astream(request), False
        end_at = began_at + _first_s(request)
        try:
            while True:
                async with timeout_at(end_at):
                    chunk = self._piece(await anext(chunks, None), is_whole=is_whole)
                if chunk is None:
                    return
                is_whole = is_whole or chunk.finish_reason is not None
                if chunk.says_something():
                    end_at = began_at + request.timeout_s + _GRACE_S
                yield chunk
        except TimeoutError:
            raise self._late(request) from None
        finally:
            closing = getattr(chunks, "aclose", None)
            if closing is not None:
                await closing()

    def _checked(self, reply: Reply) -> Reply:
        if not isinstance(reply, Reply):
            raise ProviderError(f"{self._target!r} returned {type(reply).__name__}, not a Reply", code="malformed", maybe_billed=True)
        return reply

    def _piece(self, chunk: Chunk | None, *, is_whole: bool) -> Chunk | None:
        """A piece of a stream; None at its end, which must not come before a finish reason."""
        if chunk is None and not is_whole:
            raise ProviderError(f"the stream of {self._target!r} ended without a finish reason", code="truncated", maybe_billed=True)
        if chunk is not None and not isinstance(chunk, Chunk):
            text = f"{self._target!r} sent {type(chunk).__name__} in a stream, not a Chunk"
            raise ProviderError(text, code="malformed", maybe_billed=True)
        return chunk

    def _late(self, request: Request) -> ProviderError:
        return ProviderError(f"no answer from {self._target!r} within {_first_s(request):.1f} s", code="timeout", maybe_billed=True)


def _first_s(request: Request) -> float:
    return request.first_s + _GRACE_S


class _Helper(Generic[T]):
    """A thread that does one thing after the other for a caller who will not wait for ever."""

    def __init__(self) -> None:
        self._work: SimpleQueue[Callable[[], T] | None] = SimpleQueue()
        self._done: SimpleQueue[T | BaseException] = SimpleQueue()
        Thread(target=copy_context().run, args=(self._serve,), name="routerkit-fence", daemon=True).start()

    def run(self, work: Callable[[], T], timeout_s: float) -> T:
        """What the work comes to; raises what it raises, or `Empty` when it takes longer than `timeout_s`."""
        self._work.put(work)
        outcome = self._done.get(timeout=max(timeout_s, 0.0))
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    def end(self) -> None:
        """Let the thread end once it has nothing to do."""
        self._work.put(None)

    def _serve(self) -> None:
        while (work := self._work.get()) is not None:
            try:
                self._done.put(work())
            except BaseException as exc:  # noqa: BLE001  raised where the caller waits
                self._done.put(exc)
