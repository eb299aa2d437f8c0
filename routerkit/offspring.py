"""Processes that a process makes to share its work: they end with it, however it ends."""

from __future__ import annotations

import os
import signal
from typing import Final

_PR_SET_PDEATHSIG: Final = 1
"""prctl(2): the signal that a process gets when the one that made it is gone."""


def fork_children(n: int) -> list[int]:
    """Make this many child processes; in each child the list is empty."""
    children, parent = list[int](), os.getpid()
    for _ in range(n):
        pid = os.fork()
        if pid == 0:
            end_with(parent)
            return []  # a child that went on would fork children of its own: 2^n processes
        children.append(pid)
    return children


def end_with(parent: int) -> None:
    """Have the kernel end this process with the one that made it, which would else leave the port taken when it is killed."""
    import ctypes  # needed by nobody else who serves

    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:  # it was gone before the kernel knew
        os.kill(os.getpid(), signal.SIGTERM)
