"""Attempts as the ledger has them, and what they cost once a bill says so."""

# ruff: noqa: S608  the only name put into SQL is our own constant
from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, NamedTuple

from routerkit.store.database import CATALOG
from routerkit.store.place import has_rows, open_writing, refused
from routerkit.store.readers import query

_CALLS: Final = """
    SELECT record_id, called_at, agent, pool, key_id, cost_usd, attempts FROM calls
    WHERE called_at BETWEEN ? AND ? AND n_attempts > 0 ORDER BY called_at, record_id"""
_UPDATE: Final = f"""
    UPDATE {CATALOG}.calls AS c SET attempts = n.attempts, cost_usd = n.cost_usd, input_tokens = n.input_tokens,
        output_tokens = n.output_tokens, usage_estimated = n.usage_estimated
    FROM (SELECT unnest(?) AS record_id, CAST(unnest(?) AS JSON) AS attempts, unnest(?) AS cost_usd, unnest(?) AS input_tokens,
        unnest(?) AS output_tokens, unnest(?) AS usage_estimated) AS n
    WHERE c.record_id = n.record_id"""


class LoggedAttempts(NamedTuple):
    """The attempts of one call."""

    record_id: str
    called_at: datetime
    accounts: tuple[str, ...]
    """Names of the accounts that its budgets, if there are any, were kept on."""
    cost_usd: float | None
    attempts: Sequence[Mapping[str, Any]]
    """As in the column of that name."""

    def began_at(self, index: int) -> datetime:
        """When one of them was sent."""
        return self.called_at + timedelta(seconds=self.attempts[index]["offset_s"])

    def ended_at(self, index: int) -> datetime | None:
        """When one of them was over; None = unknown."""
        latency_s = self.attempts[index]["latency_s"]
        return None if latency_s is None else self.began_at(index) + timedelta(seconds=latency_s)


class Price(NamedTuple):
    """What an attempt turned out to have used and cost."""

    input_tokens: int
    output_tokens: int
    cost_usd: float


def read_attempts(folder: Path, first: datetime, last: datetime, *, live: bool) -> list[LoggedAttempts]:
    """Calls with attempts that were made between two instants.

    Args:
        folder: Folder of the ledger.
        first: The earlier one.
        last: The later one.
        live: Whether to count rows that are not ingested yet, and so cannot be changed.

    Raises:
        StoreError: as `query`.
    """
    return [_logged(row) for row in query(folder, _CALLS, [_naive(first), _naive(last)], live=live).rows]


def set_prices(folder: Path, prices: Iterable[tuple[LoggedAttempts, Mapping[int, Price]]]) -> None:
    """Put what attempts cost, by their index, in place of what was assumed, all of it or none; they are `settled` from then on.

    Raises:
        StoreError: the database cannot be written.
    """
    rows = [_priced(call, by_index) for call, by_index in prices]
    if not rows or not has_rows(folder):
        return
    import duckdb  # loaded here, see database.open_memory

    connection = open_writing(folder, wait_s=10.0)
    try:
        connection.execute(_UPDATE, [list(column) for column in zip(*rows, strict=True)])
    except duckdb.Error as exc:
        raise refused(folder, exc) from exc
    finally:
        connection.close()


def _priced(call: LoggedAttempts, prices: Mapping[int, Price]) -> tuple[str, str, float | None, int, int, bool]:
    attempts = [_settled(attempt, prices[i]) if i in prices else attempt for i, attempt in enumerate(call.attempts)]
    used = [attempt["usage"] or {} for attempt in attempts]
    before = sum(a["cost_usd"] or 0.0 for a in call.attempts) if call.cost_usd is None else call.cost_usd
    more = sum(price.cost_usd - (call.attempts[i]["cost_usd"] or 0.0) for i, price in prices.items())
    return (
        call.record_id,
        json.dumps(attempts),
        None if any(a["cost_usd"] is None for a in attempts) else round(before + more, 12),
        sum(u.get("input_tokens", 0) for u in used),
        sum(u.get("output_tokens", 0) for u in used),
        any(u.get("is_estimated", False) for u in used),
    )


def _settled(attempt: Mapping[str, Any], price: Price) -> dict[str, Any]:
    usage = {"input_tokens": price.input_tokens, "output_tokens": price.output_tokens, "is_estimated": False}
    return {**attempt, "usage": usage, "cost_usd": price.cost_usd, "settled": True}


def _logged(row: Sequence[Any]) -> LoggedAttempts:  # what a row holds is known to its query alone
    record_id, called_at, agent, pool, key, cost_usd, attempts = row
    owners = [f"{kind}:{name}" for kind, name in (("key", key), ("agent", agent), ("pool", pool)) if name]
    return LoggedAttempts(record_id, called_at.replace(tzinfo=UTC), tuple(owners), cost_usd, json.loads(attempts))


def _naive(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(tzinfo=None)
