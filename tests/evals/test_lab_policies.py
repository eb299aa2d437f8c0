"""The predictor's fit, cascades, bandits: each against cases whose answer is known."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from routerkit.cascade import Rates
from routerkit.predictor import Predictor, word_vector
from routerkit_evals.lab.cascade import Planner, attributed, candidates, expect, plan
from routerkit_evals.lab.compare import compare
from routerkit_evals.lab.corrected import apply_predictor
from routerkit_evals.lab.fit import Fitted, fit_predictor
from routerkit_evals.lab.online import FLAT, thompson
from routerkit_evals.lab.paths import Forecast, hull_arms, mixing_path, threshold_path, value_path
from routerkit_evals.lab.recorded import Recorded
from routerkit_evals.lab.simulate import sampled
from routerkit_evals.lab.sparse import count_words, rarity, tf_idf
from routerkit_evals.lab.stage import Setting
from routerkit_evals.lab.table import Prior
from tests.evals.lab_making import make_item, make_recorded, make_worded

STRONG_CHECK = Rates(0.95, 0.05)


@pytest.fixture(scope="module")
def telling() -> Fitted:
    return fit_predictor(make_worded(400))


@pytest.fixture(scope="module")
def ladder() -> Recorded:
    """A cheap, a middle and a dear arm; the dear one dominates."""
    recorded = make_recorded({"mini": 0.7, "middle": 0.75, "large": 0.97}, 400)
    cost = np.tile([{"mini": 0.01, "middle": 0.05, "large": 1.0}[arm] for arm in recorded.arms], (400, 1))
    return replace(recorded, cost_usd=cost)


@pytest.mark.slow
def test_gate_opens_where_words_tell_and_corrections_point_the_right_way(telling: Fitted) -> None:
    (gate,) = telling.predictor.gates
    assert gate.is_open
    assert 0.0 < gate.gain_low <= gate.gain
    said = [(text, telling.predictor.correction(text, "bug_fix").by_target) for text in make_worded(400).texts]
    hard = [by["mini"] for text, by in said if by and "deadlock" in text]
    easy = [by["mini"] for text, by in said if by and "typo" in text]
    assert max(hard) < 0.0 < min(easy)


def test_corrected_probabilities_are_better_calibrated_where_words_tell(telling: Fitted) -> None:
    mini = telling.calibration[0]
    assert ("mini", 400) == (mini.target, mini.n)
    assert mini.brier_corrected < 0.75 * mini.brier_table
    assert sorted(mini.curve) == list(mini.curve)


@pytest.mark.slow
def test_gate_stays_closed_where_words_tell_nothing() -> None:
    (gate,) = fit_predictor(make_worded(400, is_telling=False)).predictor.gates
    assert not gate.is_open


@pytest.mark.slow
def test_gate_stays_closed_below_three_hundred_labels() -> None:
    (gate,) = fit_predictor(make_worded(299)).predictor.gates
    assert (299, False) == (gate.n_labels, gate.is_open)


def test_stream_of_strange_texts_falls_back_to_the_table(telling: Fitted) -> None:
    test = make_worded(60, seed=1)
    strange = replace(test, items=tuple(make_item(i, prompt=f"Wetterbericht Nummer {i} aus Bremen") for i in range(60)))
    table = Forecast(np.full((60, 2), 0.5), np.tile([0.01, 0.1], (60, 1)))
    forecast, note = apply_predictor(telling.predictor, strange, table)
    assert (table.quality == forecast.quality).all()
    assert "60 of 60 texts are out of domain" in note


@pytest.mark.parametrize("template", ["fix the bug number {}", "Ticket {}: sort the imports", "sort the imports"])
def test_texts_of_the_fitted_template_are_in_domain(template: str) -> None:
    recorded = make_worded(900, is_telling=False)
    items = [replace(item, prompt=template.format(i)) for i, item in enumerate(recorded.items)]
    inside, outside = np.arange(900) < 400, items[400:]
    predictor = Predictor.from_json(fit_predictor(replace(recorded, items=tuple(items)).rows(inside)).predictor.to_json())
    strange = sum(predictor.correction(item.prompt, item.kind).is_strange for item in outside)
    assert strange <= 0.05 * len(outside)
    assert predictor.correction("Wie wird das Wetter morgen?", outside[0].kind).is_strange


def test_length_speaks_where_the_words_have_proven_nothing() -> None:
    """Sixty labels open no gate; the longest request is still expected to need the better arm more than the shortest."""
    fit = make_worded(60)
    table = Forecast(np.tile([0.5, 0.9], (60, 1)), np.tile([0.01, 0.1], (60, 1)))
    predictor = fit_predictor(fit).predictor
    predictor = replace(predictor, gates=tuple(replace(gate, reach=0.0) for gate in predictor.gates))
    forecast, note = apply_predictor(predictor, fit, table)
    order = np.argsort([len(text) for text in fit.texts], kind="stable")
    gain = forecast.quality[order, 1] - forecast.quality[order, 0]
    assert gain[0] < 0.4 < gain[-1]
    assert note.startswith("words heard for 0 of 60; no proven gain over the table: 60")


def test_same_seed_gives_the_same_predictor() -> None:
    assert fit_predictor(make_worded(60)).predictor.to_json() == fit_predictor(make_worded(60)).predictor.to_json()


def test_fit_and_decision_see_the_same_vector() -> None:
    texts = ["fix the deadlock", "Fix 12 typos: äöü", ""]
    counts = count_words(texts)
    idf = rarity(counts)
    rows = tf_idf(counts, idf)
    for i, text in enumerate(texts):
        here = {int(s): v for s, v, r in zip(rows.slot, rows.value, rows.row, strict=True) if r == i}
        assert word_vector(text, idf) == pytest.approx(here)


def test_expected_cascade_equals_going_through_every_verdict(ladder: Recorded) -> None:
    """Brute force over accept/reject of both checks, weighted by their probabilities."""
    steps = ("mini", "middle", "large")
    place = [ladder.arm(s) for s in steps]
    score, cost = ladder.score[0, place], ladder.cost_usd[0, place]
    accept = [s * 0.95 + (1 - s) * 0.05 for s in score]
    quality = usd = 0.0
    for first, second in product((True, False), repeat=2):
        p = (accept[0] if first else 1 - accept[0]) * (accept[1] if second else 1 - accept[1])
        last = 0 if first else 1 if second else 2
        quality += p * score[last]
        usd += p * (cost[: last + 1].sum() + 0.002 * (last + 1))
    expected = expect(ladder, steps, Rates(0.95, 0.05, 0.002))
    assert (quality, usd) == pytest.approx((expected.quality[0], expected.cost[0]))


def test_good_verifier_buys_the_best_models_quality_for_less(ladder: Recorded) -> None:
    chosen = plan(ladder, STRONG_CHECK, floor_share=0.97)
    assert len(chosen.steps) > 1
    assert "large" == chosen.steps[-1]
    assert chosen.floor <= chosen.quality
    assert chosen.cost_usd < 0.4


def test_weak_verifier_before_a_dominant_model_is_refused_with_the_reason(ladder: Recorded) -> None:
    chosen = plan(ladder, Rates(0.95, 0.40), floor_share=0.97)
    assert ("large",) == chosen.steps
    assert "FPR 0.40" in chosen.refusal


def test_verifier_that_tells_nothing_is_refused_as_such(ladder: Recorded) -> None:
    assert "accepts wrong answers" in plan(ladder, Rates(0.5, 0.5), floor_share=0.97).refusal


def test_lower_floor_never_costs_more(ladder: Recorded) -> None:
    planner = Planner(ladder, STRONG_CHECK)
    costs = [expect(ladder, planner.steps(floor), STRONG_CHECK).cost.mean() for floor in (0.6, 0.8, 0.9, 0.97, 1.0)]
    assert costs == sorted(costs)


def test_prior_that_is_right_saves_regret() -> None:
    test = make_recorded({"large": 0.9, "mini": 0.6}, 300)
    informed, _ = thompson(test, [Prior(0.9, 20.0, "fit"), Prior(0.6, 20.0, "fit")], seed=0, n_requests=150)
    flat, shares = thompson(test, [FLAT, FLAT], seed=0, n_requests=150)
    assert informed.mean < flat.mean
    assert shares[0] > 0.7
    assert 1.0 == pytest.approx(shares.sum())


def test_single_arm_has_no_regret() -> None:
    regret, _ = thompson(make_recorded({"mini": 0.5}, 50), [FLAT], seed=0, n_requests=20)
    assert 0.0 == regret.mean


def test_unknown_outcome_is_no_feedback() -> None:
    """An arm whose outcomes are never seen keeps its prior: it goes on being tried."""
    test = make_recorded({"mini": 0.5, "silent": 0.5}, 50)
    score = test.score.copy()
    score[1:, test.arm("silent")] = np.nan
    _, shares = thompson(replace(test, score=score), [FLAT, FLAT], seed=0, n_requests=60)
    assert shares[test.arm("silent")] > 0.2


def test_dominated_and_unpriced_arms_are_not_on_the_hull() -> None:
    quality, cost = np.array([0.5, 0.4, 0.9, 0.99]), np.array([1.0, 2.0, 3.0, np.nan])
    assert ("a", "c") == hull_arms(("a", "b", "c", "d"), quality, cost)


def test_upgrades_go_from_none_to_all_and_ties_are_shared() -> None:
    test = make_worded(50)
    path = threshold_path(test, "mini", "large", Forecast(np.tile([0.5, 0.9], (50, 1)), test.cost_usd))
    assert test.score[:, 0].tolist() == path.quality[0].tolist()
    assert test.score[:, 1].tolist() == path.quality[-1].tolist()
    assert test.score.mean(axis=1).tolist() == pytest.approx(path.quality[50].tolist())


def test_frozen_point_keeps_ninety_five_percent_of_what_is_predicted() -> None:
    """From 0.5 to 0.9, 0.855 needs 88.75 % upgraded: the first point on the grid is 0.89."""
    test = make_worded(50)
    path = threshold_path(test, "mini", "large", Forecast(np.tile([0.5, 0.9], (50, 1)), test.cost_usd))
    assert 89 == path.frozen


def test_worth_of_nothing_buys_the_cheapest_and_of_everything_the_best() -> None:
    test = make_worded(50)
    forecast = Forecast(np.tile([0.5, 0.9], (50, 1)), test.cost_usd)
    path = value_path(test, ("mini", "large"), forecast)
    assert (0.01, 0.10) == pytest.approx((path.cost[0].mean(), path.cost[-1].mean()))
    mix = mixing_path(test, ("mini", "large"), forecast)
    assert 0.055 == pytest.approx(mix.cost[50].mean())


@pytest.mark.parametrize("seed", range(5))
def test_labels_are_drawn_from_each_kind_in_proportion(seed: int) -> None:
    """A tenth of the items is a tenth of each kind, however many there are; and another tenth with another seed."""
    items = [make_item(i, kind=kind) for i, kind in enumerate(["a"] * 100 + ["b"] * 40 + ["c"] * 10)]
    fit = make_recorded({"mini": 0.5}, 150, items=items)
    drawn = sampled(fit, 15, seed=seed)
    assert {"a": 10, "b": 4, "c": 1} == Counter(item.kind for item in drawn.items)
    assert 15 == len({item.item_id for item in drawn.items})
    assert drawn.items != sampled(fit, 15, seed=seed + 100).items
    assert fit is sampled(fit, None, seed=seed) is sampled(fit, 150, seed=seed)


def test_cascade_is_scored_where_all_its_steps_are_known() -> None:
    """A step off the hull may have unknown outcomes on test items; they are left out and counted, not taken for failures."""
    rates, costs = {"mini": 0.6, "middle": 0.5, "large": 0.95}, {"large": 1.0, "middle": 0.02, "mini": 0.01}
    fit, test = (
        replace(part, cost_usd=np.tile([costs[arm] for arm in part.arms], (len(part), 1)))
        for part in (make_recorded(rates, 200, seed=seed) for seed in (1, 2))
    )
    score = test.score.copy()
    score[:5, test.arm("middle")] = np.nan
    setting = Setting("made", None, ("static", "cascade"), STRONG_CHECK, 0.9, 0, 20, {})
    whole, holed = (compare(fit, part, setting).scored[1] for part in (test, replace(test, score=score)))
    assert "middle" in holed.extra["plan"]["steps"]
    known = expect(test.rows(np.arange(5, 200)), holed.extra["plan"]["steps"], STRONG_CHECK)
    assert known.quality.mean() == pytest.approx(holed.metrics["quality"].value)
    assert all(bound is not None for bound in holed.metrics["aiq_gain_over_static"])
    assert ("5 test items are left out" in holed.note, "left out" in whole.note) == (True, False)


def test_predicted_interval_holds_for_as_few_tasks_as_come(ladder: Recorded) -> None:
    """Few escalations decide the cost of twenty tasks, so it may be far from any mean; a mean over thousands is known better."""
    rates = {"mini": 0.7, "large": 0.95}
    promised = [Planner(make_recorded(rates, 80, seed=seed), STRONG_CHECK).plan(0.9, n_next=20) for seed in range(30)]
    true = [float(expect(make_recorded(rates, 20, seed=900 + i), p.steps, STRONG_CHECK).cost.mean()) for i, p in enumerate(promised)]
    assert sum(p.cost_low_usd <= usd <= p.cost_high_usd for p, usd in zip(promised, true, strict=True)) >= 27
    few, many = (Planner(ladder, STRONG_CHECK).plan(0.97, n_next=n) for n in (20, 2_000))
    assert few.cost_low_usd < many.cost_low_usd < many.cost_high_usd < few.cost_high_usd


def test_difference_in_cost_is_split_into_escalations_and_prices(ladder: Recorded) -> None:
    """Of tasks twice as dear nothing is the escalations'; of tasks that the first step never solves, nothing is the prices'."""
    steps = ("mini", "large")
    dearer = replace(ladder, cost_usd=ladder.cost_usd * 2.0)
    assert (0.0, 1.0) == pytest.approx(attributed(ladder, dearer, steps, STRONG_CHECK))
    harder = replace(ladder, score=np.where(np.array(ladder.arms) == "mini", 0.0, ladder.score))
    split, usd = attributed(ladder, harder, steps, STRONG_CHECK), [expect(r, steps, STRONG_CHECK).cost.mean() for r in (ladder, harder)]
    assert split.escalations > 0.5
    assert usd[1] / usd[0] == pytest.approx((1.0 + split.escalations) * (1.0 + split.prices))


@pytest.mark.slow
def test_plan_is_corrected_for_having_been_chosen_because_it_looked_cheap_and_good() -> None:
    """Six equal arms: whichever sequence looks cheapest on the fit does so by luck, and the plan must not promise that luck."""
    promised, true = [], []
    for seed in range(6):
        rates = {f"arm{i}": 0.5 for i in range(6)} | {"large": 0.95}
        fit, test = make_recorded(rates, 60, seed=seed), make_recorded(rates, 600, seed=100 + seed)
        planner = Planner(fit, STRONG_CHECK)
        chosen = planner.plan(0.9)
        naive, real = (expect(part, chosen.steps, STRONG_CHECK) for part in (candidates(fit), test))
        promised.append(((naive.cost.mean(), chosen.cost_usd), (naive.quality.mean(), chosen.quality)))
        true.append((real.cost.mean(), real.quality.mean()))
    for (seeming, corrected), truth in zip(np.mean(promised, axis=0), np.mean(true, axis=0), strict=True):
        assert abs(corrected - truth) < abs(seeming - truth)
