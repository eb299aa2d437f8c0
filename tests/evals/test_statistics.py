"""Intervals and costs."""

from __future__ import annotations

import math

import pytest

from routerkit_evals import summarise, table, wilson
from tests.evals.making import make_sample


@pytest.mark.parametrize(
    ("passed", "n", "low", "high"),
    # Newcombe 1998, Statistics in Medicine 17, table I, method 3.
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0000, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_interval_matches_published_values(passed: int, n: int, low: float, high: float) -> None:
    assert (low, high) == tuple(round(end, 4) for end in wilson(passed, n))


def test_wilson_of_nothing_is_everything() -> None:
    assert (0.0, 1.0) == wilson(0, 0)


def test_cost_per_solved_is_a_ratio_of_sums_failures_included() -> None:
    samples = [make_sample("a", cost_usd=0.01), make_sample("b", cost_usd=0.02), make_sample("c", verdict="fail", cost_usd=0.09)]
    (summary,) = summarise(samples)
    assert (2.0, 3) == (summary.solved, summary.n_tasks)
    assert 0.06 == pytest.approx(summary.cost_per_solved_usd)
    assert 0.04 == pytest.approx(summary.cost_per_task_usd)


def test_infrastructure_failures_count_nowhere_but_in_their_own_column() -> None:
    (summary,) = summarise([make_sample("a"), make_sample("b", verdict="infra_provider", cost_usd=None, latency_s=None)])
    assert (1, 1.0, 1, 0.01) == (summary.n_tasks, summary.solved, summary.n_infra, summary.cost_usd)


def test_one_unknown_cost_makes_the_total_unknown_not_cheap() -> None:
    (summary,) = summarise([make_sample("a"), make_sample("b", cost_usd=None)])
    assert (None, None) == (summary.cost_usd, summary.cost_per_solved_usd)


def test_repetitions_of_a_task_are_averaged_not_counted_as_tasks() -> None:
    samples = [make_sample("a", epoch=i, verdict="pass" if i == 0 else "fail") for i in range(4)]
    (summary,) = summarise(samples)
    assert (1, 4, 0.25, 0.04) == (summary.n_tasks, summary.n_samples, summary.solved, summary.cost_usd)


def test_nothing_solved_has_no_finite_price() -> None:
    (summary,) = summarise([make_sample(verdict="fail")])
    assert math.inf == summary.cost_per_solved_usd
    assert "none solved" in table([summary])


def test_table_has_one_line_per_target_and_kind() -> None:
    samples = [make_sample("a"), make_sample("b", kind="migrate"), make_sample("a", target="big")]
    lines = table(summarise(samples, by_kind=True)).splitlines()
    assert ["target", "mini", "mini", "big"] == [line.split()[0] for line in lines]
