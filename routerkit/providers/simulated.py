"""A provider that only pretends: for demonstrations and tests without any model. Everything it says is marked as simulated."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Final

from routerkit.errors import ConfigError, ProviderError
from routerkit.messages import Chunk, Reply, Request, text_of
from routerkit.providers.openai_usage import estimated_usage
from routerkit.providers.paced import AT_ONCE, IN_REAL_TIME, Pacer, Ready
from routerkit.providers.recording import request_key

_QUOTED_CHARS: Final = 60


def plain_answer(request: Request, is_right: bool) -> str:  # noqa: FBT001 - the second of two arguments every answer function takes
    """A sentence that says what it is."""
    asked = text_of(request.messages[-1].get("content")) if request.messages else ""
    return f"This is a {'right' if is_right else 'wrong'} simulated answer to: {asked[:_QUOTED_CHARS]}"


class Simulated:
    """Deterministic stand-in for a model.

    The same request (and `extra["sample"]`) gets the same answer; which share of all requests is answered rightly is `quality`. Failures
    go by the number of the call, so that trying again can help.
    """

    keeps_deadline = True

    def __init__(
        self,
        *,
        quality: float = 1.0,
        latency_s: float = 0.0,
        error_rate: float = 0.0,
        seed: int = 0,
        answer: Callable[[Request, bool], str] = plain_answer,
        sleep: bool | Pacer = False,
    ) -> None:
        """Prepare.

        Args:
            quality: Share of requests answered rightly, 0..1.
            latency_s: Reported as `extra["simulated_latency_s"]`, in seconds.
            error_rate: Share of calls that fail with 503, 0..1.
            seed: Another seed answers other requests rightly.
            answer: Makes the text from the request and whether it is to be right.
            sleep: Whether to really wait; or how.

        Raises:
            ConfigError: a share outside 0..1, or a negative latency.
        """
        for name, share in (("quality", quality), ("error_rate", error_rate)):
            if not 0 <= share <= 1:
                raise ConfigError(f"simulated provider: {name} is {share!r}; give a share between 0 and 1")
        if not latency_s >= 0:
            raise ConfigError(f"simulated provider: latency_s is {latency_s!r}; give seconds from 0")
        self._quality, self._latency_s, self._error_rate, self._seed = quality, latency_s, error_rate, seed
        self._answer = answer
        self._pacer = sleep if isinstance(sleep, Pacer) else (IN_REAL_TIME if sleep else AT_ONCE)
        self._calls = itertools.count()

    def __repr__(self) -> str:
        return f"Simulated(simulated, quality={self._quality:g}, error_rate={self._error_rate:g}, seed={self._seed})"

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

    def is_right(self, request: Request) -> bool:
        """Whether this request is answered rightly."""
        return _share(f"{self._seed}:{request.extra.get('sample', 0)}:{request_key(request)}") < self._quality

    def _next(self, request: Request) -> Ready:
        if _share(f"{self._seed}:call {next(self._calls)}") < self._error_rate:
            failure = ProviderError(f"simulated/{request.model} answered 503: a simulated overload", code="overloaded", status=503)
            return Ready(error=failure, latency_s=self._latency_s)
        text = self._answer(request, self.is_right(request))
        reply = Reply(
            text,
            usage=estimated_usage(request, len(text)),
            model=f"simulated/{request.model}",
            extra={"simulated_latency_s": self._latency_s},
        )
        return Ready(reply, latency_s=self._latency_s)


def _share(text: str) -> float:
    """Evenly spread over 0..1, the same for the same text on every machine."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8]) / 2**64
