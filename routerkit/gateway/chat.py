"""Answering a chat request, whole or in pieces, over the same Router as the library's."""

from __future__ import annotations

from contextlib import aclosing
from typing import Final

from routerkit.errors import ProviderError
from routerkit.gateway.exchange import Exchange
from routerkit.gateway.formats import Events
from routerkit.gateway.refusal import refusal
from routerkit.messages import Chunk, Reply, Request
from routerkit.router import Router

_FACTS: Final = "x-routerkit-record: %s\r\nx-routerkit-target: %s\r\nx-routerkit-attempts: %d\r\nx-routerkit-cost-usd: %s\r\n"


async def streamed(router: Router, request: Request, exchange: Exchange, events: Events) -> None:
    """Answer in pieces. Failures before the first content are ordinary errors; later ones an error event and no end mark."""
    pieces = router.astream(request)
    async with aclosing(pieces):  # type: ignore[type-var]  # an async generator in truth
        first = await anext(pieces)
        try:
            await exchange.write(events.of(first))
            async for chunk in pieces:
                if data := events.of(chunk):
                    await exchange.write(data)
        except ProviderError as error:
            await exchange.write(events.broken(refusal(error)), more=False)
            return
        await exchange.write(events.end(), more=False)


def facts(reply: Reply) -> bytes:
    """Headers that say who answered and what it cost."""
    lines = _FACTS % (reply.record_id, reply.target, reply.attempts, usd(reply.cost_usd))
    if reply.verified is not None:
        lines += f"x-routerkit-verified: {str(reply.verified).lower()}\r\n"
    if reply.cached_from is not None:
        lines += f"x-routerkit-cached-from: {reply.cached_from}\r\n"
    if reply.cached_likeness is not None:
        lines += f"x-routerkit-cached-likeness: {reply.cached_likeness:.3f}\r\n"
    return lines.encode("latin-1", "replace")


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
