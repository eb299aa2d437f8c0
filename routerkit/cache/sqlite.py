"""Answers of one machine, in a SQLite file that any number of processes share."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from routerkit.cache.shelf import Shelf
from routerkit.errors import ConfigError, StateError
from routerkit.wal import open_shared

_HEADER: Final = b"SQLite format 3\0"
_SCHEMA: Final = """
    CREATE TABLE IF NOT EXISTS answers (key TEXT PRIMARY KEY, expires_at REAL NOT NULL, body BLOB NOT NULL);
    CREATE INDEX IF NOT EXISTS answers_by_expiry ON answers (expires_at);"""
_SWEEP_EVERY: Final = 256
"""Puts between two looks for what has expired or is too much."""


class SqliteShelf(Shelf):
    """A shelf in a file, readable by its owner alone. A file that gets damaged is set aside and begun anew: it is only a cache."""

    def __init__(self, path: Path, *, max_bytes: int = 1024**3, now: Callable[[], float] = time.time) -> None:
        """Open or make the file.

        Raises:
            StateError: it cannot be opened.
        """
        self._path, self._max_bytes, self._now = path, max_bytes, now
        self._n_puts = 0
        try:
            self._db = self._open()
        except (OSError, sqlite3.OperationalError) as exc:
            raise StateError(f"{path}: {exc}") from exc
        except sqlite3.DatabaseError:
            self._begin_anew()

    def get(self, key: str) -> bytes | None:
        """As `Shelf.get`."""
        rows = self._do("SELECT body FROM answers WHERE key = ? AND expires_at > ?", (key, self._now()))
        return bytes(rows[0][0]) if rows else None

    def put(self, key: str, data: bytes, expires_at: float) -> None:
        """As `Shelf.put`."""
        self._do("INSERT OR REPLACE INTO answers VALUES (?, ?, ?)", (key, expires_at, data))
        self._n_puts += 1
        if self._n_puts % _SWEEP_EVERY == 0:
            self._sweep()

    def drop(self, key: str) -> None:
        """As `Shelf.drop`."""
        self._do("DELETE FROM answers WHERE key = ?", (key,))

    def close(self) -> None:
        """As `Shelf.close`."""
        self._db.close()

    def _sweep(self) -> None:
        """Drop what has expired; when the rest is too much, the tenth of it that expires first."""
        self._do("DELETE FROM answers WHERE expires_at <= ?", (self._now(),))
        ((pages, free, page_bytes),) = self._do("SELECT * FROM pragma_page_count, pragma_freelist_count, pragma_page_size", ())
        if (pages - free) * page_bytes > self._max_bytes:
            first = "SELECT key FROM answers ORDER BY expires_at LIMIT (SELECT 1 + count(*) / 10 FROM answers)"
            self._do(f"DELETE FROM answers WHERE key IN ({first})", ())  # noqa: S608  a constant

    def _do(self, sql: str, values: tuple[object, ...]) -> list[Any]:
        try:
            return self._db.execute(sql, values).fetchall()
        except sqlite3.OperationalError as exc:
            raise StateError(f"{self._path}: {exc}") from exc
        except sqlite3.DatabaseError as exc:
            self._db.close()
            self._begin_anew()
            raise StateError(f"{self._path}: {exc}; it was set aside and begun anew") from exc

    def _open(self) -> sqlite3.Connection:
        db = open_shared(self._path, _SCHEMA, busy_s=1.0)
        db.execute("PRAGMA synchronous = OFF")  # a power cut may cost answers, which can be asked for again
        return db

    def _begin_anew(self) -> None:
        try:
            self._path.replace(self._path.with_name(f"{self._path.name}.bad"))
            for suffix in ("-wal", "-shm"):
                self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)
            self._db = self._open()
        except (OSError, sqlite3.Error) as exc:
            raise StateError(f"{self._path}: {exc}") from exc


def check_place(path: Path) -> None:
    """Find what would keep answers from being stored there, and files of somebody else.

    Raises:
        ConfigError: it cannot be used.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        with path.open("rb") as file:
            begin = file.read(len(_HEADER))
    except OSError as exc:
        raise ConfigError(f"{path}: cannot keep answers there ({exc.strerror or exc}); choose a folder you may write to") from exc
    if begin not in {b"", _HEADER}:
        raise ConfigError(f"{path}: is another file, not a cache; choose a new name")
