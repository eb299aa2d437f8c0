"""How cells of the table are pulled toward where they start, and what the length of work says before any outcome."""

from __future__ import annotations

import numpy as np
import pytest

from routerkit.lengths import GROWTH
from routerkit_evals.lab.lengths import fit_lengths, log_lengths, stretched
from routerkit_evals.lab.recorded import record
from routerkit_evals.lab.shrinkage import DEFAULT, Strength, shrunk, strength
from routerkit_evals.lab.sparse import logit
from routerkit_evals.lab.table import fit_table
from tests.evals.lab_making import make_item, make_outcome, make_recorded

START = np.array([0.6, 0.8])
ONES = np.ones(2)


def test_cell_of_one_arm_has_the_beta_posterior_mean() -> None:
    """3 of 5 right, a start of .8 worth 20: (3 + 16) / 25."""
    assert [0.76] == pytest.approx(shrunk(np.array([[1.0], [1.0], [1.0], [0.0], [0.0]]), np.array([0.8]), DEFAULT, np.ones(1)))


def test_what_arms_share_moves_a_cell_more_than_what_tells_them_apart() -> None:
    """Twenty failures of both are a hard cell; twenty of one arm alone are, for the most part, still noise."""
    hard = shrunk(np.zeros((20, 2)), START, DEFAULT, ONES)
    odd = shrunk(np.column_stack([np.zeros(20), np.ones(20)]), START, DEFAULT, ONES)
    alone = shrunk(np.column_stack([np.zeros(20), np.ones(20)]), START, Strength(20.0, 20.0), ONES)
    assert (hard < [0.35, 0.45]).all()
    assert START[1] - START[0] < odd[1] - odd[0] < alone[1] - alone[0]


def test_arm_without_samples_moves_with_the_others() -> None:
    cell = shrunk(np.column_stack([np.zeros(20), np.full(20, np.nan)]), START, DEFAULT, ONES)
    assert logit(cell) - logit(START) == pytest.approx(np.full(2, (logit(cell) - logit(START))[0]))
    assert START.tolist() == pytest.approx(shrunk(np.full((3, 2), np.nan), START, DEFAULT, ONES).tolist())


@pytest.mark.parametrize(("shared", "apart"), [(0.4, 0.0), (0.0, 0.4)])
def test_strengths_fall_where_cells_really_differ(shared: float, apart: float) -> None:
    rng = np.random.default_rng(0)
    spread = np.linspace(-1.0, 1.0, 8)[:, None]
    rates = 0.5 + shared * spread + apart * spread * [-1.0, 1.0]
    found = strength([[(rng.random((100, 2)) < rate).astype(np.float64) for rate in rates]])
    assert (found.common < found.contrast) == bool(shared)
    assert min(found) < 20.0 < max(found)


def test_too_few_cells_say_nothing_about_strengths() -> None:
    assert DEFAULT == strength([[np.ones((5, 2)), np.zeros((5, 2))]])


def test_start_that_is_off_for_all_cells_alike_is_no_difference_between_them() -> None:
    rng = np.random.default_rng(0)
    alike = [(rng.random((40, 2)) < 0.5) - np.full((40, 2), 0.9) for _ in range(8)]
    assert min(strength([alike])) > 100.0


def test_longer_work_sets_arms_further_apart_and_equal_arms_not_at_all() -> None:
    longer, shorter = stretched(START, 1.0), stretched(START, -1.0)
    assert shorter[0] > START[0] > longer[0]
    assert logit(START).mean() == pytest.approx(logit(longer).mean()) == pytest.approx(logit(shorter).mean())
    assert (1.0 + GROWTH) * np.diff(logit(START)) == pytest.approx(np.diff(logit(longer)))
    assert [0.7, 0.7] == pytest.approx(stretched(np.array([0.7, 0.7]), 2.0).tolist())


def test_length_beyond_what_was_measured_adds_nothing_more() -> None:
    assert stretched(START, 2.0).tolist() == stretched(START, 9.0).tolist()


def test_item_without_a_prompt_is_of_mean_length() -> None:
    items = [make_item(0, prompt="x" * 10), make_item(1), make_item(2, prompt="x" * 1000)]
    assert np.log([10, 100, 1000]).tolist() == pytest.approx(log_lengths(items).tolist())
    assert [0.0] == log_lengths([make_item(0)]).tolist()


def test_fitted_lengths_are_those_of_each_kind_and_move_arms_apart() -> None:
    items = [make_item(i, kind="ab"[i % 2], prompt="x" * (10, 1000)[i % 2]) for i in range(4)]
    lengths = fit_lengths(make_recorded({"mini": 0.5, "large": 0.5}, 4, items=items).columns(("mini", "large")), START)
    assert {"a": np.log(10), "b": np.log(1000)} == pytest.approx(dict(lengths.typical))
    half = GROWTH * (logit(START)[1] - logit(START)[0]) / 2.0
    assert {"mini": -half, "large": half} == pytest.approx(dict(lengths.slopes))


def test_kind_with_long_requests_starts_with_arms_further_apart() -> None:
    """Three kinds alike but for the length of their prompts: with twenty samples each, what the length says still shows."""
    rng = np.random.default_rng(0)
    items = [make_item(i, kind="abc"[i % 3], prompt="x" * (20, 60, 180)[i % 3]) for i in range(60)]
    outcomes = [make_outcome(i, m, float(rng.random() < p)) for i in range(60) for m, p in (("mini", 0.5), ("large", 0.9))]
    short, middle, long = np.diff(fit_table(record(items, outcomes).columns(("mini", "large"))).predict_quality(items[:3]))[:, 0]
    assert short < middle < long
