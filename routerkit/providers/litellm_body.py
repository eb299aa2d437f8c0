"""Answers as litellm may read them: bounded, decompressed by us, without a byte order mark, and JSON where they are whole.

What is not makes litellm lose text (its readers of streams skip lines that they do not know) or search megabytes for keys, in an event
loop that all its calls share. Imports httpx, litellm's own dependency.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

import httpx

from routerkit import fastjson
from routerkit.errors import ProviderError
from routerkit.providers.http1 import MAX_BODY_BYTES
from routerkit.providers.inflate import CODINGS, Inflate, too_large

MAX_FAILURE_BYTES: Final = 64 * 1024
"""How much of the body of a failure is handed on."""
_MAX_UNREAD: Final = 64 * 1024
"""Answers up to this size are left to litellm, whatever they are."""
_BOM: Final = b"\xef\xbb\xbf"


def bound(response: httpx.Response) -> None:
    """Put our reader between the upstream and whoever reads this unread answer.

    Raises:
        ProviderError: `malformed` for an answer in a coding that nobody asked for.
    """
    assert isinstance(response.stream, httpx.AsyncByteStream)
    is_failure, coding = response.status_code >= 300, response.headers.pop("content-encoding", "identity").strip().lower()
    if coding in CODINGS:
        inflate: Inflate | None = Inflate(MAX_BODY_BYTES)
    elif is_failure or coding in {"identity", ""}:
        inflate = None
    else:
        raise ProviderError(f"answer has content-encoding {coding[:20]!r}, though none was asked for", code="malformed", maybe_billed=True)
    response.stream = _Bounded(response.stream, inflate, MAX_FAILURE_BYTES if is_failure else None)


def check(response: httpx.Response) -> None:
    """Refuse a whole answer that is large and no JSON.

    Raises:
        ProviderError: `malformed`.
    """
    body = response.content
    if response.status_code < 300 and len(body) > _MAX_UNREAD:
        try:
            fastjson.loads(body)
        except (ValueError, RecursionError) as exc:
            what = f"answer is malformed: not JSON ({type(exc).__name__}, {len(body):,} bytes)"
            raise ProviderError(what, code="malformed", maybe_billed=True) from exc


class _Bounded(httpx.AsyncByteStream):
    """The body of one answer."""

    def __init__(self, body: httpx.AsyncByteStream, inflate: Inflate | None, enough_bytes: int | None) -> None:
        self._body, self._inflate, self._enough = body, inflate, enough_bytes

    async def __aiter__(self) -> AsyncIterator[bytes]:
        n_bytes, start = 0, b""
        async for piece in self._body:
            data = start + (piece if self._inflate is None else self._inflate.feed(piece, is_last=False))
            if not n_bytes and data != _BOM and _BOM.startswith(data):
                start = data  # may become a mark
                continue
            data, start = data.removeprefix(_BOM) if not n_bytes else data, b""
            n_bytes += len(data)
            yield data[: self._enough]
            if self._enough is not None and n_bytes >= self._enough:
                return
            if n_bytes > MAX_BODY_BYTES:
                raise too_large("body", MAX_BODY_BYTES)
        yield start
        if self._inflate is not None:
            self._inflate.feed(b"", is_last=True)

    async def aclose(self) -> None:
        """Close the upstream."""
        await self._body.aclose()
