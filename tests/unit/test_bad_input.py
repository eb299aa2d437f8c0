"""Bad scorecards and rules cost nobody an answer: the decision is made by what is left, and says so."""

from __future__ import annotations

import json
import logging
import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from routerkit import Cell, ConfigError, Decision, Pool, ProviderError, Request, Router, RouterState, Rule, Scorecard, When, load
from routerkit.catalog import Target
from routerkit.config import plan_state, read
from routerkit.config.build import build_watch
from routerkit.testing import Recorder, make_target
from tests.unit.config_text import GOOD, KEY

SMALL, BIG, HOUSE = make_target("small", usd=1.0), make_target("big", usd=9.0), make_target("house", usd=20.0)


def decide(*rules: Rule, tags: tuple[str, ...] = (), model: str = "pool", card: Scorecard | None = None) -> Decision:
    pool = Pool("pool", (SMALL, BIG, HOUSE), "cheapest")
    now = datetime(2026, 6, 1, tzinfo=UTC)
    router = Router(RouterState({"pool": pool}, {}, rules=rules, scorecard=card or Scorecard()), now=lambda: now)
    return router.decide(Request(model, ({"role": "user", "content": "hi"},), tags=tags))


LEGACY = Rule("legacy stays here", When(tags=("legacy",)), only=("house",))
QUICK = Rule("planner is quick", When(), only=("small", "big"), prefer=("big",))


def test_rule_about_tags_holds_against_any_other_wherever_it_stands_and_the_decision_says_so():
    """Together they would leave nothing. Whoever tags a request says what is in it; a rule about that protects something."""
    for rules in ((LEGACY, QUICK), (QUICK, LEGACY)):
        decision = decide(*rules, tags=("legacy",))
        assert ("house",) == decision.ranked
        assert ("rule 'planner is quick' contradicts 'legacy stays here' and gives way: small, big is not left",) == decision.notes


def test_of_other_contradicting_rules_the_earlier_one_holds():
    """Neither protects anything, so the file's order decides."""
    large = Rule("large ones", When(), only=("house",))
    assert [("big", "small"), ("house",)] == [decide(*rules).ranked for rules in ((QUICK, large), (large, QUICK))]


def test_two_rules_about_tags_that_leave_nothing_together_refuse_the_request():
    """Neither may be broken, so nobody answers, and the caller reads why."""
    secret = Rule("secrets stay with big", When(tags=("secret",)), only=("big",))
    for rules in ((LEGACY, secret, QUICK), (QUICK, secret, LEGACY)):
        decision = decide(*rules, tags=("legacy", "secret"))
        assert () == decision.ranked
        names = " and ".join(repr(rule.name) for rule in rules if rule.when.tags)
        assert f"rules {names} leave no target together, and none of them gives way" in decision.notes
        assert {"rule"} == {candidate.drop.by for candidate in decision.candidates}


def test_rules_that_leave_something_together_do_not_contradict_each_other():
    """Both hold, whatever their order."""
    both = (QUICK, Rule("no large ones", When(), only=("small", "house")))
    assert [("small",), ("small",)] == [decide(*rules).ranked for rules in (both, both[::-1])]
    assert () == decide(*both).notes


def test_rule_for_targets_of_another_pool_does_not_give_way():
    """Nothing here may take the request, and no other rule changes that."""
    elsewhere = Rule("legacy stays elsewhere", When(), only=("vault",))
    assert () == decide(elsewhere).ranked
    assert () == decide(elsewhere, QUICK).ranked
    assert () == decide(QUICK, elsewhere).ranked


def test_target_asked_for_by_name_does_not_override_a_rule():
    """The caller is refused instead of being sent elsewhere, or out of the house."""
    decision = decide(LEGACY, tags=("legacy",), model="pool/small")
    assert () == decision.ranked
    assert "rule 'legacy stays here' allows only house" == decision.candidate("small").drop.why


class Broken(When):
    """A condition of somebody's own."""

    def holds(self, features: object) -> bool:
        raise LookupError("no such table")


@pytest.mark.parametrize(
    ("when", "raised"), [(Broken(), "LookupError: no such table"), (When(max_input_tokens="8000"), "TypeError: '<=' not supported")]
)
def test_rule_that_raises_is_passed_over_and_the_decision_says_so(when, raised):
    """Foreign code, or a wrong type in a rule made in Python."""
    decision = decide(Rule("odd", when, prefer=("house",)), Rule("fine", When(), prefer=("big",)))
    assert ("big", "fine") == (decision.picked, decision.rule)
    assert decision.notes[0].startswith(f"rule 'odd' is passed over: its condition raised {raised}")


def test_rule_with_only_that_raises_is_taken_to_hold():
    """It may keep something in the house; nothing leaves by accident."""
    decision = decide(Rule("odd", Broken(), only=("house",)))
    assert "house" == decision.picked
    assert ("rule 'odd' is taken to hold, for it says only: its condition raised LookupError: no such table",) == decision.notes


def test_avoid_gives_way_to_prefer_and_the_decision_says_so():
    """One rule wants the target first, another one last."""
    first, last = Rule("small first", When(), prefer=("small",)), Rule("no small ones", When(), avoid=("small", "elsewhere"))
    for rules in ((first, last), (last, first)):
        decision = decide(*rules)
        assert "small" == decision.picked
        assert ("rule 'no small ones' contradicts 'small first' about small: prefer holds",) == decision.notes


@pytest.mark.parametrize("wrong", [{"only": "house"}, {"prefer": None}, {"avoid": "small"}])
def test_rule_that_names_targets_by_a_bare_text_is_refused_when_it_is_made(wrong):
    """A text is a collection of letters to Python, and the rule would mean something else, or nothing."""
    (name,) = wrong
    with pytest.raises(ConfigError, match=rf"rule 'odd': {name} is .*; give a tuple of names"):
        Rule("odd", When(), **wrong)


@pytest.mark.parametrize("wrong", [{"tags": "legacy"}, {"kinds": "bug_fix"}, {"needs": None}])
def test_condition_that_could_never_hold_for_its_type_is_refused_when_it_is_made(wrong):
    """A rule that keeps legacy code in the house must not be switched off by a forgotten comma."""
    (name,) = wrong
    with pytest.raises(ConfigError, match=rf"condition: {name} is .*; give a tuple of names"):
        When(**wrong)


def test_decisions_on_an_old_scorecard_say_how_old_it_is():
    """Measured once is not measured for ever."""
    made_at = datetime(2026, 6, 1, tzinfo=UTC) - timedelta(days=41)
    card = Scorecard((Cell("small", "chat", 10, 9.0),), made_at=made_at)
    assert ("the scorecard is 41 days old; measure again with `routerkit eval run`",) == decide(card=card).notes
    assert () == decide(card=replace(card, made_at=made_at + timedelta(days=12))).notes


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RK_TEST_KEY", KEY)
    (tmp_path / "routerkit.toml").write_text(GOOD)
    return tmp_path


def load_and_decide(folder: Path) -> Decision:
    with load(folder / "routerkit.toml") as router:
        return router.decide(Request("coding", ({"role": "user", "content": "Explain this."},)))


def card_text(**cell: object) -> str:
    card = json.loads(Scorecard((Cell("mini", "explain", 10, 9.0),)).to_json())
    card["cells"][0] |= cell
    return json.dumps(card)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("{", "not a scorecard"),
        ("[]", "not a scorecard"),
        (card_text(passed=math.nan), "has an impossible value"),
        (card_text(passed=11.0), "has an impossible value"),
        (card_text(cost_usd=math.inf), "has an impossible value"),
        (card_text(n="many"), "not a scorecard"),
        (card_text(n=1e308), "has an impossible value"),
        (card_text(latency_s=[]), "not a scorecard"),
        (card_text(output_tokens=""), "not a scorecard"),
        (card_text(target=["mini"]), "has an impossible value"),
        (card_text(kind={}), "has an impossible value"),
        (card_text(language=[]), "has an impossible value"),
        (card_text(passed=2.0), "contents do not match their revision"),
        (card_text().replace("rk-scorecard/1", "rk-scorecard/9"), "schema 'rk-scorecard/9' is not"),
    ],
)
def test_broken_scorecard_is_not_used_and_decisions_say_so(folder: Path, caplog: pytest.LogCaptureFixture, text: str, why: str) -> None:
    (folder / "scorecard.json").write_text(text)
    decision = load_and_decide(folder)
    assert ("mini", "") == (decision.picked, decision.scorecard_revision)
    assert any(n.startswith("the scorecard is not used, so every target counts as unmeasured: ") and why in n for n in decision.notes)
    assert [logging.WARNING] == [r.levelno for r in caplog.records if "the scorecard is not used" in r.message]


def test_scorecard_that_names_no_revision_is_taken_as_it_is(folder: Path) -> None:
    """Written by hand, and not pretending to be anything else."""
    card = json.loads(card_text(passed=2.0))
    del card["revision"]
    (folder / "scorecard.json").write_text(json.dumps(card))
    decision = load_and_decide(folder)
    assert 10 == decision.candidate("mini").n_samples
    assert not any("scorecard" in note for note in decision.notes)


@pytest.mark.parametrize(
    ("made_at", "said"),
    [
        ("2024-01-01T00:00:00", "days old; measure again"),
        ("2024-01-01", "days old; measure again"),
        ("2999-01-01T00:00:00+00:00", "days ahead"),
    ],
)
def test_odd_date_of_a_scorecard_costs_no_decision(folder: Path, made_at: str, said: str) -> None:
    """Without a time zone it is taken for UTC; from the future it could never grow old."""
    (folder / "scorecard.json").write_text(json.dumps(json.loads(card_text()) | {"made_at": made_at}))
    decision = load_and_decide(folder)
    assert 10 == decision.candidate("mini").n_samples
    assert 1 == sum(said in note for note in decision.notes)


def test_missing_scorecard_leaves_every_target_unmeasured_and_decisions_say_so(folder: Path) -> None:
    decision = load_and_decide(folder)
    assert "scorecard=none" in decision.explain()
    assert 2 == decision.explain().count("(unmeasured, quality from prior")
    said = (
        f"{folder / 'scorecard.json'}: no scorecard there, so every target counts as unmeasured; make one with `routerkit scores publish`"
    )
    assert said in decision.notes


def test_scorecard_published_while_running_ends_the_complaint_about_the_missing_one(folder: Path) -> None:
    config = read(folder / "routerkit.toml")
    watch, router = build_watch(config, folder), Router(plan_state(config, folder))
    watch.start(router)
    (folder / "scorecard.json").write_text(card_text())
    assert watch.look()
    watch.close()
    assert () == router.state.scorecard.troubles


def test_scorecard_about_unknown_targets_is_used_for_the_others(folder: Path) -> None:
    (folder / "scorecard.json").write_text(Scorecard((Cell("mini", "explain", 10, 9.0), Cell("old", "explain", 9, 9.0))).to_json())
    decision = load_and_decide(folder)
    assert 10 == decision.candidate("mini").n_samples
    assert "the scorecard measured old, which is not a target here; rename the target, or measure again" in decision.notes


def test_scorecard_of_another_model_behind_the_same_name_says_so(folder: Path) -> None:
    """A target whose model was changed since; what is listed of very many is cut, and no model's name."""
    for measured, notes in (
        (5, 0),
        ("mini=gpt-mini", 0),
        ("far=away, mini=gpt-4o-mini", 1),
        ("mini=gpt-mini and 3 more", 0),
        ("nonsense", 0),
    ):
        card = Scorecard((Cell("mini", "explain", 10, 9.0),), sources={"models": measured})
        (folder / "scorecard.json").write_text(card.to_json())
        said = "the scorecard measured mini as gpt-4o-mini, and here it is gpt-mini; measure again with `routerkit eval run`"
        assert [said] * notes == [note for note in load_and_decide(folder).notes if "measured mini as" in note]


def test_scorecard_published_while_running_is_checked_for_unknown_targets_too(folder: Path) -> None:
    config = read(folder / "routerkit.toml")
    watch, router = build_watch(config, folder), Router(plan_state(config, folder))
    watch.start(router)
    (folder / "scorecard.json").write_text(Scorecard((Cell("old", "explain", 9, 9.0),)).to_json())
    assert watch.look()
    watch.close()
    decision = router.decide(Request("coding", ({"role": "user", "content": "Explain this."},)))
    assert any("the scorecard measured old" in note for note in decision.notes)


@pytest.mark.parametrize("outcome", [math.nan, None, 0.5, "yes"])
def test_outcome_that_is_neither_true_nor_false_is_refused(outcome):
    """NaN is true to Python, and would count as a success."""
    recorder = Recorder()
    pool = Pool("pool", (Target("a", "a", "m"),), "cheapest")
    router = Router(RouterState({"pool": pool}, {}), observers=(recorder,))
    with pytest.raises(ProviderError, match="report True or False, and nothing while it is unknown"):
        router.report("r", success=outcome)
    assert [] == recorder.reports
