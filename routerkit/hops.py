"""How many gateways a request has passed, so that one that is its own upstream, also by way of others, is noticed."""

from __future__ import annotations

from typing import Final

HEADER: Final = "x-routerkit-hops"
"""Sent to every OpenAI-compatible upstream; the first gateway sends 1."""
MOST: Final = 4
"""Gateways one behind the other that a request may pass: a laptop's, a team's and a company's make three."""
_FIRST: Final = f"{HEADER}: 1".encode()


def counted(head: bytes, hops: int) -> bytes:
    """The head of a request that says 1, for one that has passed so many gateways before."""
    return head.replace(_FIRST, b"%b: %d" % (HEADER.encode(), hops + 1), 1) if hops else head
