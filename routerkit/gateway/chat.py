"""Answering a chat request, whole or in pieces, over the same Router as the library's."""

from __future__ import annotations

from typing import Final

from routerkit.as_written import PassOn
from routerkit.errors import ProviderError
from routerkit.gateway.exchange import Exchange
from routerkit.gateway.formats import Events
from routerkit.gateway.refusal import refusal
from routerkit.messages import Chunk, Reply, Request
from routerkit.provider import lets_pass
from routerkit.router import Router

_FACTS: Final = "x-routerkit-record: %s\r\nx-routerkit-target: %s\r\nx-routerkit-attempts: %d\r\nx-routerkit-cost-usd: %s\r\n"

_COMMENT: Final = ": routerkit record=%s target=%s attempts=%d cost-usd=%s"


async def streamed(router: Router, request: Request, exchange: Exchange, events: Events) -> None:
    """Answer in pieces. Failures before the first content are ordinary errors; later ones an error event and no end mark."""
    if (onward := exchange.pass_on) is not None and lets_pass(router):
        taker = _writer(exchange, onward, events) if request.written is None else onward
        object.__setattr__(request, "pass_on", taker)  # made for this call, and nobody else has seen it yet
    pieces = router.astream(request)
    try:
        async for chunk in pieces:
            if (data := events.of(chunk)) or not exchange.is_started:
                await exchange.write(data)
    except ProviderError as error:
        if not exchange.is_started:
            raise
        await exchange.write(events.broken(refusal(error)), more=False)
        return
    finally:
        await pieces.aclose()  # type: ignore[attr-defined]  # an async generator in truth
    await exchange.write(events.end(), more=False)


def _writer(exchange: Exchange, onward: PassOn, events: Events) -> PassOn:
    """Has chunks written in the caller's format and sent; one that says nothing to the caller sends nothing."""

    def pass_on(n_chars: int, chunk: Chunk) -> bool:
        return exchange.is_flowing() and (not (data := events.of(chunk)) or onward(n_chars, data))

    return pass_on


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
    told = _COMMENT % (last.record_id, last.target, last.attempts, usd(last.cost_usd))
    if last.verified is not None:
        told += f" verified={str(last.verified).lower()}"
    if last.cached_from is not None:
        told += f" cached-from={last.cached_from}"
    if last.cached_likeness is not None:
        told += f" cached-likeness={last.cached_likeness:.3f}"
    return told.encode() + b"\n\n"


def usd(cost: float | None) -> str:
    """Dollars, or that they are unknown."""
    return "unknown" if cost is None else f"{cost:.9f}"
