"""Posterior estimates: what little data says, what much data says, and what a file must not say."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routerkit import Cell, ConfigError, Scorecard, load_scorecard
from routerkit.posterior import beta_cdf, beta_quantile
from tests.unit.strategies import scorecards


def test_unmeasured_target_has_the_prior_and_says_so():
    """No data is not zero quality; the interval is wide."""
    e = Scorecard().estimate("a", "refactor")
    assert (0.5, 0, "prior") == (e.mean, e.n_samples, e.source)
    assert e.high - e.low > 0.6


def test_other_kinds_speak_for_an_unmeasured_one():
    """A target that is good at everything else is probably good at this; fewer samples' worth than a measurement."""
    card = Scorecard((Cell("a", "explain", 200, 190.0),))
    e = card.estimate("a", "refactor")
    assert ("other kinds", 0) == (e.source, e.n_samples)
    assert 0.9 < e.mean < 0.95
    assert e.high - e.low > card.estimate("a", "explain").high - card.estimate("a", "explain").low


def test_few_samples_are_pulled_toward_the_whole():
    """Two failures on one kind do not make a good target hopeless."""
    card = Scorecard((Cell("a", "explain", 200, 190.0), Cell("a", "refactor", 2, 0.0)))
    assert 0.5 < card.estimate("a", "refactor").mean < 0.9


def test_many_samples_speak_for_themselves():
    """After 1,000 samples the prior is gone."""
    card = Scorecard((Cell("a", "explain", 1_000, 900.0), Cell("a", "refactor", 1_000, 300.0)))
    assert 0.3 == pytest.approx(card.estimate("a", "refactor").mean, abs=0.01)


def test_only_measured_kind_is_not_counted_twice():
    """Where one kind is all there is, it does not also serve as its own prior: (8 + 2) / (10 + 4)."""
    assert 10 / 14 == pytest.approx(Scorecard((Cell("a", "refactor", 10, 8.0),)).estimate("a", "refactor").mean)


def test_lengths_and_latencies_are_weighted_by_samples():
    """A kind that was not measured borrows the mean of those that were."""
    card = Scorecard((Cell("a", "explain", 30, 20.0, None, 1.0, 100.0), Cell("a", "plan", 10, 5.0, None, 5.0, 500.0)))
    e = card.estimate("a", "refactor")
    assert (2.0, 200.0) == (e.latency_s, e.output_tokens)
    assert (None, 400.0) == (card.estimate("b", "refactor").latency_s, card.estimate("b", "refactor").output_tokens)


# Reference values: midpoint rule over the density in 400,000 steps, the arcsine law, x ** 3.
@pytest.mark.parametrize(
    ("x", "a", "b", "expected"),
    [
        (0.5, 2.0, 2.0, 0.5),
        (0.8, 82.0, 22.0, 0.5967704),
        (0.9, 50.5, 2.5, 0.0555532),
        (0.1, 0.5, 0.5, 0.2048328),
        (0.3, 3.0, 1.0, 0.027),
        (0.0, 1.0, 1.0, 0.0),
        (1.0, 1.0, 1.0, 1.0),
    ],
)
def test_beta_distribution_matches_reference_values(x, a, b, expected):
    """The incomplete beta function to six digits."""
    assert expected == pytest.approx(beta_cdf(x, a, b), abs=1e-6)


@settings(max_examples=60, deadline=None)
@given(st.floats(0.01, 0.99), st.floats(0.1, 300), st.floats(0.1, 300))
def test_quantile_inverts_the_distribution(p, a, b):
    """The value below which p lies has p below it; far in a tail, where the curve is steep, within the resolution of the search."""
    x = beta_quantile(p, a, b)
    assert beta_cdf(max(x - 1e-6, 0.0), a, b) - 1e-9 <= p <= beta_cdf(min(x + 1e-6, 1.0), a, b) + 1e-9


@settings(max_examples=40, deadline=None)
@given(scorecards, st.sampled_from("abz"), st.sampled_from(["refactor", "explain", None]))
def test_estimates_are_probabilities(card, target, kind):
    """Whatever was measured: 0 <= low <= mean <= high <= 1, roughly, and a higher floor is never likelier."""
    e = card.estimate(target, kind)
    assert 0 <= e.low <= e.high <= 1
    assert 0 < e.mean < 1
    chances = [e.p_at_least(floor) for floor in (0.0, 0.2, 0.5, 0.8, 1.0)]
    assert all(-1e-9 <= later <= earlier + 1e-9 for earlier, later in pairwise(chances))


@settings(max_examples=40, deadline=None)
@given(scorecards)
def test_file_round_trip_keeps_everything(card):
    """What is published is what is loaded, revision included."""
    again = Scorecard.from_json(card.to_json())
    assert (card.cells, card.revision, card.prior_quality, card.prior_n) == (
        again.cells,
        again.revision,
        again.prior_quality,
        again.prior_n,
    )


def test_revision_follows_the_contents():
    """Equal contents, equal revision; another number, another revision; nothing measured, no revision."""
    one, same, other = (Scorecard((Cell("a", "plan", 10, passed),)) for passed in (5.0, 5.0, 6.0))
    assert one.revision == same.revision != other.revision
    assert "" == Scorecard().revision


def test_provenance_survives_the_file():
    """When and from what the numbers were made."""
    card = Scorecard((Cell("a", "plan", 1, 1.0),), made_at=datetime(2026, 1, 2, tzinfo=UTC), sources={"run": "r1"})
    again = Scorecard.from_json(card.to_json())
    assert (card.made_at, card.sources) == (again.made_at, again.sources)


def _published(**cell) -> str:
    body = json.loads(Scorecard((Cell("a", "plan", 10, 5.0),)).to_json())
    body["cells"][0] |= cell
    return json.dumps(body)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"schema": "rk-scorecard/1"}',
        '{"schema": "rk-scorecard/2", "cells": []}',
        _published(n=-1),
        _published(passed=11.0),
        _published(passed=float("nan")),
        _published(cost_usd=float("inf")),
        _published(n="many"),
        _published(surprise=1),
        json.dumps({"schema": "rk-scorecard/1", "cells": [], "made_at": "yesterday"}),
        json.dumps({"schema": "rk-scorecard/1", "cells": [], "prior": {"quality": 0.0, "n": 4}}),
        json.dumps({"schema": "rk-scorecard/1", "cells": [], "prior": {"quality": 1.0, "n": 4}}),
        json.dumps({"schema": "rk-scorecard/1", "cells": [], "prior": {"quality": 0.5, "n": 0}}),
        json.dumps({"schema": "rk-scorecard/1", "cells": [], "prior": {"quality": 0.5, "n": 1e308}}),
    ],
)
def test_wrong_file_is_refused_in_one_line(text):
    """The message names the file and what to do; a wrong number never reaches a decision."""
    with pytest.raises(ConfigError, match=r"^nightly\.json: ") as caught:
        Scorecard.from_json(text, "nightly.json")
    assert "\n" not in str(caught.value)


def test_missing_file_is_named(tmp_path):
    """Not a traceback: the path and the reason."""
    with pytest.raises(ConfigError, match=r"scorecard\.json: no scorecard there; make one with `routerkit scores publish`"):
        load_scorecard(tmp_path / "scorecard.json")


def test_file_is_loaded(tmp_path):
    """The way the router reads it."""
    card = Scorecard((Cell("a", "plan", 10, 5.0),))
    (tmp_path / "s.json").write_text(card.to_json(), "utf-8")
    assert card.revision == load_scorecard(tmp_path / "s.json").revision
