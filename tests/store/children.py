"""What the processes of the kill tests do: `python children.py ROLE FOLDER …`. Each prints what it acknowledges."""

# ruff: noqa: T201  printing is how these processes talk to the tests
import os
import signal
import sys
import time
from pathlib import Path

from routerkit.store import Pace, SegmentWriter, StreamSchema, follow, ingest

SCHEMA = StreamSchema("t", "t", "k", {"k": "VARCHAR", "n": "BIGINT", "pad": "VARCHAR"})
PACE = Pace(tick_s=0.005, rotate_s=0.1, rotate_rows=400)


def write(folder: Path, name: str) -> None:
    """Append rows for ever; a printed number says that as many rows are flushed."""
    writer = SegmentWriter(folder, "t", pace=PACE)
    n = 0
    while True:
        for _ in range(7):
            writer.append({"k": f"{name}-{n}", "n": n, "pad": "x" * 300})
            n += 1
        if writer.flush():
            print(n, flush=True)
        time.sleep(0.002)


def write_idle(folder: Path, n_rows: str) -> None:
    """Append rows that wait for a tick that is far away, then hang."""
    writer = SegmentWriter(folder, "t", pace=Pace(tick_s=1.0))
    writer.append({"k": "0"})
    writer.flush()
    for n in range(1, int(n_rows)):
        writer.append({"k": str(n)})
    print("appended", flush=True)
    time.sleep(30)


def write_and_leave(folder: Path, how: str) -> None:
    """Append and end the process without flushing."""
    writer = SegmentWriter(folder, "t", pace=Pace(tick_s=3600))
    writer.append({"k": "a"})
    if how == "raise":
        raise SystemExit(3)


def fork(folder: Path) -> None:
    """Append, fork, append on both sides."""
    writer = SegmentWriter(folder, "t", pace=Pace(tick_s=3600))
    writer.append({"k": "before"})
    writer.flush()
    writer.append({"k": "pending in the parent"})
    child = os.fork()
    writer.append({"k": "parent" if child else "child"})
    writer.close()
    if child:
        os.waitpid(child, 0)
    os._exit(0)


def fork_workers(folder: Path) -> None:
    """Append in multiprocessing children, which skip atexit."""
    import multiprocessing

    writer = SegmentWriter(folder, "t", pace=Pace(tick_s=3600))
    context = multiprocessing.get_context("fork")
    children = [context.Process(target=writer.append, args=({"k": f"child {n}"},)) for n in range(2)]
    for child in children:
        child.start()
    for child in children:
        child.join(20)
    writer.append({"k": "parent"})


def run_ingester(folder: Path) -> None:
    """Ingest almost without a pause."""
    print("up", flush=True)
    follow(folder, lambda _: time.sleep(0.03) is not None, schemas=(SCHEMA,))


def ingest_and_die(folder: Path, when: str) -> None:
    """Ingest, but be killed between the INSERT and the COMMIT, or between the COMMIT and the removal of the file."""

    def die(*_: object, **__: object) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    ingest(folder, schemas=())  # loads what is needed
    if when == "before commit":
        Path.open = die  # the lines are counted after the INSERT
    else:
        unlink = Path.unlink
        Path.unlink = lambda path, **options: die() if path.suffix == ".jsonl" else unlink(path, **options)
    ingest(folder, schemas=(SCHEMA,))


if __name__ == "__main__":
    role, where, *rest = sys.argv[1:]
    globals()[role](Path(where), *rest)
