"""An event loop whose clock jumps to the next timer: hours of traffic in milliseconds, the same every time."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class VirtualLoop(asyncio.SelectorEventLoop):
    """Never waits: where it would, its time moves on at once."""

    def __init__(self) -> None:
        self.now_s = 1_000.0
        super().__init__(_Selector(self))

    def time(self) -> float:
        return self.now_s


class _Selector(selectors.DefaultSelector):
    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> Any:
        if timeout:
            self._loop.now_s += timeout
        return super().select(0)


def run(work: Coroutine[Any, Any, T], loop: VirtualLoop) -> T:
    """What the coroutine comes to, in virtual time."""
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        return runner.run(work)
