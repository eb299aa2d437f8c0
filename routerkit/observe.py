"""Who is told about finished calls, and how one broken listener is kept from hurting a call."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Protocol

from routerkit.record import Record, Report

_log = logging.getLogger(__name__)


class Observer(Protocol):
    """Receives every Record and Report once, in the thread of the call; must return fast and must not block."""

    def observe(self, event: Record | Report) -> None:
        """Take note of one finished call, or of later truth about one."""


def notify(observers: Iterable[Observer], event: Record | Report) -> None:
    """Tell every observer; one that raises is logged and skipped, so a log never fails a call."""
    for observer in observers:
        try:
            observer.observe(event)
        except Exception:  # noqa: BLE001  an observer is foreign code at the edge of a call that already succeeded
            _log.exception("observer %s failed on %s", type(observer).__name__, type(event).__name__)
