"""What the blocking and the asyncio connections agree on: when one may be reused, and how its failures are named."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from routerkit.errors import ProviderError
from routerkit.providers.http1 import Exchange

if TYPE_CHECKING:
    import ssl

IDLE_S: Final = 60.0
"""How long an idle connection is kept. Servers close theirs after 5 (uvicorn) to 400 s (Cloudflare); we notice when they do."""
RECV_BYTES: Final = 256 * 1024
"""Most bytes taken from a socket at once."""


def cut(where: str, exchange: Exchange, exc: BaseException | None) -> ProviderError:
    """The connection went away before the answer was complete: `connect` without a byte of an answer, else `disconnected`."""
    how = f"closed the connection ({type(exc).__name__})" if exc else "closed the connection"
    if exchange.has_answer:
        return ProviderError(f"{where}: {how} in the middle of its answer", code="disconnected", maybe_billed=True)
    return ProviderError(f"{where}: {how} without an answer", code="connect", maybe_billed=True)


def unreachable(where: str, exc: BaseException | None) -> ProviderError:
    """No connection could be opened, so nothing was sent."""
    return ProviderError(f"{where}: cannot connect ({exc or type(exc).__name__}); check base_url and that it is up", code="connect")


def tls_context() -> ssl.SSLContext:
    """The system's trust store, host names checked, HTTP/1.1 offered."""
    import ssl  # costs 10 ms, which plain http (local models, tests) need not pay

    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context
