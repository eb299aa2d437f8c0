"""The one interface between the engine and whatever answers: four methods, sync and async, whole and streamed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Protocol

from routerkit.messages import Chunk, Reply, Request


def lets_pass(provider: object) -> bool:
    """Whether pieces of a stream may go past a provider. Not inherited: a class derived from one that may want to see every piece."""
    return bool(vars(type(provider)).get("lets_pass"))


class Provider(Protocol):
    """Something that answers chat requests. A Router is one too, so routers nest.

    Rules every implementation keeps (checked by `tests/contracts/provider.py`):
    one upstream request per call, never a retry; `request.timeout_s` bounds the whole call, `request.first_token_s` the wait for the
    first piece of its answer; every failure is a `ProviderError`; a stream that ends without a finish reason raises `truncated`; closing
    an iterator closes the upstream at once; the request is never changed.

    A class that also sets `keeps_deadline = True` promises that no call outlasts `request.timeout_s`. Of others the router does not
    expect it: their calls are cancelled at the deadline, and blocking ones run in a thread that can be left behind (`fence`).

    A class that also sets `lets_pass = True` may give pieces of a stream to `request.pass_on` instead of yielding them, once it has
    yielded content and while the next chunk is awaited. Others are never given that way.
    """

    def complete(self, request: Request) -> Reply:
        """Whole answer, blocking."""
        ...

    async def acomplete(self, request: Request) -> Reply:
        """Whole answer."""
        ...

    def stream(self, request: Request) -> Iterator[Chunk]:
        """Answer in pieces, blocking."""
        ...

    def astream(self, request: Request) -> AsyncIterator[Chunk]:
        """Answer in pieces."""
        ...
