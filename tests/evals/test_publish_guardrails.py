"""What one publication may change, and the reason it gives."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from routerkit import Cell, Scorecard, load_scorecard
from routerkit_evals import EvalError, publish
from routerkit_evals.guardrails import Guardrails, differences, guard
from routerkit_evals.publish import previous_path, publish_guarded, read_changes
from tests.evals.making import make_sample

RULES = Guardrails(min_tasks=5, max_move=0.2, hysteresis=0.05)


def card(passed: float, n: int, *, model: str = "m1", cost_usd: float | None = 0.01) -> Scorecard:
    return Scorecard((Cell("mini", "bug_fix", n, passed, cost_usd, 2.0, 100.0),), sources={"models": f"mini={model}"})


@pytest.mark.parametrize(
    ("old", "new", "action", "share"),
    [
        (None, card(3, 4), "withheld", None),
        (None, card(8, 10), "new", 0.8),
        (card(8, 10), card(0, 4), "kept", 0.8),
        (card(8, 10), card(83, 100), "steady", 0.8),
        (card(8, 10), card(7, 10), "moved", 0.7),
        (card(8, 10), card(1, 10), "limited", 0.6),
        (card(2, 10), card(10, 10), "limited", 0.4),
        (card(8, 10), card(1, 10, model="m2"), "remeasured", 0.1),
        (card(8, 10, model="m1"), card(1, 4, model="m2"), "withheld", None),
    ],
)
def test_each_cell_moves_as_far_as_the_rules_let_it(old: Scorecard | None, new: Scorecard, action: str, share: float | None) -> None:
    made, (change,) = guard(old, new, RULES)
    assert (action, None if share is None else pytest.approx(share)) == (change.action, change.after)
    assert (share is not None) == bool(made.cells)
    assert change.why


def test_steady_share_still_takes_over_evidence_and_cost() -> None:
    made, (change,) = guard(card(8, 10), card(83, 100, cost_usd=0.05), RULES)
    assert (100, pytest.approx(80), 0.05) == (made.cells[0].n, made.cells[0].passed, made.cells[0].cost_usd)
    assert "cost $0.0100 -> $0.0500" in change.why


def test_slow_drift_gets_through_although_each_step_is_small() -> None:
    published = card(80, 100)
    for passed in range(79, 60, -1):
        published = guard(published, card(passed, 100), RULES).card
    assert published.cells[0].passed / published.cells[0].n < 0.66


def test_cell_that_was_not_measured_stays() -> None:
    made, (change,) = guard(card(8, 10), Scorecard(sources={"models": "mini=m1"}), RULES)
    assert (0.8, "kept", "not measured this time") == (made.cells[0].passed / made.cells[0].n, change.action, change.why)


def by_language(**passed: int) -> Scorecard:
    """Ten tasks in each language."""
    cells = tuple(Cell("mini", "bug_fix", 10, float(n), 0.01, 2.0, 100.0, language) for language, n in passed.items())
    return Scorecard(cells, sources={"models": "mini=m1"})


def test_languages_of_a_kind_move_together_as_far_as_the_whole_may() -> None:
    """From 16 to 8 of 20 is limited to 12; what python lost against cobol stays."""
    made, (change,) = guard(by_language(python=8, cobol=8), by_language(python=7, cobol=1), RULES)
    assert ("limited", 0.8, pytest.approx(0.6), 20) == (change.action, change.before, change.after, change.n)
    assert [("python", pytest.approx(9)), ("cobol", pytest.approx(3))] == [(c.language, c.passed) for c in made.cells]


def test_languages_take_the_place_of_the_whole_and_back() -> None:
    """No evidence is counted twice, whichever way the old scorecard told it apart."""
    parts, whole = by_language(python=8, cobol=8), card(16, 20)
    assert list(parts.cells) == list(guard(whole, parts, RULES).card.cells)
    assert list(whole.cells) == list(guard(parts, whole, RULES).card.cells)
    assert list(parts.cells) == list(guard(parts, card(2, 4), RULES).card.cells)
    assert () == differences(parts, whole)


@pytest.mark.parametrize("wrong", [{"min_tasks": 0}, {"max_move": 1.1}, {"hysteresis": 0.3, "max_move": 0.2}])
def test_impossible_rules_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(EvalError, match="guardrails must satisfy"):
        Guardrails(**wrong)  # type: ignore[arg-type]


def test_publication_keeps_the_last_card_and_a_reason_for_every_cell(tmp_path: Path) -> None:
    path = tmp_path / "scorecard.json"
    first = publish([make_sample(str(i)) for i in range(5)], path)
    second = publish_guarded([make_sample(str(i), verdict="fail") for i in range(5)], path, RULES)
    assert first.revision == load_scorecard(previous_path(path)).revision
    assert second.card.revision == load_scorecard(path).revision
    assert read_changes(path) == second.changes
    (change,) = differences(load_scorecard(previous_path(path)), load_scorecard(path))
    assert ("moved", 1.0, pytest.approx(0.8)) == (change.action, change.before, change.after)
    body = json.loads(path.read_text())
    assert {"low", "mean", "high"} <= body["estimates"][0].keys()


def test_broken_published_card_is_replaced_and_said(tmp_path: Path) -> None:
    path = tmp_path / "scorecard.json"
    path.write_text("{")
    published = publish_guarded([make_sample(str(i)) for i in range(5)], path, RULES)
    assert "the old scorecard could not be read and no guardrail applied" in published.notes[0]


def test_nothing_but_withheld_cells_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "scorecard.json"
    with pytest.raises(EvalError, match=r"every cell is withheld \(1 tasks are fewer than min_tasks = 5\)"):
        publish_guarded([make_sample()], path, RULES)
    assert not path.exists()


def test_changed_model_starts_from_nothing() -> None:
    from routerkit_evals import scorecard_of

    old = [make_sample(str(i), verdict="fail", model="old") for i in range(3)]
    new = make_sample("x", model="new", started_at=old[0].started_at.replace(day=2))
    (cell,) = scorecard_of([*old, new]).cells
    assert (1, 1.0) == (cell.n, cell.passed)
