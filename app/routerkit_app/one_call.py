"""One call in full: what was considered, what was tried when, what checks said, what it cost, and what became of it."""

from __future__ import annotations

import json
from typing import Any, Final

import pandas as pd
import streamlit as st

from routerkit import Decision
from routerkit_app import columns
from routerkit_app.calls import attempts_frame, candidates_frame, checks_frame
from routerkit_app.charts.attempts import qualities, time_line
from routerkit_app.data import ask
from routerkit_app.markdown import plain
from routerkit_app.view import draw, table, usd

_ONE: Final = "SELECT * FROM calls WHERE starts_with(record_id, ?) ORDER BY record_id LIMIT 2"
_COLUMNS: Final = {
    "is_picked": st.column_config.CheckboxColumn("picked"),
    "expected_usd": columns.dollars("expected"),
    "cost_usd": columns.dollars("cost"),
    "quality": columns.share("quality", "Expected share of successes."),
    "quality_low": columns.share("low"),
    "quality_high": columns.share("high"),
    "n_samples": columns.count("n", "Graded samples behind the quality; 0 = unmeasured."),
    "latency_s": columns.seconds("latency"),
    "start_s": columns.seconds("start"),
    "took_s": columns.seconds("took"),
    "first_token_s": columns.seconds("first token"),
    "score": st.column_config.NumberColumn(format="%.3f"),
    "reported_at": columns.instant("reported"),
}
_REPORTS: Final = "SELECT reported_at, success, evidence FROM reports WHERE record_id = ? ORDER BY reported_at"


def show_call(record_id: str) -> None:
    """Everything that is stored about the call whose id begins like this."""
    found = ask(_ONE, [record_id])
    if len(found) != 1:
        says = "Several calls begin" if len(found) else "No stored call begins"
        st.warning(f"{says} with the record id of this address.")
        return
    row = found.iloc[0]
    st.subheader(f"Call {plain(row['record_id'])}")
    st.caption(_where_from(row))
    _figures(row)
    decision = _decision(row)
    if decision is not None:
        _considered(decision)
    tried = json.loads(str(row["attempts"])) if row["attempts"] is not None else []
    _tried(tried)
    _reported(str(row["record_id"]))
    _texts(row)
    st.download_button("Download as JSON", _as_json(row), f"{row['record_id']}.json", "application/json", key="download-call")


def _where_from(row: pd.Series) -> str:
    parts = {"pool": row["pool"], "kind": row["kind"] or "unknown", "agent": row["agent"], "session": row["session"], "rule": row["rule"]}
    said = " · ".join(f"{name} {plain(value)}" for name, value in parts.items() if value)
    return f"{row['called_at']:%Y-%m-%d %H:%M:%S} UTC · {said}"


def _figures(row: pd.Series) -> None:
    outcome, cost, took, attempts = st.columns(4)
    outcome.metric(
        "ended",
        str(row["status"]) if pd.isna(row["error_code"]) else str(row["error_code"]),
        help="ok, cancelled, lost with its process, or the error.",
    )
    cost.metric(
        "cost", usd(row["cost_usd"]), help=f"All attempts together; {usd(row['expected_usd'])} was expected of the target that answered."
    )
    took.metric("took", "unknown" if pd.isna(row["latency_s"]) else f"{row['latency_s']:.2f} s")
    attempts.metric("attempts", int(row["n_attempts"]))


def _decision(row: pd.Series) -> Decision | None:
    if pd.isna(row["decision"]):
        st.info("Its process ended before the call did: only what was tried is known.")
        return None
    try:
        return Decision.from_dict(json.loads(str(row["decision"])))
    except ValueError:
        st.info("Its decision was stored by a version that this one cannot read.")
        return None


def _considered(decision: Decision) -> None:
    st.code(decision.explain(), language=None, wrap_lines=True)
    candidates = candidates_frame(decision)
    kept = candidates[candidates["quality"].notna()] if not candidates.empty else candidates
    if len(kept):
        draw(qualities(kept), key="qualities")
    table(candidates.drop(columns=["expected"], errors="ignore"), "candidates", _COLUMNS)


def _tried(stored: list[dict[str, Any]]) -> None:
    tried = attempts_frame(stored)
    if tried.empty:
        st.info("Nothing was sent.")
        return
    draw(time_line(tried), key="time-line")
    table(tried.drop(columns=["end_s", "says", "attempt"]), "attempts", _COLUMNS)
    checks = checks_frame(stored)
    if not checks.empty:
        st.markdown("**What the checks said of the answers**")
        table(checks, "checks", _COLUMNS)


def _reported(record_id: str) -> None:
    reports = ask(_REPORTS, [record_id])
    if reports.empty:
        st.caption(f"Nobody has reported what became of it: `routerkit report {plain(record_id[:12])} --success`")
        return
    st.markdown("**What became of it**")
    table(reports, "reports", _COLUMNS)


def _texts(row: pd.Series) -> None:
    """Prompt and answer, which are stored only when `store_text` is on. As code, so that nothing in them is interpreted."""
    for name in ("prompt", "output"):
        if isinstance(row[name], str):
            with st.expander(f"{name} ({len(row[name]):,} characters)"):
                st.code(row[name], language=None, wrap_lines=True)


def _as_json(row: pd.Series) -> str:
    facts = {name: json.loads(value) if name in {"decision", "attempts"} and value else value for name, value in row.items()}
    return json.dumps(facts, indent=2, default=str)
