"""Keeps litellm to one request per call, and that request to the address it was meant for.

litellm follows redirects with the whole prompt, and retries on its own in places no setting reaches (`max_retries=0` is lost for some of
its providers, and its HTTP handler posts again after a dropped connection). All of it goes through httpx, so the public `send` of httpx's
clients is wrapped, and what comes back is bounded (`litellm_body`). The wrapper does nothing outside `guarded()`: a program's own use of
httpx or litellm is not affected.
"""

from __future__ import annotations

import contextlib
import functools
import threading
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import httpx


class SecondRequestError(BaseException):
    """A hidden retry was about to be sent. Not an `Exception`, or the retrying code would catch it and try again."""


@dataclass(slots=True)
class GuardedCall:
    """What one call has sent so far."""

    posted: set[str] = field(default_factory=set)
    failure: Exception | None = None
    """How the request failed, if no answer came."""

    def sending(self, request: httpx.Request) -> None:
        """Note a request; several are fine (tokens, polling), the same POST again is a retry."""
        url = str(request.url)
        if request.method == "POST" and url in self.posted:
            raise SecondRequestError
        self.posted.add(url)


_CALL: Final[ContextVar[GuardedCall | None]] = ContextVar("routerkit_litellm_call", default=None)
_LOCK: Final = threading.Lock()
_WRAPPED: Final[set[type]] = set()


@contextlib.contextmanager
def guarded() -> Iterator[GuardedCall]:
    """Guard everything that is sent within the block."""
    _wrap_once()
    call = GuardedCall()
    token = _CALL.set(call)
    try:
        yield call
    finally:
        with contextlib.suppress(ValueError):  # closed in another context, where the variable was never set
            _CALL.reset(token)


def _wrap_once() -> None:
    import httpx  # litellm's own dependency, so not a cost of its own

    with _LOCK:
        if httpx.AsyncClient not in _WRAPPED:
            _wrap_async(httpx.AsyncClient)
            _wrap_sync(httpx.Client)
            _WRAPPED.update((httpx.AsyncClient, httpx.Client))


def _wrap_async(client: type[httpx.AsyncClient]) -> None:
    original = client.send

    @functools.wraps(original)
    async def send(self: httpx.AsyncClient, request: httpx.Request, **options: object) -> httpx.Response:
        call = _CALL.get()
        if call is None:
            return await original(self, request, **options)  # type: ignore[arg-type]  # passed on unread
        call.sending(request)
        is_whole = not options.get("stream")
        try:
            response = await original(self, request, **(options | {"follow_redirects": False, "stream": True}))  # type: ignore[arg-type]  # as above
            await _read(response, is_whole=is_whole)
        except Exception as exc:
            call.failure = exc
            raise
        return _final(response)

    client.send = send  # type: ignore[method-assign]  # the point of this module


def _wrap_sync(client: type[httpx.Client]) -> None:
    original = client.send

    @functools.wraps(original)
    def send(self: httpx.Client, request: httpx.Request, **options: object) -> httpx.Response:
        call = _CALL.get()
        if call is None:
            return original(self, request, **options)  # type: ignore[arg-type]  # passed on unread
        call.sending(request)
        try:
            response = original(self, request, **(options | {"follow_redirects": False}))  # type: ignore[arg-type]  # as above
        except Exception as exc:
            call.failure = exc
            raise
        return _final(response)

    client.send = send  # type: ignore[method-assign]  # the point of this module


async def _read(response: httpx.Response, *, is_whole: bool) -> None:
    from routerkit.providers import litellm_body  # imports httpx

    try:
        litellm_body.bound(response)
        if is_whole:
            await response.aread()
            litellm_body.check(response)
    except BaseException:
        await response.aclose()
        raise


def _final(response: httpx.Response) -> httpx.Response:
    if response.status_code >= 300:
        response.headers["x-should-retry"] = "false"  # the openai library obeys it
    return response
