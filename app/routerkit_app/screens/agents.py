"""Who spends what, and what comes of it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

import pandas as pd
import streamlit as st

from routerkit import RouterKitError
from routerkit.config import account_standings
from routerkit.intervals import wilson
from routerkit_app import columns
from routerkit_app.charts import agents as charts
from routerkit_app.data import ask
from routerkit_app.filters import Where, chosen
from routerkit_app.first_steps import to_call
from routerkit_app.setup import Setup, setup
from routerkit_app.traffic import n_calls
from routerkit_app.view import draw, head, nothing, table, usd

_IN_CHART: Final = 12
_SESSIONS: Final = 100
# Reports are joined as they are: by call, the last one.
_SUMS: Final = """count(*) AS calls, sum(cost_usd) AS usd, count(*) FILTER (cost_usd IS NULL) AS unpriced,
    avg((status = 'ok')::INT) AS answered, count(success) AS reported, avg(success::INT) AS success,
    sum(input_tokens)::BIGINT AS input_tokens, sum(cached_input_tokens) / nullif(sum(input_tokens), 0) AS cached,
    sum(output_tokens)::BIGINT AS output_tokens"""
_COLUMNS: Final = {
    "usd": columns.dollars("spent"),
    "unpriced": columns.count("unpriced", "Calls without a known price, in no sum of dollars."),
    "usd_per_success": columns.dollars("per success", "Of the calls with a report; failures are paid for, too."),
    "answered": columns.share("answered"),
    "success": columns.share("success", "Of the calls with a report."),
    "cached": columns.share("cached input"),
    "input_tokens": columns.count("tokens in"),
    "output_tokens": columns.count("tokens out"),
    "first": columns.instant("first"),
    "last": columns.instant("last"),
}


def show() -> None:
    """Spend, tokens and success per agent and session, and budgets."""
    head("Agents", "Who spends what, and what comes of it. Success is what `report` said later; most calls have no report.")
    where = chosen().calls()
    found = _by_agent(where)
    if found.empty:
        nothing("calls", to_call(), n_elsewhere=n_calls())
        return
    _unpriced(found)
    draw(charts.spend(_with_words(found.head(_IN_CHART))), key="spend")
    _budgets(setup())
    days = _by_day(where, list(found["agent"].head(7)))
    if days["day"].nunique() > 1:
        draw(charts.spend_by_day(days), key="spend_by_day")
    reported = found[found["reported"] > 0]
    if not reported.empty:
        draw(charts.successes(with_intervals(reported.head(_IN_CHART))), key="successes")
    table(found, "agents", _COLUMNS)
    st.subheader("Sessions")
    st.caption(f"The {_SESSIONS} dearest conversations: one that costs far more than its neighbours may be going in circles.")
    table(_sessions(where), "sessions", _COLUMNS)


def with_intervals(agents: pd.DataFrame) -> pd.DataFrame:
    """Agents with the 95 % Wilson interval of their reported success, and words for the chart."""
    intervals = [wilson(row.success * row.reported, int(row.reported)) for row in agents.itertuples()]
    words = [f"{row.success:.0%} of {int(row.reported):,}" for row in agents.itertuples()]
    return agents.assign(low=[i.low for i in intervals], high=[i.high for i in intervals], words=words)


def _with_words(agents: pd.DataFrame) -> pd.DataFrame:
    return agents.assign(words=[f"{usd(row.usd)}, {int(row.calls):,} calls" for row in agents.itertuples()])


def _unpriced(agents: pd.DataFrame) -> None:
    n = int(agents["unpriced"].sum())
    if n:
        st.caption(f"{n:,} calls have no known price and are in no sum of dollars.")


def _budgets(found: Setup | None) -> None:
    """Today's accounts, as `routerkit budgets` lists them."""
    if found is None:
        return
    try:
        accounts = account_standings(found.config, found.base, datetime.now(UTC).date().isoformat())
    except RouterKitError as exc:
        st.caption("Budgets cannot be shown:")
        st.code(str(exc), language=None, wrap_lines=True)
        return
    if not accounts:
        st.caption("No budgets are set; `[budgets.NAME]` with `usd_per_day` in the configuration limits an agent before it spends.")
        return
    frame = pd.DataFrame([a._asdict() for a in accounts])
    used = frame["spent_usd"] + frame["reserved_usd"]
    frame = frame.assign(
        share=[u / limit if limit else 1.0 for u, limit in zip(used, frame["limit_usd"], strict=True)],
        words=[f"{usd(u)} of {usd(limit)}" for u, limit in zip(used, frame["limit_usd"], strict=True)],
    )
    draw(charts.budgets(frame), key="budgets")


def _by_agent(where: Where) -> pd.DataFrame:
    return ask(
        f"""SELECT coalesce(agent, '(none)') AS agent, count(DISTINCT session) AS sessions, {_SUMS},
            CASE WHEN count(*) FILTER (success IS NOT NULL AND cost_usd IS NULL) = 0
                THEN sum(cost_usd) FILTER (success IS NOT NULL) / nullif(sum(success::INT), 0) END AS usd_per_success
        FROM calls LEFT JOIN latest_reports USING (record_id) WHERE {where.sql} GROUP BY 1 ORDER BY usd DESC NULLS LAST, calls DESC""",  # noqa: S608
        where.params,
    )


def _sessions(where: Where) -> pd.DataFrame:
    """The dearest, found before their reports are: joining all reports would take four times as long."""
    return ask(
        f"""WITH dearest AS (
            SELECT session FROM calls WHERE session IS NOT NULL AND {where.sql}
            GROUP BY session ORDER BY sum(cost_usd) DESC NULLS LAST, count(*) DESC, session LIMIT {_SESSIONS}),
        theirs AS (SELECT record_id, session, agent, called_at, status, cost_usd, input_tokens, cached_input_tokens, output_tokens
            FROM calls WHERE session IN (SELECT session FROM dearest) AND {where.sql}),
        heard AS (SELECT record_id, success FROM reports WHERE record_id IN (SELECT record_id FROM theirs)
            QUALIFY row_number() OVER (PARTITION BY record_id ORDER BY reported_at DESC) = 1)
        SELECT session, any_value(agent) AS agent, min(called_at) AS first, max(called_at) AS last, {_SUMS}
        FROM theirs LEFT JOIN heard USING (record_id) GROUP BY session ORDER BY usd DESC NULLS LAST, calls DESC, session""",  # noqa: S608
        where.params * 2,
    )


def _by_day(where: Where, named: list[str]) -> pd.DataFrame:
    """Dollars by day of the agents that are named, the others together."""
    return ask(
        f"""SELECT date_trunc('day', called_at) AS day,
            CASE WHEN list_contains(?, coalesce(agent, '(none)')) THEN coalesce(agent, '(none)') ELSE '(others)' END AS agent,
            sum(cost_usd) AS usd
        FROM calls WHERE {where.sql} GROUP BY 1, 2 ORDER BY 1, 2""",  # noqa: S608
        [tuple(named), *where.params],
    )


if __name__ == "__main__":
    show()
