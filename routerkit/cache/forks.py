"""Threads do not survive a fork, and servers fork their workers after loading."""

from __future__ import annotations

import os
from typing import Final, Protocol
from weakref import WeakSet


class Startable(Protocol):
    """Has a thread."""

    def start(self) -> None:
        """Begin, and again in a forked child, to which the thread of its parent is of no use."""
        ...


_started: Final[WeakSet[Startable]] = WeakSet()


def start(thread: Startable) -> None:
    """Begin, here and in every child forked later."""
    thread.start()
    _started.add(thread)


def _restart_all() -> None:
    for thread in tuple(_started):
        thread.start()


os.register_at_fork(after_in_child=_restart_all)
