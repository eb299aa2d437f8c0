"""Rows of calls that never ended because their process died, made by whoever finds what it left."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import groupby
from typing import Final

from routerkit import fastjson
from routerkit.messages import Json
from routerkit.state.interface import UNKNOWN, Lost, Tried
from routerkit.store.schema import LOST, Row
from routerkit.store.segment_file import write_segment

_WHY: Final = "the process ended before the call did"


def record_lost(lost: Lost) -> None:
    """Put the rows into the ledger that their process wrote, however often this is repeated: the segment is named after the process.

    Raises:
        OSError: they cannot be written.
    """
    by_record = sorted(lost.tried, key=lambda t: (t.facts.record_id, t.facts.began_at))
    rows = [lost_row(list(tried)) for _, tried in groupby(by_record, key=lambda t: t.facts.record_id)]
    write_segment(lost.ledger, f"{LOST.name}-{0:016d}-{lost.holder}.jsonl", b"".join(fastjson.dumps(row) + b"\n" for row in rows))


def lost_row(tried: list[Tried]) -> Row:
    """Row of table `calls` from what was noted of one call.

    It costs what its attempts did or, as its budget says, may have at most; an unknown amount where there was none.
    """
    call, asked = tried[0].facts, [t for t in tried if t.facts.target]
    last = asked[-1].facts if asked else None
    return {
        "called_at": datetime.fromtimestamp(call.called_at, UTC).replace(tzinfo=None).isoformat(),
        "record_id": call.record_id,
        "pool": call.pool,
        "policy": call.policy or None,
        "kind": call.kind or None,
        "agent": call.agent or None,
        "session": call.session or None,
        "key_id": call.key or None,
        "target": last and last.target,
        "model": last and last.model,
        "status": "lost",
        "error_code": "lost",
        "n_attempts": len(asked),
        "input_tokens": sum(_tokens(t) for t in asked),
        "output_tokens": 0,
        "usage_estimated": True,
        "cost_usd": None if any(t.micros == UNKNOWN for t in tried) else sum(t.micros for t in tried) / 1e6,
        "attempts": [_attempt(t) for t in asked],
    }


def _attempt(tried: Tried) -> Json:
    facts = tried.facts
    return {
        "target": facts.target,
        "model": facts.model,
        "offset_s": round(facts.began_at - facts.called_at, 6),
        "latency_s": None,
        "usage": {"input_tokens": _tokens(tried), "output_tokens": 0, "is_estimated": True},
        "cost_usd": None if tried.micros == UNKNOWN else tried.micros / 1e6,
        "error": _WHY,
        "error_kind": "transient",
        "error_code": "lost",
        "maybe_billed": True,
        "purpose": "answer",
    }


def _tokens(tried: Tried) -> int:
    return int(tried.facts.input_tokens or 0)
