"""Money in a store and in leases on it: never spent twice, never lost, never more than there is."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from routerkit.errors import ConfigError
from routerkit.state.interface import Account, StateStore
from routerkit.state.leases import LEASE_S, Claim, Hold, Leases, Shortage
from routerkit.state.memory import MemoryStore
from routerkit.state.sqlite import KEPT_DAYS, SqliteStore
from tests.state.conftest import UNIX, Hands

PLANNER, DAY = "agent:planner", "2027-01-15"
TODAY = Account(PLANNER, DAY)


def draw(store: StateStore, ask: int, *, least: int | None = None, limit: int = 100, holder: str = "me") -> int:
    return store.draw(TODAY, ask=ask, least=ask if least is None else least, limit=limit, holder=holder, until=UNIX + LEASE_S).micros


def test_store_lends_up_to_the_limit_and_no_further(store):
    assert (60, 0, 40, 0) == (draw(store, 60), draw(store, 50, least=41), draw(store, 50, least=40), draw(store, 1))


def test_booking_turns_lent_money_into_spent_money(store):
    draw(store, 60)
    standing = store.book(TODAY, spent=10, back=30, holder="me", until=UNIX + LEASE_S)
    assert (10, 20, 20, 1) == standing
    assert [(TODAY, 100, 10, 20)] == list(store.accounts(DAY))


def test_what_was_spent_is_not_lent_again(store):
    """Spent and lent together keep to the limit."""
    draw(store, 60)
    store.book(TODAY, spent=60, back=0, holder="me", until=UNIX + LEASE_S)
    assert (0, 40, 0) == (draw(store, 41), draw(store, 50, least=1), draw(store, 1))


def test_leases_of_several_dead_holders_are_spent_together(store):
    draw(store, 10, holder="a")
    draw(store, 20, holder="b")
    store.book(TODAY, spent=0, back=0, holder="a", until=UNIX + LEASE_S)
    assert (30, 0) == (store.lapse(UNIX + LEASE_S + 1), store.lapse(UNIX + LEASE_S + 1))
    assert 30 == store.standing(TODAY, "c").spent


def test_holders_do_not_see_each_others_leases_as_theirs(store):
    draw(store, 60, holder="other")
    draw(store, 30)
    assert (0, 90, 30, 2) == store.standing(TODAY, "me")


def test_money_of_the_dead_counts_as_spent(store):
    draw(store, 60)
    assert (0, 60) == (store.lapse(UNIX + LEASE_S - 1), store.lapse(UNIX + LEASE_S + 1))
    assert (60, 0, 0, 1) == store.standing(TODAY, "me")
    assert store.book(TODAY, spent=5, back=0, holder="me", until=UNIX) is None


def test_correction_counts_once_however_often_it_is_made(store):
    """Nothing is begun for an account that was never used."""
    draw(store, 60)
    store.book(TODAY, spent=60, back=0, holder="me", until=UNIX)
    for _ in range(2):
        store.correct(TODAY, "r1/0", -20)
    store.correct(TODAY, "r1/1", 5)
    assert 45 == store.standing(TODAY, "").spent
    store.correct(TODAY, "r1/0", -30)
    assert 35 == store.standing(TODAY, "").spent
    store.correct(Account("agent:nobody", DAY), "r1/0", 5)
    assert [TODAY] == [line.account for line in store.accounts(DAY)]


def test_lowered_limit_stops_lending(store):
    """What was lent stays lent; nothing is added."""
    draw(store, 60)
    assert 0 == draw(store, 1, limit=50)


def test_money_survives_a_restart(opened):
    draw(first := opened(), 60)
    first.book(TODAY, spent=60, back=0, holder="me", until=UNIX)
    first.close()
    assert (60, 0, 0, 1) == opened().standing(TODAY, "me")


def test_old_days_are_forgotten(store, opened):
    file = opened()
    old = Account(PLANNER, "2026-01-01")
    file.draw(old, ask=1, least=1, limit=1, holder="me", until=UNIX)
    file.book(old, spent=1, back=0, holder="me", until=UNIX)
    draw(file, 5)
    file.lapse(UNIX + KEPT_DAYS)
    assert ((), 1) == (file.accounts(old.day), len(file.accounts(DAY)))


def test_unwritable_place_is_one_line(tmp_path):
    (tmp_path / "taken").write_text("")
    with pytest.raises(ConfigError, match=r"cannot keep state there .* choose a folder you may write to"):
        SqliteStore(tmp_path / "taken" / "state.sqlite")


def test_reservations_within_a_lease_do_not_ask_the_store(hands):
    """Ten small calls after the first large one touch nothing outside this process."""
    asked: list[str] = []

    class Counting(MemoryStore):
        def draw(self, *args, **kwargs):
            asked.append("draw")
            return super().draw(*args, **kwargs)

    leases = Leases(Counting(hands), clock=hands, now=hands)
    claim = Claim(PLANNER, 1_000_000)
    for _ in range(9):
        hold = leases.reserve([claim], 1_000, DAY)
        leases.settle(hold, 900)
    assert ["draw"] == asked


def test_refused_on_one_account_charges_none(hands):
    """A key without money leaves the agent's untouched."""
    leases = Leases(MemoryStore(hands), clock=hands, now=hands)
    rich, poor = Claim(PLANNER, 100), Claim("key:1", 10)
    assert Shortage("key:1", 10) == leases.reserve([rich, poor], 50, DAY)
    assert ((100, PLANNER), (10, poor.name)) == (leases.left((rich,), DAY), leases.left((rich, poor), DAY))


def test_process_that_stood_still_is_not_counted_twice(opened, hands, caplog):
    """Its lease lapsed and is spent; what it settles afterwards was part of that."""
    claim = Claim(PLANNER, 100)
    frozen, other = (Leases(opened(), clock=hands, now=hands) for _ in range(2))
    hold = frozen.reserve([claim], 50, DAY)
    hands.now += LEASE_S + 1
    other.tick()
    frozen.tick()
    frozen.settle(hold, 20)
    frozen.tick()
    spent, leased = opened().standing(TODAY, "")[:2]
    assert 0 == leased
    assert spent in {50, 51}  # what was set aside; where that is not known, with the one micro-dollar that was lent ahead
    assert "stood still" in caplog.text


def test_process_that_stood_still_spends_nothing_of_a_lease_that_others_ended(opened, hands):
    """It goes on before its next tick: what it owed was counted at the end of the lease, so nothing may be added unseen."""
    claim = Claim(PLANNER, 100)
    frozen, other = (Leases(opened(), clock=hands, now=hands) for _ in range(2))
    frozen.settle(frozen.reserve([claim], 30, DAY), 10)
    hands.now += LEASE_S + 1
    other.tick()
    frozen.settle(frozen.reserve([claim], 20, DAY), 20)
    frozen.tick()
    assert 30 <= opened().standing(TODAY, "").spent <= 51


def test_closing_returns_what_was_not_spent(opened, hands):
    leases = Leases(opened(), clock=hands, now=hands)
    leases.settle(leases.reserve([Claim(PLANNER, 1_000)], 500, DAY), 3)
    leases.close()
    assert (3, 0, 0, 1) == opened().standing(TODAY, "")


def test_money_that_came_back_meanwhile_is_not_borrowed_again(hands):
    """Asking for less than nothing would lend less than nothing."""
    store = MemoryStore(hands)
    leases = Leases(store, clock=hands, now=hands)
    leases.settle(leases.reserve([Claim(PLANNER, 1_000)], 500, DAY), 0)
    before = store.standing(TODAY, "")
    assert leases._borrow(leases._loans[TODAY], 100) is None
    assert before == store.standing(TODAY, "")


LIMIT = 1_000


class Money(RuleBasedStateMachine):
    """Three processes on one file; any of them may crash, stand still over midnight, or come back."""

    @initialize()
    def start(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.hands, self.day = Hands(), 1
        self.store = SqliteStore(Path(self.folder.name) / "state.sqlite", self.hands)
        self.workers = [self._worker() for _ in range(3)]
        self.holds: list[tuple[int, str, Hold]] = []
        self.settled: dict[str, int] = {}

    def teardown(self) -> None:
        if hasattr(self, "store"):
            self.store.close()
            self.folder.cleanup()

    @rule(worker=st.integers(0, 2), micros=st.integers(0, 300))
    def reserve(self, worker: int, micros: int) -> None:
        found = self.workers[worker].reserve([Claim(PLANNER, LIMIT)], micros, self.today)
        if isinstance(found, Hold):
            self.holds.append((worker, self.today, found))

    @rule(data=st.data())
    def settle(self, data: st.DataObject) -> None:
        if self.holds:
            worker, day, hold = self.holds.pop(data.draw(st.integers(0, len(self.holds) - 1)))
            spent = data.draw(st.integers(0, hold.micros))
            self.workers[worker].settle(hold, spent)
            self.settled[day] = self.settled.get(day, 0) + spent

    @rule(worker=st.integers(0, 2))
    def tick(self, worker: int) -> None:
        self.hands.now += 1
        self.workers[worker].tick()

    @rule(worker=st.integers(0, 2))
    def crash(self, worker: int) -> None:
        """`kill -9`: nothing is booked, nothing given back."""
        self.holds = [h for h in self.holds if h[0] != worker]
        self.workers[worker] = self._worker()

    @rule()
    def turn_day(self) -> None:
        self.day += 1

    @invariant()
    def nothing_is_overspent(self) -> None:
        """Settled and reserved money of all processes together fits the limit, at every moment."""
        for day in {day for _, day, _ in self.holds} | set(self.settled):
            under_way = sum(hold.micros for _, d, hold in self.holds if d == day)
            assert self.settled.get(day, 0) + under_way <= LIMIT

    @rule()
    def everything_is_accounted_for(self) -> None:
        """Once all have closed and the dead have lapsed, the store knows at least what was settled, and at most the limit."""
        for worker, _, hold in self.holds:
            self.workers[worker].settle(hold, 0)
        self.holds.clear()
        for leases in self.workers:
            leases.close()
        self.store.lapse(self.hands.now + 10 * LEASE_S)
        for day, settled in self.settled.items():
            standing = self.store.standing(Account(PLANNER, day), "")
            assert settled <= standing.spent <= LIMIT
            assert 0 == standing.leased

    @property
    def today(self) -> str:
        return f"2027-01-{self.day:02}"

    def _worker(self) -> Leases:
        return Leases(self.store, clock=self.hands, now=self.hands)


TestMoney = pytest.mark.slow(Money.TestCase)
TestMoney.settings = settings(max_examples=25, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck))
