"""Processes that die in all ways. Acknowledged = `flush()` returned, or the writer said so through its pipe."""

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from routerkit.store import ingest, query
from tests.store.children import SCHEMA

CHILDREN = Path(__file__).with_name("children.py")
SCHEMAS = (SCHEMA,)
MANY = 20
"""Rows that a writer has acknowledged before anything happens to it."""


@pytest.fixture
def start():
    """Start a child by role; all that still run are killed in the end."""
    children = []

    def start(*args: object) -> subprocess.Popen[str]:
        child = subprocess.Popen([sys.executable, str(CHILDREN), *map(str, args)], stdout=subprocess.PIPE, text=True)
        children.append(child)
        return child

    yield start
    for child in children:
        child.kill()
        child.wait(10)
        child.stdout.close()


def keys(folder: Path) -> list[str]:
    return [str(row[0]) for row in query(folder, "SELECT k FROM t", schemas=SCHEMAS).rows]


def wait_for_rows(writer: subprocess.Popen[str]) -> None:
    """However busy the machine is."""
    while int(writer.stdout.readline()) < MANY:
        pass


def acknowledged(child: subprocess.Popen[str]) -> int:
    """The last whole number a dead writer printed."""
    return max((int(line) for line in child.stdout.read().splitlines(keepends=True) if line.endswith("\n")), default=MANY)


def assert_nothing_lost_or_doubled(folder: Path, writers: dict[str, subprocess.Popen[str]]) -> None:
    found = keys(folder)
    assert len(set(found)) == len(found)
    for name, writer in writers.items():
        want = {f"{name}-{n}" for n in range(acknowledged(writer))}
        assert set() == want - set(found)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_killed_writers_lose_nothing_acknowledged(tmp_path, start, seed):
    chance = random.Random(seed)
    writers = {f"w{n}": start("write", tmp_path, f"w{n}") for n in range(2)}
    for writer in writers.values():
        wait_for_rows(writer)
    for writer in writers.values():
        time.sleep(chance.uniform(0.05, 0.3))
        writer.kill()
        writer.wait(10)
    assert_nothing_lost_or_doubled(tmp_path, writers)
    ingest(tmp_path, schemas=SCHEMAS)
    assert [] == list((tmp_path / "hot").iterdir())


@pytest.mark.slow
def test_killed_ingesters_lose_and_double_nothing_while_readers_see_it_grow(tmp_path, start):
    chance = random.Random(7)
    writers = {"w": start("write", tmp_path, "w")}
    wait_for_rows(writers["w"])
    counts = []
    for _ in range(4):
        ingester = start("run_ingester", tmp_path)
        ingester.stdout.readline()
        time.sleep(chance.uniform(0.0, 0.25))
        counts.append(len(keys(tmp_path)))
        time.sleep(chance.uniform(0.0, 0.1))
        ingester.kill()
        ingester.wait(10)
        counts.append(len(keys(tmp_path)))
    writers["w"].kill()
    writers["w"].wait(10)
    assert sorted(counts) == counts
    assert_nothing_lost_or_doubled(tmp_path, writers)
    ingest(tmp_path, schemas=SCHEMAS)
    assert_all_ingested(tmp_path)


def assert_all_ingested(folder: Path) -> None:
    rows = query(folder, "SELECT count(*), count(DISTINCT k) FROM t", schemas=SCHEMAS, live=False).rows
    assert rows[0][0] == rows[0][1] == len(keys(folder))


@pytest.mark.slow
@pytest.mark.parametrize(("when", "n_left_to_move"), [("before commit", 1), ("before removal", 0)])
def test_ingester_killed_around_its_commit_moves_each_row_once(tmp_path, start, when, n_left_to_move):
    start("write_and_leave", tmp_path, "return").wait(20)
    assert -signal.SIGKILL == start("ingest_and_die", tmp_path, when).wait(20)
    assert 1 == len(list((tmp_path / "hot").iterdir()))
    assert n_left_to_move == ingest(tmp_path, schemas=SCHEMAS).n_rows
    assert [] == list((tmp_path / "hot").iterdir())
    assert ["a"] == keys(tmp_path)


@pytest.mark.slow
def test_sigterm_flushes_and_still_kills(tmp_path, start):
    writer = start("write_idle", tmp_path, 500)
    assert "appended\n" == writer.stdout.readline()
    writer.terminate()
    assert -signal.SIGTERM == writer.wait(10)
    assert 500 == len(keys(tmp_path))


@pytest.mark.slow
@pytest.mark.parametrize(("how", "code"), [("return", 0), ("raise", 3)])
def test_end_of_the_process_flushes(tmp_path, start, how, code):
    assert code == start("write_and_leave", tmp_path, how).wait(20)
    assert ["a"] == keys(tmp_path)


@pytest.mark.slow
def test_fork_gives_the_child_its_own_buffer_and_file(tmp_path, start):
    assert 0 == start("fork", tmp_path).wait(20)
    assert 2 == len(list((tmp_path / "hot").iterdir()))
    assert ["before", "child", "parent", "pending in the parent"] == sorted(keys(tmp_path))


@pytest.mark.slow
def test_multiprocessing_children_flush_at_their_end(tmp_path, start):
    assert 0 == start("fork_workers", tmp_path).wait(30)
    assert ["child 0", "child 1", "parent"] == sorted(keys(tmp_path))
