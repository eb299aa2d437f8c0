"""How much may be under way at once in one process: what its memory and its sockets hold, found out at the start."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from routerkit.gateway.limits import Limits
from routerkit.gateway.refusal import Refusal

_COPIES: Final = 5
"""A body as it came, as it was parsed, as it is sent, and what its provider has not read yet: requests of 1 MB under way took 3.0 MB
each once sent (n = 100), and 4.8 MB while a slow provider read them (n = 532, 2026-11-27)."""
_REQUEST_BYTES: Final = 20 * 1024
"""What a request takes besides, its connections on both sides included: 1,000 with short bodies took 17 KiB each (2026-11-27)."""
_MEMORY_SHARE: Final = 0.5
"""The rest is for the interpreter, answers, the ledger, and whoever else is on the machine."""
_SOCKETS: Final = 2
"""Of a request: its caller's and its provider's."""
_MANY_FILES: Final = 10_240
"""Where a system says that there is no limit: macOS allows no more nevertheless."""
_AGAIN_S: Final = 1.0


class Room:
    """Counts what is under way; only for one event loop."""

    def __init__(self, n_bytes: int, n_requests: int) -> None:
        """Prepare.

        Args:
            n_bytes: Memory for everything under way.
            n_requests: Most requests under way.
        """
        self.n_bytes, self.n_requests = n_bytes, n_requests
        self.used_bytes = self.under_way = 0

    def enter(self, announced: int | None, limits: Limits) -> int:
        """Let a request in whose body has not been read; returns its weight, which `leave` takes away again.

        Args:
            announced: Bytes its body is said to have; None = nobody knows, so it may be as many as `limits` allow.
            limits: What one caller may send.

        Raises:
            Refusal: there is no room.
        """
        n_bytes = limits.body_bytes if announced is None or announced > limits.body_bytes else announced
        weight = _REQUEST_BYTES + _COPIES * n_bytes
        if self.under_way >= self.n_requests or (self.under_way and self.used_bytes + weight > self.n_bytes):
            text = f"the gateway has {self.under_way:,} requests under way and no room for another of this size; ask again"
            raise Refusal(503, text, code="gateway_full", retry_after_s=_AGAIN_S)
        self.under_way += 1
        self.used_bytes += weight
        return weight

    def weigh(self, weight: int, body_bytes: int) -> int:
        """The body of a request is there, and as long as this, which its head did not tell; returns its weight from now on."""
        found = _REQUEST_BYTES + _COPIES * body_bytes
        self.used_bytes += found - weight
        return found

    def leave(self, weight: int) -> None:
        """A request has been answered."""
        self.under_way -= 1
        self.used_bytes -= weight


def fitting_room(n_processes: int = 1) -> Room:
    """The room of one of so many equal processes, as this one's limits and the machine allow."""
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    n_requests = files // _SOCKETS if files != resource.RLIM_INFINITY else 1_000_000
    return Room(int(min(_memory_limits()) * _MEMORY_SHARE / n_processes), max(1, n_requests))


def raise_file_limit() -> None:
    """Allow this process as many sockets as it may allow itself; shells give 1,024 to programs that know no better."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MANY_FILES if hard == resource.RLIM_INFINITY else hard
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(ValueError, OSError):  # then it stays as it is
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _memory_limits() -> Iterator[int]:
    """Bytes of the machine, and what container, service or shell leave of them."""
    yield os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    own = resource.getrlimit(resource.RLIMIT_AS)[0]
    if own != resource.RLIM_INFINITY:
        yield own
    for path in ("/sys/fs/cgroup/memory.max", f"/sys/fs/cgroup{_group()}/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        with suppress(OSError, ValueError):  # there is no such group, or it says "max"
            yield int(Path(path).read_text())


def _group() -> str:
    """This process's control group; empty where there are none."""
    with suppress(OSError):
        return next((line[3:] for line in Path("/proc/self/cgroup").read_text().splitlines() if line.startswith("0::/")), "")
    return ""
