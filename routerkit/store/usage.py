"""What calls cost, and what a success cost, by whoever or whatever they are grouped by."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal, NamedTuple, get_args

from routerkit.store.readers import query

UsageBy = Literal["agent", "key", "pool", "target", "kind", "session", "day"]
USAGE_BY: Final[tuple[UsageBy, ...]] = get_args(UsageBy)

_COLUMN: Final = {"day": "strftime(called_at, '%Y-%m-%d')", "key": "key_id"}
_SPEND: Final = """
    WITH judged AS (
        SELECT {group} AS name, calls.*, r.success, r.success IS NOT NULL OR status = 'error' AS is_judged
        FROM calls LEFT JOIN latest_reports AS r USING (record_id) WHERE called_at >= ?)
    SELECT name, count(*) AS n_calls, count(*) FILTER (status = 'ok') AS n_answered, count(cached_from) AS n_cached,
        count(success) AS n_reported, count(*) FILTER (is_judged) AS n_judged, count(*) FILTER (success) AS n_succeeded,
        sum(input_tokens) AS input_tokens, sum(output_tokens) AS output_tokens,
        sum(cost_usd) AS known_usd, count(*) FILTER (cost_usd IS NULL) AS n_unpriced,
        sum(cost_usd) FILTER (is_judged) AS judged_usd, count(*) FILTER (is_judged AND cost_usd IS NULL) AS n_judged_unpriced
    FROM judged GROUP BY 1 ORDER BY known_usd DESC NULLS LAST, n_calls DESC, name"""
_COUNTS: Final = (
    "n_calls",
    "n_answered",
    "n_cached",
    "n_reported",
    "n_judged",
    "n_succeeded",
    "input_tokens",
    "output_tokens",
    "n_unpriced",
)


class Spend(NamedTuple):
    """Calls of one group. Failed attempts and failed calls are part of every sum."""

    name: str | None
    """None = calls that say nothing about it."""
    n_calls: int
    n_answered: int
    n_cached: int
    """Answered from the cache, at no cost."""
    n_reported: int
    """Calls somebody said the outcome of."""
    n_judged: int
    """Calls known to have succeeded or not: reported ones, and those that got no answer at all."""
    n_succeeded: int
    input_tokens: int
    output_tokens: int
    n_unpriced: int
    """Calls whose cost is unknown, so that `known_usd` is too little."""
    known_usd: float
    """Cost of all calls whose cost is known."""
    usd_per_success: float | None
    """Cost of the judged calls over their successes; infinite without one, None when nothing was reported or a cost is unknown."""


def read_spend(folder: Path, by: UsageBy, *, since: datetime | None = None) -> list[Spend]:
    """Spend by group, dearest first.

    Raises:
        StoreError: as `query`.
    """
    start = "1970-01-01" if since is None else since.astimezone(UTC).replace(tzinfo=None).isoformat()
    rows = query(folder, _SPEND.format(group=_COLUMN.get(by, by)), [start]).as_dicts()
    return [_spend(row) for row in rows]


def _spend(row: dict[str, object]) -> Spend:
    count = {name: int(value) if isinstance(value := row[name], int | float) else 0 for name in (*_COUNTS, "n_judged_unpriced")}
    return Spend(
        None if row["name"] is None else str(row["name"]),
        **{name: count[name] for name in _COUNTS},
        known_usd=_dollars(row["known_usd"]),
        usd_per_success=_per_success(_dollars(row["judged_usd"]), count),
    )


def _per_success(usd: float, count: dict[str, int]) -> float | None:
    if not count["n_reported"] or count["n_judged_unpriced"]:
        return None
    return usd / count["n_succeeded"] if count["n_succeeded"] else math.inf


def _dollars(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
