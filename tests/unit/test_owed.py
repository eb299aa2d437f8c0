"""What a process owes is read as it was last noted, by the same boot, or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from routerkit.state import owed
from routerkit.state.estate import opened, read_estate
from routerkit.state.interface import Account, Facts
from routerkit.state.owed import OwedFile

ONE, OTHER = Account("agent:planner", "2027-01-15"), Account("agent:plann", "er2027-01-15")
FACTS = Facts(1_800_000_000.25, 1_800_000_001.5, "r1", "a", "m", "7", "pool", "planner", "", "", "p", "s" * 1_000)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.sqlite-owed" / "17-ab"


def found(path: Path, n_booked: int = 0) -> tuple[int | None, int | None]:
    """What is owed on the two accounts."""
    estate = read_estate(path)
    return estate.owed(ONE, n_booked), estate.owed(OTHER, n_booked)


def test_last_note_counts(path: Path) -> None:
    file = OwedFile(path)
    file.note(ONE, 5)
    file.note(OTHER, 2**40)
    file.note(ONE, 7)
    assert (7, 2**40) == found(path)
    assert (0o600, 0o700) == (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777)


def test_account_never_noted_or_forgotten_is_unknown(path: Path) -> None:
    file = OwedFile(path)
    file.note(ONE, 5)
    file.note(OTHER, 6)
    file.forget(OTHER)
    file.forget(OTHER)
    assert (5, None) == found(path)
    file.forget(ONE)
    assert (None, None) == found(path)


def test_what_is_under_way_is_owed_until_its_call_has_ended(path: Path) -> None:
    file = OwedFile(path)
    slot = file.begin(1, (ONE, OTHER), 50, None)
    file.begin(2, (OTHER,), 3, None)
    assert (50, 53) == found(path)
    file.amend(slot, 20)
    assert (20, 23) == found(path)
    file.end(slot)
    assert (0, 3) == found(path)


def test_attempt_that_is_part_of_the_sum_already_counts_once(path: Path) -> None:
    """Killed between two of the notes on its end."""
    file = OwedFile(path)
    file.begin(1, (ONE, OTHER), 50, None)
    file.note(ONE, 50, last=1)
    assert (50, 50) == found(path)


def test_booking_counts_until_the_store_knows_it(path: Path) -> None:
    OwedFile(path).note(ONE, 9, booking=7, number=3)
    assert (9, 2) == (found(path, 2)[0], found(path, 3)[0])


def test_attempts_of_a_lapsed_lease_are_not_owed_again(path: Path) -> None:
    """They were part of what lapsed; the account's slot is not given to another soon."""
    file = OwedFile(path)
    file.begin(1, (ONE,), 50, None)
    file.forget(ONE)
    file.note(OTHER, 1)
    file.note(ONE, 2)
    assert (2, 1) == found(path)


def test_facts_of_attempts_are_kept_as_far_as_there_is_room(path: Path) -> None:
    file = OwedFile(path, path.parents[1] / "led")
    file.begin(1, (ONE,), 50, FACTS.note())
    file.begin(2, (ONE,), 50, None)
    lost = read_estate(path).lost("17-ab")
    assert lost is not None
    (tried,) = lost.tried
    assert (path.parents[1] / "led", 50, FACTS[:-1]) == (lost.ledger, tried.micros, tried.facts[:-1])
    assert 100 < len(tried.facts.session) < 1_000


def test_file_has_all_its_room_from_the_start(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mapped page without room on the disk would end the process that notes in it, not the call."""
    OwedFile(path).note(ONE, 5)
    assert path.stat().st_blocks * 512 >= path.stat().st_size
    monkeypatch.setattr("os.pwrite", lambda *_: 5)
    with pytest.raises(OSError, match="No space left"):
        OwedFile(path.with_name("18-cd"))


def test_process_that_records_nothing_loses_no_calls(path: Path) -> None:
    OwedFile(path).begin(1, (ONE,), 50, FACTS.note())
    assert read_estate(path).lost("17-ab") is None


def test_file_of_another_boot_or_none_is_unknown(path: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """After a power cut its pages may be older than the database."""
    file = OwedFile(path, tmp_path)
    file.note(ONE, 5)
    file.begin(1, (ONE,), 50, FACTS.note())
    (tmp_path / "boot_id").write_text("another")
    monkeypatch.setattr(owed, "_BOOT", tmp_path / "boot_id")
    assert ((None, None), None) == (found(path), read_estate(path).lost("17-ab"))
    monkeypatch.setattr(owed, "_BOOT", tmp_path / "missing")
    assert (None, None) == found(path)
    assert (None, None) == found(path.with_name("nobody"))


def test_account_that_finds_no_room_is_unknown(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(owed, "N_SLOTS", 1)
    file = OwedFile(path)
    file.note(ONE, 5)
    file.note(OTHER, 6)
    assert (5, None) == found(path)
    file.forget(ONE)
    file.note(OTHER, 6)
    assert 6 == found(path)[1]


def test_more_attempts_than_there_is_room_for_make_all_unknown(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Less than is owed must never be read."""
    monkeypatch.setattr(owed, "N_ATTEMPTS", 1)
    file = OwedFile(path)
    slots = [file.begin(number, (ONE,), 50, None) for number in (1, 2)]
    for slot in slots:
        file.amend(slot, 1)
        file.end(slot)
    assert (None, None) == found(path)


def test_more_accounts_than_an_attempt_can_name_make_all_unknown(path: Path) -> None:
    OwedFile(path).begin(1, (ONE, *[Account(f"pool:{n}", ONE.day) for n in range(8)]), 50, None)
    assert (None, None) == found(path)


def test_only_a_dead_process_is_inherited_and_by_one_heir(path: Path) -> None:
    file = OwedFile(path)
    with opened(path) as estate:
        assert estate is None
    file.leave()
    with opened(path) as estate, opened(path) as other:
        assert (True, None) == (estate is not None, other)
    assert not path.exists()


def test_inheritance_that_fails_is_left_for_the_next(path: Path) -> None:
    OwedFile(path).leave()
    with pytest.raises(OSError, match="full"), opened(path):
        raise OSError("full")
    assert path.exists()


def test_forked_child_and_closed_process_leave_nothing_locked(path: Path) -> None:
    file = OwedFile(path)
    file.remove()
    assert not path.exists()
    OwedFile(path).note(ONE, 1)


@pytest.mark.parametrize("n_bytes", [0, 1_064, 5_000, 200_000])
def test_pages_of_another_length_say_nothing(tmp_path, n_bytes):
    """A release before this one kept less, and its file may still lie there."""
    path = tmp_path / "17-ab"
    path.write_bytes(owed.boot() + b"x" * n_bytes)
    assert ((None, None), None) == (found(path), read_estate(path).lost("17-ab"))
