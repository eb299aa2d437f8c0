"""Keeps web pages away from a gateway without keys: any page may send requests to this machine, or have its own name lead here."""

from __future__ import annotations

import ipaddress
from functools import lru_cache
from typing import Final
from urllib.parse import urlsplit

from routerkit.gateway.head import Head
from routerkit.gateway.refusal import Refusal

_TELLING: Final = frozenset({"host", "origin"})
_REMEDY: Final = "a gateway without keys answers this machine alone; make one with `routerkit keys create`"


def check_local(head: Head) -> None:
    """Refuse what is not meant for this machine by its name, and what a page of another site sent.

    A page's own name may lead to 127.0.0.1 (DNS rebinding), which its `Host` tells; and a page may post here without asking first,
    which its `Origin` tells. Programs send no `Origin`.

    Raises:
        Refusal: 403, naming what was sent, or 400 when it was sent twice.
    """
    host, origin = head.headers.get("host", "localhost"), head.headers.get("origin")
    if not head.repeated.isdisjoint(_TELLING):
        raise Refusal(400, "host or origin came more than once; send each once", code="invalid_http")
    if not _is_local(host):
        raise Refusal(403, f"host {host[:80]!r} is not this machine; {_REMEDY}", code="untrusted_host")
    if origin is not None and not _is_local(origin.rpartition("://")[2]):
        raise Refusal(403, f"a page of {origin[:80]!r} asked; {_REMEDY}", code="untrusted_origin")


@lru_cache(maxsize=256)
def _is_local(authority: str) -> bool:
    """Whether `host` or `host:port` names this machine's loopback."""
    try:
        name = urlsplit(f"//{authority}").hostname or ""
        return name == "localhost" or ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
