"""Waiting for what a thread finds out, written once for callers that block and for event loops."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

if TYPE_CHECKING:  # takes 5 ms, and most routers wait for no thread
    from concurrent.futures import Future

T = TypeVar("T")


class Wait(NamedTuple):
    """Something to wait for, at most this many seconds."""

    future: Future[Any]
    timeout_s: float = math.inf
    """Endless = as long as the caller has time."""


def in_thread(work: Callable[[], T], name: str) -> Future[T]:
    """What foreign work comes to, in a thread of its own: one that hangs keeps neither other work nor the end of the program waiting."""
    from concurrent.futures import Future
    from contextvars import copy_context
    from threading import Thread

    future: Future[T] = Future()

    def do() -> None:
        try:
            future.set_result(work())
        except BaseException as exc:  # noqa: BLE001  raised where the caller waits
            future.set_exception(exc)

    Thread(target=copy_context().run, args=(do,), name=name, daemon=True).start()
    return future


def result(future: Future[T], timeout_s: float) -> T | None:
    """What became of it, blocking; None when that takes longer."""
    try:
        return future.result(max(0.0, timeout_s))
    except TimeoutError:
        return None


async def aresult(future: Future[T], timeout_s: float) -> T | None:
    """Async twin of `result`."""
    from asyncio import wait, wrap_future  # asyncio is a third of our import time, and sync callers never need it

    wrapped = wrap_future(future)
    await wait((wrapped,), timeout=max(0.0, timeout_s))
    return wrapped.result() if wrapped.done() else None
