"""Answering a chat request, whole or in pieces, over the same Router as the library's."""

from __future__ import annotations

from contextlib import aclosing

from routerkit.errors import ProviderError
from routerkit.gateway.exchange import Exchange, Headers
from routerkit.gateway.formats import Events
from routerkit.gateway.refusal import refusal
from routerkit.messages import Chunk, Reply, Request
from routerkit.router import Router


async def streamed(router: Router, request: Request, exchange: Exchange, events: Events) -> None:
    """Answer in pieces. Failures before the first content are ordinary errors; later ones an error event and no end mark."""
    pieces = router.astream(request)
    async with aclosing(pieces):  # type: ignore[type-var]  # an async generator in truth
        first = await anext(pieces)
        await exchange.begin_events()
        try:
            await exchange.write(events.of(first))
            async for chunk in pieces:
                if data := events.of(chunk):
                    await exchange.write(data)
        except ProviderError as error:
            await exchange.write(events.broken(refusal(error)), more=False)
            return
        await exchange.write(events.end(), more=False)


def facts(reply: Reply) -> Headers:
    """Headers that say who answered and what it cost."""
    named = [
        (b"x-routerkit-record", _latin(reply.record_id)),
        (b"x-routerkit-target", _latin(reply.target)),
        (b"x-routerkit-attempts", b"%d" % reply.attempts),
        (b"x-routerkit-cost-usd", usd(reply.cost_usd).encode()),
    ]
    if reply.verified is not None:
        named.append((b"x-routerkit-verified", b"true" if reply.verified else b"false"))
    if reply.cached_from is not None:
        named.append((b"x-routerkit-cached-from", _latin(reply.cached_from)))
    if reply.cached_likeness is not None:
        named.append((b"x-routerkit-cached-likeness", b"%.3f" % reply.cached_likeness))
    return named


def _latin(text: str) -> bytes:
    return text.encode("latin-1", "replace")


def comment(last: Chunk) -> bytes:
    """The same facts at the end of a stream, as a comment that no parser minds."""
    verified = "" if last.verified is None else f" verified={str(last.verified).lower()}"
    cached = "" if last.cached_from is None else f" cached-from={last.cached_from}"
    cached += "" if last.cached_likeness is None else f" cached-likeness={last.cached_likeness:.3f}"
    facts = f"record={last.record_id} target={last.target} attempts={last.attempts} cost-usd={usd(last.cost_usd)}{verified}{cached}"
    return f": routerkit {facts}\n\n".encode()


def usd(cost: float | None) -> str:
    """Dollars, or that they are unknown."""
    return "unknown" if cost is None else f"{cost:.9f}"
