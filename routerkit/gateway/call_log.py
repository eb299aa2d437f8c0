"""One line of JSON per call, for whoever collects logs: facts, never a prompt, an answer or the text of an error."""

from __future__ import annotations

import sys
from typing import Any, TextIO

from routerkit.gateway.exchange import encode
from routerkit.record import Record, Report


class CallLog:
    """An observer that writes to a stream."""

    def __init__(self, stream: TextIO | None = None) -> None:
        """Write there; without a stream to standard output."""
        self._stream = stream or sys.stdout

    def observe(self, event: Record | Report) -> None:
        """Write a line about a finished call."""
        if isinstance(event, Record):
            self._stream.write(encode(line_of(event)).decode() + "\n")
            self._stream.flush()


def line_of(record: Record) -> dict[str, Any]:
    """What the line says. Unknown is null."""
    request, decision = record.request, record.decision
    return {
        "at": record.at.isoformat(),
        "record": record.id,
        "key": request.key,
        "agent": request.agent,
        "session": request.session,
        "pool": decision.pool,
        "policy": decision.policy,
        "kind": decision.features.kind,
        "target": record.target,
        "status": record.status,
        "error": next((a.error_code for a in reversed(record.attempts)), None) if record.status != "ok" else None,
        "attempts": [f"{a.target}:{a.error_code or 'ok'}" for a in record.attempts],
        "latency_s": round(record.latency_s, 6),
        "input_tokens": record.usage.input_tokens,
        "output_tokens": record.usage.output_tokens,
        "cost_usd": record.cost_usd,
        "is_stream": record.is_stream,
        "cached_from": record.cached_from,
        "cached_likeness": record.cached_likeness,
    }
