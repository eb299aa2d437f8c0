"""The last calls of this process, for a look at why one went where it went."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace
from typing import Any, Final

from routerkit.messages import Request
from routerkit.record import Record, Report

_FORGOTTEN: Final = Request("", ())


class Memory:
    """An observer that keeps the newest records, without their prompts and answers."""

    def __init__(self, size: int = 1_000) -> None:
        """Keep `size` calls, a few kB each."""
        self._size = size
        self._records: OrderedDict[str, Record] = OrderedDict()

    def observe(self, event: Record | Report) -> None:
        """Remember a call."""
        if isinstance(event, Record):
            kept = _FORGOTTEN if event.request.key is None else Request("", (), key=event.request.key)
            self._records[event.id] = replace(event, request=kept, output_text=None)
            if len(self._records) > self._size:
                self._records.popitem(last=False)

    def is_of_another(self, record_id: str, key_id: str) -> bool:
        """Whether a call is known to have been asked for by another key than this one."""
        record = self._records.get(record_id)
        return record is not None and record.request.key != key_id

    def find(self, record_id: str) -> dict[str, Any] | None:
        """What is known of a call; None when it is not among the newest."""
        record = self._records.get(record_id)
        if record is None:
            return None
        return {
            "record_id": record.id,
            "at": record.at.isoformat(),
            "status": record.status,
            "target": record.target,
            "model": record.model,
            "cost_usd": record.cost_usd,
            "latency_s": record.latency_s,
            "attempts": [
                {"target": a.target, "latency_s": a.latency_s, "cost_usd": a.cost_usd, "error_code": a.error_code, "status": a.status}
                for a in record.attempts
            ],
            "explain": record.decision.explain(),
        }
