"""Flushing writers when their process ends, and resetting them when it forks.

What is promised: a normal exit, an unhandled exception, Ctrl-C, the end of a multiprocessing child and SIGTERM write what was appended.
SIGTERM is only taken over when nobody else handles it and the first writer is made in the main thread; a handler installed later
replaces ours, and should end the process through `sys.exit` or by raising the signal again, as servers do. After the flush the default
action runs, so the process still dies of SIGTERM. `kill -9` and `os._exit` lose at most one tick (0.2 s) of rows.
"""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
from types import FrameType
from typing import Final, Protocol
from weakref import WeakSet

_SIGTERM_WAIT_S: Final = 2.0
"""How long a terminated process may take to flush; service managers usually grant 10 s."""


class Mark(Protocol):
    """A point in a stream of rows."""

    def wait(self, timeout: float | None = None) -> bool:
        """Block until every row before it is written; False when `timeout` seconds passed first."""
        ...


class Writer(Protocol):
    """What can be flushed."""

    def mark(self) -> Mark | None:
        """Mark the end of what was appended so far; None when nothing is pending."""

    def close(self) -> None:
        """Write everything and stop."""

    def reset_after_fork(self) -> None:
        """Start anew in a forked child: what was pending belongs to the parent."""


_writers: Final[WeakSet[Writer]] = WeakSet()
_hooked = threading.Event()


def watch(writer: Writer) -> None:
    """Flush this writer at the end of the process."""
    _writers.add(writer)
    if not _hooked.is_set():
        _hooked.set()
        os.register_at_fork(after_in_child=_reset_all)
        atexit.register(_close_all)
    if threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _on_sigterm)


def watch_child_exit() -> None:
    """Flush at the end of this process if it is a multiprocessing child: those skip `atexit`."""
    # Looked up, not imported: a process that never used multiprocessing does not pay for it.
    process, util = sys.modules.get("multiprocessing.process"), sys.modules.get("multiprocessing.util")
    if process is not None and util is not None and process.parent_process() is not None:
        util.Finalize(None, _close_all, exitpriority=10)


def _close_all() -> None:
    for writer in tuple(_writers):
        writer.close()


def _reset_all() -> None:
    for writer in tuple(_writers):
        writer.reset_after_fork()


def _on_sigterm(signum: int, _frame: FrameType | None) -> None:
    # Only marks and waits: the interrupted code may hold any lock that closing needs.
    for mark in [w.mark() for w in tuple(_writers)]:
        if mark is not None:
            mark.wait(_SIGTERM_WAIT_S)
    signal.signal(signum, signal.SIG_DFL)
    os.kill(os.getpid(), signum)
