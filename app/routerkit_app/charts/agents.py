"""Pictures of who spends, and what comes of it."""

from __future__ import annotations

import altair as alt
import pandas as pd

from routerkit_app.charts.marks import INK, Picture, legend_height, rows_height, titled
from routerkit_app.theme import BAD, GOOD, PALETTE, colour


def spend(agents: pd.DataFrame) -> Picture:
    """One bar per agent, dearest first.

    Args:
        agents: `agent`, `usd`, `words`.
    """
    base = alt.Chart(agents).encode(y=alt.Y("agent:N", sort="-x", title=None, axis=alt.Axis(labelLimit=180)))
    most = 1.25 * (agents["usd"].max() or 1.0)
    x = alt.X("usd:Q", title="spent", scale=alt.Scale(domain=[0, most], nice=False), axis=alt.Axis(format="$~r", tickCount=5))
    bars = base.mark_bar(color=GOOD).encode(x=x, tooltip=["agent", "usd", "calls"])
    words = base.mark_text(align="left", dx=5, color=INK).encode(x=x, text="words:N")
    return titled(bars + words, "Spend by agent: the longest bar is where saving pays", rows_height(len(agents)))


def spend_by_day(days: pd.DataFrame) -> Picture:
    """Stacked bars of dollars by day.

    Args:
        days: `day`, `agent`, `usd`.
    """
    chart = alt.Chart(days).mark_bar(size=14)
    bars = chart.encode(
        x=alt.X("yearmonthdate(day):T", title=None, axis=alt.Axis(format="%d %b", labelOverlap=True)),
        y=alt.Y("usd:Q", title="spent", axis=alt.Axis(format="$~r", tickCount=5)),
        color=colour("agent", sorted(set(days["agent"]))),
        tooltip=["day", "agent", "usd"],
    )
    return titled(bars, "Spend by day and agent: a new colour or a tall day is worth a look", 260 + legend_height(days["agent"].nunique()))


def successes(agents: pd.DataFrame) -> Picture:
    """Reported success of each agent's calls with its interval.

    Args:
        agents: `agent`, `success`, `low`, `high`, `words`; only agents with reports.
    """
    base = alt.Chart(agents).encode(y=alt.Y("agent:N", title=None, axis=alt.Axis(labelLimit=180)))
    x = alt.X("success:Q", title="reported successes", scale=alt.Scale(domain=[0, 1]), axis=alt.Axis(format="%", tickCount=5))
    layers = (
        base.mark_rule(color=PALETTE[2], strokeWidth=2).encode(x=alt.X("low:Q"), x2="high:Q"),
        base.mark_point(color=PALETTE[2], filled=True, size=90, opacity=1).encode(x=x, tooltip=["agent", "success", "reported"]),
        base.mark_text(align="left", dx=8, dy=-9, color=INK).encode(x=x, text="words:N"),
    )
    title = "Success by agent: of the calls that were reported on, with 95 % intervals"
    return titled(alt.layer(*layers), title, rows_height(len(agents)))


def budgets(accounts: pd.DataFrame) -> Picture:
    """How full each account is today.

    Args:
        accounts: `account`, `share` (0..1 of the limit), `words`.
    """
    base = alt.Chart(accounts).encode(y=alt.Y("account:N", title=None, axis=alt.Axis(labelLimit=200)))
    most = max(1.0, float(accounts["share"].max()))
    x = alt.X(
        "share:Q", title="used of today's limit", scale=alt.Scale(domain=[0, 1.6 * most]), axis=alt.Axis(format="%", values=[0, 0.5, 1])
    )
    full = alt.condition("datum.share >= 0.9", alt.value(BAD), alt.value(GOOD))
    layers = (
        base.mark_bar().encode(x=x, color=full),
        base.mark_tick(color=INK, thickness=2, size=20).encode(x=alt.datum(1.0)),
        base.mark_text(align="left", dx=5, color=INK).encode(x=x, text="words:N"),
    )
    return titled(alt.layer(*layers), "Budgets today (UTC): orange is nearly used up", rows_height(len(accounts)))
