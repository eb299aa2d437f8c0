"""What was measured of targets, under the filters: sums over samples, with intervals."""

from __future__ import annotations

import pandas as pd

from routerkit.intervals import Z95, wilson
from routerkit.store import summed_sql, task_results_sql
from routerkit_app.data import ask
from routerkit_app.filters import Where


def by_target(where: Where) -> pd.DataFrame:
    """Targets, best first, summed as view `totals` is, with the standard error of dollars per task and `p95_s` of the latency.

    The interval of `p95_s` is between order statistics, by the normal approximation of the binomial (Conover 1999, section 3.2).
    """
    found = ask(
        f"""WITH spread AS (SELECT target, stddev_samp(cost_usd / n) / sqrt(count(*)) AS cost_error_usd
                FROM ({task_results_sql(where.sql)}) GROUP BY target),
            waits AS (SELECT target, list_sort(list(latency_s)) AS s, count(latency_s) AS n, quantile_cont(latency_s, 0.95) AS p95_s
                FROM results WHERE latency_s IS NOT NULL AND {where.sql} GROUP BY target)
        SELECT t.*, cost_error_usd, p95_s,
            s[greatest(1, floor(0.95 * n - {Z95} * sqrt(0.95 * 0.05 * n)))::INT] AS p95_low_s,
            s[least(n, ceil(0.95 * n + {Z95} * sqrt(0.95 * 0.05 * n)))::INT] AS p95_high_s
        FROM ({summed_sql("target", where.sql)}) AS t LEFT JOIN spread USING (target) LEFT JOIN waits USING (target)
        ORDER BY t.share DESC, target""",  # noqa: S608  columns are ours, values are bound
        (*where.params, *where.params, *where.params),
    )
    return with_interval(found)


def by_cell(where: Where) -> pd.DataFrame:
    """Targets and kinds, summed as view `cells` is."""
    found = ask(f"SELECT * FROM ({summed_sql('target, kind', where.sql)}) ORDER BY kind, target", where.params)  # noqa: S608  as above
    return with_interval(found)


def apart(where: Where) -> pd.DataFrame:
    """Targets most of whose tasks were not asked of the target with the most: `target`, `n` tasks, `n_common`, and that one as `most`.

    Their shares say as much about the tasks as about them.
    """
    return ask(
        f"""WITH asked AS (SELECT DISTINCT target, task_id FROM results WHERE {where.sql}),
            most AS (SELECT target FROM asked GROUP BY target ORDER BY count(*) DESC, target LIMIT 1),
            common AS (SELECT task_id FROM asked WHERE target = (FROM most))
        SELECT target, count(*) AS n, count(*) FILTER (task_id IN (FROM common)) AS n_common, (FROM most) AS most
        FROM asked GROUP BY target HAVING n_common < n / 2 ORDER BY target""",  # noqa: S608  as above
        where.params,
    )


def n_samples() -> int:
    """Samples stored, whatever the filters say."""
    return int(ask("SELECT count(*) AS n FROM samples")["n"].iloc[0])


def with_interval(frame: pd.DataFrame) -> pd.DataFrame:
    """Add `low` and `high`, the 95 % interval of `solved` out of `n_tasks`."""
    intervals = [wilson(float(solved), int(n)) for solved, n in zip(frame["solved"], frame["n_tasks"], strict=True)]
    return frame.assign(low=[i.low for i in intervals], high=[i.high for i in intervals])


def against_dollars(found: pd.DataFrame) -> pd.DataFrame:
    """Targets with a known price, their dollars per task as `x` with its 95 % interval, normal."""
    known = found[found["cost_per_task_usd"].notna()].astype({"cost_per_task_usd": float, "cost_error_usd": float})
    half = Z95 * known["cost_error_usd"].fillna(0.0)
    x = known["cost_per_task_usd"]
    return known.assign(x=x, x_low=(x - half).clip(lower=0.0), x_high=x + half)


def against_seconds(found: pd.DataFrame) -> pd.DataFrame:
    """Targets with a known latency, its 95th percentile as `x` with its 95 % interval."""
    known = found[found["p95_s"].notna()].astype({"p95_s": float, "p95_low_s": float, "p95_high_s": float})
    return known.assign(x=known["p95_s"], x_low=known["p95_low_s"], x_high=known["p95_high_s"])
