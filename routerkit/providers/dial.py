"""Opening an asyncio connection to an upstream, at an address that was looked at first."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from routerkit.providers.http1 import Origin
from routerkit.providers.reach import check_reach, is_literal

if TYPE_CHECKING:
    import ssl

P = TypeVar("P", bound=asyncio.Protocol)


async def dial(origin: Origin, make: Callable[[], P], tls: ssl.SSLContext | None) -> P:
    """Connect to the first address of an upstream that answers.

    Raises:
        ProviderError: its name leads where it must not, see `check_reach`.
        OSError: none answers.
    """
    loop, failure = asyncio.get_running_loop(), OSError("its name leads nowhere")
    for address in [origin.host] if is_literal(origin.host) else await _resolve(origin):
        try:
            _, made = await loop.create_connection(make, address, origin.port, ssl=tls, server_hostname=origin.host if tls else None)
        except OSError as exc:
            failure = exc
        else:
            return made
    raise failure


async def _resolve(origin: Origin) -> list[str]:
    found = await asyncio.get_running_loop().getaddrinfo(origin.host, origin.port, type=socket.SOCK_STREAM)
    addresses = [str(address[0]) for *_, address in found]
    for address in addresses:
        check_reach(origin.name, address)
    return addresses
