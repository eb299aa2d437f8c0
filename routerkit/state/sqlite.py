"""State of one machine, in a SQLite file that any number of processes share and that survives them."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from routerkit.errors import ConfigError, StateError
from routerkit.state.bucket import level, wait_s
from routerkit.state.estate import Estate
from routerkit.state.interface import Account, AccountLine, Entry, Grant, Notice, Pace, Standing, StateStore, TooFast
from routerkit.state.memory import costs
from routerkit.state.notes import Notes
from routerkit.state.owed import OwedFile
from routerkit.wal import open_shared

BUSY_S: Final = 0.25
"""Longest wait for another process's step; each takes some 20 µs, so longer means that something is wrong."""
KEPT_DAYS: Final = 35
_SCHEMA: Final = """
    CREATE TABLE IF NOT EXISTS budgets (account TEXT, day TEXT, cap INTEGER, spent INTEGER, leased INTEGER,
        PRIMARY KEY (account, day)) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS leases (account TEXT, day TEXT, holder TEXT, micros INTEGER, until REAL,
        PRIMARY KEY (account, day, holder)) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS bookings (account TEXT, day TEXT, holder TEXT, number INTEGER,
        PRIMARY KEY (account, day, holder)) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS corrections (account TEXT, day TEXT, what TEXT, micros INTEGER,
        PRIMARY KEY (account, day, what)) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS buckets (caller TEXT, what TEXT, used REAL, at REAL, PRIMARY KEY (caller, what)) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS running (caller TEXT, id TEXT, until REAL, PRIMARY KEY (caller, id)) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS notices (target TEXT PRIMARY KEY, state TEXT, until REAL, why TEXT) WITHOUT ROWID;"""


class SqliteStore(StateStore):
    """A `StateStore` in a file, write-ahead logged. What was committed survives `kill -9`; a power cut may lose the last moments."""

    is_shared = True
    may_be_away = False
    hints = None

    def __init__(self, path: Path, now: Callable[[], float] = time.time, *, notes: Notes | None = None) -> None:
        """Open or make the file, readable by its owner alone.

        Args:
            path: The file.
            now: Unix time.
            notes: Where processes note what they owe; None = in a folder beside the file, and calls of the dead are not recorded.

        Raises:
            ConfigError: it cannot be opened.
        """
        self._path, self._now, self._notes = path, now, notes or Notes(notes_beside(path))
        self.records_lost = self._notes.records_lost
        self._lock = threading.Lock()
        self._trouble: str | None = None
        self._parents: list[sqlite3.Connection] = []
        try:
            self._db = self._connect()
        except (OSError, sqlite3.Error) as exc:
            raise ConfigError(f"{path}: cannot keep state there ({exc}); choose a folder you may write to") from exc

    def draw(self, account: Account, *, ask: int, least: int, limit: int, holder: str, until: float) -> Grant:
        """As `StateStore.draw`."""
        with self._step() as db:
            db.execute("INSERT OR IGNORE INTO budgets VALUES (?, ?, ?, 0, 0)", (*account, limit))
            before = _standing(db, account, holder)
            granted = min(ask, limit - before.spent - before.leased)
            if granted < least:
                return Grant(0, before)
            changed = db.execute(
                "UPDATE budgets SET leased = leased + ?, cap = ? WHERE account = ? AND day = ? AND spent + leased + ? <= ?",
                (granted, limit, *account, granted, limit),
            )
            assert changed.rowcount == 1
            _lend(db, account, holder, granted, until)
            return Grant(granted, _standing(db, account, holder))

    def book(self, account: Account, *, spent: int, back: int, holder: str, until: float, number: int = 0) -> Standing | None:
        """As `StateStore.book`."""
        with self._step() as db:
            before = _lease(db, account, holder)
            if before is None:
                return None
            ended = min(before, spent + back)
            db.execute("UPDATE budgets SET spent = spent + ?, leased = leased - ? WHERE account = ? AND day = ?", (spent, ended, *account))
            _lend(db, account, holder, -ended, until)
            if number:
                db.execute("INSERT OR REPLACE INTO bookings VALUES (?, ?, ?, ?)", (*account, holder, number))
            return _standing(db, account, holder)

    def owed(self, holder: str) -> OwedFile:
        """As `StateStore.owed`."""
        return self._notes.begin(holder)

    def standing(self, account: Account, holder: str) -> Standing:
        """As `StateStore.standing`."""
        with self._read() as db:
            return _standing(db, account, holder)

    def lapse(self, now: float) -> int:
        """As `StateStore.lapse`. Forgets what is older than `KEPT_DAYS`, too."""
        return self._end_silent(now) + self._notes.inherit(self._end_dead)

    def _end_dead(self, holder: str, estate: Estate) -> int:
        with self._step() as db:
            return self._end(db, "holder = ?", holder, lambda _: estate)

    def _end_silent(self, now: float) -> int:
        """End leases of processes on which nothing is known but that they stood still, or died without a note."""
        with self._step() as db:
            lost = self._end(db, "until < ?", now, self._notes.read)
            oldest = (now, f"-{KEPT_DAYS} days")
            db.execute("DELETE FROM budgets WHERE leased = 0 AND day < date(?, 'unixepoch', ?)", oldest)
            db.execute("DELETE FROM corrections WHERE day < date(?, 'unixepoch', ?)", oldest)
        return lost

    @staticmethod
    def _end(db: sqlite3.Connection, which: str, value: float | str, estate_of: Callable[[str], Estate]) -> int:
        total = 0
        ended = f"DELETE FROM leases WHERE {which} RETURNING account, day, holder, micros"  # noqa: S608  one of our two conditions
        for account, day, holder, micros in db.execute(ended, (value,)).fetchall():
            booked = db.execute(
                "DELETE FROM bookings WHERE account = ? AND day = ? AND holder = ? RETURNING number", (account, day, holder)
            ).fetchall()  # to its end: a DELETE that is half read would not be committed
            owed = estate_of(holder).owed(Account(account, day), booked[0][0] if booked else 0)
            spent = micros if owed is None else owed
            db.execute(
                "UPDATE budgets SET spent = spent + ?, leased = leased - ? WHERE account = ? AND day = ?", (spent, micros, account, day)
            )
            total += spent
        return total

    def correct(self, account: Account, what: str, micros: int) -> None:
        """As `StateStore.correct`."""
        with self._step() as db:
            before = db.execute("SELECT micros FROM corrections WHERE account = ? AND day = ? AND what = ?", (*account, what)).fetchall()
            more = micros - (before[0][0] if before else 0)
            db.execute("UPDATE budgets SET spent = spent + ? WHERE account = ? AND day = ?", (more, *account))
            db.execute("INSERT OR REPLACE INTO corrections VALUES (?, ?, ?, ?)", (*account, what, micros))

    def accounts(self, day: str) -> tuple[AccountLine, ...]:
        """As `StateStore.accounts`."""
        with self._read() as db:
            rows = db.execute("SELECT account, cap, spent, leased FROM budgets WHERE day = ? ORDER BY account", (day,)).fetchall()
        return tuple(AccountLine(Account(name, day), *rest) for name, *rest in rows)

    def enter(self, entry: Entry, pace: Pace) -> TooFast | None:
        """As `StateStore.enter`."""
        now = self._now()
        with self._step() as db:
            if pace.at_once is not None and (full := _crowd(db, entry, pace.at_once, now)):
                return full
            levels: dict[str, float] = {}
            for what, cost, per_minute in costs(entry, pace):
                found = db.execute("SELECT used, at FROM buckets WHERE caller = ? AND what = ?", (entry.caller, what)).fetchone()
                used = level(found[0], now - found[1], per_minute) if found else 0.0
                if wait := wait_s(used, cost, per_minute):
                    return TooFast(what, wait)
                levels[what] = used + cost
            db.executemany(
                "INSERT OR REPLACE INTO buckets VALUES (?, ?, ?, ?)", [(entry.caller, what, used, now) for what, used in levels.items()]
            )
            if pace.at_once is not None:
                db.execute("INSERT INTO running VALUES (?, ?, ?)", (entry.caller, entry.id, now + entry.hold_s))
        return None

    def leave(self, entry: Entry, pace: Pace, used_tokens: int) -> None:
        """As `StateStore.leave`."""
        with self._step() as db:
            if pace.at_once is not None:
                db.execute("DELETE FROM running WHERE caller = ? AND id = ?", (entry.caller, entry.id))
            if pace.tokens_per_minute is not None:
                more = used_tokens - entry.tokens
                db.execute("UPDATE buckets SET used = max(0, used + ?) WHERE caller = ? AND what = 'tokens'", (more, entry.caller))

    def post(self, notices: Sequence[Notice]) -> None:
        """As `StateStore.post`."""
        with self._step() as db:
            db.executemany(
                "INSERT INTO notices VALUES (?, ?, ?, ?) ON CONFLICT (target) DO UPDATE "
                "SET state = excluded.state, until = excluded.until, why = excluded.why WHERE excluded.until > notices.until",
                [(n.target, n.state, n.until, n.why) for n in notices],
            )

    def notices(self, now: float) -> tuple[Notice, ...]:
        """As `StateStore.notices`."""
        with self._read() as db:
            rows = db.execute("SELECT target, state, until, why FROM notices WHERE until > ?", (now,)).fetchall()
        return tuple(Notice(*row) for row in rows)

    def trouble(self) -> str | None:
        """As `StateStore.trouble`."""
        return self._trouble

    def after_fork(self) -> None:
        """As `StateStore.after_fork`. SQLite forbids using, and even closing, a parent's connection."""
        self._parents.append(self._db)
        self._lock, self._db = threading.Lock(), self._connect()

    def close(self) -> None:
        """As `StateStore.close`."""
        with self._lock:
            self._db.close()

    def _connect(self) -> sqlite3.Connection:
        db = open_shared(self._path, _SCHEMA, busy_s=BUSY_S)
        db.execute("PRAGMA synchronous = NORMAL")
        return db

    @contextmanager
    def _step(self) -> Iterator[sqlite3.Connection]:
        """One transaction. It takes the write lock at once: two that read first and write later could only fail."""
        with self._read() as db:
            db.execute("BEGIN IMMEDIATE")
            try:
                yield db
            except BaseException:
                db.execute("ROLLBACK")
                raise
            db.execute("COMMIT")

    @contextmanager
    def _read(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                yield self._db
            except sqlite3.Error as exc:
                self._trouble = f"{self._path}: {exc}"
                raise StateError(self._trouble) from exc
            self._trouble = None


def notes_beside(path: Path) -> Path:
    """The folder for notes on what is owed to a store in this file."""
    return path.with_name(f"{path.name}-owed")


def _standing(db: sqlite3.Connection, account: Account, holder: str) -> Standing:
    spent, leased = db.execute("SELECT spent, leased FROM budgets WHERE account = ? AND day = ?", account).fetchone() or (0, 0)
    n_holders = db.execute("SELECT count(*) FROM leases WHERE account = ? AND day = ? AND micros > 0", account).fetchone()[0]
    return Standing(spent, leased, _lease(db, account, holder) or 0, max(1, n_holders))


def _lease(db: sqlite3.Connection, account: Account, holder: str) -> int | None:
    found = db.execute("SELECT micros FROM leases WHERE account = ? AND day = ? AND holder = ?", (*account, holder)).fetchone()
    return None if found is None else int(found[0])


def _lend(db: sqlite3.Connection, account: Account, holder: str, micros: int, until: float) -> None:
    db.execute(
        "INSERT INTO leases VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET micros = micros + excluded.micros, until = excluded.until",
        (*account, holder, micros, until),
    )


def _crowd(db: sqlite3.Connection, entry: Entry, at_once: int, now: float) -> TooFast | None:
    db.execute("DELETE FROM running WHERE until <= ?", (now,))
    n_running = db.execute("SELECT count(*) FROM running WHERE caller = ?", (entry.caller,)).fetchone()[0]
    return TooFast("at_once", 1.0) if n_running >= at_once else None
