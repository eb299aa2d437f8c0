"""What a sandboxed run costs: a trivial program in warm jails, in a fresh jail, and in a bare interpreter without any sandbox.

Usage: python benchmarks/sandbox.py [RUNS]
"""

import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from routerkit_evals import Program, Sandbox, open_sandbox

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


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200)
