"""Where the processes of one machine note what they owe to one store, and how what a dead one left is inherited."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Final

from routerkit.errors import StateError
from routerkit.state.estate import Estate, left_behind, opened, read_estate
from routerkit.state.interface import Lost
from routerkit.state.owed import OwedFile

_log: Final = logging.getLogger(__name__)


class Notes:
    """A folder with a file for each process."""

    def __init__(self, folder: Path, *, ledger: Path | None = None, bury: Callable[[Lost], None] = lambda _: None) -> None:
        """Prepare; nothing is made before the first note.

        Args:
            folder: Of this store alone.
            ledger: Folder of the ledger that this process writes; None = it writes none.
            bury: Records the calls that a dead process had under way. Repeated should this process die, too; raises OSError.
        """
        self._folder, self._ledger, self._bury = folder, ledger, bury
        self.records_lost = ledger is not None

    def begin(self, holder: str) -> OwedFile:
        """The file of a process that begins to borrow.

        Raises:
            StateError: it cannot be made.
        """
        try:
            return OwedFile(self._folder / holder, self._ledger)
        except OSError as exc:
            raise StateError(f"{self._folder / holder}: {exc}") from exc

    def read(self, holder: str) -> Estate:
        """What a process, dead or alive, owes as far as is known."""
        return read_estate(self._folder / holder)

    def inherit(self, end: Callable[[str, Estate], int]) -> int:
        """End all that the dead had, and record their calls; returns the micro-dollars that count as spent.

        Args:
            end: Ends the leases of a holder in the store; nothing where that was done already.

        Raises:
            StateError: the store cannot be reached or the calls not be recorded; the rest is left for another time.
        """
        return sum([self._inherit(path, end) for path in left_behind(self._folder)])

    def _inherit(self, path: Path, end: Callable[[str, Estate], int]) -> int:
        # Each of the three steps may be repeated: whoever does them may die in between.
        with opened(path) as estate:
            if estate is None:
                return 0
            spent = end(path.name, estate)
            if lost := estate.lost(path.name):
                self._record(lost)
            return spent

    def _record(self, lost: Lost) -> None:
        try:
            self._bury(lost)
        except OSError as exc:
            raise StateError(f"{lost.ledger}: {len(lost.tried)} attempts of a process that died cannot be recorded ({exc})") from exc
        _log.warning("%d attempts that a process had under way when it died are recorded as lost", len(lost.tried))
