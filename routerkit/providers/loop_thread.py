"""One event loop in a thread of its own, and ways to run coroutines there from ordinary threads and from other loops."""

from __future__ import annotations

import asyncio
import contextlib
import os
import queue
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Iterator
from concurrent.futures import Future
from contextlib import aclosing
from typing import Final, Generic, TypeVar

T = TypeVar("T")

_CLOSE_S: Final = 2.0
"""Longest wait for an upstream to be closed."""


class _End:
    """The source is used up or closed; after it nothing follows."""


_END: Final = _End()


class LoopThread:
    """Started with its first coroutine; a daemon, so it never keeps a program alive. A forked process gets its own."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._owner = 0

    def run(self, work: Coroutine[object, object, T]) -> T:
        """Result of a coroutine, blocking; an interrupted wait cancels it."""
        future = self._submit(work)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    async def arun(self, work: Coroutine[object, object, T]) -> T:
        """Result of a coroutine; cancelling the caller cancels it."""
        return await asyncio.wrap_future(self._submit(work))

    def iterate(self, source: AsyncGenerator[T]) -> Iterator[T]:
        """Items of an asynchronous generator, blocking; closing the iterator closes the generator at once."""
        items: queue.SimpleQueue[T | BaseException | _End] = queue.SimpleQueue()
        future = self._submit(_pump(source, items.put))
        try:
            while not isinstance(item := items.get(), _End):
                yield _checked(item)
        finally:
            future.cancel()
            with contextlib.suppress(queue.Empty):
                while not future.done() or not items.empty():
                    items.get(timeout=_CLOSE_S)

    async def aiterate(self, source: AsyncGenerator[T]) -> AsyncIterator[T]:
        """Items of an asynchronous generator that runs on the thread's loop; closing the iterator closes the generator at once."""
        inbox: _Inbox[T] = _Inbox()
        future = self._submit(_pump(source, inbox.put))
        try:
            while not isinstance(item := await inbox.items.get(), _End):
                yield _checked(item)
        finally:
            future.cancel()

    def close(self, last: Callable[[], Coroutine[object, object, None]] | None = None) -> None:
        """Cancel what runs and end the thread; a later coroutine starts a new one.

        Args:
            last: Run on the loop before it ends, if it ever ran.
        """
        with self._lock:
            loop, self._loop = self._loop, None
            thread = self._thread
        if loop is None or thread is None or self._owner != os.getpid():
            return
        if last is not None:
            with contextlib.suppress(TimeoutError):
                asyncio.run_coroutine_threadsafe(last(), loop).result(_CLOSE_S)
        loop.call_soon_threadsafe(loop.stop)
        if thread is not threading.current_thread():
            thread.join(_CLOSE_S)

    def _submit(self, work: Coroutine[object, object, T]) -> Future[T]:
        with self._lock:
            if self._loop is None or self._owner != os.getpid():
                self._loop, self._owner = asyncio.new_event_loop(), os.getpid()
                self._thread = threading.Thread(target=_serve, args=(self._loop,), name=self._name, daemon=True)
                self._thread.start()
            return asyncio.run_coroutine_threadsafe(work, self._loop)


class _Inbox(Generic[T]):
    """A queue of the current loop that another thread fills."""

    def __init__(self) -> None:
        self.items: asyncio.Queue[T | BaseException | _End] = asyncio.Queue()
        self._loop = asyncio.get_running_loop()

    def put(self, item: T | BaseException | _End) -> None:
        with contextlib.suppress(RuntimeError):  # the reader's loop is closed, so nobody waits
            self._loop.call_soon_threadsafe(self.items.put_nowait, item)


async def _pump(source: AsyncGenerator[T], put: Callable[[T | BaseException | _End], None]) -> None:
    try:
        async with aclosing(source):
            async for item in source:
                put(item)
    except Exception as exc:  # noqa: BLE001 - handed to the reader, who raises it
        put(exc)
    finally:
        put(_END)


def _checked(item: T | BaseException) -> T:
    if isinstance(item, BaseException):
        raise item
    return item


def _serve(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
        tasks = asyncio.all_tasks(loop)
        for task in tasks:
            task.cancel()
        loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        loop.run_until_complete(loop.shutdown_asyncgens())
    finally:
        loop.close()
