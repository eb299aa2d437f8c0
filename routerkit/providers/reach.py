"""Which addresses a configured host name may lead to.

Base URLs come from the configuration alone, but where their names lead is up to whoever serves the names.
"""

from __future__ import annotations

import ipaddress
from typing import Final

from routerkit.errors import ProviderError

_METADATA: Final = frozenset(
    map(ipaddress.ip_address, ("100.100.100.200", "192.0.0.192", "168.63.129.16", "fd00:ec2::254", "fd20:ce::254"))
)
"""Beyond link-local: where Alibaba, Oracle, Azure, AWS and Google hand out a machine's credentials (their documentation, 2026-11)."""


def is_literal(host: str) -> bool:
    """Whether a host is an address itself, which the configuration then names on purpose."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def check_reach(where: str, address: str) -> None:
    """Refuse an address that a name must never lead to: a link-local one, or a cloud's metadata service.

    Check what is connected to, right before it is: then a name that changes in between (DNS rebinding) gains nothing.

    Args:
        where: Host and port as configured, for the message.
        address: What its name resolved to.

    Raises:
        ProviderError: `connect`; nothing was sent.
    """
    found = ipaddress.ip_address(address)
    plain = getattr(found, "ipv4_mapped", None) or found
    if plain.is_link_local or plain in _METADATA:
        text = f"{where}: its name leads to {address}, where machines keep credentials, so nothing was sent"
        raise ProviderError(f"{text}; if that is meant, write the address itself in base_url", code="connect")
