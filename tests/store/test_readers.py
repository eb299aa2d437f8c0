"""Queries: read-only, one line on errors, never half an answer."""

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from routerkit.errors import StoreError
from routerkit.store import CALLS, IngestResult, Pace, Rows, SegmentWriter, connect_readonly, ingest, query, readers

HOLD = """
import duckdb, sys
connection = duckdb.connect(sys.argv[1], read_only=sys.argv[2] == "read")
print("held", flush=True)
sys.stdin.read()
"""

INTERRUPTED = """
import os, pathlib, signal, sys, threading
from routerkit.store import query
signal.signal(signal.SIGINT, signal.default_int_handler)
folder = pathlib.Path(sys.argv[1])
query(folder, "SELECT 1")  # loads the package, so that the signal meets the query
threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start()
try:
    query(folder, "SELECT sum(a.range * b.range) FROM range(30000) a, range(30000) b")
except BaseException as exc:
    print(type(exc).__name__)
"""


@pytest.fixture
def folder(tmp_path) -> Path:
    """One ingested call and one that waits in an open segment."""
    for record_id, must_ingest in (("old", True), ("new", False)):
        writer = SegmentWriter(tmp_path, "calls", pace=Pace(tick_s=3600))
        writer.append({"record_id": record_id, "tags": ["x"], "decision": {"pool": "coding"}, "cost_usd": 0.5})
        writer.flush()
        if must_ingest:
            writer.close()
            ingest(tmp_path)
    (tmp_path / "secret.csv").write_text("word\nhush\n")
    yield tmp_path
    writer.close()


@pytest.fixture
def hold(folder):
    """Another process that keeps the database file open for `read` or `write`, until its stdin is closed."""
    children = []

    def hold(how: str) -> subprocess.Popen[str]:
        path = str(folder / "routerkit.duckdb")
        child = subprocess.Popen([sys.executable, "-c", HOLD, path, how], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        children.append(child)
        assert "held\n" == child.stdout.readline()
        return child

    yield hold
    for child in children:
        if child.poll() is None:
            child.communicate(timeout=20)


def ids(folder: Path, **options: bool) -> list[object]:
    return [row[0] for row in query(folder, "SELECT record_id FROM calls ORDER BY 1", **options).rows]


def test_ingested_and_waiting_rows_are_one_table(folder):
    assert ["new", "old"] == ids(folder)
    assert ["old"] == ids(folder, live=False)


def test_no_store_yet_is_an_empty_result_with_all_columns(tmp_path):
    assert Rows(tuple(CALLS.columns), ()) == query(tmp_path / "none", "SELECT * FROM calls")


def test_parameters_are_bound(folder):
    assert (("old",),) == query(folder, "SELECT record_id FROM calls WHERE record_id = ?", ["old"]).rows
    assert () == query(folder, "SELECT record_id FROM calls WHERE record_id = ?", ["' OR 1=1 --"]).rows


def test_json_and_lists_can_be_looked_into(folder):
    sql = "SELECT decision->>'$.pool' AS pool, tags[1] AS tag, cost_usd FROM calls WHERE record_id = 'new'"
    assert [{"pool": "coding", "tag": "x", "cost_usd": 0.5}] == query(folder, sql).as_dicts()


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM calls",
        "DROP VIEW calls",
        "INSERT INTO ledger.calls (record_id) VALUES ('x')",
        "SELECT 1; SELECT 2",
        "DETACH ledger",
        "ATTACH 'other.duckdb'",
        "SET enable_external_access = true",
        "COPY calls TO 'out.csv'",
        "INSTALL httpfs",
        "",
        "-- nothing",
    ],
)
def test_anything_but_one_select_is_refused(folder, sql):
    with pytest.raises(StoreError, match="give exactly one SELECT"):
        query(folder, sql)


@pytest.mark.parametrize(
    "source", ["'{0}/secret.csv'", "read_csv('{0}/secret.csv')", "read_text('{0}/secret.csv')", "glob('{0}/*')", "read_json('{0}/hot/*')"]
)
def test_query_cannot_read_other_files(folder, source):
    with pytest.raises(StoreError, match="query failed") as caught:
        query(folder, f"SELECT * FROM {source.format(folder)}")
    assert "hush" not in str(caught.value)


def test_query_cannot_see_our_variables(folder):
    with pytest.raises(StoreError, match="connection"):
        query(folder, "SELECT * FROM connection")


@pytest.mark.parametrize("sql", ["SELEC 1", "SELECT nope FROM calls", "SELECT * FROM nope", "SELECT 'a'::INTEGER", "SELECT ?"])
def test_bad_sql_is_one_line(folder, sql):
    with pytest.raises(StoreError) as caught:
        query(folder, sql)
    assert 1 == len(str(caught.value).splitlines())
    assert str(caught.value).startswith("query failed: ")


def test_failed_query_leaves_the_snapshot_usable(folder):
    with connect_readonly(folder) as snapshot:
        with pytest.raises(StoreError):
            snapshot.query("SELECT 1/'x' FROM calls")
        many = snapshot.query("SELECT * FROM range(100000)")
        assert (100_000, ((2,),)) == (len(many.rows), snapshot.query("SELECT count(*) FROM calls").rows)


def test_explain_is_allowed(folder):
    assert query(folder, "EXPLAIN SELECT * FROM calls").rows


def test_store_without_write_permission_is_still_read(folder):
    if os.geteuid() == 0:
        (folder / ".ingest.lock").unlink()
        (folder / ".ingest.lock").mkdir()  # root may write anywhere; this it may not
    else:
        folder.chmod(0o500)
    assert ["new", "old"] == ids(folder)
    folder.chmod(0o700)


@pytest.mark.slow
@pytest.mark.parametrize("how", ["read", "write"])
def test_rows_wait_while_another_process_holds_the_file(folder, hold, how):
    child = hold(how)
    writer = SegmentWriter(folder, "calls", pace=Pace(tick_s=3600))
    writer.append({"record_id": "third"})
    writer.close()
    assert f"PID {child.pid}" in ingest(folder, wait_s=0.05).note
    child.communicate(timeout=20)
    assert IngestResult(1, 1) == ingest(folder)
    assert ["new", "old", "third"] == ids(folder)


@pytest.mark.slow
def test_reader_elsewhere_does_not_stop_queries(folder, hold):
    hold("read")
    assert ["new", "old"] == ids(folder)


@pytest.mark.slow
def test_writer_elsewhere_is_named(folder, hold):
    child = hold("write")
    with pytest.raises(StoreError, match=f"held open: .*PID {child.pid}"), connect_readonly(folder, wait_s=0.05):
        pass


@pytest.mark.parametrize("is_stored", [True, False])
def test_segments_that_go_under_every_reader_are_read(folder, monkeypatch, is_stored):
    """Sixty-four workers close thirteen segments a second: a reader that had to find all of them at rest might never come to its end."""
    if not is_stored:
        (folder / "routerkit.duckdb").unlink()
    opening = "open_reading" if is_stored else "open_memory"
    really_open = getattr(readers, opening)

    def remove_then_open(*args, **options):
        for path in (folder / "hot").glob("calls-*"):
            path.unlink()
        return really_open(*args, **options)

    monkeypatch.setattr(readers, opening, remove_then_open)
    with connect_readonly(folder) as snapshot:
        assert (("new",),) == snapshot.query("SELECT record_id FROM calls WHERE record_id = 'new'").rows


def test_interrupted_query_is_an_interrupt(folder):
    """DuckDB looks for signals itself, and raises a RuntimeError for Ctrl-C."""
    # In a process of its own: those that run tests side by side ignore the signal. The query ends by itself where the signal is lost.
    done = subprocess.run([sys.executable, "-c", INTERRUPTED, str(folder)], check=False, capture_output=True, timeout=60)
    assert b"KeyboardInterrupt" == done.stdout.strip()


@pytest.mark.parametrize("zone", ["Pacific/Auckland", "America/New_York"])
def test_now_is_utc_wherever_the_machine_is(tmp_path: Path, zone: str) -> None:
    """Stored instants are in UTC and have no zone; compared with now(), they must not be taken for local time."""
    writer = SegmentWriter(tmp_path, "calls")
    writer.append({"record_id": "r", "called_at": datetime.now(UTC).isoformat()})
    writer.close()
    ask = """
import pathlib, sys
from routerkit.store import query
sql = "SELECT called_at BETWEEN now() - INTERVAL 5 MINUTE AND now(), current_setting('TimeZone') FROM calls"
print(query(pathlib.Path(sys.argv[1]), sql).rows)
"""
    done = subprocess.run([sys.executable, "-c", ask, tmp_path], env={**os.environ, "TZ": zone}, capture_output=True, text=True, check=True)
    assert "((True, 'UTC'),)" == done.stdout.strip()


def test_instants_with_a_time_zone_are_answered_in_utc(tmp_path: Path) -> None:
    rows = query(tmp_path, "SELECT TIMESTAMPTZ '2026-03-29 03:30:00+02' AS t, ? AS b, 2 AS b, 3 AS b_1 ORDER BY t -- done", [1])
    assert Rows(("t", "b", "b_2", "b_1"), ((datetime.fromisoformat("2026-03-29T01:30"), 1, 2, 3),)) == rows
    assert [{"t": "2026-03-29T01:30:00"}] == query(tmp_path, "SELECT TIMESTAMPTZ '2026-03-29 03:30:00+02' AS t;").as_json()


def test_columns_of_one_name_are_all_kept(tmp_path: Path) -> None:
    assert [{"a": 1, "a_1": 2, "a_2": 3}] == query(tmp_path, "SELECT 1 AS a, 2 AS a, 3 AS a").as_dicts()
