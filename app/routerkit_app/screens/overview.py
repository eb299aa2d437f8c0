"""What routing did, what it cost, and what it saved."""

from __future__ import annotations

from typing import Final

import pandas as pd
import streamlit as st

from routerkit.intervals import wilson
from routerkit_app.charts.spend import Step, ends_over_time, spend_over_time
from routerkit_app.data import ask
from routerkit_app.filters import Filters, Where, chosen
from routerkit_app.first_steps import to_call
from routerkit_app.markdown import plain
from routerkit_app.saving import Saving, saving_against_strongest
from routerkit_app.traffic import n_calls
from routerkit_app.view import Card, cards, count, draw, head, nothing, table, usd

_HOURLY_UP_TO_DAYS: Final = 2.0


def show() -> None:
    """Draw the page."""
    head("Overview", "What routing did, what it cost, and what it saved.")
    filters = chosen()
    where = filters.calls()
    totals = _totals(where)
    if not totals["n"]:
        nothing("calls", to_call(), n_elsewhere=n_calls())
        return
    reported = _reported(filters.calls("c."))
    _cards(totals, reported, _rescued(where))
    _saved(saving_against_strongest(_by_cell(where), ask("SELECT target, share FROM totals")), reported)
    step = _step(filters)
    left, right = st.columns(2)
    with left:
        draw(spend_over_time(_spend(where, step), step), key="spend")
    with right:
        draw(ends_over_time(_ends(where, step), step), key="ends")
    table(_by_target(where), "targets")


def _cards(totals: pd.Series, reported: pd.Series, n_rescued: int) -> None:
    n, n_unpriced, n_reported, n_repeated = int(totals["n"]), int(totals["n_unpriced"]), int(reported["n"]), int(totals["n_repeated"])
    low, high = wilson(float(reported["n_good"]), n_reported)
    good = f"{reported['n_good'] / n_reported:.1%}" if n_reported else "not reported"
    numbers = [
        Card("Calls", count(n), f"{n:,} calls match the filters."),
        Card(
            "Spent",
            "unknown" if n_unpriced == n else usd(totals["usd"]),
            f"Failed attempts included. {n_unpriced:,} of {n:,} calls have no known price and are not in it.",
        ),
        Card("Answered", f"{totals['n_ok'] / n:.1%}", f"{n - int(totals['n_ok']):,} of {n:,} calls failed or were cancelled."),
        Card("Succeeded", good, f"router.report said so of {n_reported:,} calls; 95 % interval {low:.1%} to {high:.1%}."),
        Card("Kept alive", count(n_rescued), "Answered although an attempt failed: by another try, or another target."),
        Card("Cached", f"{totals['cached']:.0%}", "Share of input tokens that the provider had in its cache."),
    ]
    if n_repeated:  # only a configured [cache] repeats answers
        says = f"{n_repeated:,} of {n:,} calls had the answer of an earlier one repeated, for nothing; making those had cost "
        numbers.append(Card("Repeated", f"{n_repeated / n:.1%}", says + f"{usd(totals['repeated_usd'])}."))
    cards(numbers)


def _saved(saving: Saving | None, reported: pd.Series) -> None:
    if saving is None:
        st.caption("What routing saved is unknown: that takes priced calls to at least two targets.")
        return
    name = plain(saving.strongest)
    much = f"saved {usd(saving.usd)} ({saving.share:.0%})" if saving.usd >= 0 else f"cost {usd(-saving.usd)} more"
    st.markdown(f"Against always **{name}**, routing **{plain(much)}**.")
    st.caption(
        f"Assumes that each of {saving.n:,} priced calls would have been as long, at what {name} took per token for calls of its kind "
        f"({saving.n_strongest:,} calls). {name} is the strongest by {saving.why}. {_given_up(saving, name, reported)}"
    )


def _given_up(saving: Saving, name: str, reported: pd.Series) -> str:
    """What stands beside the saving: it may have been bought with success."""
    if saving.quality is None or not reported["n"]:
        return "Whether it was paid for with success is unknown."
    here = f"{reported['n_good'] / reported['n']:.0%} of {reported['n']:,} reported calls here"
    return f"Success: {here}; {name} solved {saving.quality:.0%} of the tasks it was measured on."


def _step(filters: Filters) -> Step:
    return "hour" if filters.days is not None and filters.days <= _HOURLY_UP_TO_DAYS else "day"


def _totals(where: Where) -> pd.Series:
    return ask(
        f"""SELECT count(*) AS n, coalesce(sum(cost_usd), 0) AS usd, count(*) FILTER (cost_usd IS NULL) AS n_unpriced,
            count(*) FILTER (status = 'ok') AS n_ok, count(cached_from) AS n_repeated,
            coalesce(sum(cached_input_tokens) / nullif(sum(input_tokens), 0), 0) AS cached,
            (SELECT sum(first.cost_usd) FROM (SELECT cached_from FROM calls WHERE cached_from IS NOT NULL AND {where.sql}) AS again
                JOIN calls AS first ON first.record_id = again.cached_from) AS repeated_usd
        FROM calls WHERE {where.sql}""",  # noqa: S608  columns are ours, values are bound
        where.params * 2,
    ).iloc[0]


def _rescued(where: Where) -> int:
    """Answered calls with a failed attempt; a cascade whose check rejected an answer was in no danger."""
    found = ask(
        f"""SELECT count(*) AS n FROM calls WHERE status = 'ok' AND n_attempts > 1 AND {where.sql}
            AND len(list_filter(attempts->>'$[*].error_code', lambda code: code IS NOT NULL)) > 0""",  # noqa: S608  as above
        where.params,
    )
    return int(found["n"].iloc[0])


def _reported(where: Where) -> pd.Series:
    return ask(
        f"""SELECT count(*) AS n, count(*) FILTER (success) AS n_good
        FROM latest_reports AS r JOIN calls AS c USING (record_id) WHERE {where.sql}""",  # noqa: S608  as above
        where.params,
    ).iloc[0]


def _by_cell(where: Where) -> pd.DataFrame:
    return ask(
        f"""SELECT target, coalesce(kind, '') AS kind, count(*) AS n, sum(cost_usd) AS usd, sum(input_tokens + output_tokens) AS tokens
        FROM calls WHERE {where.sql} AND target IS NOT NULL AND cost_usd IS NOT NULL AND input_tokens IS NOT NULL
            AND output_tokens IS NOT NULL GROUP BY 1, 2""",  # noqa: S608  as above
        where.params,
    ).astype({"usd": float, "tokens": float})


def _spend(where: Where, step: Step) -> pd.DataFrame:
    return ask(
        f"""SELECT date_trunc('{step}', called_at) AS since, coalesce(target, '(none)') AS target, sum(cost_usd) AS usd, count(*) AS n
        FROM calls WHERE {where.sql} GROUP BY 1, 2 ORDER BY 1, 2""",  # noqa: S608  as above
        where.params,
    )


def _ends(where: Where, step: Step) -> pd.DataFrame:
    return ask(
        f"SELECT date_trunc('{step}', called_at) AS since, status, count(*) AS n FROM calls WHERE {where.sql} GROUP BY 1, 2 ORDER BY 1, 2",  # noqa: S608  as above
        where.params,
    )


def _by_target(where: Where) -> pd.DataFrame:
    return ask(
        f"""SELECT coalesce(target, '(none)') AS target, count(*) AS n, avg((status = 'ok')::INT) AS answered, sum(cost_usd) AS usd,
            count(*) FILTER (cost_usd IS NULL) AS n_unpriced, quantile_cont(latency_s, 0.5) AS p50_s,
            quantile_cont(latency_s, 0.95) AS p95_s
        FROM calls WHERE {where.sql} GROUP BY 1 ORDER BY n DESC, target""",  # noqa: S608  as above
        where.params,
    )


if __name__ == "__main__":
    show()
