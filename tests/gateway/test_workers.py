"""Several workers behind one socket: as many as asked for, counting together, all gone at the end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from routerkit.gateway.keys import KeyStore, Scope
from routerkit.gateway.server import keys_path
from tests.gateway.test_key_limits import BODY, bearer
from tests.gateway.test_operations import COMMAND, wait_until
from tests.gateway.test_refusals import post
from tests.servers.fault import Fault


def living(group: int) -> int:
    """Processes of a process group."""
    found = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it ended between the two looks
        found += int(fields[2]) == group and fields[0] != "Z"
    return found


def children(parent: int) -> set[int]:
    """Processes that a process has made."""
    return {int(pid) for pid in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()}


@pytest.mark.slow
def test_four_workers_let_in_what_a_key_may_and_end_together(make_served):
    served = make_served()
    _, text = KeyStore(keys_path(served.config)).create("burst", Scope(requests_per_minute=5))
    command = [COMMAND, "serve", "--config", str(served.config), "--port", "0", "--workers", "4"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True) as process:
        try:
            served.url = process.stderr.readline().split()[3].removesuffix("/v1")
            wait_until(lambda: living(process.pid) == 1 + 4 and 200 == post(served, b"", path="/readyz", method="GET")[0])
            began = time.monotonic()
            with ThreadPoolExecutor(16) as pool:
                statuses = list(pool.map(lambda _: post(served, BODY, bearer(text))[0], range(40)))
            assert {200, 429} == set(statuses)
            assert 5 <= statuses.count(200) <= 5 + (time.monotonic() - began) * 5 / 60
            assert 1 + 4 == living(process.pid)
        finally:
            process.send_signal(signal.SIGTERM)
        process.wait(30)
    wait_until(lambda: living(process.pid) == 0)


TENDED = """
import os, signal, sys, time
from routerkit.offspring import Nursery
{before}
nursery = Nursery({n}, lambda line: os.write(2, line.encode() + b"\\n"), lambda: os.write(2, b"end\\n"))
if nursery.tend():
    os.write(1, b"%d\\n" % os.getpid())
    {work}
else:
    os.write(2, b"over\\n")
"""


@contextmanager
def tended(n: int, work: str, *, before: str = "") -> Iterator[subprocess.Popen[str]]:
    """A process that keeps so many children at work; each says its number when it begins."""
    with subprocess.Popen(
        [sys.executable, "-c", TENDED.format(n=n, work=work, before=before)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()
    wait_until(lambda: living(process.pid) == 0)


def test_as_many_children_as_asked_for_and_all_end_when_their_parent_is_told_to():
    """Not two to the power of three; and nobody is told of children that were told to end."""
    with tended(3, "time.sleep(60)") as process:
        assert 3 == len({process.stdout.readline() for _ in range(3)})
        assert 1 + 3 == living(process.pid)
        process.terminate()
        assert ("", "end\nover\n") == process.communicate(timeout=10)
        assert 0 == process.returncode


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_child_that_ends_alone_is_told_of_and_replaced(number):
    with tended(2, "time.sleep(60)") as process:
        first = int(process.stdout.readline())
        process.stdout.readline()
        os.kill(first, number)
        assert f"worker {first} was killed by signal {int(number)}; 1 of 2 serve on, another takes its place\n" == process.stderr.readline()
        assert int(process.stdout.readline()) != first
        assert 1 + 2 == living(process.pid)


def test_children_that_keep_dying_are_replaced_ever_later_while_one_lives():
    with tended(2, "time.sleep(60)") as process:
        process.stdout.readline()
        for pause in ("another takes its place", "another takes its place", "another follows in 1 s"):
            newest, began = int(process.stdout.readline()), time.monotonic()
            os.kill(newest, signal.SIGKILL)
            assert pause in process.stderr.readline()
        process.stdout.readline()
        assert time.monotonic() - began > 0.9


def test_children_that_all_keep_dying_end_their_parent_with_an_error():
    with tended(2, "sys.exit(7)") as process:
        _, told = process.communicate(timeout=10)
    assert 1 == process.returncode
    *replaced, last = [line for line in told.splitlines() if "ended with 7" in line]
    assert 2 <= len(replaced) <= 3
    assert f"0 of 2 serve on, and {len(replaced) + 1} died within a minute" in last


def test_second_signal_makes_children_hurry():
    """The first one, of which a service manager sends a copy to each of them, does not count twice."""
    hears = "signal.signal(signal.SIGTERM, lambda *_: os.write(1, b'told\\n'))"
    hurries = "signal.signal(signal.SIGQUIT, signal.SIG_DFL)"  # a shell has what it starts in the background ignore it
    with tended(1, f"{hears}; {hurries}; os.write(1, b'ready\\n'); time.sleep(60)") as process:
        child = int(process.stdout.readline())
        assert "ready\n" == process.stdout.readline()
        os.kill(child, signal.SIGTERM)
        assert "told\n" == process.stdout.readline()
        process.terminate()
        assert "told\n" == process.stdout.readline()
        process.terminate()
        assert 0 == process.wait(10)


def test_third_signal_ends_children_that_are_stuck():
    """Else one of them would keep the port, and whoever wants it back would have to find them all."""
    hears = "; ".join(f"signal.signal(signal.{name}, lambda *_: os.write(1, b'{name}\\n'))" for name in ("SIGTERM", "SIGQUIT"))
    with tended(1, f"{hears}; os.write(1, b'ready\\n'); [time.sleep(60) for _ in range(3)]") as process:
        process.stdout.readline()
        assert "ready\n" == process.stdout.readline()
        for told in ("SIGTERM\n", "SIGQUIT\n"):
            process.terminate()
            assert told == process.stdout.readline()
        process.terminate()
        assert 0 == process.wait(10)


def test_sigquit_makes_children_hurry_at_once():
    """As it does where one process serves alone; it must not end the parent before them."""
    hears = "signal.signal(signal.SIGQUIT, lambda *_: (os.write(1, b'hurry\\n'), os._exit(0)))"
    with tended(1, f"{hears}; os.write(1, b'ready\\n'); time.sleep(60)") as process:
        process.stdout.readline()
        assert "ready\n" == process.stdout.readline()
        process.send_signal(signal.SIGQUIT)
        assert ("hurry\n", "end\nover\n") == process.communicate(timeout=10)
        assert 0 == process.returncode


def test_children_are_replaced_where_whoever_started_their_parent_ignores_the_ends_of_its_own():
    with tended(2, "time.sleep(60)", before="signal.signal(signal.SIGCHLD, signal.SIG_IGN)") as process:
        first = int(process.stdout.readline())
        process.stdout.readline()
        os.kill(first, signal.SIGKILL)
        assert "another takes its place" in process.stderr.readline()
        assert int(process.stdout.readline()) != first


FULL = """
real, is_full = os.fork, iter(({answers}))
def fork():
    if next(is_full):
        raise BlockingIOError(11, "Resource temporarily unavailable")
    return real()
os.fork = fork
"""


def test_child_that_cannot_be_made_now_is_made_later():
    """As when memory is short, which children die of; those that live must not end for it."""
    with tended(2, "time.sleep(60)", before=FULL.format(answers="False, False, True, False")) as process:
        first = int(process.stdout.readline())
        process.stdout.readline()
        os.kill(first, signal.SIGKILL)
        process.stderr.readline()
        told = "no worker can be made (Resource temporarily unavailable); 1 of 2 serve on, another try follows in 1 s\n"
        assert told == process.stderr.readline()
        assert int(process.stdout.readline()) != first


def test_parent_that_cannot_make_its_first_child_ends_with_an_error():
    with tended(2, "time.sleep(60)", before=FULL.format(answers="True,")) as process:
        _, told = process.communicate(timeout=10)
    assert 1 == process.returncode
    assert "WorkersLostError: no worker can be made (Resource temporarily unavailable); 0 of 2 serve; free memory" in told


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_children_end_with_their_parent(number):
    with tended(3, "time.sleep(60)") as process:
        assert 3 == len([process.stdout.readline() for _ in range(3)])
        process.send_signal(number)
        wait_until(lambda: living(process.pid) == 0)


@pytest.mark.slow
def test_worker_in_place_of_a_killed_one_serves_with_the_newest_configuration(make_served):
    served = make_served()
    command = [COMMAND, "serve", "--config", str(served.config), "--port", "0", "--workers", "2"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True) as process:
        try:
            served.url = process.stderr.readline().split()[3].removesuffix("/v1")
            wait_until(lambda: len(children(process.pid)) == 2 and 200 == post(served, b"", path="/readyz", method="GET")[0])
            served.config.write_text(served.config.read_text().replace('["cheap", "strong"]', '["strong"]'))
            first, second = children(process.pid)
            os.kill(first, signal.SIGKILL)
            wait_until(lambda: len(children(process.pid)) == 2)
            os.kill(second, signal.SIGKILL)
            wait_until(lambda: children(process.pid).isdisjoint({first, second}) and len(children(process.pid)) == 2)
            status, body, _ = post(served, BODY)
            assert (200, "strong-1") == (status, body["model"])
        finally:
            process.send_signal(signal.SIGTERM)
        assert 0 == process.wait(30)
    wait_until(lambda: living(process.pid) == 0)


@pytest.mark.slow
def test_worker_is_replaced_even_if_nobody_can_be_told_of_its_death(make_served):
    """As when the program that keeps the log has ended."""
    served = make_served()
    command = [COMMAND, "serve", "--config", str(served.config), "--port", "0", "--workers", "2"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True) as process:
        try:
            served.url = process.stderr.readline().split()[3].removesuffix("/v1")
            wait_until(lambda: len(children(process.pid)) == 2)
            process.stderr.close()
            first, second = children(process.pid)
            os.kill(first, signal.SIGKILL)
            wait_until(lambda: len(children(process.pid) - {first, second}) == 1)
            wait_until(lambda: 200 == post(served, b"", path="/readyz", method="GET")[0])
        finally:
            process.send_signal(signal.SIGTERM)
        assert 0 == process.wait(30)
    wait_until(lambda: living(process.pid) == 0)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_that_every_process_gets_lets_answers_finish(make_served, number):
    """As from systemd, and from a terminal: the parent tells its workers again, which is no second signal."""
    served = make_served()
    served.first.script(Fault(delay_s=0.5))
    command = [COMMAND, "serve", "--config", str(served.config), "--port", "0", "--workers", "2"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True) as process:
        served.url = process.stderr.readline().split()[3].removesuffix("/v1")
        wait_until(lambda: len(children(process.pid)) == 2 and 200 == post(served, b"", path="/readyz", method="GET")[0])
        with ThreadPoolExecutor(1) as pool:
            answer = pool.submit(post, served, BODY)
            assert served.first.wait_for_live(1, 10)
            os.killpg(process.pid, number)
            assert 200 == answer.result()[0]
        assert (0, "") == (process.wait(20), process.stderr.read())
