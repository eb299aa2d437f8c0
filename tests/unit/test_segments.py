"""SegmentWriter: what is acknowledged is on disk, what cannot be written is counted, nobody waits."""

import json
import os
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from routerkit.store import Pace, SegmentWriter, StreamSchema
from routerkit.testing import FakeClock

IDLE = Pace(tick_s=3600)
"""The thread only wakes when a test flushes."""


def lines(folder: Path, pattern: str = "*") -> list[dict[str, object]]:
    paths = sorted((folder / "hot").glob(pattern)) if (folder / "hot").exists() else []
    return [json.loads(line) for path in paths for line in path.read_text().splitlines()]


@pytest.fixture
def writer(tmp_path):
    writer = SegmentWriter(tmp_path, "t", pace=IDLE)
    yield writer
    writer.close()


def test_flushed_rows_are_on_disk_in_order(writer, tmp_path):
    for i in range(2500):
        writer.append({"k": i})
    assert writer.flush()
    assert [{"k": i} for i in range(2500)] == lines(tmp_path)


def test_nothing_appended_leaves_no_file_and_no_thread(writer, tmp_path):
    assert writer.flush()
    writer.close()
    assert not (tmp_path / "hot").exists()


def test_rows_are_written_on_the_tick_without_a_flush(tmp_path):
    writer = SegmentWriter(tmp_path, "t", pace=Pace(tick_s=0.01))
    writer.append({"k": 1})
    mark = writer.mark()
    assert mark.wait(10)
    assert [{"k": 1}] == lines(tmp_path)
    writer.close()


def test_open_segment_is_closed_by_close(writer, tmp_path):
    writer.append({"k": 1})
    writer.flush()
    assert [] == lines(tmp_path, "*.jsonl")
    writer.close()
    assert [{"k": 1}] == lines(tmp_path, "*.jsonl")


def test_segment_is_closed_once_it_is_old(tmp_path):
    clock = FakeClock()
    writer = SegmentWriter(tmp_path, "t", pace=IDLE, clock=clock)
    writer.append({"k": 1})
    writer.flush()
    clock.sleep(4.9)
    writer.flush()
    assert [] == lines(tmp_path, "*.jsonl")
    clock.sleep(0.2)
    writer.flush()
    assert [{"k": 1}] == lines(tmp_path, "*.jsonl")
    writer.close()


def test_segment_is_closed_once_it_is_long(tmp_path):
    writer = SegmentWriter(tmp_path, "t", pace=Pace(tick_s=3600, rotate_rows=2))
    for i in range(2):
        writer.append({"k": i})
        writer.flush()
    assert 2 == len(lines(tmp_path, "*.jsonl"))
    writer.close()


def test_files_are_private(writer, tmp_path):
    writer.append({"k": 1})
    writer.flush()
    (path,) = (tmp_path / "hot").iterdir()
    assert (0o700, 0o600) == (stat.S_IMODE(path.parent.stat().st_mode), stat.S_IMODE(path.stat().st_mode))


def test_full_buffer_drops_counts_and_warns_once(tmp_path, caplog):
    writer = SegmentWriter(tmp_path, "t", pace=Pace(tick_s=3600, capacity=3))
    writer.append({"k": 0})
    writer.flush()
    for i in range(1, 8):
        writer.append({"k": i})
    assert 4 == writer.dropped
    writer.flush()
    assert [0, 1, 2, 3] == [row["k"] for row in lines(tmp_path)]
    assert 1 == sum("buffer is full" in m for m in caplog.messages)
    writer.close()
    assert "dropped 4 rows" in caplog.messages[-1]


def test_row_after_close_is_dropped_and_counted(writer, tmp_path):
    writer.append({"k": 1})
    writer.close()
    writer.append({"k": 2})
    assert 1 == writer.dropped
    assert [{"k": 1}] == lines(tmp_path)


def test_row_that_is_no_json_is_counted_and_the_others_are_written(writer, tmp_path, caplog):
    for value in (1, object(), 2, object()):
        writer.append({"k": value})
    writer.flush()
    assert 2 == writer.dropped
    assert [{"k": 1}, {"k": 2}] == lines(tmp_path)
    assert 1 == len(caplog.messages)


def test_broken_row_builder_does_not_end_the_thread(tmp_path):
    def to_row(n: int) -> dict[str, int]:
        return {"k": 1 // n}

    writer = SegmentWriter(tmp_path, "t", to_row=to_row, pace=IDLE)
    writer.append(0)
    writer.append(1)
    assert writer.flush()
    assert ([{"k": 1}], 1) == (lines(tmp_path), writer.dropped)
    writer.close()


def test_overlong_row_is_counted(writer, tmp_path):
    writer.append({"k": "x" * 9_000_000})
    writer.flush()
    assert (1, []) == (writer.dropped, lines(tmp_path))


def test_folder_that_cannot_be_made_is_counted_and_mended_later(tmp_path, caplog):
    folder = tmp_path / "store"
    folder.write_text("a file is in the way")
    writer = SegmentWriter(folder, "t", pace=IDLE)
    writer.append({"k": 1})
    assert writer.flush()
    assert 1 == writer.dropped
    assert 1 == len(caplog.messages)
    folder.unlink()
    writer.append({"k": 2})
    writer.flush()
    assert [{"k": 2}] == lines(folder)
    writer.close()


def test_full_disk_takes_back_the_torn_batch_and_starts_a_new_file(writer, tmp_path, monkeypatch):
    writer.append({"k": 1})
    writer.flush()
    write, calls = os.write, []

    def full_after_five_bytes(fd: int, rest: memoryview) -> int:
        calls.append(fd)
        if len(calls) == 2:
            raise OSError(28, "No space left on device")
        return write(fd, rest[:5])

    with monkeypatch.context() as patch:
        patch.setattr("routerkit.store.segment_file.os.write", full_after_five_bytes)
        writer.append({"k": 2})
        writer.flush()
    writer.append({"k": 3})
    writer.flush()
    assert 1 == writer.dropped
    assert [1, 3] == [row["k"] for row in lines(tmp_path)]
    assert 2 == len(list((tmp_path / "hot").iterdir()))


def test_segment_removed_by_somebody_is_counted(writer, tmp_path):
    writer.append({"k": 1})
    writer.flush()
    for path in (tmp_path / "hot").iterdir():
        path.unlink()
    writer.close()
    assert 1 == writer.dropped


def test_fsync_mode_writes_the_same_rows(tmp_path):
    writer = SegmentWriter(tmp_path, "t", durability="fsync", pace=IDLE)
    writer.append({"k": 1})
    assert writer.flush()
    assert [{"k": 1}] == lines(tmp_path)
    writer.close()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": "a-b"}, "not a usable name"),
        ({"columns": {"k": "VARCHAR", 'x" INT); --': "INTEGER"}}, "not a usable name"),
        ({"columns": {"k": "VARCHAR'"}}, "unknown type"),
        ({"key": "other"}, "not one of its columns"),
        ({"table": "ingested"}, "belongs to the store"),
    ],
)
def test_schema_that_would_make_bad_sql_is_refused(change, message):
    good = {"name": "t", "table": "t", "key": "k", "columns": {"k": "VARCHAR"}}
    with pytest.raises(ValueError, match=message):
        StreamSchema(**(good | change))


AT_ONCE = Pace(tick_s=3600, is_at_once=True)


def test_row_written_at_once_is_on_disk_when_append_returns(tmp_path):
    """So that no caller has the end of an answer whose row `kill -9` can still take."""
    writer = SegmentWriter(tmp_path, "t", pace=AT_ONCE)
    writer.append({"n": 1})
    assert [{"n": 1}] == lines(tmp_path)
    writer.close()


def test_slow_disk_is_left_to_the_thread(tmp_path):
    """Whoever appends meets it once; after a while it is tried again."""
    clock, writers = FakeClock(), []

    def slow(row):
        writers.append(threading.current_thread() is threading.main_thread())
        clock.now_s += 0.2
        return row

    writer = SegmentWriter(tmp_path, "t", to_row=slow, pace=AT_ONCE, clock=clock)
    for n in range(3):
        writer.append({"n": n})
        writer.flush()
    clock.now_s += 31
    writer.append({"n": 3})
    assert [True, False, False, True] == writers
    assert 4 == len(lines(tmp_path))
    writer.close()


def test_threads_that_write_at_once_leave_no_row_behind(tmp_path):
    """A row that comes while another thread writes is written by that one."""
    writer = SegmentWriter(tmp_path, "t", pace=AT_ONCE)
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda n: writer.append({"n": n}), range(400)))
    assert list(range(400)) == sorted(row["n"] for row in lines(tmp_path))
    writer.close()
