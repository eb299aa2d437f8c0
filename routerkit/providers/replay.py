"""Answers recorded earlier, served again: real runs without their cost, the same every time. The file format is in `recording`."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

from routerkit.errors import ProviderError
from routerkit.messages import Chunk, Reply, Request, Usage
from routerkit.providers.openai_usage import estimated_usage
from routerkit.providers.paced import AT_ONCE, IN_REAL_TIME, Pacer, Ready
from routerkit.providers.recording import Recorded, Recording, load, request_key

__all__ = ["Recording", "Replay", "request_key"]


class Replay:
    """Provider that serves recorded answers.

    A request with `extra["sample"]` gets that sample; others get the samples of their question one after the other, and then again from
    the first. What was recorded as a failure fails again.
    """

    keeps_deadline = True

    def __init__(self, path: Path | str, *, sleep: bool | Pacer = False) -> None:
        """Load a recording.

        Args:
            path: File in the format `rk-replay/1`.
            sleep: Whether to wait as long as the recorded call took; or how. The latency is reported as `extra["recorded_latency_s"]`
                either way.

        Raises:
            ConfigError: the file cannot be read, or a line is wrong.
        """
        self._path = Path(path)
        self._answers = load(self._path)
        self._pacer = sleep if isinstance(sleep, Pacer) else (IN_REAL_TIME if sleep else AT_ONCE)
        self._turns: Counter[str] = Counter()
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"Replay({self._path.name!r}, {sum(map(len, self._answers.values())):,} recorded answers)"

    def complete(self, request: Request) -> Reply:
        """Whole answer, blocking."""
        return self._pacer.whole(self._next(request), request)

    async def acomplete(self, request: Request) -> Reply:
        """Whole answer."""
        return await self._pacer.awhole(self._next(request), request)

    def stream(self, request: Request) -> Iterator[Chunk]:
        """Answer word by word, blocking."""
        yield from self._pacer.pieces(self._next(request), request)

    async def astream(self, request: Request) -> AsyncIterator[Chunk]:
        """Answer word by word."""
        async for chunk in self._pacer.apieces(self._next(request), request):
            yield chunk

    def _next(self, request: Request) -> Ready:
        key = request_key(request)
        samples = self._answers.get(key)
        if samples is None:
            raise self._unknown(request, f"no answer of {request.model!r} to this question (key {key[:12]})")
        wanted = request.extra.get("sample")
        if wanted is None:
            with self._lock:
                turn = self._turns[key]
                self._turns[key] += 1
            wanted = sorted(samples)[turn % len(samples)]
        if not isinstance(wanted, int) or wanted not in samples:
            raise self._unknown(request, f"no sample {wanted!r} of {request.model!r} for this question, only {sorted(samples)}")
        return _ready(samples[wanted], request)

    def _unknown(self, request: Request, what: str) -> ProviderError:
        return ProviderError(f"recording {self._path.name!r} has {what}; record it first", code="not_found")


def _ready(recorded: Recorded, request: Request) -> Ready:
    latency_s = recorded.latency_s or 0.0
    if recorded.failure is not None:
        return Ready(error=_again(recorded.failure), latency_s=latency_s)
    return Ready(_reply(recorded, request), latency_s=latency_s, first_token_s=recorded.first_token_s)


def _again(failure: ProviderError) -> ProviderError:
    # A raised exception gathers tracebacks, so every call gets its own.
    return ProviderError(
        str(failure), code=failure.code, status=failure.status, retry_after_s=failure.retry_after_s, maybe_billed=failure.maybe_billed
    )


def _reply(recorded: Recorded, request: Request) -> Reply:
    reply = recorded.reply or Reply("")
    n_chars = len(reply.text) + len(reply.reasoning) + sum(len(call.arguments) for call in reply.tool_calls)
    return replace(
        reply,
        model=reply.model or request.model,
        usage=estimated_usage(request, n_chars) if reply.usage == Usage() else reply.usage,
        extra={**reply.extra, "recorded_latency_s": recorded.latency_s},
    )
