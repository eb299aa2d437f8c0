"""What a process owes is read as it was last noted, by the same boot, or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from routerkit.state import owed
from routerkit.state.interface import Account
from routerkit.state.owed import OwedFile

ONE, OTHER = Account("agent:planner", "2027-01-15"), Account("agent:plann", "er2027-01-15")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.sqlite-owed" / "17-ab"


def test_last_note_counts(path: Path) -> None:
    file = OwedFile(path)
    file.note(ONE, 5)
    file.note(OTHER, 2**40)
    file.note(ONE, 7)
    assert (7, 2**40) == (owed.owed(path, ONE), owed.owed(path, OTHER))
    assert (0o600, 0o700) == (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777)


def test_account_never_noted_or_forgotten_is_unknown(path: Path) -> None:
    file = OwedFile(path)
    file.note(ONE, 5)
    file.forget(ONE)
    file.forget(ONE)
    assert (None, None) == (owed.owed(path, ONE), owed.owed(path, OTHER))


def test_file_of_another_boot_or_none_is_unknown(path: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """After a power cut its pages may be older than the database."""
    OwedFile(path).note(ONE, 5)
    (tmp_path / "boot_id").write_text("another")
    monkeypatch.setattr(owed, "_BOOT", tmp_path / "boot_id")
    assert owed.owed(path, ONE) is None
    monkeypatch.setattr(owed, "_BOOT", tmp_path / "missing")
    assert owed.owed(path, ONE) is None
    assert owed.owed(path.with_name("nobody"), ONE) is None


def test_what_finds_no_room_is_unknown(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(owed, "_N_SLOTS", 1)
    file = OwedFile(path)
    file.note(ONE, 5)
    file.note(OTHER, 6)
    assert (5, None) == (owed.owed(path, ONE), owed.owed(path, OTHER))
    file.forget(ONE)
    file.note(OTHER, 6)
    assert 6 == owed.owed(path, OTHER)
