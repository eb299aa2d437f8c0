"""What evaluations store beside samples: outputs by their hash, runs, tasks, published scorecards, calibrated judges."""

from __future__ import annotations

from typing import Final

from routerkit.store.samples import SAMPLES
from routerkit.store.schema import StreamSchema

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

CALIBRATIONS: Final = StreamSchema(
    name="judges",
    table="judges",
    key="calibrated_at",
    columns={
        "calibrated_at": "VARCHAR",
        "target": "VARCHAR",
        "model": "VARCHAR",
        "rubric": "VARCHAR",
        "examples_sha256": "VARCHAR",
        "n_right": "INTEGER",
        "n_right_accepted": "INTEGER",
        "n_wrong": "INTEGER",
        "n_wrong_rejected": "INTEGER",
        "n_unread": "INTEGER",
        "n_repeated": "INTEGER",
        "n_same": "INTEGER",
        "cost_usd": "DOUBLE",
    },
)
"""Table `judges`: one row per calibration."""

EVAL_SCHEMAS: Final = (SAMPLES, OUTPUTS, RUNS, TASKS, SCORECARDS, CALIBRATIONS)
"""Everything an evaluation stores."""
