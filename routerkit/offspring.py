"""Processes that a process makes to share its work: they end with it, however it ends."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Sequence
from typing import Final

_LOOK_S: Final = 0.5
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


class Watch:
    """Says when a child dies that nobody ended: what it was killed by, and how many processes are left."""

    def __init__(self, children: Sequence[int], tell: Callable[[str], None]) -> None:
        self._living, self._n_all, self._tell = set(children), len(children) + 1, tell
        self._lock, self._is_over = threading.Lock(), threading.Event()
        if children:
            threading.Thread(target=self._run, name="routerkit-offspring", daemon=True).start()

    def end(self) -> None:
        """End the children that live, and wait for them."""
        self._is_over.set()
        with self._lock:
            for pid in self._living:
                os.kill(pid, signal.SIGTERM)
            for pid in self._living:
                os.waitpid(pid, 0)
            self._living.clear()

    def _run(self) -> None:
        while not self._is_over.wait(_LOOK_S):
            with self._lock:
                for pid in [*self._living]:
                    self._look(pid)

    def _look(self, pid: int) -> None:
        # Each by its own number: the parent may have other children, which are not ours to wait for.
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            self._living.discard(pid)
        if status:  # one that was told to end, as by Ctrl-C, ends with 0
            how = f"was killed by signal {os.WTERMSIG(status)}" if os.WIFSIGNALED(status) else f"ended with {os.WEXITSTATUS(status)}"
            self._tell(f"worker {pid} {how}; {len(self._living) + 1} of {self._n_all} serve on, start anew to have all")


def end_with(parent: int) -> None:
    """Have the kernel end this process with the one that made it, which would else leave the port taken when it is killed."""
    import ctypes  # needed by nobody else who serves

    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:  # it was gone before the kernel knew
        os.kill(os.getpid(), signal.SIGTERM)
