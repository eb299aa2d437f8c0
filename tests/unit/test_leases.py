"""Money lent to a process: borrowed a little ahead, returned when idle, spent alone while the store is away, lost with the process."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import Any

import pytest

from routerkit.errors import StateError
from routerkit.state.interface import Account
from routerkit.state.leases import FRESH_S, LEASE_S, Claim, Hold, Leases, Shortage
from routerkit.state.memory import MemoryStore

DAY, LIMIT = "2027-01-15", 10_000
PLANNER = Claim("agent:planner", LIMIT)
AHEAD = LIMIT // 100


class Store(MemoryStore):
    """A store that can be away, as Redis can."""

    may_be_away = True

    def __init__(self) -> None:
        super().__init__(lambda: 0.0)
        self.is_away = False

    def draw(self, *args: Any, **options: Any) -> Any:
        self._answer()
        return super().draw(*args, **options)

    def book(self, *args: Any, **options: Any) -> Any:
        self._answer()
        return super().book(*args, **options)

    def standing(self, *args: Any, **options: Any) -> Any:
        self._answer()
        return super().standing(*args, **options)

    def lapse(self, now: float) -> int:
        self._answer()
        return super().lapse(now)

    def _answer(self) -> None:
        if self.is_away:
            raise StateError("redis://127.0.0.1: connection refused")

    @property
    def line(self) -> tuple[int, int]:
        """Spent and lent today."""
        ((_, _, spent, leased),) = self.accounts(DAY)
        return spent, leased


@dataclass
class Process:
    """A process's leases, on a clock that the test moves."""

    store: Store
    now: float = 1_000.0

    def __post_init__(self) -> None:
        self.leases = Leases(self.store, clock=lambda: self.now, now=lambda: self.now)

    def reserve(self, micros: int, claim: Claim = PLANNER) -> Hold | Shortage:
        return self.leases.reserve([claim], micros, DAY)

    def spend(self, micros: int) -> None:
        hold = self.reserve(micros)
        assert isinstance(hold, Hold), hold
        self.leases.settle(hold, micros)

    @property
    def left(self) -> int:
        return self.leases.left((PLANNER,), DAY)[0]


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def process(store: Store) -> Process:
    return Process(store)


def test_hundred_reservations_are_borrowed_ahead_but_never_more_than_a_hundredth_of_the_day(store: Store, process: Process) -> None:
    rich = Claim("agent:rich", 1_000_000)
    process.reserve(5, rich)
    assert (0, 5 + 100 * 5) == store.line
    Process(store).reserve(1_000, rich)
    assert (0, 505 + 1_000 + 10_000) == store.line


def test_idle_process_returns_what_it_does_not_need_and_a_busy_one_keeps_a_hundredth(store: Store, process: Process) -> None:
    process.spend(1_000)
    process.leases.tick()
    assert (1_000, AHEAD) == store.line
    process.leases.tick()
    assert (1_000, 0) == store.line
    process.leases.tick()
    assert (1_000, 0) == store.line


def test_what_is_reserved_stays_lent_when_the_rest_goes_back(store: Store, process: Process) -> None:
    hold = process.reserve(700)
    process.leases.close()
    assert (0, 700) == store.line
    assert isinstance(hold, Hold)
    process.leases.settle(hold, 300)
    process.leases.close()
    assert (300, 0) == store.line


def test_what_others_spent_is_seen_after_a_second(store: Store, process: Process) -> None:
    assert LIMIT == process.left
    other = Process(store)
    other.spend(4_000)
    other.leases.close()
    process.now += FRESH_S - 0.1
    assert LIMIT == process.left
    process.now += 0.1
    assert LIMIT - 4_000 == process.left


def test_what_is_left_counts_own_reservations_at_once(process: Process) -> None:
    process.reserve(600)
    process.spend(400)
    assert LIMIT - 1_000 == process.left


def test_lease_of_a_dead_process_counts_as_spent_after_a_minute_and_is_reported(store: Store, process: Process, caplog) -> None:
    process.reserve(1_000)
    heir = Process(store)
    heir.now += LEASE_S - 1
    heir.leases.tick()
    assert (0, 1_000 + AHEAD) == store.line
    heir.now += 2
    heir.leases.tick()
    assert (1_000 + AHEAD, 0) == store.line
    assert "$0.001100 lent to processes that died now counts as spent" in caplog.text


def test_living_process_renews_its_lease(store: Store, process: Process) -> None:
    process.reserve(1_000)
    process.now += LEASE_S - 1
    process.leases.tick()
    heir = Process(store)
    heir.now += LEASE_S + 10
    heir.leases.tick()
    assert 0 == store.line[0]


def test_process_that_stood_still_finds_its_lease_spent_and_counts_nothing_twice(store: Store, process: Process, caplog) -> None:
    late = process.reserve(1_000)
    store.lapse(process.now + LEASE_S + 1)
    process.leases.tick()
    assert "the lease on agent:planner lapsed because this process stood still" in caplog.text
    assert isinstance(late, Hold)
    process.leases.settle(late, 1_000)
    process.spend(50)
    process.leases.tick()
    process.leases.tick()
    assert (1_000 + AHEAD + 50, 0) == store.line


def test_lease_that_lapsed_twice_counts_nothing_of_before(store: Store, process: Process) -> None:
    holds = []
    for n in (1, 2, 3):
        holds.append(process.reserve(100))
        store.lapse(process.now + n * (LEASE_S + 1))
        process.leases.tick()
    spent = store.line[0]
    for hold in holds:
        assert isinstance(hold, Hold)
        process.leases.settle(hold, 100)
    process.spend(50)
    process.leases.tick()
    assert LIMIT - spent - 50 == process.left
    assert spent + 50 == store.line[0]


class TestAway:
    def test_process_goes_on_with_its_share_and_no_further(self, store: Store, process: Process) -> None:
        """Two processes halve what was left, so that both together cannot overspend."""
        other = Process(store)
        other.reserve(1_000)
        process.reserve(1_000)
        left = LIMIT - 2 * (1_000 + AHEAD)
        store.is_away = True
        assert isinstance(process.reserve(AHEAD + left // 2), Hold)
        short = process.reserve(1)
        assert isinstance(short, Shortage)
        assert ("agent:planner", "redis://127.0.0.1: connection refused") == (short.name, short.trouble)

    def test_share_is_used_up_bit_by_bit(self, store: Store, process: Process) -> None:
        process.reserve(1_000)
        store.is_away = True
        taken = 0
        while isinstance(process.reserve(500), Hold):
            taken += 500
        assert LIMIT - 1_000 - 500 < taken <= LIMIT - 1_000

    def test_account_never_seen_before_is_not_trusted(self, store: Store, process: Process) -> None:
        """How much others have spent of it nobody here knows."""
        store.is_away = True
        assert isinstance(process.reserve(1), Shortage)

    def test_further_account_gets_its_part_by_the_number_of_processes_last_seen(self, store: Store, process: Process) -> None:
        Process(store).reserve(1_000)
        process.reserve(1_000)
        store.is_away = True
        coder = Claim("agent:coder", LIMIT)
        assert isinstance(process.reserve(LIMIT // 2 + 1, coder), Shortage)
        assert isinstance(process.reserve(LIMIT // 2, coder), Hold)

    def test_store_that_cannot_be_away_means_no_money(self, store: Store, process: Process) -> None:
        process.reserve(10)
        store.is_away, store.may_be_away = True, False
        short = process.reserve(1_000)
        assert isinstance(short, Shortage)
        assert short.trouble

    def test_nothing_spent_meanwhile_is_lost_or_counted_twice(self, store: Store, process: Process) -> None:
        process.spend(300)
        store.is_away = True
        process.spend(2_000)
        for _ in range(2):
            process.leases.tick()
            assert LIMIT - 2_300 == process.left
        store.is_away = False
        process.leases.tick()
        process.leases.tick()
        assert (2_300, 0) == store.line
        assert LIMIT - 2_300 == process.left

    def test_everybody_gets_a_minute_to_renew_once_it_is_back(self, store: Store, process: Process) -> None:
        """Else the first to see it again would declare all others dead."""
        Process(store).reserve(1_000)
        store.is_away = True
        process.now += LEASE_S + 5
        process.leases.tick()
        store.is_away = False
        process.now += LEASE_S - 1
        process.leases.tick()
        assert 0 == store.line[0]
        process.now += 2
        process.leases.tick()
        assert 1_000 + AHEAD == store.line[0]


def test_forked_child_owes_nothing(store: Store, process: Process) -> None:
    process.spend(700)
    process.leases.after_fork()
    process.leases.close()
    assert (0, 700 + AHEAD) == store.line
    assert isinstance(process.reserve(10), Hold)
    process.leases.reserve([PLANNER], 10, "2027-01-17")
    process.leases.reserve([Claim("agent:other", LIMIT)], 0, "2027-01-15")
    process.leases.reserve([PLANNER], 10, "2027-01-18")
    assert Account("agent:other", "2027-01-15") not in process.leases._loans


def test_accounts_of_days_gone_by_are_forgotten_once_all_is_booked(process: Process) -> None:
    process.spend(100)
    process.leases.reserve([PLANNER], 100, "2027-01-16")
    assert Account(PLANNER.name, DAY) in process.leases._loans
    process.leases.tick()
    process.leases.tick()
    process.leases.reserve([PLANNER], 100, "2027-01-17")
    assert Account(PLANNER.name, DAY) not in process.leases._loans
    assert Account(PLANNER.name, "2027-01-16") in process.leases._loans


def test_changed_limit_counts_from_the_next_reservation(process: Process) -> None:
    process.spend(5_000)
    assert isinstance(process.reserve(1_000, Claim(PLANNER.name, 5_500)), Shortage)


@pytest.fixture(autouse=True)
def _warnings_are_seen(caplog) -> None:
    caplog.set_level(logging.WARNING, "routerkit.state.leases")
