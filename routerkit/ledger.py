"""Remembering every routed call: an Observer that writes each record before the caller has the end of its answer.

A slow disk is left to the writer's thread. Prompts and answers are not stored unless asked for, only their sizes and a hash.
"""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Final, Self

from routerkit import fastjson
from routerkit.call_line import CallLines
from routerkit.call_row import call_row, instant, remark
from routerkit.record import Record, Report
from routerkit.store import CALLS, REPORTS, Durability, Pace, Row, SegmentWriter

_MAX_TEXT_CHARS: Final = 2_000_000
"""Keeps a row with prompt and answer below the writer's limit, at up to two bytes per character."""
_PACE: Final = Pace(capacity=20_000, is_at_once=True)
"""Records keep their prompts alive while they wait; 20,000 are 20 s at 1,000 calls per second."""


__all__ = ["Ledger", "call_row", "remark", "report_row"]


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
    ) -> None:
        """Prepare; nothing is written before the first call.

        Args:
            folder: Folder of the store; made, readable by its owner only, when missing.
            store_text: Whether to store prompts and answers as well.
            durability: `flush` survives the death of the process, `fsync` that of the machine.
            pace: Timing and capacity of the writers.
        """
        self.folder = folder
        to_json = _line_with_text if store_text else CallLines().line
        self._calls: SegmentWriter[Record] = SegmentWriter(folder, CALLS.name, to_json=to_json, durability=durability, pace=pace)
        self._reports: SegmentWriter[Report] = SegmentWriter(folder, REPORTS.name, to_row=report_row, durability=durability, pace=pace)

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


def report_row(report: Report) -> Row:
    """Row of table `reports`."""
    return {
        "reported_at": instant(report.at),
        "record_id": report.record_id,
        "success": report.success,
        "evidence": remark(report.evidence),
    }


def _line_with_text(record: Record) -> bytes:
    output = record.output_text
    texts = {
        "prompt": fastjson.canonical(record.request.messages).decode()[:_MAX_TEXT_CHARS],
        "output": None if output is None else output[:_MAX_TEXT_CHARS],
    }
    return fastjson.dumps(call_row(record) | texts)
