"""Ingesting until somebody says stop: how that is heard, and what is told meanwhile."""

from __future__ import annotations

import os
import select
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from routerkit.store import IngestResult


@contextmanager
def wait_for_signal() -> Iterator[Callable[[float], bool]]:
    """A function that waits this many seconds, or less: whether Ctrl-C or SIGTERM came."""
    # A pipe, because it is all a handler may touch safely: setting an Event that is being waited for can deadlock.
    reading, writing = os.pipe()
    os.set_blocking(writing, False)

    def stop(*_: object) -> None:
        os.write(writing, b"x")

    def wait(seconds: float) -> bool:
        return bool(select.select([reading], [], [], seconds)[0])

    before = {s: signal.signal(s, stop) for s in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield wait
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        os.close(reading)
        os.close(writing)


class Teller:
    """Prints a result when it is news."""

    def __init__(self) -> None:
        self._note: str | None = None

    def __call__(self, result: IngestResult) -> None:
        """Print it, unless it says nothing new."""
        if result.n_segments or (result.note and result.note != self._note):
            print_result(result)
        self._note = result.note


def print_result(result: IngestResult) -> None:
    """Print what was ingested, and on stderr what stands in the way."""
    bad = f", {result.n_bad} bad lines skipped" if result.n_bad else ""
    print(f"ingested {result.n_rows} rows from {result.n_segments} segments{bad}", flush=True)
    if result.note:
        print(result.note, file=sys.stderr, flush=True)
