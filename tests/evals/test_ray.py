"""Grading on a real Ray cluster of one processor, started by its own interpreter and attached to, as in production."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from routerkit_evals import EvalError, Grader, Sandbox, Task
from routerkit_evals.executors import make_executor
from tests.evals.making import make_task, make_value_task

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="the package ray is not installed: pip install 'routerkit[ray]'"),
]
HEAD = """
import sys
import ray

context = ray.init(num_cpus=1, object_store_memory=80 << 20, include_dashboard=False, log_to_driver=False, _node_ip_address="127.0.0.1",
                   _temp_dir=sys.argv[1])
print(context.address_info["gcs_address"], flush=True)
sys.stdin.read()
"""
RIGHT = "```python\ndef add(a, b):\n    return a + b\n```"
ANSWERS = {
    "right": RIGHT,
    "wrong": RIGHT.replace("+", "-"),
    "empty": "",
    "exits": "```python\nimport os\nos._exit(0)\n```",
    "reads": "```python\nprint(open('/etc/passwd').read())\n```",
}


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Address of a cluster that lives as long as these tests."""
    # Ray's socket paths must be short, and pytest's folders are long.
    folder = Path("/tmp", f"rk-ray-{os.getpid()}")
    patch = pytest.MonkeyPatch()
    # A token of our own, so that no file of the user's is read or written.
    for name, value in {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "0" * 64, "RAY_USAGE_STATS_ENABLED": "0"}.items():
        patch.setenv(name, value)
    head = subprocess.Popen(
        [sys.executable, "-c", HEAD, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert head.stdout is not None
    address = head.stdout.readline().strip()
    if not address:
        _, errors = head.communicate(timeout=60)
        pytest.fail(f"Ray did not start: {errors[-500:]}")
    yield address
    head.communicate(timeout=60)
    patch.undo()
    shutil.rmtree(folder, ignore_errors=True)


def facts(grader: object, task: Task) -> dict[str, tuple[object, ...]]:
    return {
        name: (grade.verdict, grade.why, grade.tests_passed, grade.tests_total, grade.sandbox)
        for name, answer in ANSWERS.items()
        for grade in [grader.grade(task, answer)]  # type: ignore[attr-defined]
    }


def test_grades_on_a_cluster_are_the_grades_here(cluster: str, sandbox: Sandbox) -> None:
    """Also in a sandbox there, also for what runs nothing; and a worker that dies is replaced."""
    import ray

    task, value_task, here = make_task("add"), make_value_task("v"), Grader(sandbox)
    with make_executor(f"ray:{cluster}", 2, grader=here) as executor:
        assert facts(here, task) == facts(executor, task)
        assert here.grade(value_task, "LINE 7") == executor.grade(value_task, "LINE 7")
        worker = executor._idle.get()  # type: ignore[attr-defined]  # nothing else ends a worker from outside
        ray.kill(worker)
        executor._idle.put(worker)  # type: ignore[attr-defined]
        assert "pass" == executor.grade(task, RIGHT).verdict
    assert not ray.is_initialized()


def test_missing_cluster_is_one_line_with_the_remedy() -> None:
    with pytest.raises(
        EvalError, match=r"no Ray cluster answers at 127\.0\.0\.1:1 .*start one with `ray start --head`, or use --executor local"
    ):
        make_executor("ray:127.0.0.1:1", 1, grader=Grader(None))


def test_cluster_is_never_started_by_us() -> None:
    with pytest.raises(EvalError, match="would start a cluster"):
        make_executor("ray:local", 1, grader=Grader(None))
