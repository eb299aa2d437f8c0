"""Looking at something now and then, in a thread of its own, for as long as what it is about lives; requests never wait for it."""

from __future__ import annotations

import atexit
import os
import threading
import weakref
from collections.abc import Callable
from typing import Final
from weakref import WeakSet

_PATIENCE_S: Final = 30.0
"""How long the end of the process waits for a look under way, in seconds."""


class Rounds:
    """Calls `look` every `every_s` seconds. Goes on in forked children, because servers fork their workers after loading."""

    def __init__(self, name: str, look: Callable[[], object], *, every_s: float, is_due_at_once: bool = False) -> None:
        """Prepare.

        Args:
            name: Of the thread.
            look: Must not raise.
            every_s: Seconds between two looks.
            is_due_at_once: Whether the first look comes before the first wait.
        """
        self._name, self._look, self._every_s, self._is_due_at_once = name, look, every_s, is_due_at_once
        self._about: Callable[[], object] = lambda: None
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, about: object) -> None:
        """Begin; ends by itself when `about` is gone, which is not kept alive."""
        self._about = weakref.ref(about)
        self.begin()
        _rounds.add(self)

    def begin(self) -> None:
        """Start the thread, and again in a forked child."""
        if not self._over.is_set():
            self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
            self._thread.start()

    def end(self) -> None:
        """Look no more; a look under way is not waited for."""
        self._over.set()

    def join(self) -> None:
        """Wait until a look under way is over."""
        if self._thread is not None:
            self._thread.join(_PATIENCE_S)

    def _run(self) -> None:
        if self._is_due_at_once:
            self._look()
        while not self._over.wait(self._every_s) and self._about() is not None:
            self._look()


_rounds: Final[WeakSet[Rounds]] = WeakSet()


def _begin_all() -> None:
    for rounds in tuple(_rounds):
        rounds.begin()


def _end_all() -> None:
    for rounds in tuple(_rounds):
        rounds.end()
    for rounds in tuple(_rounds):
        rounds.join()


# Threads do not survive a fork. And Python ends them where they are, which within DuckDB aborts the whole process.
os.register_at_fork(after_in_child=_begin_all)
atexit.register(_end_all)
