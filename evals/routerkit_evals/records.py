"""What the harness stores beside samples: runs, the tasks they were about, outputs by their hash, published scorecards."""

from __future__ import annotations

import functools
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Final

from routerkit import Json, Scorecard, Target
from routerkit.store import Row, StreamSchema
from routerkit_evals.sample import digest
from routerkit_evals.task import Task

MAX_OUTPUT_CHARS: Final = 1 << 20
"""Longest stored output; the rest of a longer one is cut off, its hash is of the whole."""

OUTPUTS: Final = StreamSchema(
    name="eval_outputs",
    table="outputs",
    key="output_sha256",
    columns={"output_sha256": "VARCHAR", "n_chars": "BIGINT", "output": "VARCHAR"},
    is_unique=True,
)
"""Table `outputs`: what models answered, each text once."""

RUNS: Final = StreamSchema(
    name="eval_runs",
    table="run_events",
    key="run_id",
    columns={
        "run_id": "VARCHAR",
        "recorded_at": "TIMESTAMP",
        "started_at": "TIMESTAMP",
        "ended_at": "TIMESTAMP",
        "status": "VARCHAR",
        "harness": "VARCHAR",
        "code_commit": "VARCHAR",
        "executor": "VARCHAR",
        "max_usd": "DOUBLE",
        "n_planned": "BIGINT",
        "n_known": "BIGINT",
        "n_done": "BIGINT",
        "n_throttled": "BIGINT",
        "spent_usd": "DOUBLE",
        "gave_up": "VARCHAR[]",
        "dropped": "JSON",
        "targets": "JSON",
        "config": "JSON",
    },
    views={"runs": "SELECT * FROM run_events QUALIFY row_number() OVER (PARTITION BY run_id ORDER BY recorded_at DESC) = 1"},
)
"""Table `run_events`: one row when a run starts and one when it ends. View `runs`: the newest of each run."""

TASKS: Final = StreamSchema(
    name="eval_tasks",
    table="tasks",
    key="task_version",
    columns={
        "task_version": "VARCHAR",
        "task_id": "VARCHAR",
        "kind": "VARCHAR",
        "source": "VARCHAR",
        "cluster": "VARCHAR",
        "published": "VARCHAR",
        "split": "VARCHAR",
        "scorer": "VARCHAR",
        "timeout_s": "DOUBLE",
        "n_files": "INTEGER",
        "prompt_chars": "BIGINT",
    },
    is_unique=True,
)
"""Table `tasks`: one row per version of a task that was ever planned."""

SCORECARDS: Final = StreamSchema(
    name="eval_scorecards",
    table="scorecards",
    key="cell_id",
    columns={
        "cell_id": "VARCHAR",
        "revision": "VARCHAR",
        "made_at": "TIMESTAMP",
        "target": "VARCHAR",
        "kind": "VARCHAR",
        "n": "DOUBLE",
        "passed": "DOUBLE",
        "p_mean": "DOUBLE",
        "p_low": "DOUBLE",
        "p_high": "DOUBLE",
        "cost_usd": "DOUBLE",
        "latency_s": "DOUBLE",
        "sources": "JSON",
    },
    is_unique=True,
)
"""Table `scorecards`: every cell of every scorecard that was published."""


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
    """Rows of one published scorecard."""
    for cell in card.cells:
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
