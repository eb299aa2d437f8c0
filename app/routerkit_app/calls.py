"""One stored call, taken apart into tables. Pure: from the ledger's JSON to data frames."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import pandas as pd

from routerkit import Candidate, Decision, format_usd

# Any below is what a JSON reader gives.
_ATTEMPT_COLUMNS: Final = (
    "attempt",
    "target",
    "model",
    "purpose",
    "outcome",
    "start_s",
    "took_s",
    "first_token_s",
    "input_tokens",
    "cached_tokens",
    "output_tokens",
    "cost_usd",
    "error",
    "normalised",
)


def attempts_frame(stored: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """One row per attempt, in the order they were made, with `end_s` and `says` for the time line."""
    rows = [_attempt(number, attempt) for number, attempt in enumerate(stored, 1)]
    return pd.DataFrame(rows, columns=[*_ATTEMPT_COLUMNS, "end_s", "says"])


def checks_frame(stored: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """What each check of a cascade said about each answer; empty when nothing was checked."""
    rows = [
        {
            "attempt": f"{number} {attempt['target']}",
            "check": finding["check"],
            "verdict": _VERDICTS[finding["accepted"]],
            "cost_usd": finding.get("cost_usd"),
        }
        for number, attempt in enumerate(stored, 1)
        for finding in attempt.get("findings") or ()
    ]
    return pd.DataFrame(rows, columns=["attempt", "check", "verdict", "cost_usd"])


def candidates_frame(decision: Decision) -> pd.DataFrame:
    """One row per target of the pool: kept ones in the order of failover, then dropped ones with the reason."""
    return pd.DataFrame([_candidate(place, c, decision) for place, c in enumerate(decision.candidates, 1)])


_VERDICTS: Final = {True: "accepted", False: "rejected", None: "could not look"}


def _attempt(number: int, stored: Mapping[str, Any]) -> dict[str, object]:
    usage = stored.get("usage") or {}
    start_s, took_s = float(stored["offset_s"]), float(stored["latency_s"] or 0.0)  # unknown of a lost call
    outcome = _outcome(stored)
    return {
        "attempt": f"{number} {stored['target']}",
        "target": stored["target"],
        "model": stored["model"],
        "purpose": stored.get("purpose", "answer"),
        "outcome": outcome,
        "start_s": start_s,
        "took_s": took_s,
        "first_token_s": stored.get("first_token_s"),
        "input_tokens": usage.get("input_tokens"),
        "cached_tokens": usage.get("cached_input_tokens"),
        "output_tokens": usage.get("output_tokens"),
        "cost_usd": stored.get("cost_usd"),
        "error": stored.get("error"),
        "normalised": ", ".join(stored.get("normalised") or ()),
        "end_s": start_s + took_s,
        "says": f"{outcome}, {took_s:.2f} s, {format_usd(stored.get('cost_usd'))}",
    }


def _outcome(stored: Mapping[str, Any]) -> str:
    """`ok`, the code of the error, or what the checks made of the answer."""
    if stored.get("error_code"):
        return str(stored["error_code"])
    findings = stored.get("findings") or ()
    return "ok" if not findings or findings[-1]["accepted"] else f"ok, {_VERDICTS[findings[-1]['accepted']]}"


def _candidate(place: int, c: Candidate, decision: Decision) -> dict[str, object]:
    kept = c.drop is None
    return {
        "place": place if kept else None,
        "target": c.target,
        "is_picked": c.target == decision.picked,
        "why": f"dropped by {c.drop.by}: {c.drop.why}" if c.drop else c.note,
        "expected_usd": c.cost_usd,
        "quality": c.quality,
        "quality_low": c.quality_low if kept else None,
        "quality_high": c.quality_high if kept else None,
        "n_samples": c.n_samples if kept else None,
        "latency_s": c.latency_s,
        "score": c.total if kept else None,
        "scores": ", ".join(f"{s.by} {s.value:.2f} × {s.weight:g}" for s in c.scores),
        "expected": format_usd(c.cost_usd),
    }
