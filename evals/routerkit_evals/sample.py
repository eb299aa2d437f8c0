"""One sample: a task answered once by a target, and what that was worth. The unit of record; never changed once written."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Final, cast

from routerkit import Json
from routerkit.store import StreamSchema
from routerkit_evals.execution import Verdict

HARNESS: Final = "1"
"""Version of everything that shapes a prompt or a verdict; part of each sample's id, so a change of rules measures anew."""

INFRA: Final = frozenset({"infra_provider", "infra_sandbox", "skipped_no_sandbox", "invalid_task"})
"""Verdicts that say nothing about the model: never in a quality score, and tried again by the next run."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One answer and its grade."""

    sample_id: str
    """Hash of task version, target, model, epoch, prompt and harness: the same work has the same id."""
    run_id: str
    started_at: datetime
    """UTC."""
    task_id: str
    task_version: str
    source: str
    kind: str
    """Task kind."""
    cluster: str
    target: str
    model: str
    epoch: int
    """0-based repetition."""
    prompt_sha256: str
    harness: str
    verdict: Verdict
    why: str = ""
    """One line; empty for a pass."""
    latency_s: float | None = None
    """Wait for the whole answer; None when there was none."""
    input_tokens: int | None = None
    cached_input_tokens: int | None = None
    output_tokens: int | None = None
    usage_estimated: bool = False
    cost_usd: float | None = None
    """Failed attempts included; None = unknown."""
    price_version: str | None = None
    record_id: str | None = None
    """The routed call behind it."""
    finish_reason: str | None = None
    error_code: str | None = None
    tests_passed: int = 0
    tests_total: int = 0
    grade_s: float = 0.0
    sandbox: str = ""
    """Level of the sandbox; empty when nothing was run."""
    scorer: str = ""
    """What decided the verdict, as in the task."""
    answer: str | None = None
    """Text of the answer; stored once per text, and cut there at `records.MAX_OUTPUT_CHARS`."""

    @property
    def attempt_id(self) -> str:
        """Unique name of this attempt: the same sample tried again is another attempt."""
        return digest(self.sample_id, self.run_id, self.started_at.isoformat(), length=24)

    @property
    def counts(self) -> bool:
        """Whether it says something about the model."""
        return self.verdict not in INFRA

    @property
    def is_solved(self) -> bool:
        """Whether the answer was right."""
        return self.verdict == "pass"

    def row(self) -> Mapping[str, Json]:
        """As it is stored."""
        own = {
            "attempt_id": self.attempt_id,
            "started_at": self.started_at.replace(tzinfo=None).isoformat(),
            "answer": None,
            "output_sha256": None if self.answer is None else digest(self.answer, length=64),
            "output_chars": None if self.answer is None else len(self.answer),
        }
        return cast("Mapping[str, Json]", {**asdict(self), **own})  # every other field is JSON already


_CALL: Final = "verdict NOT IN ('infra_provider', 'infra_sandbox', 'skipped_no_sandbox', 'invalid_task')"
_SUMS: Final = """
    count(*) AS n_tasks, sum(n)::BIGINT AS n_samples, sum(solved) AS solved, sum(solved) / count(*) AS share,
    CASE WHEN sum(n_priced) = sum(n) THEN sum(cost_usd) END AS cost_usd,
    CASE WHEN sum(n_priced) = sum(n) THEN sum(cost_usd) / sum(n) END AS cost_per_task_usd,
    CASE WHEN sum(n_priced) = sum(n) AND sum(solved) > 0 THEN sum(cost_usd) / sum(n) * count(*) / sum(solved) END AS cost_per_solved_usd,
    sum(latency_s) / nullif(sum(n_timed), 0) AS latency_s, sum(output_tokens) / nullif(sum(n_counted), 0) AS output_tokens
"""
VIEWS: Final[Mapping[str, str]] = {
    "attempts": """SELECT coalesce(attempt_id, sample_id || '/' || run_id) AS attempt_id,
        * EXCLUDE (attempt_id, answer) FROM samples""",
    # Few samples are tried again, and only those are ranked: a window over all of them takes twice as long.
    "results": """SELECT attempts.* FROM attempts LEFT JOIN (SELECT sample_id, max_by(attempt_id, started_at) AS newest_id FROM attempts
        WHERE sample_id IN (SELECT sample_id FROM attempts GROUP BY sample_id HAVING count(*) > 1) GROUP BY sample_id) USING (sample_id)
        WHERE newest_id IS NULL OR attempt_id = newest_id""",
    "scores": f"""SELECT attempt_id, sample_id, run_id, coalesce(scorer, '') AS scorer, verdict, ({_CALL}) AS counts,
        CASE WHEN {_CALL} THEN (verdict = 'pass')::DOUBLE END AS value, tests_passed, tests_total FROM attempts""",  # noqa: S608
    "task_results": f"""SELECT target, kind, task_id, any_value(cluster) AS cluster, count(*) AS n,
        avg((verdict = 'pass')::INTEGER) AS solved,
        sum(cost_usd) AS cost_usd, count(cost_usd) AS n_priced, sum(latency_s) AS latency_s, count(latency_s) AS n_timed,
        sum(output_tokens) AS output_tokens, count(output_tokens) AS n_counted
        FROM results WHERE {_CALL} GROUP BY target, kind, task_id""",  # noqa: S608
    "cells": f"SELECT target, kind, {_SUMS} FROM task_results GROUP BY target, kind",  # noqa: S608
    "totals": f"SELECT target, {_SUMS} FROM task_results GROUP BY target",  # noqa: S608
}
"""`attempts`: every attempt, `results`: the newest of each sample, `scores`: what attempts were worth, then sums by task, cell, target."""

SAMPLES: Final = StreamSchema(
    name="samples",
    table="samples",
    key="attempt_id",
    columns={
        "attempt_id": "VARCHAR",
        "sample_id": "VARCHAR",
        "run_id": "VARCHAR",
        "started_at": "TIMESTAMP",
        "task_id": "VARCHAR",
        "task_version": "VARCHAR",
        "source": "VARCHAR",
        "kind": "VARCHAR",
        "cluster": "VARCHAR",
        "target": "VARCHAR",
        "model": "VARCHAR",
        "epoch": "INTEGER",
        "prompt_sha256": "VARCHAR",
        "harness": "VARCHAR",
        "verdict": "VARCHAR",
        "why": "VARCHAR",
        "latency_s": "DOUBLE",
        "input_tokens": "BIGINT",
        "cached_input_tokens": "BIGINT",
        "output_tokens": "BIGINT",
        "usage_estimated": "BOOLEAN",
        "cost_usd": "DOUBLE",
        "price_version": "VARCHAR",
        "record_id": "VARCHAR",
        "finish_reason": "VARCHAR",
        "error_code": "VARCHAR",
        "tests_passed": "INTEGER",
        "tests_total": "INTEGER",
        "grade_s": "DOUBLE",
        "sandbox": "VARCHAR",
        "scorer": "VARCHAR",
        "output_sha256": "VARCHAR",
        "output_chars": "BIGINT",
        "answer": "VARCHAR",
    },
    is_unique=True,
    views=VIEWS,
)
"""Table `samples`: one row per attempt; a sample that was tried again has several, the newest counts. `answer` is empty but in rows of
the first version; texts are in `outputs`."""


def digest(*parts: str, length: int = 16) -> str:
    """Short hash of texts, each kept apart from the next."""
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:length]
