"""SQLite files that several processes open, often all at the same moment."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path
from typing import Final

_OPENING_S: Final = 5.0
"""Longest wait for the others while a file is opened."""


def open_shared(path: Path, schema: str, *, busy_s: float) -> sqlite3.Connection:
    """Open or make a file, readable by its owner alone, write-ahead logged, in autocommit mode.

    Args:
        path: the file; its folder is made.
        schema: statements that may be repeated.
        busy_s: longest wait of each later statement for other processes, in seconds.

    Raises:
        OSError: the file cannot be made.
        sqlite3.Error: it is not a database, or stays locked.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    db = sqlite3.connect(path, timeout=_OPENING_S, isolation_level=None, check_same_thread=False)
    try:
        _write_ahead(db)
        db.executescript(schema)
        db.execute(f"PRAGMA busy_timeout = {round(busy_s * 1000)}")
    except BaseException:
        db.close()
        raise
    return db


def _write_ahead(db: sqlite3.Connection) -> None:
    """Turn on the write-ahead log. SQLite never waits for this one lock, whatever its time-out: two that begin together meet in it."""
    end = time.monotonic() + _OPENING_S
    while True:
        try:
            db.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as exc:
            if exc.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > end:
                raise
            time.sleep(0.005)
        else:
            return
