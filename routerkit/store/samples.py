"""Stored samples: each attempt of a target at a task, and the sums over them."""

# ruff: noqa: S608  what is put into SQL here is ours; callers bind values and pass column names of their own
from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from routerkit.store.schema import StreamSchema

_COUNTS: Final = "verdict NOT IN ('infra_provider', 'infra_sandbox', 'skipped_no_sandbox', 'invalid_task')"
_SUMS: Final = """
    count(*) AS n_tasks, sum(n)::BIGINT AS n_samples, sum(solved) AS solved, sum(solved) / count(*) AS share,
    CASE WHEN sum(n_priced) = sum(n) THEN sum(cost_usd) END AS cost_usd,
    CASE WHEN sum(n_priced) = sum(n) THEN sum(cost_usd) / sum(n) END AS cost_per_task_usd,
    CASE WHEN sum(n_priced) = sum(n) AND sum(solved) > 0 THEN sum(cost_usd) / sum(n) * count(*) / sum(solved) END AS cost_per_solved_usd,
    sum(latency_s) / nullif(sum(n_timed), 0) AS latency_s, sum(output_tokens) / nullif(sum(n_counted), 0) AS output_tokens
"""


def task_results_sql(where: str = "true") -> str:
    """SELECT of target, kind and task: `n` repetitions, share `solved`, sums of cost, latency, tokens.

    Args:
        where: Which of `results` count, e.g. `kind = ?`; infrastructure's failures never do.
    """
    return f"""SELECT target, kind, task_id, any_value(cluster) AS cluster, count(*) AS n,
        avg((verdict = 'pass')::INTEGER) AS solved,
        sum(cost_usd) AS cost_usd, count(cost_usd) AS n_priced, sum(latency_s) AS latency_s, count(latency_s) AS n_timed,
        sum(output_tokens) AS output_tokens, count(output_tokens) AS n_counted
        FROM results WHERE {_COUNTS} AND ({where}) GROUP BY target, kind, task_id"""


def summed_sql(columns: str, where: str = "true") -> str:
    """SELECT with one row per `columns`, e.g. `target, kind`, summed as view `cells` is, over the `results` that count."""
    return f"SELECT {columns}, {_SUMS} FROM ({task_results_sql(where)}) GROUP BY {columns}"


VIEWS: Final[Mapping[str, str]] = {
    "attempts": """SELECT coalesce(attempt_id, sample_id || '/' || run_id) AS attempt_id,
        * EXCLUDE (attempt_id, answer) FROM samples""",
    # Few samples are tried again, and only those are ranked: a window over all of them takes twice as long.
    "results": f"""SELECT attempts.* FROM attempts LEFT JOIN (SELECT sample_id, max_by(attempt_id, ({_COUNTS}, started_at)) AS newest_id
        FROM attempts
        WHERE sample_id IN (SELECT sample_id FROM attempts GROUP BY sample_id HAVING count(*) > 1) GROUP BY sample_id) USING (sample_id)
        WHERE newest_id IS NULL OR attempt_id = newest_id""",
    "scores": f"""SELECT attempt_id, sample_id, run_id, coalesce(scorer, '') AS scorer, verdict, ({_COUNTS}) AS counts,
        CASE WHEN {_COUNTS} THEN (verdict = 'pass')::DOUBLE END AS value, tests_passed, tests_total FROM attempts""",
    "task_results": task_results_sql(),
    "cells": f"SELECT target, kind, {_SUMS} FROM task_results GROUP BY target, kind",
    "totals": f"SELECT target, {_SUMS} FROM task_results GROUP BY target",
}
"""`attempts`: every attempt, `results`: the newest of each sample, if possible one that says something about the model, `scores`: what
attempts were worth, then sums by task, cell, target."""

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
        "language": "VARCHAR",
        "answer": "VARCHAR",
    },
    is_unique=True,
    views=VIEWS,
)
"""Table `samples`: one row per attempt; a sample that was tried again has several, of which view `results` has one. `answer`
is empty but in rows of the first version; texts are in `outputs`."""
