"""How a policy is named, and what its decision tells a reader."""

from __future__ import annotations

from dataclasses import replace

import pytest

from routerkit import Cell, ConfigError, Policy, PolicySettings, Rule, Scorecard, When, format_usd
from routerkit.testing import make_request, make_target
from tests.unit.lab import fault, good, lab

CARD = Scorecard((Cell("haiku", "refactor", 41, 34.0, None, 2.1, 800.0), Cell("sonnet", "refactor", 44, 40.0, None, 4.0, 900.0)))
TARGETS = [make_target("haiku", usd=4.0), make_target("sonnet", usd=12.0), make_target("local-qwen", usd=None, context_tokens=500)]
REQUEST = replace(make_request("x" * 4_000), kind="refactor")


def decision(policy: Policy | None = None, **world):
    here = lab(
        {t.name: good() for t in TARGETS}, targets=TARGETS, policy=policy or Policy("careful", "cheapest_adequate"), scorecard=CARD, **world
    )
    return here.router.decide(REQUEST)


def test_explanation_reads_like_a_table():
    """One line of head, one line per target: numbers for the kept, the reason for the dropped."""
    head, *lines = decision(Policy("careful", "cheapest_adequate", PolicySettings(quality_floor=0.7))).explain().splitlines()
    assert f"pool=pool kind=refactor policy=careful picked=haiku p=1.00 scorecard={CARD.revision} config=none" == head
    assert [
        "  haiku       expected $0.0072    quality 0.80 [0.70, 0.89] n=41   latency 2.1 s",
        "  sonnet      expected $0.0228    quality 0.88 [0.79, 0.94] n=44   latency 4.0 s",
        "  local-qwen  dropped by context: needs about 1,399 tokens > 500",
    ] == lines


def test_explanation_of_an_unmeasured_unpriced_target_says_so():
    """Nobody should take a guess for a measurement."""
    request = replace(make_request(), kind="plan")
    here = lab({t.name: good() for t in TARGETS}, targets=TARGETS, scorecard=CARD)
    text = here.router.decide(request).explain()
    assert "expected unknown" in text
    assert "latency unknown   (unmeasured, quality from prior; price unknown)" in text
    assert "(unmeasured, quality from other kinds)" in text


def test_rules_that_applied_are_named():
    """All of them, in order."""
    rules = (Rule("one", When(), prefer=("sonnet",)), Rule("two", When(kind="refactor")), Rule("three", When(kind="plan")))
    made = decision(rules=rules)
    assert ("one, two", "sonnet") == (made.rule, made.picked)
    assert "rule='one, two'" in made.explain()


def test_panic_is_told_in_the_decision_and_at_the_target():
    """Who reads the record learns that health was overruled."""
    here = lab({"a": good()})
    for _ in range(5):
        here.router.health.failed("a", fault("server"))
    text = here.router.decide(make_request()).explain()
    assert "note: panic: every target is unfit; a readmitted although 5 failures in a row, last server (again in" in text
    assert "readmitted although" in text.splitlines()[1]


def test_empty_pool_explains_itself():
    """No target, no pick, no crash."""
    made = lab({}, targets=[]).router.decide(make_request())
    assert (None, "the pool is empty") == (made.picked, made.why_none())
    assert "picked=none" in made.explain()


def test_unknown_candidate_is_a_key_error():
    """Asking for a target that is not in the pool is a mistake of the asker."""
    with pytest.raises(KeyError, match="gpt"):
        decision().candidate("gpt")


def test_unknown_kind_is_refused_when_the_policy_is_made():
    """Not at the first call: the message names the nearest kind."""
    with pytest.raises(ConfigError, match=r"policy 'mine': unknown kind 'cheepest'; did you mean 'cheapest'\?"):
        Policy("mine", "cheepest")


def test_decisions_have_distinct_sortable_ids():
    """Ids of later calls sort after those of earlier ones and never collide."""
    here = lab({"a": good()})
    ids = [here.router.decide(make_request()).id for _ in range(200)]
    assert 200 == len(set(ids))
    assert {23} == {len(i) for i in ids}


@pytest.mark.parametrize(
    ("usd", "text"),
    [(None, "unknown"), (0.0, "$0.0000"), (0.0041, "$0.0041"), (0.000012, "$1.2e-05"), (1.5, "$1.50"), (1234.5, "$1234.50")],
)
def test_dollars_are_readable(usd, text):
    """Cheap calls keep enough digits to be compared."""
    assert text == format_usd(usd)
