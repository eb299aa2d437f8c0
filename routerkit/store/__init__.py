"""Stored rows: append-only segments, one ingester, short readers. Importing this does not load duckdb."""

from routerkit.counterfactual import Counterfactual, replay_calls
from routerkit.drift import Drift
from routerkit.offpolicy import Evaluation, Interval
from routerkit.redecision import LoggedCall, Setting
from routerkit.store.evaluations import CALIBRATIONS, EVAL_SCHEMAS, OUTPUTS, RUNS, SCORECARDS, TASKS
from routerkit.store.ingester import IngestResult, follow, ingest
from routerkit.store.logged import LoggedCalls, read_logged
from routerkit.store.lost import record_lost
from routerkit.store.production import Due, due_for_measuring, find_drift, learn, raise_alarms, read_outcomes
from routerkit.store.readers import Rows, Snapshot, connect_readonly, query
from routerkit.store.samples import SAMPLES, summed_sql, task_results_sql
from routerkit.store.schema import ALARMS, CALLS, LEDGER_SCHEMAS, LOST, REPORTS, Row, StreamSchema
from routerkit.store.segments import Durability, Pace, SegmentWriter
from routerkit.store.trials import read_trial
from routerkit.store.upkeep import Compacted, compact

__all__ = [
    "ALARMS",
    "CALIBRATIONS",
    "CALLS",
    "EVAL_SCHEMAS",
    "LEDGER_SCHEMAS",
    "LOST",
    "OUTPUTS",
    "REPORTS",
    "RUNS",
    "SAMPLES",
    "SCORECARDS",
    "TASKS",
    "Compacted",
    "Counterfactual",
    "Drift",
    "Due",
    "Durability",
    "Evaluation",
    "IngestResult",
    "Interval",
    "LoggedCall",
    "LoggedCalls",
    "Pace",
    "Row",
    "Rows",
    "SegmentWriter",
    "Setting",
    "Snapshot",
    "StreamSchema",
    "compact",
    "connect_readonly",
    "due_for_measuring",
    "find_drift",
    "follow",
    "ingest",
    "learn",
    "query",
    "raise_alarms",
    "read_logged",
    "read_outcomes",
    "read_trial",
    "record_lost",
    "replay_calls",
    "summed_sql",
    "task_results_sql",
]
