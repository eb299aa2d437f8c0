"""Processes that open one file at the same moment all get it."""

from __future__ import annotations

import sqlite3
import stat
import threading

import pytest

from routerkit.wal import open_shared

SCHEMA = "CREATE TABLE IF NOT EXISTS seen (pid INTEGER);"


def test_it_waits_for_another_that_writes_its_first_page(tmp_path):
    path = tmp_path / "file.sqlite"
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")  # before the log exists, SQLite itself refuses at once what meets this lock
    threading.Timer(0.1, other.execute, ["ROLLBACK"]).start()
    db = open_shared(path, SCHEMA, busy_s=0.0)
    assert ("wal",) == db.execute("PRAGMA journal_mode").fetchone()
    db.close()
    other.close()


def test_it_is_its_owners_and_write_ahead_logged(tmp_path):
    path = tmp_path / "new" / "file.sqlite"
    db = open_shared(path, SCHEMA, busy_s=0.25)
    assert 0o600 == stat.S_IMODE(path.stat().st_mode)
    assert ("wal", 250) == (db.execute("PRAGMA journal_mode").fetchone()[0], db.execute("PRAGMA busy_timeout").fetchone()[0])
    db.close()


def test_what_is_no_database_is_an_error_at_once(tmp_path):
    path = tmp_path / "file.sqlite"
    path.write_bytes(b"not a database, and longer than a header of one" * 9)
    with pytest.raises(sqlite3.DatabaseError, match="not a database"):
        open_shared(path, SCHEMA, busy_s=0.25)
