"""Where answers outlive a process: files and Redis, also when they are damaged or away."""

from __future__ import annotations

import os
import sqlite3
import stat
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from routerkit import Reply, ToolCall, Usage
from routerkit.cache import AnswerCache
from routerkit.cache.entry import Entry, from_bytes, to_bytes
from routerkit.cache.redis import RedisShelf
from routerkit.cache.shelf import Shelf, ShelfThread
from routerkit.cache.sqlite import SqliteShelf, check_place
from routerkit.cache.wish import key_of
from routerkit.errors import ConfigError, StateError
from routerkit.testing import FakeClock
from tests.state.redis_server import RedisServer, find_program
from tests.unit.test_cache import ASK, here


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    program = find_program()
    if program is None:
        pytest.skip("no redis-server or valkey-server here")
    with RedisServer(program, tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture(params=["sqlite", "redis"])
def shelf(request, tmp_path) -> Iterator[Shelf]:
    made = SqliteShelf(tmp_path / "cache.sqlite") if request.param == "sqlite" else RedisShelf(request.getfixturevalue("redis").url)
    yield made
    made.close()


def test_shelf_keeps_replaces_drops_and_forgets(shelf):
    assert shelf.get("k") is None
    shelf.put("k", b"one", 4e9)
    shelf.put("k", b"two", 4e9)
    assert b"two" == shelf.get("k")
    shelf.drop("k")
    assert shelf.get("k") is None
    shelf.put("k", b"old", 1.0)
    wait = threading.Event()
    for _ in range(100):
        if shelf.get("k") is None:
            break
        wait.wait(0.01)  # Redis forgets after at least a thousandth of a second
    assert shelf.get("k") is None


def test_entry_survives_being_written():
    reply = Reply(
        "tëxt", (ToolCall("i", "n", "{}"),), "stop", Usage(1, 2, 3), "m", "r", extra={"a": [1]}, target="t", record_id="x", verified=True
    )
    assert Entry(reply, 1.5, 2.5) == from_bytes(to_bytes(Entry(reply, 1.5, 2.5)))


@pytest.mark.parametrize("data", [b"", b"nonsense", b"[]", b"{}", b"\xff", to_bytes(Entry(Reply("x"), 1, 2)).replace(b'"x"', b"7")])
def test_what_is_no_entry_is_a_value_error(data):
    with pytest.raises(ValueError):
        from_bytes(data)


def with_file(path: Path):
    """A router, fresh as after a restart, on this file."""
    one = here()
    one.cache = AnswerCache(shelf=ShelfThread(lambda: SqliteShelf(path)))
    one.router.remember(one.cache)
    return one


def test_answers_survive_a_restart(tmp_path, call):
    for n_asked in (1, 0):
        one = with_file(tmp_path / "cache.sqlite")
        assert "fine words" == call(one.router, ASK).text
        one.router.close()
        assert n_asked == len(one.provider.requests)


def test_file_is_its_owners_alone(tmp_path):
    one = with_file(tmp_path / "cache.sqlite")
    one.router.complete(ASK)
    one.router.close()
    assert 0o600 == stat.S_IMODE((tmp_path / "cache.sqlite").stat().st_mode)


def test_damaged_entry_is_a_miss_and_is_replaced(tmp_path):
    """S5."""
    path = tmp_path / "cache.sqlite"
    key = key_of(ASK, here().router.state)
    shelf = SqliteShelf(path)
    shelf.put(key, b"damaged", 4e9)
    shelf.close()
    one = with_file(path)
    assert "fine words" == one.router.complete(ASK).text
    one.router.close()
    with sqlite3.connect(path) as db:
        assert [(key,)] == db.execute("SELECT key FROM answers WHERE CAST(body AS TEXT) LIKE '%fine words%'").fetchall()
    db.close()


def test_damaged_file_is_set_aside_and_begun_anew(tmp_path, caplog):
    """S5: after one warning it is a cache again."""
    path = tmp_path / "cache.sqlite"
    path.write_bytes(b"SQLite format 3\0" + b"x" * 5_000)
    for _ in range(2):
        one = with_file(path)
        assert "fine words" == one.router.complete(ASK).text
        one.router.close()
    assert 0 == len(one.provider.requests)
    assert (tmp_path / "cache.sqlite.bad").exists()


def test_redis_that_is_away_is_a_miss_that_is_said_once(caplog):
    one = here()
    thread = ShelfThread(lambda: RedisShelf("redis://127.0.0.1:1/0"))
    one.router.remember(AnswerCache(shelf=thread))
    for n in range(3):
        assert "fine words" == one.router.complete(replace(ASK, max_tokens=n + 1)).text
    one.router.close()
    assert ["answers are cached by this process alone: Redis is away"] == [r.getMessage() for r in caplog.records]


def test_file_does_not_grow_without_bound(tmp_path):
    shelf = SqliteShelf(tmp_path / "cache.sqlite", max_bytes=200_000)
    for n in range(1_024):
        shelf.put(f"k{n}", b"x" * 1_000, 4e9 + n)
    assert shelf.get("k0") is None
    assert shelf.get("k1023")
    assert (tmp_path / "cache.sqlite").stat().st_size < 1_000_000
    shelf.close()


def test_expired_rows_are_swept(tmp_path):
    clock = FakeClock()
    shelf = SqliteShelf(tmp_path / "cache.sqlite", now=clock)
    for n in range(255):
        shelf.put(f"k{n}", b"x", 1_001.0)
    clock.now_s = 2_000.0
    shelf.put("last", b"x", 3_000.0)
    with sqlite3.connect(tmp_path / "cache.sqlite") as db:
        assert (1,) == db.execute("SELECT count(*) FROM answers").fetchone()
    db.close()
    shelf.close()


def test_somebody_elses_file_is_refused_and_left_alone(tmp_path):
    (tmp_path / "notes.txt").write_text("dear diary, today was a fine day")
    with pytest.raises(ConfigError, match="another file"):
        check_place(tmp_path / "notes.txt")
    assert "dear diary" in (tmp_path / "notes.txt").read_text()


def test_unusable_place_is_a_state_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StateError):
        SqliteShelf(tmp_path / "file" / "cache.sqlite")


def test_forked_child_opens_the_file_anew(tmp_path):
    one = with_file(tmp_path / "cache.sqlite")
    one.router.complete(ASK)
    pid = os.fork()
    if pid == 0:
        ok = one.router.complete(replace(ASK, max_tokens=9)).text == "fine words"
        one.router.close()
        os._exit(0 if ok else 1)
    assert 0 == os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    one.router.close()
    again = with_file(tmp_path / "cache.sqlite")
    again.router.complete(replace(ASK, max_tokens=9))
    again.router.close()
    assert 0 == len(again.provider.requests)


class Hanging(Shelf):
    """A shelf on a disk that does not answer."""

    def __init__(self, until: threading.Event) -> None:
        self._until = until

    def get(self, key: str) -> bytes | None:
        self._until.wait(10)
        return None

    def put(self, key: str, data: bytes, expires_at: float) -> None:
        self._until.wait(10)

    def drop(self, key: str) -> None: ...

    def close(self) -> None: ...


@pytest.mark.parametrize(("timeout_s", "least_s", "left_s"), [(60.0, 55.0, 59.75), (0.4, 0.0, 0.2)])  # a busy machine is late, too
def test_shelf_that_hangs_costs_a_quarter_of_a_second_or_half_of_what_there_is_and_it_counts(call, timeout_s, least_s, left_s):
    gone, one = threading.Event(), here()
    one.router.remember(AnswerCache(shelf=ShelfThread(lambda: Hanging(gone))))
    call(one.router, replace(ASK, timeout_s=timeout_s))
    gone.set()
    assert least_s < one.provider.requests[0].timeout_s <= left_s
