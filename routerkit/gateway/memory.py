"""The last calls of this process, for a look at why one went where it went."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable
from datetime import datetime
from operator import attrgetter
from typing import Any, Final, NamedTuple

from routerkit.decision import Decision
from routerkit.record import Attempt, Record, Report


class _Seen(NamedTuple):
    """A record without its prompt and answer."""

    id: str
    at: datetime
    status: str
    target: str | None
    model: str | None
    cost_usd: float | None
    latency_s: float
    attempts: tuple[Attempt, ...]
    decision: Decision


_kept: Final[Callable[[Record], tuple[Any, ...]]] = attrgetter(*_Seen._fields)


class Memory:
    """An observer that keeps the newest records, without their prompts and answers."""

    def __init__(self, size: int = 200, *, n_owners: int = 10_000) -> None:
        """Keep `size` calls, a few kB each; with 1,000 a call took some 8 % longer, for want of room in the processor's cache.

        Args:
            size: Calls that can be looked at.
            n_owners: Calls whose key is known.
        """
        self._n_owners = n_owners
        self._seen: deque[tuple[Any, ...]] = deque(maxlen=size)
        self._owners: OrderedDict[str, str | None] = OrderedDict()

    def observe(self, event: Record | Report) -> None:
        """Remember a call."""
        if isinstance(event, Record):
            event.decision.features.see()  # read by the ledger as well, and only once; from now on nothing holds the prompt
            self._seen.append(_kept(event))
            self._owners[event.id] = event.request.key
            if len(self._owners) > self._n_owners:
                self._owners.popitem(last=False)

    def is_of_another(self, record_id: str, key_id: str) -> bool:
        """Whether a call is known to have been asked for by another key than this one."""
        return record_id in self._owners and self._owners[record_id] != key_id

    def find(self, record_id: str) -> dict[str, Any] | None:
        """What is known of a call; None when it is not among the newest."""
        kept = next((kept for kept in self._seen if kept[0] == record_id), None)
        if kept is None:
            return None
        seen = _Seen(*kept)
        return {
            "record_id": seen.id,
            "at": seen.at.isoformat(),
            "status": seen.status,
            "target": seen.target,
            "model": seen.model,
            "cost_usd": seen.cost_usd,
            "latency_s": seen.latency_s,
            "attempts": [
                {"target": a.target, "latency_s": a.latency_s, "cost_usd": a.cost_usd, "error_code": a.error_code, "status": a.status}
                for a in seen.attempts
            ],
            "explain": seen.decision.explain(),
        }
