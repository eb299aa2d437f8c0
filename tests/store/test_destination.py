"""Where the rows of a folder go, and that nobody can send them elsewhere by mistake."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from routerkit.config import ledger_folder, parse
from routerkit.errors import ConfigError, StoreError
from routerkit.store import SegmentWriter, ingest, query
from routerkit.store.destination import SHARED, Lake, settle, shared_of
from tests.unit.config_text import GOOD

STORE = "ducklake:postgres://routerkit@db.example.org:5432/ledger"
LAKE = Lake(STORE, "s3://bucket/calls")


@pytest.mark.parametrize(
    ("store", "files", "problem"),
    [
        ("postgres://db/ledger", "/files", "must look like ducklake:postgres://user@host/database"),
        ("ducklake:sqlite://db/ledger", "/files", "must look like"),
        ("ducklake:postgres://user@host", "/files", "must look like"),
        ("ducklake:postgres://user:s3cret@db/ledger", "/files", "must not hold a password; put it into the variable PGPASSWORD"),
        ("ducklake:postgres://db/ledger?sslmode=require", "/files", "takes no parameters"),
        (STORE, "files", "must be s3://bucket/prefix or an absolute path that all hosts share, not 'files'"),
    ],
)
def test_a_lake_that_cannot_be_is_refused_in_one_line(store: str, files: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem) as caught:
        Lake(store, files)
    assert "s3cret" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_folder_keeps_its_lake_and_its_name_there(tmp_path: Path) -> None:
    settle(tmp_path, LAKE)
    first = shared_of(tmp_path)
    settle(tmp_path, LAKE)
    assert first is not None
    assert (LAKE, first) == (first.lake, shared_of(tmp_path))


def test_processes_that_start_together_agree_on_one_name(tmp_path: Path) -> None:
    def start(_: int) -> object:
        settle(tmp_path, LAKE)
        return shared_of(tmp_path)

    with ThreadPoolExecutor(8) as pool:
        assert 1 == len(set(pool.map(start, range(8))))
    assert [SHARED] == [p.name for p in tmp_path.iterdir()]


@pytest.mark.parametrize("other", [None, Lake(STORE, "s3://bucket/other")])
def test_rows_that_went_to_one_lake_do_not_silently_go_elsewhere(tmp_path: Path, other: Lake | None) -> None:
    settle(tmp_path, LAKE)
    with pytest.raises(StoreError, match=r"sends rows to ducklake:\S+ with files in s3://bucket/calls, but \[ledger\] store says"):
        settle(tmp_path, other)


def test_a_folder_with_rows_of_its_own_is_not_shared(tmp_path: Path) -> None:
    """They would no longer be seen."""
    writer = SegmentWriter(tmp_path, "calls")
    writer.append({"record_id": "r"})
    writer.close()
    ingest(tmp_path)
    with pytest.raises(StoreError, match=r"keeps rows in routerkit\.duckdb already; name another folder"):
        settle(tmp_path, LAKE)
    assert (("r",),) == query(tmp_path, "SELECT record_id FROM calls").rows


def test_a_damaged_note_stops_instead_of_using_a_file(tmp_path: Path) -> None:
    (tmp_path / SHARED).write_text("{")
    with pytest.raises(StoreError, match=r"cannot tell where the rows of .* go"):
        query(tmp_path, "SELECT 1")


def configured(ledger: str) -> str:
    return GOOD.replace("[ledger]", f"[ledger]\n{ledger}")


def test_the_configuration_names_the_lake(tmp_path: Path) -> None:
    section = parse(configured(f'store = "{STORE}"\nfiles = "s3://bucket/calls"')).ledger
    assert section is not None
    shared = shared_of(ledger_folder(section, tmp_path))
    assert shared is not None
    assert LAKE == shared.lake


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        (f'store = "{STORE}"', "store and files go together"),
        ('store = "ducklake:postgres://u:s3cret@db/ledger"\nfiles = "/files"', "store must not hold a password"),
    ],
)
def test_a_wrong_setting_is_named_with_its_line_and_without_its_secret(settings: str, problem: str) -> None:
    with pytest.raises(ConfigError, match=rf"\d+: ledger: .*{problem}") as caught:
        parse(configured(settings))
    assert "s3cret" not in str(caught.value)
