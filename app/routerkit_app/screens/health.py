"""Which targets fail, how, how slow they are, and which of them are kept away from."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Final

import pandas as pd
import streamlit as st

from routerkit import RouterKitError
from routerkit.config import unfit_targets
from routerkit_app import columns
from routerkit_app.charts import health as charts
from routerkit_app.data import ask
from routerkit_app.filters import Where, chosen
from routerkit_app.first_steps import to_call
from routerkit_app.setup import Setup, setup
from routerkit_app.traffic import n_calls
from routerkit_app.view import draw, head, nothing, table

_DECISIONS: Final = 2_000
"""Newest decisions that are read for how they saw the targets; each holds kilobytes of JSON."""

# Most calls are answered at the first attempt, and then the row itself says all there is to know: only the others' JSON is read.
_TRIED: Final = """
    WITH tried AS (
        SELECT called_at, target, 'ok' AS outcome, latency_s FROM calls WHERE status = 'ok' AND n_attempts = 1 AND {where}
        UNION ALL
        SELECT called_at, a->>'target', coalesce(a->>'error_code', 'ok'), (a->>'latency_s')::DOUBLE
        FROM (SELECT called_at, unnest(CAST(attempts AS JSON[])) AS a FROM calls WHERE (status <> 'ok' OR n_attempts > 1) AND {where}))
    SELECT date_trunc('day', called_at) AS day, target, outcome, count(*) AS attempts, sum(latency_s) AS total_s, max(called_at) AS last
    FROM tried GROUP BY 1, 2, 3"""
_LATENCIES: Final = """
    SELECT target, count(*) AS answers, quantile_cont(latency_s, [0.5, 0.95, 0.99]) AS q, quantile_cont(first_token_s, 0.5) AS first_token_s
    FROM calls WHERE status = 'ok' AND n_attempts = 1 AND {where} GROUP BY target ORDER BY target"""
_FITNESS: Final = """
    WITH seen AS (SELECT called_at, unnest(CAST(decision->'$.candidates' AS JSON[])) AS c FROM calls WHERE {where})
    SELECT c->>'$.target' AS target,
        CASE WHEN c->>'$.drop.by' IN ('health', 'limited', 'disabled', 'budget') THEN c->>'$.drop.by' ELSE 'fit' END AS outcome,
        count(*) AS decisions, max(called_at) AS last,
        CASE WHEN outcome <> 'fit' THEN arg_max(c->>'$.drop.why', called_at) END AS why
    FROM seen GROUP BY 1, 2 ORDER BY 1, 2"""
_COLUMNS: Final = {
    "mean_s": columns.seconds("mean"),
    "p50_s": columns.seconds("median"),
    "p95_s": columns.seconds("95 %"),
    "p99_s": columns.seconds("99 %"),
    "first_token_s": columns.seconds("first token", "Median."),
    "last": columns.instant("last"),
    "called_at": columns.instant("called"),
}
_LAST_FAILURES: Final = """
    SELECT called_at, record_id, pool, agent, target, error_code, n_attempts, attempts->>'$[#-1].error' AS error
    FROM calls WHERE {where} ORDER BY called_at DESC"""
_FAILURES: Final = 50


def show() -> None:
    """Failures by target and class, latencies, breakers."""
    head("Health", "Which targets fail, how, and how slow they are; above, those that are kept away from right now.")
    where = chosen().calls()
    attempts = _ask(_TRIED, where)
    if attempts.empty:
        nothing("attempts", to_call(), n_elsewhere=n_calls())
        return
    _unfit_now(setup())
    tried = by_target(attempts)
    draw(charts.endings(tried), key="endings")
    failures = failures_by_day(attempts)
    if not failures.empty:
        draw(charts.failures_by_day(failures), key="failures_by_day")
    timed = latencies(where)
    if not timed.empty:
        draw(charts.latencies(timed), key="latencies")
    seen = _ask(_FITNESS, newest(where, _DECISIONS))
    if not seen.empty:
        draw(charts.fitness(seen), key="fitness")
    failed = Where(f"status = 'error' AND {where.sql}", where.params)
    _tables(tried, timed, seen, _ask(_LAST_FAILURES, newest(failed, _FAILURES)))


def by_target(attempts: pd.DataFrame) -> pd.DataFrame:
    """Attempts of each target by outcome, most first, with their mean duration."""
    sums = attempts.groupby(["target", "outcome"], as_index=False).agg({"attempts": "sum", "total_s": "sum", "last": "max"})
    found = sums.assign(mean_s=sums.pop("total_s") / sums["attempts"])
    return found.sort_values(["target", "attempts"], ascending=[True, False], ignore_index=True)


def failures_by_day(attempts: pd.DataFrame) -> pd.DataFrame:
    """Failed attempts by day and class, and their share of all attempts of the day."""
    sums = attempts.groupby(["day", "outcome"], as_index=False)["attempts"].sum()
    shares = sums.assign(share=sums["attempts"] / sums.groupby("day")["attempts"].transform("sum"))
    return shares[shares["outcome"] != "ok"]


def latencies(where: Where) -> pd.DataFrame:
    """How long each target's answers took where the first attempt gave one, so that no other target's failure is in it."""
    found = _ask(_LATENCIES, where)
    quantiles = pd.DataFrame(list(found.pop("q")), columns=["p50_s", "p95_s", "p99_s"], index=found.index)
    return pd.concat([found, quantiles], axis=1)


def newest(where: Where, n: int) -> Where:
    """The newest `n` of the calls, and what was called in the same microsecond as the oldest of them.

    A question of its own: sorting rows with their JSON would read the JSON of all of them, gigabytes of a large store.
    """
    sql = f"SELECT min(called_at) AS oldest FROM (SELECT called_at FROM calls WHERE {where.sql} ORDER BY called_at DESC LIMIT ?)"  # noqa: S608
    oldest = ask(sql, (*where.params, n))["oldest"].iloc[0]
    return where if pd.isna(oldest) else Where(f"{where.sql} AND called_at >= ?", (*where.params, oldest.to_pydatetime()))


def _ask(sql: str, where: Where) -> pd.DataFrame:
    return ask(sql.format(where=where.sql), where.params * sql.count("{where}"))


def _unfit_now(found: Setup | None) -> None:
    """What processes on one machine or one Redis tell each other."""
    try:
        notices = () if found is None else unfit_targets(found.config, found.base, time.time())
    except RouterKitError as exc:
        st.caption("What breakers do right now cannot be shown here:")
        st.code(str(exc), language=None, wrap_lines=True)
        return
    if not notices:
        st.caption(
            "No process says that a target is unfit right now. Those without a shared `[state]` say so only in their gateway's `/metrics`."
        )
        return
    st.error(f"Kept away from right now: {len(notices)}")
    lines = [f"{n.target}: {n.state} until {datetime.fromtimestamp(n.until, UTC):%H:%M:%S} UTC ({n.why})" for n in notices]
    st.code("\n".join(lines), language=None, wrap_lines=True)


def _tables(tried: pd.DataFrame, timed: pd.DataFrame, seen: pd.DataFrame, failed: pd.DataFrame) -> None:
    table(tried, "health", _COLUMNS)
    table(timed, "latencies", _COLUMNS)
    table(seen, "fitness", _COLUMNS)
    if not failed.empty:
        st.subheader("Calls that nobody could answer")
        st.caption(f"The newest {_FAILURES}; a record id leads further on the page Decisions.")
        table(failed, "failed", _COLUMNS)


if __name__ == "__main__":
    show()
