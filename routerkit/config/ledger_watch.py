"""Looking at the ledger every so often, and putting in force what it says about a running router."""

from __future__ import annotations

import logging
import weakref
from collections.abc import Callable

from routerkit.config.rounds import Rounds
from routerkit.errors import StoreError
from routerkit.record import Record, Report
from routerkit.router import Router

_log = logging.getLogger(__name__)


class LedgerWatch:
    """Give it to the Router as an observer, so that closing the router ends it.

    All workers read the same ledger, so they come to the same, even after a restart. A ledger that cannot be read changes nothing and is
    mentioned once.
    """

    def __init__(self, name: str, act: Callable[[Router], bool], *, every_s: float, otherwise: str) -> None:
        """Prepare.

        Args:
            name: Of the thread.
            act: Reads the ledger and acts on the router; whether anything came of it.
            every_s: Seconds between two looks.
            otherwise: What is said where the ledger cannot be read.
        """
        self._act, self._otherwise = act, otherwise
        self._router: Callable[[], Router | None] = lambda: None
        self._rounds = Rounds(name, self._look_again, every_s=every_s, is_due_at_once=True)
        self._trouble = ""

    def start(self, router: Router) -> None:
        """Look after this router from now on."""
        self._router = weakref.ref(router)
        self._rounds.start(router)

    def look(self, router: Router) -> bool:
        """Look once; whether anything came of it."""
        try:
            has_acted = self._act(router)
        except StoreError as exc:
            if str(exc) != self._trouble:
                _log.warning("%s: %s", self._otherwise, exc)
            self._trouble = str(exc)
            return False
        self._trouble = ""
        return has_acted

    def _look_again(self) -> None:
        if (router := self._router()) is not None:
            self.look(router)

    def observe(self, event: Record | Report) -> None:
        """The ledger tells; single calls are of no interest here."""

    def close(self) -> None:
        """Look no more."""
        self._rounds.end()
