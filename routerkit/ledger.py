"""Remembering every routed call: an Observer that writes each record before the caller has the end of its answer.

A slow disk is left to the writer's thread. Prompts and answers are not stored unless asked for, only their sizes and a hash.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from routerkit import fastjson
from routerkit.decision import CandidateRow
from routerkit.messages import Json
from routerkit.record import Attempt, Record, Report
from routerkit.store import CALLS, REPORTS, Durability, Pace, Row, SegmentWriter

_MAX_REMARK_CHARS: Final = 500
_MAX_TEXT_CHARS: Final = 2_000_000
"""Keeps a row with prompt and answer below the writer's limit, at up to two bytes per character."""
_PACE: Final = Pace(capacity=20_000, is_at_once=True)
"""Records keep their prompts alive while they wait; 20,000 are 20 s at 1,000 calls per second."""


class Ledger:
    """Stores every Record and Report it observes; see docs/ledger.md for the columns.

    Never waits for a slow disk twice and never raises: what cannot be stored is counted in `dropped` and logged once.
    """

    def __init__(
        self,
        folder: Path,
        *,
        store_text: bool = False,
        durability: Durability = "flush",
        pace: Pace = _PACE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Prepare; nothing is written before the first call.

        Args:
            folder: Folder of the store; made, readable by its owner only, when missing.
            store_text: Whether to store prompts and answers as well.
            durability: `flush` survives the death of the process, `fsync` that of the machine.
            pace: Timing and capacity of the writers.
            clock: Monotonic seconds, for the age of segments.
        """
        self.folder = folder
        to_row = _call_row_with_text if store_text else call_row
        self._calls: SegmentWriter[Record] = SegmentWriter(folder, CALLS.name, to_row=to_row, durability=durability, pace=pace, clock=clock)
        self._reports: SegmentWriter[Report] = SegmentWriter(
            folder, REPORTS.name, to_row=report_row, durability=durability, pace=pace, clock=clock
        )

    @property
    def dropped(self) -> int:
        """Calls and reports of this process that will never be in the store."""
        return self._calls.dropped + self._reports.dropped

    def observe(self, event: Record | Report) -> None:
        """Take note of one finished call, or of later truth about one."""
        if isinstance(event, Record):
            self._calls.append(event)
        else:
            self._reports.append(event)

    def flush(self, timeout_s: float = 10.0) -> bool:
        """Block until everything observed before is on disk; False when `timeout_s` passed first, per stream."""
        return all([self._calls.flush(timeout_s), self._reports.flush(timeout_s)])

    def close(self) -> None:
        """Write what is pending and stop; what is observed later is dropped and counted."""
        self._calls.close()
        self._reports.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def call_row(record: Record) -> Mapping[str, object]:
    """Row of table `calls` without texts, for `fastjson.dumps`."""
    request, decision, usage, attempts = record.request, record.decision, record.usage, record.attempts
    candidates = decision.rows()
    decided = decision.to_dict(candidates)
    row: dict[str, object] = {  # in parts, because Python fills a longer one entry by entry
        "called_at": _instant(record.at),
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
        "first_token_s": _first_token_s(attempts[-1]) if attempts else None,
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
        "prompt_sha256": hashlib.sha256(fastjson.canonical(request.messages)).hexdigest(),
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


def report_row(report: Report) -> Row:
    """Row of table `reports`."""
    return {
        "reported_at": _instant(report.at),
        "record_id": report.record_id,
        "success": report.success,
        "evidence": remark(report.evidence),
    }


def remark(text: str) -> str:
    """Free text made safe to show in a terminal and to keep: no control characters, at most 500 characters."""
    return "".join(c if c.isprintable() else " " for c in text[:_MAX_REMARK_CHARS])


def _call_row_with_text(record: Record) -> Mapping[str, object]:
    output = record.output_text
    return {
        **call_row(record),
        "prompt": fastjson.canonical(record.request.messages).decode()[:_MAX_TEXT_CHARS],
        "output": None if output is None else output[:_MAX_TEXT_CHARS],
    }


def _cleaned(attempt: Attempt) -> Mapping[str, object]:
    """An attempt without what may quote a server or an answer at length: evidence is left out, because answers are not stored."""
    facts: dict[str, object] = {name: getattr(attempt, name) for name in Attempt.__slots__}
    facts["findings"] = [{"check": f.check, "accepted": f.accepted, "cost_usd": f.cost_usd} for f in attempt.findings]
    return facts | {"error": None if attempt.error is None else remark(attempt.error)}


def _error_code(record: Record) -> str | None:
    if record.target is None:
        return "no_candidate" if record.status == "error" else None
    return record.attempts[-1].error_code


def _first_token_s(last: Attempt) -> float | None:
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


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).isoformat()[: -len("+00:00")]
