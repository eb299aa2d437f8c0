"""What is looked at: time, pool, kind, agent, target. Kept in the address, so that a view can be shared."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

import streamlit as st

from routerkit_app.data import ask

SPANS: Final[Mapping[str, float | None]] = {"24 hours": 1, "7 days": 7, "30 days": 30, "90 days": 90, "all": None}
"""Days by what the choice is called."""
_USUAL: Final = "30 days"
COLUMNS: Final = ("pool", "kind", "agent", "target")
_CHOICES: Final = 200
"""Most values offered per filter, the most frequent ones; others can still stand in the address."""
_FOUND: Final = " UNION ALL ".join(
    f"SELECT '{column}' AS name, {column} AS value, count(*) AS n FROM {table} WHERE {column} IS NOT NULL GROUP BY 2"  # noqa: S608  ours
    for table, columns in (("calls", COLUMNS), ("samples", ("kind", "target")))
    for column in columns
)


@dataclass(frozen=True, slots=True)
class Where:
    """Condition of a WHERE clause and its parameters."""

    sql: str
    params: tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Filters:
    """What was chosen; an empty choice is all."""

    span: str = _USUAL
    pool: tuple[str, ...] = ()
    kind: tuple[str, ...] = ()
    agent: tuple[str, ...] = ()
    target: tuple[str, ...] = ()

    @property
    def days(self) -> float | None:
        """How far back; None = all that is stored."""
        return SPANS[self.span]

    def calls(self, prefix: str = "") -> Where:
        """Rows of table `calls`; `prefix` is its alias with a dot."""
        return self._where(COLUMNS, f"{prefix}called_at", prefix)

    def samples(self, prefix: str = "") -> Where:
        """Rows of table `samples` and its views `attempts` and `results`, which know no pool and no agent."""
        return self._where(("kind", "target"), f"{prefix}started_at", prefix)

    def _where(self, columns: Collection[str], instant: str, prefix: str) -> Where:
        parts, params = [], list[object]()
        if self.days is not None:
            parts.append(f"{instant} >= now()::TIMESTAMPTZ AT TIME ZONE 'UTC' - INTERVAL {int(self.days)} DAY")
        for column in columns:
            values: tuple[str, ...] = getattr(self, column)
            if values:
                parts.append(f"{prefix}{column} IN ({', '.join('?' * len(values))})")
                params += values
        return Where(" AND ".join(parts) or "true", tuple(params))


def offer(applying: Collection[str]) -> None:
    """Show the filters in the sidebar; those that say nothing about the page are grey, and keep their choice for the next one."""
    known = _known()
    side = st.sidebar
    side.selectbox("Time", list(SPANS), index=list(SPANS).index(_USUAL), key="time", bind="query-params", disabled="time" not in applying)
    for name in COLUMNS:
        # What stands in the address stays a choice, or a shared view would silently show more than it says.
        options = list(dict.fromkeys([*known.get(name, ()), *st.query_params.get_all(name)]))
        side.multiselect(
            name.capitalize(), options, key=name, bind="query-params", placeholder="all", select_all=False, disabled=name not in applying
        )


def chosen() -> Filters:
    """What the sidebar says now."""
    state = st.session_state
    return Filters(state.get("time", _USUAL), **{name: tuple(state.get(name, ())) for name in COLUMNS})


def _known() -> dict[str, list[str]]:
    found = ask(f"SELECT name, value FROM ({_FOUND}) GROUP BY ALL ORDER BY name, sum(n) DESC, value")  # noqa: S608  ours
    return {str(name): list(group["value"].head(_CHOICES)) for name, group in found.groupby("name")}
