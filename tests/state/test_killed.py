"""A process is killed between any two of its steps: money and rows agree all the same, and no call under way is without a row."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from routerkit.budget import Budgets, Purse, Subject
from routerkit.errors import StateError
from routerkit.state.estate import opened, read_estate
from routerkit.state.interface import Account, Facts, Lost, StateStore
from routerkit.state.leases import LEASE_S, Claim, Hold, Leases, Shortage
from routerkit.state.notes import Notes
from routerkit.state.owed import OwedFile
from routerkit.state.redis import RedisStore
from routerkit.state.sqlite import SqliteStore, notes_beside
from routerkit.store import CALLS, SegmentWriter, connect_readonly, query, record_lost
from routerkit.testing import ScriptedProvider, make_request, make_router, make_target
from tests.state.conftest import UNIX, Hands

NOW = datetime.fromtimestamp(UNIX, UTC)
TODAY = f"{NOW:%Y-%m-%d}"
PLANNER, POOL = Account("agent:planner", TODAY), Account("pool:pool", TODAY)
CLAIMS = (Claim(PLANNER.name, 10_000_000), Claim(POOL.name, 20_000_000))
CHEAP, DEAR = make_target("cheap", usd=100.0), make_target("dear", usd=1_000.0)


class Watched(OwedFile):
    """Calls `seen` after every single write."""

    seen: Callable[[], None] = staticmethod(lambda: None)

    def note(self, *args, **options):
        super().note(*args, **options)
        self.seen()

    def begin(self, *args):
        slot = super().begin(*args)
        self.seen()
        return slot

    def amend(self, *args):
        super().amend(*args)
        self.seen()

    def end(self, *args):
        super().end(*args)
        self.seen()


class WatchedStore(SqliteStore):
    """Calls `seen` after every step, too."""

    seen: Callable[[], None] = staticmethod(lambda: None)

    def owed(self, holder):
        file = Watched(self._notes._folder / holder, self._notes._ledger)
        file.seen = lambda: self.seen()  # noqa: PLW0108  set later
        return file

    def draw(self, *args, **options):
        grant = super().draw(*args, **options)
        self.seen()
        return grant

    def book(self, *args, **options):
        standing = super().book(*args, **options)
        self.seen()
        return standing


def in_file(folder: Path, kind: type[SqliteStore] = SqliteStore, hands: Hands | None = None, **options) -> SqliteStore:
    """A store, with notes that tell as much as the options say."""
    path = folder / "state.sqlite"
    return kind(path, hands or Hands(), notes=Notes(notes_beside(path), **options))


class Autopsy:
    """What an heir would find, were the process killed now."""

    def __init__(self, folder: Path, recorded: dict[str, int]) -> None:
        self._folder, self._recorded, self.n_looks, self.n_lost = folder, recorded, 0, 0

    def __call__(self) -> None:
        self.n_looks += 1
        copy = self._folder / f"copy{self.n_looks}"
        copy.mkdir()
        with sqlite3.connect(self._folder / "state.sqlite") as source, sqlite3.connect(copy / "state.sqlite") as target:
            source.backup(target)
        shutil.copytree(self._folder / "state.sqlite-owed", copy / "state.sqlite-owed")
        lost: list[Lost] = []
        heir = in_file(copy, bury=lost.append)
        heir.lapse(UNIX)
        rows = {t.facts.record_id: 0 for found in lost for t in found.tried}
        for tried in (t for found in lost for t in found.tried):
            rows[tried.facts.record_id] += tried.micros
        self.n_lost += bool(rows)
        expected = sum((rows | self._recorded).values())
        assert [(expected, 0)] * 2 == [heir.standing(account, "")[:2] for account in (PLANNER, POOL)]
        heir.close()


@pytest.fixture
def killed(tmp_path: Path) -> Iterator[tuple[Leases, dict[str, int], Autopsy]]:
    """A process on a watched store; what it has recorded, and who looks after every step."""
    recorded: dict[str, int] = {}
    autopsy = Autopsy(tmp_path, recorded)
    store = in_file(tmp_path, WatchedStore, ledger=tmp_path / "led")
    leases = Leases(store, now=Hands())
    leases._be_known(leases._loans.loan(CLAIMS[0], TODAY))
    store.seen = autopsy
    yield leases, recorded, autopsy
    store.close()


def call(leases: Leases, number: int) -> tuple[str, Purse]:
    """Money of a call, and the id of its record."""
    request = replace(make_request("x" * 35), agent="planner", max_tokens=100)
    decision = make_router({"a": ScriptedProvider([])}).decide(request)
    decision = replace(decision, id=f"record{number}", at=NOW)
    return decision.id, Purse(leases, CLAIMS, decision.features, lambda: NOW, Subject((request, decision)))


def test_books_are_those_of_the_rows_wherever_a_process_is_killed(killed):
    """Two calls at once, one of them failing over, hedged and checked; booked in between."""
    leases, recorded, autopsy = killed
    (first, purse), (second, other) = call(leases, 1), call(leases, 2)
    assert purse.reserve(CHEAP) is None
    assert other.reserve(DEAR) is None
    leases.tick()
    purse.settle(0.002)
    assert purse.reserve(DEAR) is None
    twin = purse.another()
    assert twin.reserve(CHEAP) is None
    leases.tick()
    twin.settle(0.001)
    purse.settle(0.05)
    purse.charge(0.003)
    recorded[first] = 56_000
    autopsy()
    purse.close()
    leases.tick()
    other.settle(None)
    recorded[second] = 111_000
    other.close()
    leases.tick()
    leases.close()
    assert (167_000, 0) == leases.store.standing(PLANNER, "")[:2]
    assert autopsy.n_looks > 30
    assert autopsy.n_lost > 15


def test_attempt_that_never_began_leaves_no_row(killed):
    leases, _, autopsy = killed
    _, purse = call(leases, 1)
    purse.reserve(CHEAP)
    purse.release()
    before = autopsy.n_lost
    autopsy()
    assert before == autopsy.n_lost


def test_notes_go_once_nothing_is_owed_any_more(tmp_path):
    """What is still set aside at the end counts if the process dies."""
    leases = Leases(in_file(tmp_path, ledger=tmp_path / "led"), now=Hands())
    _, purse = call(leases, 1)
    purse.reserve(CHEAP)
    leases.close()
    assert 1 == len(list((tmp_path / "state.sqlite-owed").iterdir()))
    purse.close()
    leases.close()
    assert [] == list((tmp_path / "state.sqlite-owed").iterdir())
    assert leases._owed is None


def test_lease_that_cannot_be_renewed_pays_nothing(tmp_path):
    """Others may have ended it, and counted what it owed."""

    class Away(SqliteStore):
        is_away = False

        def book(self, *args, **options):
            if self.is_away:
                raise StateError("locked")
            return super().book(*args, **options)

    hands = Hands()
    store = in_file(tmp_path, Away, hands, ledger=tmp_path / "led")
    leases = Leases(store, now=hands)
    assert isinstance(leases.reserve(CLAIMS[:1], 100, TODAY), Hold)
    hands.now += LEASE_S
    store.is_away = True
    assert Shortage(PLANNER.name, CLAIMS[0].limit - 100, "its lease could not be renewed") == leases.reserve(CLAIMS[:1], 1, TODAY)
    store.is_away = False
    assert isinstance(leases.reserve(CLAIMS[:1], 1, TODAY), Hold)


def test_process_that_lives_is_not_inherited(tmp_path):
    """However long it did nothing: its notes stay, and so does what they are worth should it die later."""
    lost: list[Lost] = []
    hands = Hands()
    store = in_file(tmp_path, hands=hands, ledger=tmp_path / "led", bury=lost.append)
    leases = Leases(store, now=hands)
    _, purse = call(leases, 1)
    purse.reserve(CHEAP)
    hands.now += 3_600
    store.lapse(hands.now)
    assert [] == lost
    assert 1 == len(list((tmp_path / "state.sqlite-owed").iterdir()))


@pytest.fixture(params=["sqlite", "redis"])
def opened_again(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[..., StateStore]:
    """Opens the same store for another process."""
    if request.param == "sqlite":
        return lambda **options: in_file(tmp_path, **options)
    url = request.getfixturevalue("redis_url")
    return lambda **options: RedisStore(url, now=Hands(), notes=Notes(tmp_path / "redis-owed", **options))


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    return tmp_path / "led"


def left_by_the_dead(opened_again: Callable[..., StateStore], ledger: Path) -> None:
    """A process dies with two attempts of one call noted."""
    leases = Leases(opened_again(ledger=ledger), now=Hands())
    _, purse = call(leases, 1)
    purse.reserve(CHEAP)
    purse.settle(0.002)
    purse.reserve(DEAR)
    leases._owed.leave()


def test_call_of_a_dead_process_gets_its_row_once(opened_again, ledger):
    """Also if the first who found it died after writing the row."""

    def die(lost: Lost) -> None:
        record_lost(lost)
        raise OSError("killed")

    left_by_the_dead(opened_again, ledger)
    with pytest.raises(StateError, match="2 attempts of a process that died cannot be recorded"):
        opened_again(bury=die).lapse(UNIX)
    assert 1 == len(query(ledger, "FROM calls").rows)
    heir = opened_again(bury=record_lost)
    heir.lapse(UNIX)
    heir.lapse(UNIX)
    (row,) = query(ledger, "FROM calls").as_dicts()
    assert ("record1", "lost", "lost", "dear", 2) == tuple(row[c] for c in ("record_id", "status", "error_code", "target", "n_attempts"))
    assert (NOW.replace(tzinfo=None), "planner", True) == (row["called_at"], row["agent"], row["usage_estimated"])
    assert (113_000, 113_000) == (round(row["cost_usd"] * 1e6), heir.standing(PLANNER, "").spent)


@pytest.mark.parametrize(("usd", "last_usd", "sum_usd"), [(1_000.0, None, None), (None, None, None), (0.0, 0.0, 0.002)])
def test_call_that_no_budget_pays_for_gets_its_row_at_unknown_cost(opened_again, ledger, usd, last_usd, sum_usd):
    """What it may have cost at most would be a guess, and a dear one. The attempt that had ended is known."""
    leases = Leases(opened_again(ledger=ledger), now=Hands())
    request = make_request("x" * 35)
    decision = replace(make_router({"a": ScriptedProvider([])}).decide(request), id="record1", at=NOW)
    purse = Purse(leases, (), decision.features, lambda: NOW, Subject((request, decision)))
    assert purse.reserve(DEAR) is None
    purse.settle(0.002)
    assert purse.reserve(make_target("last", usd=usd)) is None
    leases._owed.leave()
    opened_again(bury=record_lost).lapse(UNIX)
    (row,) = query(ledger, "FROM calls").as_dicts()
    assert (2, "last", sum_usd) == (row["n_attempts"], row["target"], row["cost_usd"])
    assert [0.002, last_usd] == [a["cost_usd"] for a in json.loads(row["attempts"])]


@pytest.mark.parametrize(("has_ledger", "is_noted"), [(True, True), (False, False)])
def test_calls_without_a_budget_are_noted_where_somebody_would_record_them(tmp_path, has_ledger, is_noted):
    store = in_file(tmp_path, ledger=tmp_path / "led" if has_ledger else None)
    request = make_request()
    purse = Budgets(lambda: NOW, store).purse((), request, make_router({"a": ScriptedProvider([])}).decide(request))
    assert is_noted == (purse is not None)


def test_note_of_a_call_says_all_that_its_row_will(tmp_path, ledger):
    """A budget pays, and the store records what was lost."""
    budgets = Budgets(lambda: NOW, in_file(tmp_path, ledger=ledger))
    request = replace(make_request("refactor this"), agent="planner", key="k1", session="s1", max_tokens=100)
    decision = replace(make_router({"a": ScriptedProvider([])}).decide(request), id="record1", at=NOW - timedelta(seconds=5))
    purse = budgets.purse(CLAIMS[:1], request, decision)
    assert purse.reserve(CHEAP) is None
    purse.settle(0.002)
    purse.charge(0.001)
    budgets.leases._owed.leave()
    lost: list[Lost] = []
    in_file(tmp_path, bury=lost.append).lapse(UNIX)
    tokens = str(decision.features.input_tokens)
    facts = Facts(UNIX - 5, UNIX, "record1", "cheap", "cheap-model", tokens, "pool", "planner", "k1", "refactor", "fallback", "s1")
    of_check = facts._replace(target="", model="")
    assert [(facts, 2_000), (of_check, 1_000)] == [tuple(tried) for tried in lost[0].tried]


def test_call_that_no_budget_pays_for_goes_on_where_nothing_can_be_noted(tmp_path):
    (tmp_path / "state.sqlite-owed").write_text("in the way")
    leases = Leases(in_file(tmp_path, ledger=tmp_path / "led"), now=Hands())
    purse = Purse(leases, (), make_router({"a": ScriptedProvider([])}).decide(make_request()).features, lambda: NOW)
    assert purse.reserve(DEAR) is None
    purse.settle(0.002)
    purse.close()


def test_row_that_was_written_before_the_end_stays_the_only_one(opened_again, ledger):
    """Killed after its row and before its notes were gone; whether the row is ingested already or not."""
    left_by_the_dead(opened_again, ledger)
    lost: list[Lost] = []
    opened_again(bury=lost.append).lapse(UNIX)
    writer = SegmentWriter(ledger, CALLS.name)
    writer.append({"record_id": "record1", "status": "ok"})
    writer.flush()
    record_lost(lost[0])
    with connect_readonly(ledger) as live:
        assert (("ok",),) == live.query("SELECT status FROM calls").rows
    writer.close()
    assert (("ok",),) == query(ledger, "SELECT status FROM calls").rows
    record_lost(lost[0])
    assert (("ok",),) == query(ledger, "SELECT status FROM calls").rows


def test_forked_child_does_not_keep_a_dead_parent_alive(tmp_path):
    """It has the parent's file open, and with it the parent's lock."""
    leases = Leases(in_file(tmp_path, ledger=tmp_path / "led"), now=Hands())
    _, purse = call(leases, 1)
    purse.reserve(CHEAP)
    (ready, tell), (wait, end) = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        leases.after_fork()
        os.write(tell, b"x")
        os.read(wait, 1)
        os._exit(0)
    os.read(ready, 1)
    leases._owed.leave()  # as the parent's death does
    with opened(next((tmp_path / "state.sqlite-owed").iterdir())) as estate:
        is_dead = estate is not None
    os.write(end, b"x")
    os.waitpid(child, 0)
    assert is_dead


def test_call_that_ends_in_a_forked_child_frees_nobody_elses_note(tmp_path):
    """It was noted by the parent; the child has a file of its own by then."""
    leases = Leases(in_file(tmp_path, ledger=tmp_path / "led"), now=Hands())
    (_, of_parent), (_, of_child), (_, last) = (call(leases, number) for number in (1, 2, 3))
    of_parent.reserve(CHEAP)
    leases.after_fork()
    of_child.reserve(CHEAP)
    of_parent.settle(0.001)
    of_parent.close()
    last.reserve(CHEAP)
    (lost,) = [found for path in (tmp_path / "state.sqlite-owed").iterdir() if len((found := read_estate(path).lost("")).tried) == 2]
    assert ["record2", "record3"] == sorted(tried.facts.record_id for tried in lost.tried)


def test_lease_that_lapsed_on_another_machine_is_put_right_by_an_heir_on_this_one(redis_url, tmp_path, ledger):
    """Elsewhere nobody knows what was owed, so all of it counts, until somebody here reads the notes."""
    here = RedisStore(redis_url, now=Hands(), notes=Notes(tmp_path / "redis-owed", ledger=ledger, bury=record_lost))
    left_by_the_dead(lambda **_: here, ledger)
    leased = here.standing(PLANNER, "").leased
    RedisStore(redis_url, now=Hands()).lapse(UNIX + 61)
    assert (leased, 0) == here.standing(PLANNER, "")[:2]
    for _ in range(2):
        here.lapse(UNIX)
    assert (113_000, 0) == here.standing(PLANNER, "")[:2]
