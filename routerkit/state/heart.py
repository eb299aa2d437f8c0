"""A thread that does now and then what no request should wait for."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Sequence
from typing import Final
from weakref import WeakSet

_log: Final = logging.getLogger(__name__)
BEAT_S: Final = 1.0


class Heart:
    """Calls its beats once a second in a daemon thread, and again in a forked child, where it first calls `on_fork`."""

    def __init__(self, beats: Sequence[Callable[[], None]], *, on_fork: Sequence[Callable[[], None]] = (), every_s: float = BEAT_S) -> None:
        self._beats, self._on_fork, self._every_s = tuple(beats), tuple(on_fork), every_s
        self._over = threading.Event()
        self._start()
        _hearts.add(self)

    def stop(self) -> None:
        """Beat no more."""
        self._over.set()

    def _start(self) -> None:
        if not self._over.is_set():
            threading.Thread(target=self._run, name="routerkit-state", daemon=True).start()

    def _run(self) -> None:
        while not self._over.wait(self._every_s):
            for beat in self._beats:
                self._do(beat)

    @staticmethod
    def _do(beat: Callable[[], None]) -> None:
        try:
            beat()
        except Exception:  # noqa: BLE001  one failing beat must not stop the others, nor the next
            _log.exception("state could not be kept in step")

    def after_fork(self) -> None:
        """Threads do not survive a fork, and locks that others held stay shut."""
        if self._over.is_set():
            return
        for reset in self._on_fork:
            reset()
        self._over = threading.Event()
        self._start()


_hearts: Final[WeakSet[Heart]] = WeakSet()


def _restart_all() -> None:
    for heart in tuple(_hearts):
        heart.after_fork()


os.register_at_fork(after_in_child=_restart_all)
