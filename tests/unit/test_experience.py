"""What production teaches between two publications, and how a decision shows it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from routerkit import Cell, Policy, Scorecard
from routerkit.experience import Alarm, Experience, Outcome, Tally, tallied
from routerkit.testing import make_request, make_target
from tests.unit.lab import good, lab

NOW = datetime(2026, 1, 15, tzinfo=UTC)
CARD = Scorecard((Cell("a", "refactor", n=40, passed=36.0), Cell("b", "refactor", n=40, passed=34.0)))
REFACTOR = replace(make_request("refactor this"), kind="refactor")
DRIFTED = {("a", "refactor"): (Alarm("success", "0.40 over 20 since 2026-01-01, was 0.88"),)}


def routed(experience: Experience, policy: str = "best"):
    """Decision between a, the better one by its scorecard, and b."""
    here = lab({n: good() for n in "ab"}, targets=[make_target(n) for n in "ab"], policy=Policy(policy, policy), scorecard=CARD)
    here.router.experience = experience
    return here.router.decide(REFACTOR)


def test_reports_move_what_is_believed_and_say_so():
    """Twenty reported failures turn the ranking around; the explanation shows how many reports stand behind it."""
    assert "a" == routed(Experience()).picked
    taught = routed(Experience({("a", "refactor"): Tally(20, 20.0, 0.0)}))
    assert "b" == taught.picked
    assert "+20 reported" in taught.candidate("a").note
    assert "" == taught.candidate("b").note


def test_reports_count_less_with_age():
    """After one half-life a report is worth half, and the count of reports stays what it is."""
    old, new = Outcome("a", "plan", NOW - timedelta(days=14), True), Outcome("a", "plan", NOW, False)
    assert {("a", "plan"): Tally(2, 1.5, 0.5)} == tallied([old, new], now=NOW)


def test_report_of_one_kind_says_nothing_about_another():
    """Outcomes stay in their cell, the one of unknown kind included."""
    counts = tallied([Outcome("a", None, NOW, True), Outcome("a", "plan", NOW, True)], now=NOW)
    assert {("a", None): Tally(1, 1.0, 1.0), ("a", "plan"): Tally(1, 1.0, 1.0)} == counts
    assert "" == routed(Experience(counts)).candidate("a").note


def test_drifted_cell_is_widened():
    """The measurement loses its certainty, not its mean, so that few reports can move it; the note says what was seen."""
    before, after = routed(Experience()).candidate("a"), routed(Experience({}, DRIFTED)).candidate("a")
    assert before.quality == pytest.approx(after.quality)
    assert after.quality_high - after.quality_low > 2 * (before.quality_high - before.quality_low)
    assert "drift of success: 0.40 over 20" in after.note


def test_drifted_target_is_tried_last_if_wanted():
    """`demote` moves it behind every other target, under every policy that ranks."""
    for policy in ("best", "cheapest", "cheapest_adequate", "bang_for_buck", "fallback"):
        assert ("b", "a") == routed(Experience({}, DRIFTED, "demote"), policy).ranked


def test_note_changes_nothing_but_the_note():
    """`note` only tells."""
    quiet = routed(Experience({}, DRIFTED, "note")).candidate("a")
    assert "drift of success" in quiet.note
    assert quiet._replace(note="") == routed(Experience()).candidate("a")


def test_dearer_is_not_worse():
    """An alarm about cost neither widens the quality nor demotes."""
    dearer = Experience({}, {("a", "refactor"): (Alarm("cost", "2.10 x expected"),)}, "demote")
    assert "a" == routed(dearer).picked
    assert routed(Experience()).candidate("a").quality_low == routed(dearer).candidate("a").quality_low
