"""The ingester: exactly once, whatever lies in the folder."""

import fcntl
import json
import os
import threading
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from routerkit.errors import StoreError
from routerkit.store import IngestResult, Pace, SegmentWriter, StreamSchema, connect_readonly, follow, ingest, query
from routerkit.store.segment_file import OpenSegment
from tests.full_disk import largest_file

SCHEMA = StreamSchema("t", "t", "k", {"k": "VARCHAR", "n": "BIGINT"})
SCHEMAS = (SCHEMA,)
NAME = "t-{:016d}-1-00000000.jsonl"


def put(folder: Path, *rows: dict[str, object], number: int = 1, tail: bytes = b"") -> Path:
    """Place a closed segment."""
    path = folder / "hot" / NAME.format(number)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(json.dumps(row).encode() + b"\n" for row in rows) + tail)
    return path


def keys(folder: Path, schemas: tuple[StreamSchema, ...] = SCHEMAS, **options: bool) -> list[object]:
    return [row[0] for row in query(folder, "SELECT k FROM t ORDER BY k", schemas=schemas, **options).rows]


def test_segment_becomes_rows_and_its_file_goes(tmp_path):
    path = put(tmp_path, {"k": "a", "n": 1}, {"k": "b"})
    assert IngestResult(1, 2, 0) == ingest(tmp_path, schemas=SCHEMAS)
    assert not path.exists()
    assert ["a", "b"] == keys(tmp_path, live=False)


def test_segments_that_share_a_key_store_its_first_row_and_count_only_what_they_brought(tmp_path):
    folder, unique = tmp_path / "odd [1]*", (replace(SCHEMA, is_unique=True),)
    put(folder, {"k": "a", "n": 1}, {"k": "b"}, number=1)
    put(folder, {"k": "a", "n": 2}, {"k": "c"}, number=2, tail=b"garbage")
    assert IngestResult(2, 3, 1) == ingest(folder, schemas=unique)
    put(folder, {"k": "c"}, {"k": "d"}, number=3)
    assert IngestResult(1, 1, 0) == ingest(folder, schemas=unique)
    assert (("a", 1), ("b", None), ("c", None), ("d", None)) == query(folder, "SELECT k, n FROM t ORDER BY k", schemas=unique).rows
    with duckdb.connect(str(folder / "routerkit.duckdb"), read_only=True) as file:
        assert [(2, 0), (1, 1), (1, 0)] == file.execute("SELECT n_rows, n_bad FROM ingested ORDER BY segment").fetchall()


@pytest.mark.parametrize("has_file", [False, True])
def test_full_disk_is_one_line_and_costs_no_row(tmp_path, has_file):
    if has_file:
        put(tmp_path, {"k": "a"}, number=1)
        ingest(tmp_path, schemas=SCHEMAS)
    put(tmp_path, {"k": "b"}, number=2)
    with largest_file(100):
        with pytest.raises(StoreError, match="File too large") as caught:
            ingest(tmp_path, schemas=SCHEMAS)
        assert "b" in keys(tmp_path)
    assert "\n" not in str(caught.value)
    assert 1 == ingest(tmp_path, schemas=SCHEMAS).n_rows
    assert [*(["a"] if has_file else []), "b"] == keys(tmp_path, live=False)


def test_missing_folder_is_not_made(tmp_path):
    assert IngestResult() == ingest(tmp_path / "none", schemas=SCHEMAS)
    assert [] == keys(tmp_path / "none")
    assert not (tmp_path / "none").exists()


def test_crash_between_commit_and_removal_doubles_nothing(tmp_path):
    path = put(tmp_path, {"k": "a"})
    content = path.read_bytes()
    ingest(tmp_path, schemas=SCHEMAS)
    path.write_bytes(content)  # as if the file had never been removed
    with connect_readonly(tmp_path, schemas=SCHEMAS) as snapshot:
        assert (("a",),) == snapshot.query("SELECT k FROM t").rows
    assert IngestResult() == ingest(tmp_path, schemas=SCHEMAS)
    assert not path.exists()
    assert ["a"] == keys(tmp_path, live=False)


@pytest.mark.parametrize(
    ("tail", "n_bad"),
    [
        (b'{"k": "torn', 1),
        (b"garbage\n", 1),
        (b'{"n": 1}\n', 1),
        (b"\0" * 4096 + b"\n", 1),
        (b'{"k": "\xff\xfe"}\n', 1),
        (b'[1, 2]\n\n{"k": null}', 2),
    ],
    ids=["torn", "garbage", "keyless", "zeros", "utf8", "other json"],
)
def test_bad_lines_are_counted_and_the_good_ones_kept(tmp_path, tail, n_bad, caplog):
    put(tmp_path, {"k": "a"}, tail=tail)
    assert IngestResult(1, 1, n_bad) == ingest(tmp_path, schemas=SCHEMAS)
    assert ["a"] == keys(tmp_path)


def test_one_field_of_the_wrong_type_is_null_and_the_row_stays(tmp_path):
    put(tmp_path, {"k": "a", "n": "many"})
    ingest(tmp_path, schemas=SCHEMAS)
    assert (("a", None),) == query(tmp_path, "SELECT k, n FROM t", schemas=SCHEMAS).rows


def test_segment_that_is_no_json_is_set_aside_and_holds_nothing_up(tmp_path, caplog):
    put(tmp_path, {"k": "b"}, number=1)
    put(tmp_path, {"k": "x" * 40_000_000}, number=2)  # a longer line than DuckDB reads, small enough for one batch with the other
    result = ingest(tmp_path, schemas=SCHEMAS)
    assert (1, 1) == (result.n_segments, result.n_rows)
    assert "set aside" in result.note
    assert [NAME.format(2) + ".bad"] == [p.name for p in (tmp_path / "hot").iterdir()]
    assert ["b"] == keys(tmp_path)


def test_live_segment_is_left_to_its_writer_and_an_orphan_is_closed(tmp_path):
    live, orphan = (OpenSegment(tmp_path, "t", is_fsynced=False) for _ in range(2))
    live.write(b'{"k": "live"}\n', 1)
    orphan.write(b'{"k": "orphan"}\n', 1)
    orphan.forget()  # as the kernel does when a process dies
    assert 1 == ingest(tmp_path, schemas=SCHEMAS).n_rows
    assert ["orphan"] == keys(tmp_path, live=False)
    assert ["live", "orphan"] == keys(tmp_path)
    live.close()
    assert ["live", "orphan"] == keys(tmp_path)


def test_segment_whose_pid_lives_on_in_another_process_is_still_an_orphan(tmp_path):
    """Process ids are reused; ours is certainly alive."""
    path = put(tmp_path, {"k": "a"}).rename(tmp_path / "hot" / f"t-0000000000000001-{os.getpid()}-00000000.jsonl.open")
    assert 1 == ingest(tmp_path, schemas=SCHEMAS).n_rows
    assert not path.exists()


def test_unknown_streams_and_other_files_stay(tmp_path):
    other = put(tmp_path, {"k": "a"}).rename(tmp_path / "hot" / "u-0000000000000001-1-00000000.jsonl")
    note = tmp_path / "hot" / "note.txt"
    note.touch()
    assert IngestResult() == ingest(tmp_path, schemas=SCHEMAS)
    assert other.exists()
    assert note.exists()


def test_second_ingester_gives_way(tmp_path):
    put(tmp_path, {"k": "a"})
    with (tmp_path / ".ingest.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert "another ingester is at work" == ingest(tmp_path, schemas=SCHEMAS).note
        assert ["a"] == keys(tmp_path)
    assert 1 == ingest(tmp_path, schemas=SCHEMAS).n_rows


def test_two_ingesters_at_once_move_each_row_once(tmp_path):
    for number in range(20):
        put(tmp_path, {"k": f"{number:02}"}, number=number)
    results: list[IngestResult] = []

    def run() -> None:
        for _ in range(3):
            results.append(ingest(tmp_path, schemas=SCHEMAS))

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert 20 == sum(r.n_rows for r in results)
    assert [f"{n:02}" for n in range(20)] == keys(tmp_path, live=False)


def test_follow_ingests_until_told_to_stop(tmp_path):
    put(tmp_path, {"k": "a"}, number=1)
    rounds = []

    def wait(seconds: float) -> bool:
        rounds.append(seconds)
        put(tmp_path, {"k": "b"}, number=2)
        return len(rounds) == 2

    results: list[IngestResult] = []
    follow(tmp_path, wait, schemas=SCHEMAS, interval_s=7.0, on_result=results.append)
    assert [7.0, 7.0] == rounds
    assert [1, 1] == [r.n_rows for r in results]


def test_table_grows_the_columns_of_a_newer_schema_and_an_older_one_still_ingests(tmp_path):
    newer = StreamSchema("t", "t", "k", {**SCHEMA.columns, "extra": "DOUBLE"})
    put(tmp_path, {"k": "a", "n": 1}, number=1)
    ingest(tmp_path, schemas=SCHEMAS)
    put(tmp_path, {"k": "b", "extra": 0.5}, number=2)
    ingest(tmp_path, schemas=(newer,))
    put(tmp_path, {"k": "c", "extra": 0.5}, number=3)
    ingest(tmp_path, schemas=SCHEMAS)
    rows = query(tmp_path, "SELECT k, n, extra FROM t ORDER BY k", schemas=SCHEMAS).rows
    assert (("a", 1, None), ("b", None, 0.5), ("c", None, None)) == rows


def test_reader_of_a_newer_schema_reads_an_older_file(tmp_path):
    newer = StreamSchema("t", "t", "k", {**SCHEMA.columns, "extra": "DOUBLE"})
    put(tmp_path, {"k": "a"})
    ingest(tmp_path, schemas=SCHEMAS)
    assert (("a", None),) == query(tmp_path, "SELECT k, extra FROM t", schemas=(newer,), live=False).rows


def test_file_is_in_the_oldest_format(tmp_path):
    put(tmp_path, {"k": "a"})
    ingest(tmp_path, schemas=SCHEMAS)
    head = (tmp_path / "routerkit.duckdb").read_bytes()[:20]
    # Bytes 12..19 of the header: storage version 64, which every DuckDB since 1.0 reads.
    assert (b"DUCK", 64) == (head[8:12], int.from_bytes(head[12:20], "little"))


def test_file_that_was_half_made_by_a_killed_ingester_is_made_anew(tmp_path):
    put(tmp_path, {"k": "a"})
    (tmp_path / "routerkit.duckdb.new").write_bytes(b"half")
    assert 1 == ingest(tmp_path, schemas=SCHEMAS).n_rows


def test_foreign_file_under_our_name_is_an_error_and_rows_wait(tmp_path):
    path = put(tmp_path, {"k": "a"})
    (tmp_path / "routerkit.duckdb").write_bytes(b"not a database" * 1000)
    with pytest.raises(StoreError, match="cannot open"):
        ingest(tmp_path, schemas=SCHEMAS)
    assert path.exists()


def test_rows_wait_while_this_process_reads(tmp_path):
    put(tmp_path, {"k": "a"}, number=1)
    ingest(tmp_path, schemas=SCHEMAS)
    put(tmp_path, {"k": "b"}, number=2)
    with duckdb.connect(":memory:") as reader:
        reader.execute(f"ATTACH '{tmp_path / 'routerkit.duckdb'}' AS mine (READ_ONLY)")
        assert "1 segments wait" in ingest(tmp_path, schemas=SCHEMAS, wait_s=0.05).note
        assert ["a", "b"] == keys(tmp_path)
    assert 1 == ingest(tmp_path, schemas=SCHEMAS).n_rows


def test_folder_named_like_a_pattern_works(tmp_path):
    folder = tmp_path / "a[b]*c'd"
    writer = SegmentWriter(folder, "t", pace=Pace(tick_s=3600))
    writer.append({"k": "a"})
    writer.flush()
    assert ["a"] == keys(folder)
    writer.close()
    assert 1 == ingest(folder, schemas=SCHEMAS).n_rows
    assert ["a"] == keys(folder, live=False)
