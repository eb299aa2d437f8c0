"""Logged calls with what became of them, ready to be decided again."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from routerkit.decision import Decision
from routerkit.redecision import LoggedCall
from routerkit.store.readers import query

SAMPLE: Final = 20_000
"""Calls read at most: a share is then known within 0.7 points, and deciding them again takes seconds."""

# By a hash of the id: the same calls every time, and no call is preferred. The wide columns are read of the sampled rows only.
_SAMPLED: Final = """
    WITH chosen AS (
        SELECT record_id FROM calls WHERE called_at >= ? AND (? IS NULL OR pool = ?) ORDER BY hash(record_id), record_id LIMIT ?)
    SELECT c.decision, c.status, c.cost_usd, c.session, r.success, c.cached_from
    FROM calls AS c LEFT JOIN latest_reports AS r USING (record_id)
    WHERE c.record_id IN (SELECT record_id FROM chosen) ORDER BY c.called_at, c.record_id"""
_COUNT: Final = "SELECT count(*) FROM calls WHERE called_at >= ? AND (? IS NULL OR pool = ?)"


@dataclass(frozen=True, slots=True)
class LoggedCalls:
    """A sample of the ledger."""

    calls: tuple[LoggedCall, ...]
    n_stored: int
    """Calls of that time and pool, of which `calls` and `left_out` are the sample."""
    left_out: Mapping[str, int] = field(default_factory=dict)
    """Sampled calls that cannot be decided again, by reason."""


def read_logged(folder: Path, *, since: datetime | None = None, pool: str | None = None, sample: int = SAMPLE) -> LoggedCalls:
    """Calls made since then through that pool, at most `sample` of them, drawn by a hash of their ids; oldest first.

    Raises:
        StoreError: as `query`.
    """
    start = "1970-01-01" if since is None else since.astimezone(UTC).replace(tzinfo=None).isoformat()
    ((n_stored,),) = query(folder, _COUNT, [start, pool, pool]).rows
    calls: list[LoggedCall] = []
    left_out: Counter[str] = Counter()
    for decision, status, cost_usd, session, success, cached_from in query(folder, _SAMPLED, [start, pool, pool, sample]).rows:
        if cached_from is not None or status == "lost":
            left_out["lost with its process" if status == "lost" else "answered from the cache"] += 1
            continue
        try:
            stored = Decision.from_dict(json.loads(str(decision)))
        except ValueError:
            left_out["stored by another version"] += 1
            continue
        if status == "cancelled" or stored.picked is None:
            left_out["cancelled by the caller" if stored.picked else "no target could be picked"] += 1
            continue
        known_usd = float(cost_usd) if isinstance(cost_usd, int | float) else None
        calls.append(LoggedCall(stored, known_usd, None if success is None else bool(success), None if session is None else str(session)))
    return LoggedCalls(tuple(calls), n_stored if isinstance(n_stored, int) else 0, dict(left_out))
