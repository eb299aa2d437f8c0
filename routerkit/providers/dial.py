"""Opening an asyncio connection to an upstream, at an address that was looked at first."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from routerkit.providers.http1 import Origin
from routerkit.providers.reach import check_reach, is_literal

if TYPE_CHECKING:
    import ssl

P = TypeVar("P", bound=asyncio.Protocol)


class Dialler:
    """Connects to one upstream, within one event loop."""

    def __init__(self, origin: Origin) -> None:
        self._origin = origin
        self._lookup: asyncio.Future[list[Any]] | None = None

    async def dial(self, make: Callable[[], P], tls: ssl.SSLContext | None, left_s: Callable[[], float]) -> P:
        """Connect to the first address that answers; one that does not leaves the others their share of the time.

        Args:
            make: Makes the protocol.
            tls: How the connection is secured; None = not at all.
            left_s: Seconds left for all of it.

        Raises:
            ProviderError: its name leads where it must not, see `check_reach`.
            OSError: none answers.
        """
        host, port = self._origin.host, self._origin.port
        loop, failure = asyncio.get_running_loop(), OSError("its name leads nowhere")
        addresses = [host] if is_literal(host) else await self._addresses()
        for n, address in enumerate(addresses):
            try:
                async with asyncio.timeout(left_s() / (len(addresses) - n)):
                    _, made = await loop.create_connection(make, address, port, ssl=tls, server_hostname=host if tls else None)
            except OSError as exc:
                failure = exc
            else:
                return made
        raise failure

    async def _addresses(self) -> list[str]:
        """Where its name leads. All who ask at once wait for one lookup: one that hangs would soon have every thread of the loop."""
        if self._lookup is None or self._lookup.done():
            ask = partial(socket.getaddrinfo, self._origin.host, self._origin.port, type=socket.SOCK_STREAM)
            self._lookup = asyncio.get_running_loop().run_in_executor(None, ask)
            self._lookup.add_done_callback(_heard)
        found = await asyncio.shield(self._lookup)
        addresses = [str(address[0]) for *_, address in found]
        for address in addresses:
            check_reach(self._origin.name, address)
        return addresses


def _heard(lookup: asyncio.Future[list[Any]]) -> None:
    """Whoever waited may have gone; then asyncio would complain of an error that nobody asked for."""
    if not lookup.cancelled():
        lookup.exception()
