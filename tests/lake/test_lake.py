"""Several hosts, one lake: what each sees, and what happens when things fail. A host is a folder."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from typer.testing import CliRunner

from routerkit.cli.ledger import ledger_app
from routerkit.errors import StoreError
from routerkit.store import Compacted, IngestResult, SegmentWriter, StreamSchema, compact, connect_readonly, ingest, query
from routerkit.store.destination import Lake, settle
from routerkit.store.lake import open_lake_writing
from routerkit.store.place import shared_of
from routerkit.store.segment_file import hot_folder
from tests.lake.postgres_server import PASSWORD, PostgresServer

SCHEMA = StreamSchema("t", "t", "k", {"k": "VARCHAR", "n": "BIGINT", "facts": "JSON", "tags": "VARCHAR[]"})
SCHEMAS = (SCHEMA,)
Host = Callable[[str], Path]


def write(folder: Path, *keys: str) -> None:
    """Close one segment with these rows."""
    writer = SegmentWriter(folder, "t")
    for n, key in enumerate(keys):
        writer.append({"k": key, "n": n, "facts": {"of": key}, "tags": [key]})
    writer.close()


def keys(folder: Path) -> list[str]:
    return [str(row[0]) for row in query(folder, "SELECT k FROM t ORDER BY k", schemas=SCHEMAS).rows]


def test_every_host_sees_the_rows_of_all(host: Host) -> None:
    """JSON, lists and numbers come back as they went in."""
    a, b = host("a"), host("b")
    write(a, "a0", "a1")
    write(b, "b0")
    assert IngestResult(n_segments=1, n_rows=2) == ingest(a, schemas=SCHEMAS)
    assert IngestResult(n_segments=1, n_rows=1) == ingest(b, schemas=SCHEMAS)
    for folder in (a, b):
        rows = query(folder, "SELECT k, n, facts->>'$.of', tags FROM t ORDER BY k", schemas=SCHEMAS).rows
        assert (("a0", 0, "a0", ["a0"]), ("a1", 1, "a1", ["a1"]), ("b0", 0, "b0", ["b0"])) == rows


def test_a_host_sees_its_own_rows_at_once_and_those_of_others_once_they_are_ingested(host: Host) -> None:
    a, b = host("a"), host("b")
    write(a, "a0")
    assert (["a0"], []) == (keys(a), keys(b))
    ingest(a, schemas=SCHEMAS)
    assert (["a0"], ["a0"]) == (keys(a), keys(b))


def test_a_segment_that_is_in_already_is_only_removed(host: Host, tmp_path: Path) -> None:
    """As after a kill between commit and removal."""
    a = host("a")
    write(a, "a0")
    (segment,) = hot_folder(a).iterdir()
    shutil.copy(segment, tmp_path / "kept")
    ingest(a, schemas=SCHEMAS)
    shutil.copy(tmp_path / "kept", segment)
    assert ["a0"] == keys(a)
    assert IngestResult() == ingest(a, schemas=SCHEMAS)
    assert ["a0"] == keys(a)
    assert [] == list(hot_folder(a).iterdir())


def test_what_a_dead_ingester_left_running_cannot_commit_any_more(host: Host) -> None:
    """Its COMMIT could still arrive after its successor has looked which segments are in."""
    a = host("a")
    shared = shared_of(a)
    assert shared is not None
    dead = open_lake_writing(shared)
    dead.execute("BEGIN")
    dead.execute("INSERT INTO ledger.ingested VALUES ('s', 1, 0, now()::TIMESTAMP)")
    write(a, "a0")
    assert 1 == ingest(a, schemas=SCHEMAS).n_rows
    with pytest.raises(Exception, match="Failed to commit"):
        dead.execute("COMMIT")
    dead.close()


def test_ingesters_of_other_hosts_are_left_alone(host: Host) -> None:
    other = shared_of(host("b"))
    assert other is not None
    with open_lake_writing(other) as busy:
        busy.execute("BEGIN")
        busy.execute("INSERT INTO ledger.ingested VALUES ('s', 1, 0, now()::TIMESTAMP)")
        write(host("a"), "a0")
        assert 1 == ingest(host("a"), schemas=SCHEMAS).n_rows
        busy.execute("COMMIT")


def test_hosts_may_start_on_an_empty_lake_at_once(host: Host) -> None:
    """Who loses the race to make a table tries again with the next interval."""
    folders = [host(name) for name in ("a", "b", "c")]
    for folder in folders:
        write(folder, folder.name)
    with ThreadPoolExecutor(3) as pool:
        for _ in range(3):
            results = list(pool.map(lambda folder: ingest(folder, schemas=SCHEMAS), folders))
    assert [None] * 3 == [r.note for r in results]
    assert ["a", "b", "c"] == keys(folders[0])


def test_an_open_snapshot_does_not_change(host: Host) -> None:
    """Rows that are ingested meanwhile would show twice: as their segment, and in the lake."""
    a = host("a")
    write(a, "a0")
    with connect_readonly(a, schemas=SCHEMAS) as snapshot:
        ingest(a, schemas=SCHEMAS)
        write(host("b"), "b0")
        ingest(host("b"), schemas=SCHEMAS)
        assert (("a0",),) == snapshot.query("SELECT k FROM t").rows
    assert ["a0", "b0"] == keys(a)


def test_a_newer_host_adds_its_columns_and_an_older_one_goes_on(host: Host) -> None:
    newer = StreamSchema("t", "t", "k", {**SCHEMA.columns, "colour": "VARCHAR"})
    write(host("old"), "a")
    ingest(host("old"), schemas=SCHEMAS)
    writer = SegmentWriter(host("new"), "t")
    writer.append({"k": "b", "colour": "red"})
    writer.close()
    ingest(host("new"), schemas=(newer,))
    write(host("old"), "c")
    ingest(host("old"), schemas=SCHEMAS)
    rows = query(host("old"), "SELECT k, colour FROM t ORDER BY k", schemas=SCHEMAS).rows
    assert (("a", None), ("b", "red"), ("c", None)) == rows


def test_while_the_catalogue_is_away_rows_wait_and_errors_name_it(lake: Lake, tmp_path: Path) -> None:
    away = Lake("ducklake:postgres://routerkit@127.0.0.1:1/nowhere", lake.files)
    settle(tmp_path / "a", away)
    write(tmp_path / "a", "a0")
    result = ingest(tmp_path / "a", schemas=SCHEMAS)
    assert result.note is not None
    assert result.note.startswith("1 segments wait: cannot open ducklake:postgres://routerkit@127.0.0.1:1/nowhere: connection to server")
    assert 1 == len(list(hot_folder(tmp_path / "a").iterdir()))
    with pytest.raises(StoreError, match=r"^cannot open ducklake:postgres://\S+ connection to server .* failed: Connection refused$"):
        keys(tmp_path / "a")


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM postgres_query('__ducklake_metadata_ledger', 'SELECT 1')",
        "SELECT * FROM system.main.postgres_scan('host=example.org', 'public', 't')",
        "SELECT (SELECT count(*) FROM t, LATERAL (FROM \"query\"('SELECT ' || 'k FROM t')))",
        "WITH x AS (SELECT * FROM read_parquet('/**')) SELECT * FROM x",
        "SELECT * FROM '/etc/passwd.csv'",
        "EXPLAIN SELECT * FROM postgres_query('ledger', 'SELECT 1')",
    ],
)
def test_a_query_cannot_reach_beyond_the_ledger(host: Host, sql: str) -> None:
    with pytest.raises(StoreError, match=r"query (refused|failed: .*(file system|disabled))"):
        query(host("a"), sql, schemas=SCHEMAS)


def test_no_query_shows_the_password(host: Host) -> None:
    for source in ("duckdb_databases()", "duckdb_secrets()", "duckdb_settings()"):
        with pytest.raises(StoreError, match="query refused"):
            query(host("a"), f"SELECT * FROM {source}", schemas=SCHEMAS)
    rows = query(host("a"), "SELECT path FROM duckdb_databases", schemas=SCHEMAS).rows
    assert PASSWORD not in repr(rows)


def test_harmless_table_functions_work(host: Host) -> None:
    assert ((3,),) == query(host("a"), "SELECT sum(n) FROM range(3) AS r(n)", schemas=SCHEMAS).rows


def test_rows_lie_in_parquet_files_once_there_are_more_than_a_few(host: Host, lake: Lake, postgres: PostgresServer) -> None:
    """A handful is kept in the catalogue itself, which spares a file."""
    write(host("a"), *(f"a{n}" for n in range(50)))
    ingest(host("a"), schemas=SCHEMAS)
    assert 1 == len(list(Path(lake.files).rglob("*.parquet")))
    database = lake.catalog.rpartition("/")[2]
    assert "50" == postgres.ask(database, "SELECT record_count FROM ducklake_data_file")


def test_files_may_lie_in_a_bucket(lake: Lake, bucket: str, tmp_path: Path) -> None:
    settle(tmp_path / "a", Lake(lake.store, bucket))
    write(tmp_path / "a", *(f"a{n}" for n in range(50)))
    ingest(tmp_path / "a", schemas=SCHEMAS)
    assert 50 == len(keys(tmp_path / "a"))
    assert not Path(lake.files).exists()


def test_compaction_merges_small_files_and_changes_no_row(host: Host, lake: Lake) -> None:
    """Replaced files stay for a day, for queries that are still reading them."""
    for folder in (host("a"), host("b"), host("a")):
        write(folder, *(f"{folder.name}{n}" for n in range(50)))
        ingest(folder, schemas=SCHEMAS)
    before = keys(host("a"))
    assert Compacted(n_merged=3, n_made=1, n_removed=0) == compact(host("b"))
    assert before == keys(host("a"))
    write(host("a"), "later")
    ingest(host("a"), schemas=SCHEMAS)
    assert sorted([*before, "later"]) == keys(host("b"))


def test_the_command_line_works_on_the_lake_of_the_configuration(lake: Lake, tmp_path: Path) -> None:
    config = tmp_path / "routerkit.toml"
    config.write_text(f'[ledger]\npath = "spool"\nstore = "{lake.store}"\nfiles = "{lake.files}"\n')
    writer = SegmentWriter(tmp_path / "spool", "calls")
    writer.append({"record_id": "r1", "cost_usd": 0.5, "called_at": "2026-11-26T12:00:00"})
    writer.close()

    def run(*arguments: str) -> str:
        done = CliRunner().invoke(ledger_app, [*arguments, "--config", str(config)])
        assert 0 == done.exit_code, done.output
        return done.stdout

    assert "ingested 1 rows from 1 segments\n" == run("ingest")
    assert [{"usd": 0.5}] == json.loads(
        run("sql", "SELECT sum(cost_usd) AS usd FROM calls LEFT JOIN latest_reports USING (record_id)", "--json")
    )
    assert "r1" in run()
    assert "merged 0 files into 0, removed 0\n" == run("compact")
