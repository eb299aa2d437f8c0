"""Several workers behind one socket: as many as asked for, counting together, all gone at the end."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from routerkit.gateway.keys import KeyStore, Scope
from routerkit.gateway.server import keys_path
from tests.gateway.test_key_limits import BODY, bearer
from tests.gateway.test_operations import COMMAND, wait_until
from tests.gateway.test_refusals import post


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


@pytest.mark.slow
def test_four_workers_let_in_what_a_key_may_and_end_together(make_served):
    served = make_served()
    _, text = KeyStore(keys_path(served.config)).create("burst", Scope(requests_per_minute=5))
    command = [COMMAND, "serve", "--config", str(served.config), "--port", "0", "--workers", "4"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True) as process:
        try:
            served.url = process.stderr.readline().split()[3].removesuffix("/v1")
            wait_until(lambda: living(process.pid) == 4 and 200 == post(served, b"", path="/readyz", method="GET")[0])
            began = time.monotonic()
            with ThreadPoolExecutor(16) as pool:
                statuses = list(pool.map(lambda _: post(served, BODY, bearer(text))[0], range(40)))
            assert {200, 429} == set(statuses)
            assert 5 <= statuses.count(200) <= 5 + (time.monotonic() - began) * 5 / 60
            assert 4 == living(process.pid)
        finally:
            process.send_signal(signal.SIGTERM)
        process.wait(30)
    wait_until(lambda: living(process.pid) == 0)


def test_children_fork_no_further():
    """One line per process that served: four, not two to the power of three."""
    script = (
        "import os\n"
        "from routerkit.offspring import fork_children\n"
        "children = fork_children(3)\n"
        "os.write(1, b'x')\n"
        "for pid in children or ():\n"
        "    os.waitpid(pid, 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert b"xxxx" == done.stdout


def test_child_that_is_killed_is_told_of_and_the_others_end_as_ever():
    script = (
        "import os, signal, sys, time\n"
        "from routerkit.offspring import Watch, fork_children\n"
        "parent = os.getpid()\n"
        "children = fork_children(2)\n"
        "if os.getpid() != parent:\n"
        "    time.sleep(60)\n"
        "watch = Watch(children, lambda line: os.write(1, line.encode() + b'\\n'))\n"
        "os.kill(children[0], signal.SIGKILL)\n"
        "sys.stdin.read(1)\n"
        "watch.end()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stdout.readline().endswith("was killed by signal 9; 2 of 3 serve on, start anew to have all\n")
        process.stdin.close()
        assert 0 == process.wait(10)
    wait_until(lambda: living(process.pid) == 0)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_children_end_with_a_parent_that_is_not_ready_to_tell_them(number):
    script = "import time\nfrom routerkit.offspring import fork_children\nfork_children(3)\nprint(flush=True)\ntime.sleep(60)\n"
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, start_new_session=True) as process:
        assert [b"\n"] * 4 == [process.stdout.readline() for _ in range(4)]
        process.send_signal(number)
    wait_until(lambda: living(process.pid) == 0)
