"""Hosts whose writers and ingesters are killed while they share a lake. Acknowledged = the writer said so through its pipe."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from routerkit.store import ingest, query
from routerkit.store.segment_file import hot_folder
from tests.store.children import SCHEMA

CHILDREN = Path(__file__).parents[1] / "store" / "children.py"
SCHEMAS = (SCHEMA,)
Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start() -> Iterator[Start]:
    """Start a child by role; all that still run are killed in the end."""
    children: list[subprocess.Popen[str]] = []

    def start(*args: object) -> subprocess.Popen[str]:
        child = subprocess.Popen([sys.executable, str(CHILDREN), *map(str, args)], stdout=subprocess.PIPE, text=True)
        children.append(child)
        return child

    yield start
    for child in children:
        child.kill()
        child.communicate(timeout=10)


def kill(child: subprocess.Popen[str]) -> str:
    """All that a child has printed in its life."""
    child.kill()
    return child.communicate(timeout=10)[0]


def acknowledged(printed: str) -> int:
    """The last whole number."""
    return max(int(line) for line in printed.splitlines(keepends=True) if line.endswith("\n"))


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_killed_ingesters_of_several_hosts_lose_and_double_nothing(host: Callable[[str], Path], start: Start) -> None:
    chance = random.Random(11)
    folders = {name: host(name) for name in ("a", "b", "c")}
    writers = {name: start("write", folder, name) for name, folder in folders.items()}
    for _ in range(3):
        ingesters = [start("run_ingester", folder) for folder in folders.values()]
        for ingester in ingesters:
            assert ingester.stdout
            ingester.stdout.readline()
        time.sleep(chance.uniform(1.0, 2.5))  # into the middle of whatever they are doing
        for ingester in ingesters:
            kill(ingester)
            time.sleep(chance.uniform(0.0, 0.2))
    want = {f"{name}-{n}" for name, writer in writers.items() for n in range(acknowledged(kill(writer)))}
    for folder in folders.values():
        assert ingest(folder, schemas=SCHEMAS).note is None
        assert [] == list(hot_folder(folder).iterdir())
    found = [str(row[0]) for row in query(folders["a"], "SELECT k FROM t", schemas=SCHEMAS).rows]
    assert len(set(found)) == len(found)
    assert set() == want - set(found)
    assert len(want) > 1_000


@pytest.mark.slow
def test_an_ingester_killed_between_its_commit_and_the_removal_moves_each_row_once(host: Callable[[str], Path], start: Start) -> None:
    start("write_and_leave", host("a"), "return").wait(20)
    assert -signal.SIGKILL == start("ingest_and_die", host("a"), "before removal").wait(60)
    assert 1 == len(list(hot_folder(host("a")).iterdir()))
    assert (("a",),) == query(host("b"), "SELECT k FROM t", schemas=SCHEMAS).rows
    assert 0 == ingest(host("a"), schemas=SCHEMAS).n_rows
    assert [] == list(hot_folder(host("a")).iterdir())
    assert (("a",),) == query(host("b"), "SELECT k FROM t", schemas=SCHEMAS).rows
