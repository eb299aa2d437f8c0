"""Taking over a newly published scorecard while the router runs: a thread looks at the file now and then, requests never do."""

from __future__ import annotations

import logging
import threading
import weakref
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final, TypeAlias

from routerkit.config.rounds import Rounds
from routerkit.errors import ConfigError
from routerkit.record import Record, Report
from routerkit.router import Router
from routerkit.scorecard import Scorecard, load_scorecard

_log = logging.getLogger(__name__)
_Mark: TypeAlias = tuple[int, int, int]
"""Modification time in ns, inode and size: a replaced file differs in one of them at least."""
SWAPPING: Final = threading.Lock()
"""Held while a router's state is replaced by one made from it: of two at once, one would undo the other."""


class ScorecardWatch:
    """Puts a scorecard in force soon after its file was replaced; a broken file changes nothing and is mentioned once.

    Give it to a Router as an observer, so that closing the router ends it. It does not keep the router alive.
    """

    def __init__(self, path: Path, *, every_s: float = 5.0, adjust: Callable[[Scorecard], Scorecard] = lambda card: card) -> None:
        """Prepare.

        Args:
            path: The published scorecard; it may appear later.
            every_s: Seconds between two looks.
            adjust: Applied to each card that was read, e.g. to set the configured prior.
        """
        self._path, self._adjust = path, adjust
        self._seen = _mark(path)
        self._router: Callable[[], Router | None] = lambda: None
        self._rounds = Rounds("routerkit-scorecard", self.look, every_s=every_s)

    def start(self, router: Router) -> None:
        """Look after this router's scorecard from now on."""
        self._router = weakref.ref(router)
        self._rounds.start(router)

    def look(self) -> bool:
        """Look once; whether a new scorecard was put in force."""
        mark, router = _mark(self._path), self._router()
        if mark is None or mark == self._seen or router is None:
            return False
        # Noted before reading: a file that is replaced meanwhile is read again, one that is broken is not.
        self._seen = mark
        try:
            card = self._adjust(load_scorecard(self._path))
        except ConfigError as exc:
            _log.warning("the new scorecard is not used, the old one (%s) stays: %s", router.state.scorecard.revision or "none", exc)
            return False
        with SWAPPING:
            router.swap(replace(router.state, scorecard=card))
        _log.info("scorecard %s is in force, from %s", card.revision, self._path)
        return True

    def observe(self, event: Record | Report) -> None:
        """Calls are of no interest here."""

    def close(self) -> None:
        """Look no more."""
        self._rounds.end()


def _mark(path: Path) -> _Mark | None:
    try:
        found = path.stat()
    except OSError:
        return None  # not published yet, or on a disk that is away: what is in force stays in force
    return found.st_mtime_ns, found.st_ino, found.st_size
