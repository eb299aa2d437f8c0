"""What the app costs on a large store: a million calls, half of them reported on, and a hundred thousand attempts of evaluations.

    python benchmarks/app.py [FOLDER] [--calls 1000000] [--attempts 100000]

Fills FOLDER (default: a temporary one) unless it is filled, then draws every page with Streamlit's own driver: first without anything
cached, then with another filter. Times are of the server, whose process also opens the database; a browser adds its own.
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
import tempfile
import time
from pathlib import Path

import routerkit_app
from routerkit.store import CALLS, EVAL_SCHEMAS, REPORTS, SAMPLES, query
from routerkit.store.database import database_path, open_writing
from routerkit.store.tables import prepare_table
from routerkit_app.demo import generate
from routerkit_app.navigation import ENTRIES

TARGETS = "['mini', 'haiku', 'sonnet', 'opus', 'local', 'flash', 'pro', 'large']"
KINDS = "['explain', 'document', 'review', 'bug_fix', 'refactor', 'migrate', 'test_write', 'plan']"
PICK = "(hash(i + {}) % {})::INT"
"""A number below the second, different for every row and every first."""
CALLS_SQL = f"""
    SELECT now()::TIMESTAMP - INTERVAL 60 DAY + i * (INTERVAL 60 DAY / $n) AS called_at, md5(i::VARCHAR) AS record_id,
        ['coding', 'docs', 'chat'][1 + i % 3] AS pool, 'cheapest_adequate' AS policy, {KINDS}[1 + {PICK.format(0, 8)}] AS kind,
        'agent-' || {PICK.format(1, 40)} AS agent, 's' || (i // 20) AS session, {TARGETS}[1 + {PICK.format(2, 8)}] AS target,
        target AS model, CASE WHEN {PICK.format(3, 50)} = 0 THEN 'error' ELSE 'ok' END AS status,
        CASE WHEN status = 'error' THEN 'transient' END AS error_code, 1 + ({PICK.format(4, 30)} = 0)::INT AS n_attempts,
        0.5 + {PICK.format(5, 8000)} / 1000 AS latency_s, 500 + {PICK.format(6, 20000)} AS input_tokens,
        {PICK.format(7, 500)} AS cached_input_tokens, 100 + {PICK.format(8, 900)} AS output_tokens,
        CASE WHEN target <> 'local' THEN (input_tokens + 4 * output_tokens) * (1 + length(target)) / 1e7 END AS cost_usd,
        target AS picked, 0.9 AS propensity, cost_usd AS expected_usd, 'r' AS scorecard_revision, 0 AS n_steps,
        replace(replace($decisions[alike], 'small', target), $ids[alike], record_id) AS decision,
        replace(replace($attempts[alike], 'small', target), '"input_tokens":', '"input_tokens":' || 1 + i % 997) AS attempts
    FROM (SELECT i, 1 + ({PICK.format(9, "len($ids)")}) AS alike FROM range($n) AS r(i))"""
REPORTS_SQL = """
    SELECT called_at AS reported_at, record_id, hash(record_id) % 10 < 7 AS success FROM ledger.calls WHERE hash(record_id) % 2 = 0"""
SAMPLES_SQL = f"""
    SELECT md5('a' || i) AS attempt_id, md5('s' || i) AS sample_id, 'run-' || (i // 20000) AS run_id, '1' AS task_version,
        now()::TIMESTAMP - INTERVAL 20 DAY + i * (INTERVAL 20 DAY / $n) AS started_at, i // 16 % 4000 AS task,
        'task-' || task AS task_id, 'own' AS source, {KINDS}[1 + task % 8] AS kind, 'repo-' || (task % 60) AS cluster,
        {TARGETS}[1 + i % 8] AS target, target AS model, (i // 8 % 2)::INT AS epoch,
        CASE WHEN {PICK.format(0, 100)} < 40 + 6 * (i % 8) THEN 'pass' ELSE 'fail' END AS verdict,
        1 + {PICK.format(1, 100)} / 10 AS latency_s, 1000 AS input_tokens, 100 + {PICK.format(2, 900)} AS output_tokens,
        output_tokens * (1 + i % 8) / 1e6 AS cost_usd
    FROM range($n) AS r(i)"""


def fill(folder: Path, n_calls: int, n_attempts: int) -> None:
    """Decisions and attempts as a router made them, each with its own id and its own tokens, so that they compress as real ones do."""
    with tempfile.TemporaryDirectory() as scratch:
        generate(Path(scratch), n_calls=400, n_tasks=4)
        ids, decisions, attempts = zip(*query(Path(scratch), "SELECT record_id, decision, attempts FROM calls").rows, strict=True)
    folder.mkdir(parents=True, exist_ok=True)
    connection = open_writing(database_path(folder), wait_s=1)
    for schema in (CALLS, REPORTS, *EVAL_SCHEMAS):
        prepare_table(connection, schema)
    given = {"n": n_calls, "ids": ids, "decisions": decisions, "attempts": attempts}
    connection.execute(f"INSERT INTO ledger.{CALLS.table} BY NAME {CALLS_SQL}", given)
    connection.execute(f"INSERT INTO ledger.{REPORTS.table} BY NAME {REPORTS_SQL}")
    connection.execute(f"INSERT INTO ledger.{SAMPLES.table} BY NAME SELECT * EXCLUDE task FROM ({SAMPLES_SQL})", {"n": n_attempts})
    connection.close()


def measure(folder: Path) -> None:
    """Every page cold and with another filter."""
    from streamlit.testing.v1 import AppTest

    os.environ["ROUTERKIT_APP_FOLDER"] = str(folder)
    main = Path(routerkit_app.__file__).with_name("main.py")
    run = AppTest.from_file(str(main), default_timeout=120)
    timed("first page", run.run)
    for name in [entry.name for entries in ENTRIES.values() for entry in entries]:
        run.switch_page(f"screens/{name}.py")
        timed(name, run.run)
        for error in run.exception:
            print(f"  {name}: {error.message}")
        for widget, value in ((run.multiselect(key="kind"), ["bug_fix"]), (run.selectbox(key="time"), "all")):
            if not widget.disabled:
                timed(f"  with {value}", widget.set_value(value).run)
        for widget, value in ((run.multiselect(key="kind"), []), (run.selectbox(key="time"), "30 days")):
            if not widget.disabled:
                widget.set_value(value)
    print(f"memory at most {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MB")


def timed(what: str, do) -> None:
    wall, cpu = time.perf_counter(), time.process_time()
    do()
    print(f"{what:34} {time.perf_counter() - wall:6.2f} s wall {time.process_time() - cpu:6.2f} s CPU", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--calls", type=int, default=1_000_000)
    parser.add_argument("--attempts", type=int, default=100_000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = given.folder or Path(scratch)
        if not database_path(folder).exists():
            timed(f"filling {given.calls:,} calls", lambda: fill(folder, given.calls, given.attempts))
        print(f"{database_path(folder).stat().st_size / 2**20:,.0f} MB", file=sys.stderr)
        measure(folder)


if __name__ == "__main__":
    main()
