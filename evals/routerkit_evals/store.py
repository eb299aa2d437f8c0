"""Keeping samples: appended as segments like the ledger's calls, read back with DuckDB."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Self

from routerkit.store import Rows, SegmentWriter, query
from routerkit_evals.errors import EvalError
from routerkit_evals.sample import SAMPLES, Sample

_NEWEST: Final = f"SELECT {', '.join(SAMPLES.columns)} FROM samples {{where}} QUALIFY row_number() OVER (PARTITION BY sample_id ORDER BY started_at DESC) = 1 ORDER BY started_at, sample_id"  # noqa: E501, S608  column names are ours


class SampleLog:
    """The samples of one folder. Writing is safe from any thread."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._writer: SegmentWriter[Sample] = SegmentWriter(folder, SAMPLES.name, to_row=Sample.row)

    def append(self, sample: Sample) -> None:
        """Store one sample; when this returns it survives the death of this process.

        Raises:
            EvalError: it could not be written; going on would spend money on answers nobody keeps.
        """
        self._writer.append(sample)
        if not self._writer.flush() or self._writer.dropped:
            raise EvalError(f"cannot store samples in {self.folder}: {self._writer.dropped} rows were dropped; see the log, free the disk")

    def newest(self, *, run_id: str | None = None) -> tuple[Sample, ...]:
        """The newest version of each sample, oldest first; only those of one run if asked."""
        return read_samples(self.folder, run_id=run_id)

    def close(self) -> None:
        """Write what is pending and stop."""
        self._writer.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def read_samples(folder: Path, *, run_id: str | None = None) -> tuple[Sample, ...]:
    """The newest version of each stored sample, oldest first; a missing folder holds none."""
    where, params = ("WHERE run_id = ?", [run_id]) if run_id else ("", [])
    found = sql(folder, _NEWEST.format(where=where), params)
    return tuple(_sample(row) for row in found.as_dicts())


def sql(folder: Path, text: str, params: Sequence[object] = ()) -> Rows:
    """Answer one SELECT over the stored samples (table `samples`) and whatever else the store holds."""
    return query(folder, text, params, schemas=(SAMPLES,))


def new_run_id() -> str:
    """Sortable name of a run: UTC time and a few random digits."""
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{time.time_ns() % 0xFFFF:04x}"


def _sample(row: Mapping[str, object]) -> Sample:
    at = row["started_at"]
    assert isinstance(at, datetime)
    names = {f.name for f in fields(Sample)}
    values = {name: value for name, value in row.items() if name in names and value is not None}
    values["started_at"] = at.replace(tzinfo=UTC)
    return Sample(**values)  # type: ignore[arg-type]  # SAMPLES gives each column the type of its field
