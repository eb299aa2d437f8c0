"""What the harness stores beside samples: runs, the tasks they were about, outputs by their hash, published scorecards."""

from __future__ import annotations

import functools
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Final

from routerkit import Json, Scorecard, Target
from routerkit.store import Row
from routerkit_evals.cells import by_kind, pooled
from routerkit_evals.sample import digest
from routerkit_evals.task import Task

MAX_OUTPUT_CHARS: Final = 1 << 20
"""Longest stored output; the rest of a longer one is cut off, its hash is of the whole."""


def output_row(text: str) -> Row:
    """Row of one output."""
    return {"output_sha256": digest(text, length=64), "n_chars": len(text), "output": text[:MAX_OUTPUT_CHARS]}


def task_row(task: Task) -> Row:
    """Row of one task."""
    return {
        "task_version": task.version,
        "task_id": task.id,
        "kind": task.category,
        "source": task.source,
        "cluster": task.cluster,
        "published": task.published,
        "split": task.split,
        "scorer": task.scorer.kind,
        "timeout_s": task.timeout_s,
        "n_files": len(task.files),
        "prompt_chars": len(task.prompt),
    }


def scorecard_rows(card: Scorecard) -> Iterator[Row]:
    """Rows of one published scorecard, one per target and kind."""
    for cell in filter(None, map(pooled, by_kind(card.cells).values())):
        estimate = card.estimate(cell.target, cell.kind)
        yield {
            "cell_id": f"{card.revision}/{cell.target}/{cell.kind}",
            "revision": card.revision,
            "made_at": as_text(card.made_at) if card.made_at else None,
            "target": cell.target,
            "kind": cell.kind,
            "n": cell.n,
            "passed": cell.passed,
            "p_mean": estimate.mean,
            "p_low": estimate.low,
            "p_high": estimate.high,
            "cost_usd": cell.cost_usd,
            "latency_s": cell.latency_s,
            "sources": dict(card.sources),
        }


def prices_of(targets: Iterable[Target]) -> dict[str, Json]:
    """Model and dollars per million tokens of each target, as they were in a run."""
    return {target.name: {"provider": target.provider, "model": target.model, "price": _price(target)} for target in targets}


def as_text(at: datetime) -> str:
    """An instant as rows carry it: ISO 8601, UTC, without an offset."""
    return at.astimezone(UTC).replace(tzinfo=None).isoformat()


@functools.cache
def code_commit() -> str:
    """First digits of the commit of the working folder; empty where there is none. Looked up once per process."""
    git = shutil.which("git")
    if git is None:
        return ""
    result = subprocess.run([git, "rev-parse", "--short=12", "HEAD"], capture_output=True, text=True, check=False, timeout=10)  # noqa: S603
    return result.stdout.strip() if result.returncode == 0 else ""


def _price(target: Target) -> Json:
    price = target.price
    if price is None:
        return None
    return {"input": price.input, "cached_input": price.cached_input, "output": price.output, "version": price.version}
