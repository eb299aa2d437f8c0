"""Taking over a newly published scorecard or predictor while the router runs: a thread looks at the files, requests never do."""

from __future__ import annotations

import logging
import os
import threading
import weakref
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, TypeAlias
from weakref import WeakSet

from routerkit.errors import ConfigError
from routerkit.predictor import load_predictor
from routerkit.record import Record, Report
from routerkit.router import Router
from routerkit.router_state import RouterState
from routerkit.scorecard import Scorecard, load_scorecard

_log = logging.getLogger(__name__)
_Mark: TypeAlias = tuple[int, int, int]
"""Modification time in ns, inode and size: a replaced file differs in one of them at least."""
_Reader: TypeAlias = Callable[[Path], Callable[[RouterState], RouterState]]
"""Reads a file and gives what it makes of a state; raises ConfigError for a broken one."""
SWAPPING: Final = threading.Lock()
"""Held while a router's state is replaced by one made from it: of two at once, one would undo the other."""


@dataclass(slots=True)
class _Watched:
    """One file, and the mark it bore when it was last read."""

    what: str
    path: Path
    read: _Reader
    in_force: Callable[[RouterState], str]
    """What the state has now, in a word."""
    seen: _Mark | None


class ScorecardWatch:
    """Puts a scorecard or predictor in force soon after its file was replaced; a broken file changes nothing and is mentioned once.

    Give it to a Router as an observer, so that closing the router ends it. It does not keep the router alive.
    """

    def __init__(
        self,
        path: Path,
        *,
        every_s: float = 5.0,
        adjust: Callable[[Scorecard], Scorecard] = lambda card: card,
        predictor: Path | None = None,
    ) -> None:
        """Prepare.

        Args:
            path: The published scorecard; it may appear later.
            every_s: Seconds between two looks.
            adjust: Applied to each card that was read, e.g. to set the configured prior.
            predictor: The fitted predictor, if one is wanted; it may also appear later.
        """
        self._files = [_Watched("scorecard", path, _scorecard_reader(adjust), lambda state: state.scorecard.revision, file_mark(path))]
        if predictor is not None:
            self._files.append(_Watched("predictor", predictor, _read_predictor, _fitted_at, file_mark(predictor)))
        self._every_s = every_s
        self._router: Callable[[], Router | None] = lambda: None
        self._over = threading.Event()

    def start(self, router: Router) -> None:
        """Look after this router's scorecard from now on."""
        self._router = weakref.ref(router)
        self._begin()
        _watches.add(self)

    def look(self) -> bool:
        """Look once; whether anything new was put in force."""
        router = self._router()
        return router is not None and sum(_look_at(file, router) for file in self._files) > 0

    def observe(self, event: Record | Report) -> None:
        """Calls are of no interest here."""

    def close(self) -> None:
        """Look no more."""
        self._over.set()

    def _begin(self) -> None:
        if not self._over.is_set():
            threading.Thread(target=self._run, name="routerkit-scorecard", daemon=True).start()

    def _run(self) -> None:
        while not self._over.wait(self._every_s) and self._router() is not None:
            self.look()


def _look_at(file: _Watched, router: Router) -> bool:
    mark = file_mark(file.path)
    if mark is None or mark == file.seen:
        return False
    # Noted before reading: a file that is replaced meanwhile is read again, one that is broken is not.
    file.seen = mark
    try:
        changed = file.read(file.path)
    except ConfigError as exc:
        _log.warning("the new %s is not used, the old one (%s) stays: %s", file.what, file.in_force(router.state) or "none", exc)
        return False
    with SWAPPING:
        router.swap(changed(router.state))
    _log.info("a new %s is in force, from %s", file.what, file.path)
    return True


def _scorecard_reader(adjust: Callable[[Scorecard], Scorecard]) -> _Reader:
    def read(path: Path) -> Callable[[RouterState], RouterState]:
        card = adjust(load_scorecard(path))
        return lambda state: replace(state, scorecard=card)

    return read


def _read_predictor(path: Path) -> Callable[[RouterState], RouterState]:
    predictor = load_predictor(path)
    return lambda state: replace(state, predictor=predictor)


def _fitted_at(state: RouterState) -> str:
    return state.predictor.sources.get("made_at", "of unknown date") if state.predictor else ""


def file_mark(path: Path) -> _Mark | None:
    """What tells one version of a file from another; None when it cannot be looked at."""
    try:
        found = path.stat()
    except OSError:
        return None  # not published yet, or on a disk that is away: what is in force stays in force
    return found.st_mtime_ns, found.st_ino, found.st_size


_watches: Final[WeakSet[ScorecardWatch]] = WeakSet()


def _begin_all() -> None:
    for watch in tuple(_watches):
        watch._begin()


# Threads do not survive a fork, and servers fork their workers after loading.
os.register_at_fork(after_in_child=_begin_all)
