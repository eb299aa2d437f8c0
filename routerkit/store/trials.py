"""What the ledger knows of an experiment."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from routerkit.store.readers import query
from routerkit.trial import Call

_CALLS: Final = """
    SELECT decision->>'$.arm.variant', decision->>'$.arm.unit',
           CASE WHEN r.success IS NOT NULL THEN r.success WHEN c.status = 'error' THEN false END, c.cost_usd
    FROM calls AS c LEFT JOIN latest_reports AS r USING (record_id)
    WHERE c.pool = ? AND decision->>'$.arm.experiment' = ? AND coalesce(decision->>'$.arm.ending', '') = ''
    ORDER BY coalesce(r.reported_at, c.called_at), c.record_id"""
"""A call that failed has failed, also if nobody reported it; one that was answered has no outcome until somebody does."""


def read_trial(folder: Path, pool: str, experiment: str) -> list[Call]:
    """Calls that were dealt a variant, in the order in which their outcomes became known.

    Raises:
        StoreError: as `query`.
    """
    rows = query(folder, _CALLS, [pool, experiment]).rows
    return [Call(str(v), str(u), None if s is None else bool(s), None if c is None else float(str(c))) for v, u, s, c in rows]
