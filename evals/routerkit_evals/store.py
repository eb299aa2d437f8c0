"""Keeping samples: appended as segments like the ledger's calls, read back with DuckDB."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import MISSING, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Self

from routerkit import Scorecard
from routerkit.store import EVAL_SCHEMAS, OUTPUTS, RUNS, SAMPLES, SCORECARDS, TASKS, Row, Rows, SegmentWriter, StreamSchema, query
from routerkit_evals.errors import EvalError
from routerkit_evals.records import output_row, scorecard_rows, task_row
from routerkit_evals.sample import INFRA, Sample
from routerkit_evals.task import Task

_log = logging.getLogger(__name__)
_FIELDS: Final = tuple(f.name for f in fields(Sample) if f.name != "answer")
_REQUIRED: Final = tuple(f.name for f in fields(Sample) if f.default is MISSING)
_WHOLE: Final = " AND ".join(f"{name} IS NOT NULL" for name in _REQUIRED)
_RANK: Final = f"({_WHOLE}, verdict NOT IN ({', '.join(repr(v) for v in sorted(INFRA))}), started_at)"
"""Which attempt at a sample counts: a whole row that says something about the model, and of those the newest. Clocks may be wrong."""
_NEWEST: Final = f"""
SELECT {", ".join(f"s.{name}" for name in _FIELDS)}, coalesce(o.output, s.answer) AS answer
FROM (SELECT * FROM samples WHERE {{where}} QUALIFY row_number() OVER (PARTITION BY sample_id ORDER BY {_RANK} DESC) = 1) s
LEFT JOIN outputs o USING (output_sha256) ORDER BY s.started_at, s.sample_id
"""  # noqa: S608  column names are ours


class SampleLog:
    """The samples of one folder, and the runs they came from. Writing is safe from any thread."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._samples: SegmentWriter[Sample] = SegmentWriter(folder, SAMPLES.name, to_row=Sample.row)
        self._rows: dict[str, SegmentWriter[Row]] = {s.name: SegmentWriter(folder, s.name) for s in (OUTPUTS, RUNS, TASKS)}
        self._stored: set[str] = set()
        self._lock = threading.Lock()

    def append(self, sample: Sample) -> None:
        """Store one sample; when this returns it survives the death of this process.

        Raises:
            EvalError: it could not be written; going on would spend money on answers nobody keeps.
        """
        if sample.answer is not None:
            # Before the sample: a reader that sees a sample finds its text.
            self._once(OUTPUTS, output_row(sample.answer))
        self._samples.append(sample)
        self._flush(self._samples)

    def record_tasks(self, tasks: Iterable[Task]) -> None:
        """Store what tasks there are; each version once.

        Raises:
            EvalError: they could not be written.
        """
        for task in tasks:
            self._rows[TASKS.name].append(task_row(task))
        self._flush(self._rows[TASKS.name])

    def record_run(self, row: Row) -> None:
        """Store where a run stands, in the columns of `records.RUNS`; the newest row of a run counts.

        Raises:
            EvalError: it could not be written.
        """
        self._rows[RUNS.name].append(row)
        self._flush(self._rows[RUNS.name])

    def newest(self, *, run_id: str | None = None) -> tuple[Sample, ...]:
        """The newest version of each sample, oldest first; only those of one run if asked."""
        return read_samples(self.folder, run_id=run_id)

    def known(self, sample_ids: Sequence[str]) -> tuple[Sample, ...]:
        """The newest version of each of these samples that is stored; reads no others."""
        return _read(self.folder, "sample_id IN (SELECT unnest(?))", [list(sample_ids)])

    def close(self) -> None:
        """Write what is pending and stop."""
        for writer in self._rows.values():
            writer.close()
        self._samples.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _once(self, schema: StreamSchema, row: Row) -> None:
        key = str(row[schema.key])
        with self._lock:
            if key in self._stored:
                return
            self._stored.add(key)
        self._rows[schema.name].append(row)
        self._flush(self._rows[schema.name])

    def _flush(self, writer: SegmentWriter[Row] | SegmentWriter[Sample]) -> None:
        if not writer.flush() or writer.dropped:
            raise EvalError(f"cannot store samples in {self.folder}: {writer.dropped} rows were dropped; see the log, free the disk")


def read_samples(folder: Path, *, run_id: str | None = None) -> tuple[Sample, ...]:
    """The newest version of each stored sample, oldest first; a missing folder holds none."""
    return _read(folder, "true", []) if run_id is None else _read(folder, "run_id = ?", [run_id])


def sql(folder: Path, text: str, params: Sequence[object] = (), *, more: Sequence[StreamSchema] = ()) -> Rows:
    """Answer one SELECT over what the harness stores (docs/eval-sql.md lists tables and views) and whatever else was loaded into the store.

    Args:
        folder: Of the store.
        text: One SELECT; parameters are `?`.
        params: Values for the parameters.
        more: Further streams to see up to their last row.
    """
    return query(folder, text, params, schemas=(*EVAL_SCHEMAS, *more))


def record_scorecard(folder: Path, card: Scorecard) -> None:
    """Store the cells of a published scorecard, in table `scorecards`; a second time changes nothing.

    Raises:
        EvalError: they could not be written.
    """
    writer: SegmentWriter[Row] = SegmentWriter(folder, SCORECARDS.name)
    for row in scorecard_rows(card):
        writer.append(row)
    writer.close()
    if writer.dropped:
        raise EvalError(f"cannot store the scorecard in {folder}: {writer.dropped} rows were dropped; see the log, free the disk")


def _read(folder: Path, where: str, params: Sequence[object]) -> tuple[Sample, ...]:
    rows = sql(folder, _NEWEST.format(where=where), params).as_dicts()
    whole = [row for row in rows if all(row[name] is not None for name in _REQUIRED)]
    if n_damaged := len(rows) - len(whole):
        _log.warning("%s: %d stored samples are damaged and left out; a run asks for them again", folder, n_damaged)
    return tuple(map(_sample, whole))


def new_run_id() -> str:
    """Sortable name of a run: UTC time and a few random digits."""
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{time.time_ns() % 0xFFFF:04x}"


def _sample(row: Mapping[str, object]) -> Sample:
    at = row["started_at"]
    assert isinstance(at, datetime)
    values = {name: value for name, value in row.items() if value is not None}
    values["started_at"] = at.replace(tzinfo=UTC)
    return Sample(**values)  # type: ignore[arg-type]  # SAMPLES gives each column the type of its field
