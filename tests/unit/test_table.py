"""The table's levels, where they start, and what predictors and publications add to them."""

from __future__ import annotations

import json
from array import array
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routerkit import Cell, Policy, Pool, Request, Scorecard, Target, features
from routerkit.case import Snapshot
from routerkit.policy import Ticket
from routerkit.posterior import Estimate, Prior
from routerkit.predictor import N_SLOTS, Correction, Gate, Predictor, slot_counts, word_vector
from routerkit.priors import FACT_N, OTHER_KIND_N, OTHER_VERSION, published
from routerkit.table import level_strengths
from routerkit.wording import Listener
from tests.unit.lab import good, lab

PYTHON = Cell("a", "bug_fix", 40, 36.0, language="python")
COBOL = Cell("a", "bug_fix", 20, 4.0, language="cobol")
CARD = Scorecard((PYTHON, COBOL, Cell("a", "explain", 50, 48.0)))
TICKET = Ticket("1", datetime(2026, 1, 1, tzinfo=UTC), 0)


def ask(text: str, **more: object) -> Request:
    return Request("pool", ({"role": "user", "content": text},), **more)  # type: ignore[arg-type]


def test_language_is_a_level_of_its_own() -> None:
    """What fails in COBOL does not spoil Python, and both say how much was measured of them."""
    whole, python, cobol = (CARD.estimate("a", "bug_fix", language) for language in (None, "python", "cobol"))
    assert cobol.mean < whole.mean < python.mean
    assert ("40 in python", "20 in cobol") == (python.note, cobol.note)
    assert 60 == whole.n_samples


def test_language_nobody_measured_makes_no_difference() -> None:
    assert CARD.estimate("a", "bug_fix") == CARD.estimate("a", "bug_fix", "rust")


def test_repository_is_a_level_below_the_language() -> None:
    card = Scorecard((replace(PYTHON, repo="shop"), replace(PYTHON, repo="bank", n=20, passed=4.0)))
    shop, bank = (card.estimate("a", "bug_fix", "python", repo) for repo in ("shop", "bank"))
    assert bank.mean < shop.mean
    assert "20 in bank of python" == bank.note
    assert card.estimate("a", "bug_fix", "python") == card.estimate("a", "bug_fix", "python", "elsewhere")


def test_request_finds_its_language_and_repository() -> None:
    """The language is seen in the prompt; the repository is a tag."""
    card = Scorecard((replace(PYTHON, repo="shop"), replace(PYTHON, repo="bank", n=20, passed=4.0), COBOL))
    pool = Pool("pool", (Target("a", "p", "m"),))
    request = ask("Fix app/main.py", tags=("repo:bank",))
    decision = Policy("best", "best").decide(features(request), pool, Snapshot(card), ticket=TICKET)
    assert "20 in bank of python" in decision.candidate("a").note


def test_kinds_of_one_family_speak_for_each_other_first() -> None:
    """An unmeasured kind of change starts at the other changes, not at explanations."""
    card = Scorecard((Cell("a", "bug_fix", 50, 10.0), Cell("a", "explain", 50, 50.0)))
    assert card.estimate("a", "refactor").mean < 0.45 < card.estimate("a", "review").mean


def test_files_without_languages_are_written_and_named_as_before() -> None:
    """An older routerkit reads them, and an old file keeps its revision."""
    card = Scorecard((Cell("a", "explain", 50, 48.0),))
    assert {"language", "repo"}.isdisjoint(json.loads(card.to_json())["cells"][0])
    assert CARD.cells == Scorecard.from_json(CARD.to_json()).cells


def test_strengths_come_from_the_spread_of_siblings() -> None:
    """Kinds that differ widely hardly speak for each other; kinds that are alike do; two siblings say nothing."""
    kinds = ("bug_fix", "refactor", "migrate", "translate")
    wide = [Cell("a", kind, 100, passed) for kind, passed in zip(kinds, (5.0, 95.0, 20.0, 80.0), strict=True)]
    alike = [Cell("a", kind, 100, 50.0) for kind in kinds]
    assert level_strengths(wide)[1] < 10.0 == level_strengths(wide[:2])[1] < level_strengths(alike)[1]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.builds(Cell, st.just("a"), st.sampled_from(["bug_fix", "refactor", "explain"]), st.integers(1, 50), st.just(0.0)), max_size=6
    )
)
def test_estimate_lies_between_none_and_all_and_inside_its_interval(cells: list[Cell]) -> None:
    e = Scorecard(tuple(cells)).estimate("a", "bug_fix", "python")
    assert 0.0 <= e.low < e.mean < e.high <= 1.0


def test_unmeasured_target_starts_at_what_was_published_with_source_and_date() -> None:
    """10 samples' worth for the same kind, 4 for others; measurements then take over."""
    priors = published("DeepSeek-V4-Pro")
    card = Scorecard(published={"a": priors})
    same, other = card.estimate("a", "bug_fix"), card.estimate("a", "plan")
    assert (0.732, FACT_N) == pytest.approx((same.mean, same.alpha + same.beta))
    assert OTHER_KIND_N == pytest.approx(other.alpha + other.beta)
    assert "openhands swebench, 2026-05-16" == same.source
    assert other.source.endswith("other kinds")
    assert "measured" == Scorecard((PYTHON,), published={"a": priors}).estimate("a", "bug_fix").source


def test_another_version_of_the_model_counts_half() -> None:
    """The published run was of a dated version; the target names none, or another."""
    (prior,) = (p for p in published("claude-3-5-haiku-20260101") if p.kind == "synthesize")
    assert FACT_N * OTHER_VERSION == prior.n
    assert "another version" in prior.source
    assert () == published("nobody-heard-of-this")


def test_unmeasured_says_where_its_quality_comes_from() -> None:
    pool, card = Pool("pool", (Target("a", "p", "m"),)), Scorecard(published={"a": (Prior(0.7, 10.0, "aider polyglot, 2025-08-25"),)})
    decision = Policy("best", "best").decide(features(ask("Fix it")), pool, Snapshot(card), ticket=TICKET)
    assert "unmeasured, quality from aider polyglot, 2025-08-25" in decision.explain()


@given(st.floats(0.02, 0.98), st.floats(1.0, 200.0), st.floats(-3.0, 3.0))
def test_correction_moves_mean_and_interval_together(mean: float, n: float, shift: float) -> None:
    """Never out of order, never certain, and as many samples' worth as before."""
    before = Estimate(mean * n, (1 - mean) * n, 1, "measured", mean * 0.9, min(mean * 1.1, 0.99), None, 1.0)
    after = before.shifted(shift)
    assert 0.0 < after.low <= after.mean <= after.high < 1.0
    assert n == pytest.approx(after.alpha + after.beta)
    assert (after.mean > before.mean) == (shift > 0) or shift == pytest.approx(0.0, abs=1e-9)


def deadlock(is_open: bool = True) -> Predictor:
    """It has learned that deadlocks are hard for the target `small`, or for the model `tiny`."""
    flat, weights = array("f", [1.0]) * N_SLOTS, array("f", [0.0]) * N_SLOTS
    weights[next(iter(slot_counts("deadlock")))] = -4.0
    gate = Gate(frozenset({"bug_fix"}), 400, 0.02, 0.01, 1.0, 0.1, is_open)
    return Predictor({"small": weights, "tiny": weights}, flat, (word_vector("fix the deadlock", flat),), (gate,))


def routed(predictor: Predictor | None, text: str = "Fix the deadlock"):  # type: ignore[no-untyped-def]
    cells = (Cell("small", "bug_fix", 50, 45.0), Cell("other", "bug_fix", 50, 44.0), Cell("large", "bug_fix", 50, 43.0))
    targets = [Target("small", "small", "m"), Target("other", "other", "tiny"), Target("large", "large", "m")]
    board = lab({t.name: good() for t in targets}, targets=targets, policy=Policy("best", "best"), scorecard=Scorecard(cells))
    board.router.swap(replace(board.router.state, predictor=predictor))
    return board.router.decide(ask(text))


def test_words_move_the_pick_and_are_shown_per_target() -> None:
    """By the target's name or its model's; a target the predictor never saw keeps the table's estimate."""
    assert "small" == routed(None).picked
    decision = routed(deadlock())
    assert "large" == decision.picked
    assert {"small": True, "other": True, "large": False} == {c.target: "text: -" in c.note for c in decision.candidates}
    assert decision.candidate("small").quality < 0.7


@pytest.mark.parametrize(
    ("predictor", "text", "why"),
    [
        (deadlock(is_open=False), "Fix the deadlock", "no proven gain"),
        (deadlock(), "Repair xylophones", "out of domain"),
        (deadlock(), "Explain the deadlock", "never seen explain"),
    ],
)
def test_silent_predictor_leaves_the_table_alone_and_says_why(predictor: Predictor, text: str, why: str) -> None:
    decision = routed(predictor, text)
    assert why in decision.explain()
    assert "text:" not in decision.explain()


def test_predictor_is_not_believed_while_the_traffic_is_strange() -> None:
    """A quarter of the last texts out of domain is a shift, also for the texts that look familiar."""
    listener = Listener()
    strange, familiar = ({"role": "user", "content": "xylophones"},), ({"role": "user", "content": "fix the deadlock"},)
    for _ in range(10):
        assert listener.hear(deadlock(), familiar, "bug_fix").by_target
        listener.hear(deadlock(), strange, "bug_fix")
    assert Correction({}, "10 of the last 21 texts were out of domain") == listener.hear(deadlock(), familiar, "bug_fix")
