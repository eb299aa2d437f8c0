"""Turning samples into the scorecard the router reads, published so that a reader sees the old one or the new one, never half."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from routerkit import Cell, Scorecard
from routerkit_evals.errors import EvalError
from routerkit_evals.sample import HARNESS, Sample
from routerkit_evals.statistics import Summary, summarise

_SHOWN: Final = 20
"""Most values of one sort listed in the provenance."""


def publish(samples: Iterable[Sample], path: Path) -> Scorecard:
    """Write the scorecard of these samples.

    Raises:
        EvalError: nothing counts, the samples come from different sandbox levels, or the file cannot be written.
    """
    card = scorecard_of(tuple(samples))
    try:
        write_atomically(path, card.to_json())
    except OSError as exc:
        raise EvalError(f"cannot publish {path}: {exc}; the old scorecard is untouched") from exc
    return card


def scorecard_of(samples: Sequence[Sample], *, made_at: datetime | None = None) -> Scorecard:
    """Scorecard of samples: one cell per target and task kind.

    Raises:
        EvalError: nothing counts, or the samples come from different sandbox levels.
    """
    counted = [s for s in samples if s.counts]
    if not counted:
        raise EvalError("nothing to publish: no sample says anything about a model; run `routerkit eval run` first")
    levels = sorted({s.sandbox for s in counted if s.sandbox})
    if len(levels) > 1:
        raise EvalError(f"samples come from different sandboxes ({', '.join(levels)}) and are not pooled; publish one run with --run")
    cells = tuple(_cell(summary) for summary in summarise(counted, by_kind=True))
    return Scorecard(cells, made_at=made_at or datetime.now(UTC), sources=_provenance(counted))


def write_atomically(path: Path, text: str) -> None:
    """Replace a file's contents at once and durably.

    Raises:
        OSError: the folder cannot be written; the old file is untouched.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    fd, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(fd, "w", encoding="utf-8") as out:
            out.write(text)
            out.flush()
            os.fsync(out.fileno())
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _cell(summary: Summary) -> Cell:
    # n is tasks, not samples: repetitions of one task are no independent evidence.
    assert summary.kind is not None
    return Cell(
        summary.target,
        summary.kind,
        summary.n_tasks,
        summary.solved,
        cost_usd=summary.cost_per_task_usd,
        latency_s=summary.latency_s,
        output_tokens=summary.output_tokens,
    )


def _provenance(samples: Sequence[Sample]) -> Mapping[str, str]:
    sources = {
        "runs": _listed(s.run_id for s in samples),
        "tasks": _listed(s.source for s in samples),
        "models": _listed(f"{s.target}={s.model}" for s in samples),
        "sandbox": _listed(s.sandbox for s in samples),
        "prices": _listed(s.price_version for s in samples),
        "harness": HARNESS,
        "commit": _commit(),
    }
    return {name: value for name, value in sources.items() if value}


def _listed(values: Iterable[str | None]) -> str:
    found = sorted({v for v in values if v})
    rest = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    return ", ".join(found[:_SHOWN]) + rest


def _commit() -> str:
    git = shutil.which("git")
    if git is None:
        return ""
    result = subprocess.run([git, "rev-parse", "--short=12", "HEAD"], capture_output=True, text=True, check=False, timeout=10)  # noqa: S603
    return result.stdout.strip() if result.returncode == 0 else ""
