"""Numbers about cost-quality curves."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routerkit_evals.lab.gain import worth
from routerkit_evals.lab.metrics import Curve, Ends, aiq, apgr, cost_at, cpt, hull, saving_at
from routerkit_evals.lab.score import bounded, make_weights

ENDS = Ends(0.0, 0.5, 1.0, 0.9)
POINTS = st.lists(st.tuples(st.floats(0.01, 10), st.floats(0, 1)), min_size=1, max_size=12)


def curve(*points: tuple[float, float]) -> Curve:
    return Curve(np.array([c for c, _ in points]), np.array([q for _, q in points]))


@settings(max_examples=30)
@given(POINTS)
def test_no_point_lies_above_the_hull(points: list[tuple[float, float]]) -> None:
    top = hull(*(np.array(column) for column in zip(*points, strict=True)))
    assert all(q <= np.interp(c, top.cost, top.quality) + 1e-9 for c, q in points if c >= top.cost[0])


@settings(max_examples=30)
@given(POINTS)
def test_hull_rises_and_bends_down(points: list[tuple[float, float]]) -> None:
    top = hull(*(np.array(column) for column in zip(*points, strict=True)))
    assert (np.diff(top.cost) > 0).all()
    assert (np.diff(top.quality) > 0).all()
    slopes = np.diff(top.quality) / np.diff(top.cost)
    assert (np.diff(slopes) <= 1e-6 * np.abs(slopes[:-1]) + 1e-9).all()


@settings(max_examples=30)
@given(POINTS, st.tuples(st.floats(0.01, 10), st.floats(0, 1)))
def test_another_point_never_lowers_the_area(points: list[tuple[float, float]], extra: tuple[float, float]) -> None:
    grounded = [(0.01, 0.0), *points]
    assert aiq(curve(*grounded), 0.01, 10.0) <= aiq(curve(*grounded, extra), 0.01, 10.0) + 1e-9


def test_area_under_a_line_is_its_middle() -> None:
    assert 0.7 == pytest.approx(aiq(curve((1.0, 0.5), (3.0, 0.9)), 1.0, 3.0))


def test_random_mix_recovers_half_the_gap_on_average() -> None:
    mix = curve(*((c, 0.5 + 0.4 * c) for c in np.linspace(0, 1, 11)))
    assert 0.5 == pytest.approx(apgr(mix, ENDS))
    assert 0.8 == pytest.approx(cpt(mix, ENDS, 0.8))


def test_perfect_order_beats_the_random_mix() -> None:
    """All of the gap sits in the 40 % of items that are upgraded first: area 1 - 0.4/2."""
    perfect = curve((0.0, 0.5), (0.4, 0.9), (1.0, 0.9))
    assert 0.8 == pytest.approx(apgr(perfect, ENDS))
    assert 0.2 == pytest.approx(cpt(perfect, ENDS, 0.5))


def test_saving_is_what_stays_of_the_strong_cost() -> None:
    """95 % of 0.9 is 0.855; a line from (0.1, 0.5) to (1, 0.9) is there at cost 0.89875."""
    assert 1 - 0.89875 == pytest.approx(saving_at(curve((0.1, 0.5), (1.0, 0.9)), ENDS))


def test_quality_never_reached_has_no_cost() -> None:
    assert np.isnan(cost_at(curve((1.0, 0.5)), 0.6))


def test_gap_that_does_not_exist_cannot_be_recovered() -> None:
    assert np.isnan(apgr(curve((0.0, 0.5), (1.0, 0.4)), Ends(0.0, 0.5, 1.0, 0.4)))


def test_whole_clusters_are_resampled() -> None:
    """Two clusters of two: a resample holds each cluster zero, one or two times, its items always together."""
    weights = make_weights(np.array([0, 0, 1, 1]), 50, seed=1)
    assert (weights[:, 0] == weights[:, 1]).all()
    assert {0.0, 0.25, 0.5} == set(np.unique(weights))
    assert [0.25] * 4 == weights[0].tolist()


def test_interval_covers_the_middle_of_the_resamples_and_unknown_stays_unknown() -> None:
    value, low, high = bounded(np.array([0.5, *np.linspace(0.0, 1.0, 101)]))
    assert (0.5, 0.025, 0.975) == pytest.approx((value, low, high))
    assert (None, None, None) == bounded(np.array([np.nan, 1.0]))


def test_order_that_finds_the_gains_is_worth_more_than_a_flat_table() -> None:
    rng = np.random.default_rng(0)
    hard = rng.random(400) < 0.5
    score = np.column_stack([~hard, np.ones(400)]).astype(float)
    flat = np.tile([0.5, 1.0], (400, 1))
    knowing = np.column_stack([np.where(hard, 0.1, 0.9), np.ones(400)])
    folds = np.arange(400) % 5
    gained = worth(flat, knowing, score, folds, np.arange(400))
    assert gained.low > 0.05
    assert worth(flat, flat, score, folds, np.arange(400)) == (gained.__class__(0.0, 0.0))
