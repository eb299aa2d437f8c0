"""The row of a call in the ledger; see docs/ledger.md for its columns."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from routerkit.decision import CandidateRow
from routerkit.messages import Json
from routerkit.prompt_hash import prompt_sha256
from routerkit.record import Attempt, Record

_MAX_REMARK_CHARS: Final = 500


def call_row(record: Record) -> dict[str, object]:
    """Row of table `calls` without texts, for `fastjson.dumps`."""
    request, decision, usage, attempts = record.request, record.decision, record.usage, record.attempts
    candidates = decision.rows()
    decided = decision.to_dict(candidates)
    row: dict[str, object] = {  # in parts, because Python fills a longer one entry by entry
        "called_at": instant(record.at),
        "record_id": record.id,
        "pool": decision.pool,
        "policy": decision.policy,
        "kind": decision.features.kind,
        "agent": request.agent,
        "session": request.session,
        "tags": list(request.tags),
        "target": record.target,
        "model": record.model,
        "status": record.status,
        "finish_reason": record.finish_reason,
    }
    row |= {
        "error_code": None if record.status == "ok" else _error_code(record),
        "n_attempts": len(attempts),
        "latency_s": record.latency_s,
        "first_token_s": first_token_s(attempts[-1]) if attempts else None,
        "input_tokens": usage.input_tokens,
        "cached_input_tokens": usage.cached_input_tokens,
        "output_tokens": usage.output_tokens,
        "reasoning_tokens": usage.reasoning_tokens,
        "usage_estimated": usage.is_estimated,
        "cost_usd": record.cost_usd,
        "price_version": _price_version(attempts),
    }
    row |= {
        "is_stream": record.is_stream,
        "prompt_chars": decision.features.input_chars,
        "prompt_sha256": prompt_sha256(request.messages),
        "output_chars": record.output_chars,
        "picked": decided["picked"],
        "propensity": decision.propensity,
        "is_exploring": decision.is_exploring,
        "expected_usd": _expected_usd(record.target, candidates),
        "rule": decision.rule,
        "scorecard_revision": decision.scorecard_revision,
        "config_revision": decision.config_revision,
    }
    row |= {
        "worker_pid": os.getpid(),
        "cached_from": record.cached_from,
        "cached_likeness": record.cached_likeness,
        "key_id": request.key,
        "n_steps": len(decision.steps),
        "decision": decided,
        "attempts": [a if a.error is None and not a.findings else _cleaned(a) for a in attempts],
    }
    return row


def remark(text: str) -> str:
    """Free text made safe to show in a terminal and to keep: no control characters, at most 500 characters."""
    return "".join(c if c.isprintable() else " " for c in text[:_MAX_REMARK_CHARS])


def _cleaned(attempt: Attempt) -> Mapping[str, object]:
    """An attempt without what may quote a server or an answer at length: evidence is left out, because answers are not stored."""
    facts: dict[str, object] = {name: getattr(attempt, name) for name in Attempt.__slots__}
    facts["findings"] = [{"check": f.check, "accepted": f.accepted, "cost_usd": f.cost_usd} for f in attempt.findings]
    return facts | {"error": None if attempt.error is None else remark(attempt.error)}


def _error_code(record: Record) -> str | None:
    if record.target is None:
        return "no_candidate" if record.status == "error" else None
    return record.attempts[-1].error_code


def first_token_s(last: Attempt) -> float | None:
    """Wait of the caller for the first content, failed attempts before it included."""
    return None if last.first_token_s is None else last.offset_s + last.first_token_s


def _price_version(attempts: Sequence[Attempt]) -> str | None:
    """Of the last attempt that had a price."""
    for attempt in reversed(attempts):
        if attempt.price_version:
            return attempt.price_version
    return None


def _expected_usd(target: str | None, candidates: Sequence[CandidateRow]) -> Json:
    """What the decision expected of the target that answered."""
    for row in candidates:
        if row["target"] == target:
            return row.get("cost_usd")
    return None


def instant(at: datetime) -> str:
    """In UTC, without saying so."""
    return at.astimezone(UTC).isoformat()[: -len("+00:00")]
