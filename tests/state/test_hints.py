"""Prompt caches that one worker's call left warm, and what the worker that gets the next turn knows of them."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis import Redis

from routerkit import Request, Usage, hearsay
from routerkit.hearsay import Hearsay
from routerkit.state import redis
from routerkit.state.hints import Hint
from routerkit.state.redis import RedisStore
from routerkit.state.sqlite import SqliteStore
from routerkit.warmth import LIFETIME_S, WarmBoard
from tests.unit.test_warmth import POOL, answered_by_sonnet, record_of, turn, two_targets

NEWS = "what the other worker knows"
READ, UNREAD = Usage(100_000, 100, cached_input_tokens=90_000), Usage(100_000, 100)


class Worker:
    """A router of its own, as in a process of its own, on a store that others use, too."""

    def __init__(self, url: str, usage: Usage = READ) -> None:
        self.store, self.lab = RedisStore(url), two_targets(usage)
        self.router = self.lab.router
        self.router.share(self.store)

    @property
    def last_target(self) -> str | None:
        return self.lab.recorder.records[-1].target

    def has_told(self) -> None:
        """Wait until everything is told: its thread does one thing after the other."""
        self.store.hints.hear(NEWS).result(10)
        self.lab.clock.now_s += 1.0  # that of Redis went on, too


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """This machine may be busy."""
    monkeypatch.setattr(hearsay, "_PATIENCE_S", 10.0)
    monkeypatch.setattr(redis, "ANSWER_S", 10.0)


@pytest.fixture
def hired(redis_url: str, patient: None) -> Iterator[Callable[..., Worker]]:
    """Workers on one Redis."""
    with ExitStack() as stack:

        def hire(usage: Usage = READ) -> Worker:
            made = Worker(redis_url, usage)
            stack.callback(made.router.close)
            return made

        yield hire


def after_sonnet(hired: Callable[..., Worker], request: Request | None = None, *, usage: Usage = READ) -> tuple[Worker, Worker]:
    """Two workers, the first of which has had a conversation's first turn answered by `sonnet`."""
    first, second = hired(), hired(usage)
    first.router.complete(replace(request or turn(), model="pool/sonnet"))
    first.has_told()
    return first, second


def test_next_turn_on_another_worker_stays_where_the_cache_is_warm(hired, call):
    """Alone it would move to the cheaper list price, which costs four times more."""
    _, second = after_sonnet(hired)
    call(second.router, turn(2))
    assert "sonnet" == second.last_target
    assert "warm: saves $0.27" in second.lab.record.decision.candidate("sonnet").note


def test_worker_learns_only_from_calls_so_that_deciding_waits_for_nobody(hired):
    _, second = after_sonnet(hired)
    assert "haiku" == second.router.decide(turn(2)).picked
    second.router.complete(turn(2))
    assert "sonnet" == second.router.decide(turn(3)).picked


@pytest.mark.parametrize("other", [{"session": "other"}, {"session": None}, {"agent": "reviewer"}, {"key": "ab12"}], ids=str)
def test_another_conversation_is_cold(hired, other):
    """The last one is another caller of the gateway, who chose the same name."""
    _, second = after_sonnet(hired)
    assert "haiku" == second.router.complete(turn(2, **other)).target


def test_rewritten_conversation_is_cold(hired):
    _, second = after_sonnet(hired, turn(3))
    assert "haiku" == second.router.complete(turn(2)).target


def test_cache_that_was_found_cold_is_cold_for_all(hired):
    """The second worker's answer read nothing from it, so the first one does not count on it any more."""
    first, second = after_sonnet(hired, usage=UNREAD)
    second.router.complete(turn(2))
    second.has_told()
    assert "haiku" == first.router.complete(turn(3)).target


def test_redis_forgets_when_caches_go_cold_and_learns_no_names(hired, redis_url):
    """Names of sessions may be anything: somebody's address, or a megabyte."""
    after_sonnet(hired, turn(session="secret@example.com " * 50_000, agent="planner"))
    with Redis.from_url(redis_url, decode_responses=True) as client:
        (key,) = [k for k in client.scan_iter() if k.startswith("routerkit:warm:")]
        assert LIFETIME_S - 30 < client.ttl(key) <= LIFETIME_S
        assert len("routerkit:warm:") + 64 == len(key)
        assert ["sonnet"] == list(client.hgetall(key))


def test_hints_count_until_their_time_is_up(redis_url, patient):
    store = RedisStore(redis_url)
    for hint in (Hint("cold", 5_000, 3, 1e-6), Hint("warm", 5_000, 3, 200.0)):
        store.hints.tell("c", hint)
    (heard,) = store.hints.hear("c").result(10)
    assert ("warm", 5_000, 3) == heard[:3]
    assert 190.0 < heard.left_s <= 200.0
    store.close()


def test_call_without_a_session_asks_nobody(hired, call):
    worker, before = hired(), set(threading.enumerate())
    call(worker.router, turn(session=None))
    assert [] == [t.name for t in set(threading.enumerate()) - before if t.name.startswith("routerkit-hints")]


def test_files_keep_no_hints(tmp_path):
    store = SqliteStore(tmp_path / "state.sqlite")
    assert store.hints is None
    store.close()


def test_forked_child_hears_and_tells(hired):
    """Servers load, fork their workers, and the thread stays behind."""
    first, second = after_sonnet(hired, usage=UNREAD)
    pid = os.fork()
    if pid == 0:
        picked = second.router.complete(turn(2, model="pool")).target
        second.has_told()
        os._exit(0 if picked == "sonnet" else 1)
    assert 0 == os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    assert "haiku" == first.router.complete(turn(3)).target  # the child's answer read nothing


def test_own_hints_do_when_redis_is_dead_and_it_says_so(mortal, call, caplog):
    with mortal:
        worker = Worker(mortal.url)
        answered_by_sonnet(worker.lab)
        worker.has_told()
        mortal.stop()
        call(worker.router, turn(2))
        assert "sonnet" == worker.last_target
        assert "is away" in worker.store.trouble()
        worker.router.close()
        mortal.start()
    assert 1 == sum("hints are now kept by this process alone" in r.message for r in caplog.records)


def test_redis_that_hangs_costs_a_call_a_moment(mortal, call):
    """Its answer is waited for a twentieth of a second."""
    with mortal:
        worker = Worker(mortal.url)
        answered_by_sonnet(worker.lab)
        worker.has_told()
        os.kill(mortal.pid, signal.SIGSTOP)
        began = time.monotonic()
        call(worker.router, turn(2))
        assert "sonnet" == worker.last_target
        assert time.monotonic() - began < 2.0  # on a busy machine, too; untold, it would be for ever
        os.kill(mortal.pid, signal.SIGCONT)
        worker.router.close()


def test_call_that_ends_after_its_router_was_closed_ends_well(hired, caplog):
    worker = hired()
    worker.store.close()
    worker.lab.router._warmth.remember(record_of(turn()), POOL)
    assert [] == caplog.records


class Boards:
    """Three workers, and one that sees everything."""

    def __init__(self, url: str) -> None:
        self.stores = [RedisStore(url) for _ in range(3)]
        self.boards = [WarmBoard(time.monotonic) for _ in range(3)]
        self.hearsays = [Hearsay(s.hints, b) for s, b in zip(self.stores, self.boards, strict=True) if s.hints]
        self.alone = WarmBoard(time.monotonic)

    def close(self) -> None:
        for store in self.stores:
            store.close()


turns = st.tuples(
    st.integers(0, 2), st.sampled_from(["sonnet", "haiku"]), st.integers(1, 4), st.sampled_from([500, 2_000, 90_000]), st.booleans()
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(turns, max_size=12))
def test_many_workers_know_what_one_would(redis_server, patient, steps):
    """Whoever answers which turn of a conversation, wherever, and whether its cache was read: the next worker knows all of it."""
    redis_server.empty()
    record, workers = record_of(turn()), Boards(redis_server.url)
    for number, target, n_messages, tokens, is_read in steps:
        request, board = turn(n_messages), workers.boards[number]
        workers.hearsays[number].learn(request)
        assert workers.alone.prefixes(request) == board.prefixes(request)
        usage = Usage(tokens, 5, cached_input_tokens=tokens // 2 if is_read else 0)
        answered = replace(record, request=request, attempts=(replace(record.attempts[0], target=target, usage=usage),))
        board.remember(answered, POOL)
        workers.alone.remember(answered, POOL)
        workers.stores[number].hints.hear(NEWS).result(10)
    workers.close()


def test_what_is_known_here_is_kept_where_it_is_newer():
    """A hint that was long under way, or one that others did not get to see."""
    board = two_targets()
    answered_by_sonnet(board)
    board.router._warmth.adopt(turn(), [Hint("sonnet", 0, 1, LIFETIME_S - 1), Hint("haiku", 9_000, 1, 10.0)])
    assert {"sonnet": 100_000, "haiku": 9_000} == board.router._warmth.prefixes(turn(2))
