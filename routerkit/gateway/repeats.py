"""Notices programs in a loop: the same body again and again under one key is nobody's wish, and every time it is paid for."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from routerkit.gateway.refusal import Refusal
from routerkit.state.bucket import level, wait_s

MOST_BODIES: Final = 10_000
"""Bodies remembered; beyond them the one that came least recently is forgotten."""


class Repeats:
    """Counts equal bodies per key, in this process. Only their hashes are kept."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._seen: OrderedDict[tuple[str, int], tuple[float, float]] = OrderedDict()
        """Level of the bucket, and when it was that."""

    def check(self, key_id: str, body: bytes, per_minute: int) -> None:
        """Count a body.

        Raises:
            Refusal: it came more often than that.
        """
        place, now = (key_id, hash(body)), self._clock()
        used, at = self._seen.pop(place, (0.0, now))
        used = level(used, now - at, per_minute)
        late_s = wait_s(used, 1.0, per_minute)
        self._seen[place] = (used if late_s else used + 1.0, now)
        if len(self._seen) > MOST_BODIES:
            self._seen.popitem(last=False)
        if late_s:
            text = f"this key sent the very same request more than {per_minute} times within a minute; is a program in a loop?"
            raise Refusal(429, text, code="repeated_request", retry_after_s=late_s, again=False)
