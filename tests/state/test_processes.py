"""Several processes on one store: limits hold for all of them together; one that dies takes only its lease with it."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from routerkit.config.state import open_store
from routerkit.state.interface import Account
from routerkit.state.leases import LEASE_S, Claim, Leases
from tests.state.redis_server import Muted

ROOT = Path(__file__).parents[2]
LIMIT = 200_000
DEAREST = 2_000
"""What a call of a worker sets aside at most: one may be under way, and one settled but not yet told."""
RACER = Account("agent:racer", "2027-01-15")


@pytest.fixture(params=["sqlite", "redis"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where four workers meet."""
    return request.getfixturevalue("redis_url") if request.param == "redis" else f"sqlite:{tmp_path / 'state.sqlite'}"


def start(url: str, n_calls: int, limit: int = LIMIT) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.state.racing", url, str(n_calls), str(limit)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.slow
def test_four_workers_together_keep_budget_and_pace(url):
    """They want about 800 × $0.0005 and 800 requests; there are $0.2 and 30 a minute."""
    began = time.monotonic()
    workers = [start(url, 200) for _ in range(4)]
    answers = [worker.communicate(timeout=60) for worker in workers]
    assert [0] * 4 == [worker.returncode for worker in workers], answers
    spent, admitted = (sum(int(out.splitlines()[-1].split()[i]) for out, _ in answers) for i in (0, 1))
    store = open_store(url, Path())
    assert (spent, 0, 0, 1) == store.standing(RACER, "")
    store.close()
    assert 0.95 * LIMIT < spent <= LIMIT
    assert 30 <= admitted <= 30 * (1 + (time.monotonic() - began) / 60) + 1


@pytest.mark.slow
def test_killed_workers_lease_is_spent_a_minute_later(url):
    """On one machine what it owed is known, to the attempt under way; else nobody knows, and all of the lease is spent."""
    limit = 100 * LIMIT  # so that much is borrowed ahead
    worker, store = start(url, 1_000_000, limit), open_store(url, Path())
    assert worker.stdout is not None
    told = list(itertools.islice(worker.stdout, 120))  # it books every 50 calls
    os.kill(worker.pid, signal.SIGKILL)
    said = "".join(told) + worker.stdout.read()
    worker.communicate(timeout=10)
    before = store.standing(RACER, "")
    lost = store.lapse(time.time() + LEASE_S + 1)
    after = store.standing(RACER, "")
    store.close()
    assert (before.spent + lost, 0) == (after.spent, after.leased)
    assert after.spent <= limit
    spent = int(said[: said.rindex("\n")].splitlines()[-1])
    if url.startswith("redis:"):
        assert before.leased == lost
    else:
        assert spent <= after.spent <= spent + 2 * DEAREST
        assert [] == list(Path(f"{url.removeprefix('sqlite:')}-owed").iterdir())


def test_fork_leaves_the_leases_with_the_parent(tmp_path):
    """A child that took them over would spend the same money twice."""
    store = open_store(f"sqlite:{tmp_path / 'state.sqlite'}", Path())
    leases, claim = Leases(store), Claim(RACER.name, LIMIT)
    leases.reserve([claim], 1_000, RACER.day)
    pid = os.fork()
    if pid == 0:
        store.after_fork()
        leases.after_fork()
        leases.close()
        hold = leases.reserve([claim], 1_000, RACER.day)
        leases.settle(hold, 7)
        leases.close()
        os._exit(0)
    assert 0 == os.waitpid(pid, 0)[1]
    standing = store.standing(RACER, "")
    assert (7, True) == (standing.spent, standing.leased >= 1_000)
    store.close()


def test_router_goes_on_alone_when_redis_dies_and_says_so_once(mortal, caplog):
    """Within the share that was left when it was last seen; what it spent meanwhile is booked when Redis is back."""
    clock = [1_000.0]
    with mortal:
        store = open_store(mortal.url, Path())
        store._clock = lambda: clock[0]
        leases, claim = Leases(store, clock=lambda: clock[0]), Claim(RACER.name, 1_000)
        leases.settle(leases.reserve([claim], 100, RACER.day), 100)
        leases.tick()
        mortal.stop()
        clock[0] += 1
        alone = [leases.reserve([claim], 300, RACER.day) for _ in range(4)]
        assert [300, 300, 300, None] == [getattr(hold, "micros", None) for hold in alone]
        assert "is away" in alone[-1].trouble
        assert "is away" in store.trouble()
        for hold in alone[:3]:
            leases.settle(hold, 50)
        leases.tick()
        mortal.start()
        clock[0] += 2
        leases.tick()
        assert store.trouble() is None
        assert 150 <= store.standing(RACER, "").spent  # this server kept nothing on disk, so only what came after its death
    assert 1 == sum("kept by this process alone" in r.message for r in caplog.records)
    assert 1 == sum("is back" in r.message for r in caplog.records)
    store.close()


@pytest.mark.parametrize("asks_for_more", [False, True])
def test_steps_that_redis_took_after_they_were_given_up_count_once(redis_url, asks_for_more):
    """It hung, or its answer was lost on the way: nobody has heard that it did what it was told."""
    clock = [1_000.0]
    with Muted(redis_url) as server:
        store = open_store(server.url, Path())
        store._clock = lambda: clock[0]
        leases, claim = Leases(store, clock=lambda: clock[0]), Claim(RACER.name, 10_000)
        leases.settle(leases.reserve([claim], 100, RACER.day), 20)
        leases.tick()
        leases.settle(leases.reserve([claim], 100, RACER.day), 50)
        server.is_mute = True
        if asks_for_more:
            leases.settle(leases.reserve([claim], 400, RACER.day), 30)
        leases.tick()
        assert "TimeoutError" in store.trouble()
        server.is_mute = False
        clock[0] += 2
        leases.tick()
        assert store.trouble() is None
        leases.close()
        assert (100 if asks_for_more else 70, 0) == store.standing(RACER, "")[:2]
        store.close()


def test_money_is_never_given_out_on_a_guess(tmp_path):
    """A store that was never seen says nothing about what is left: a budget then refuses, and says why."""
    store = open_store("redis://127.0.0.1:1/0", Path())
    found = Leases(store).reserve([Claim("agent:a", 1_000)], 1, "2027-01-15")
    assert "redis://127.0.0.1:1 is away (ConnectionError)" == found.trouble
    store.close()
