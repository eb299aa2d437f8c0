"""Showing how a run goes: a bar on a terminal, a plain line every few seconds elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, Protocol

from routerkit import format_usd
from routerkit_evals.runner import Progress

_EVERY_S: Final = 5.0


class Show(Protocol):
    """Says how far something is."""

    def __call__(self, n_done: int, n_all: int | None, what: str, /) -> None:
        """Show `n_done` of `n_all` (None = nobody knows) and one line about it."""
        ...


@contextmanager
def counting() -> Iterator[Show]:
    """A function to call after each step; writes to standard error, so that results can be piped."""
    if not sys.stderr.isatty():
        yield _plain()
        return
    from rich.console import Console  # rich takes 50 ms, and only a terminal needs it
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("{task.description}"))
    with Bar(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("", total=None)
        yield lambda n_done, n_all, what: bar.update(task, completed=n_done, total=n_all, description=what)


@contextmanager
def showing() -> Iterator[Callable[[Progress], None]]:
    """A function to call after each sample."""
    with counting() as show:
        yield lambda progress: show(progress.n_done, progress.n_total, describe(progress))


def checking(done: int, total: int) -> None:
    """Say once, at the end, how many tasks were checked: it takes a second or two, and only for new tasks."""
    if done == total:
        print(f"checked {total} new tasks: reference and empty answer", file=sys.stderr, flush=True)  # noqa: T201  command line


def describe(progress: Progress) -> str:
    """One line: what came last, and the money so far."""
    sample = progress.sample
    money = f", {format_usd(progress.spent_usd)} so far" if progress.spent_usd else ""
    return f"{sample.target} {sample.task_id} {sample.verdict}{money}"


def _plain() -> Show:
    last_s = time.monotonic()

    def show(n_done: int, n_all: int | None, what: str, /) -> None:
        nonlocal last_s
        now_s = time.monotonic()
        if now_s - last_s >= _EVERY_S or n_done == n_all:
            last_s = now_s
            print(f"{n_done}{'' if n_all is None else f'/{n_all}'} {what}", file=sys.stderr, flush=True)  # noqa: T201  command line

    return show
