"""What a search of the cache may wait for, itself neither blocking nor async."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any, NamedTuple


class Wait(NamedTuple):
    """Something to wait for, at most so many seconds."""

    future: Future[Any]
    timeout_s: float
