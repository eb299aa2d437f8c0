"""What a call may cost at worst, whose money it is, and that no attempt starts without it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from routerkit import AllAttemptsFailedError, NoCandidateError, Price, features
from routerkit.budget import LONGEST_ANSWER_TOKENS, claims_of, dearest, most_usd, worst_usd
from routerkit.messages import Allowance
from routerkit.testing import ScriptedProvider, make_reply, make_request, make_target
from tests.unit.lab import bad, fault, good, lab

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
PLANNER = replace(make_request(), agent="planner", max_tokens=1_000)
PRICEY = make_target("a", usd=1_000.0)
"""A dollar per thousand tokens, so a planner's call may cost $1.002 and a good one costs $0.015."""


def left_usd(here, request=PLANNER):
    """What the planner may still spend, as the next decision would see it."""
    left = here.router._budgets.left(claims_of(request, "pool", here.router.state), here.router._now())
    return None if left is None else left.usd


def purse_of(here, request=PLANNER):
    """Money for a call of the planner."""
    return here.router._budgets.purse(claims_of(PLANNER, "pool", here.router.state), PLANNER, here.router.decide(request))


@pytest.mark.parametrize(
    ("asked", "model_cap", "window", "expected_tokens"),
    [
        (100, None, None, 100),
        (None, None, None, LONGEST_ANSWER_TOKENS),
        (None, 8_000, 100_000, 8_000),
        (None, None, 32_000, 32_000),
        (50_000, 8_000, None, 8_000),
    ],
)
def test_longest_answer_bounds_the_cost(asked, model_cap, window, expected_tokens):
    """The caller's limit, the model's, the window; without any the longest answer there is."""
    facts = features(replace(make_request("x" * 35), max_tokens=asked))
    target = replace(make_target("a"), price=Price(2.0, 10.0), max_output_tokens=model_cap, context_tokens=window)
    assert pytest.approx((11 * 2.0 + expected_tokens * 10.0) / 1e6) == worst_usd(target, facts)


def test_writing_the_cache_may_be_the_dearest_input():
    """Nobody knows beforehand what is cached, so the dearest price counts."""
    facts = features(replace(make_request("x" * 35), max_tokens=0))
    assert pytest.approx(11 * 2.5 / 1e6) == worst_usd(replace(make_target("a"), price=Price(2.0, 10.0, cache_write=2.5)), facts)


@pytest.mark.parametrize(("asked", "expected_tokens"), [(None, LONGEST_ANSWER_TOKENS), (0, 0), (200_000, 200_000)])
def test_most_that_a_price_can_make_of_a_request(asked, expected_tokens):
    facts = features(replace(make_request("x" * 35), max_tokens=asked))
    assert pytest.approx((11 * 2.0 + expected_tokens * 10.0) / 1e6, rel=1e-9) == most_usd(Price(2.0, 10.0), facts)


@pytest.mark.parametrize("asked", [None, 100])
def test_no_target_may_cost_more_than_the_dearest_price_says(asked):
    """Else a budget could let a target through that it cannot pay."""
    facts = features(replace(make_request("x" * 350), max_tokens=asked))
    prices = [Price(2.0, 10.0), Price(0.5, 40.0), Price(1.0, 1.0, cache_write=9.0)]
    targets = [replace(make_target("a"), price=price, max_output_tokens=cap) for price in prices for cap in (None, 8_000, 500_000)]
    assert max(worst_usd(t, facts) for t in targets) <= most_usd(dearest(targets), facts)
    assert dearest([*targets, replace(make_target("b"), price=None)]) is None


def test_reservation_becomes_what_was_spent(call):
    """After the call only its cost is missing, whichever form it took."""
    here = lab({"a": good()}, targets=[PRICEY], budgets={"planner": 10.0})
    cost = call(here.router, PLANNER).cost_usd
    assert pytest.approx(10.0 - cost) == left_usd(here)


@pytest.mark.parametrize(("error", "expected_usd"), [(fault("connect"), 0.0), (fault("disconnected", maybe_billed=True), 0.002)])
def test_failed_attempts_cost_what_may_have_been_billed(call, error, expected_usd):
    """What certainly was not processed is given back; else the prompt at least is paid."""
    here = lab({"a": ScriptedProvider([error])}, targets=[PRICEY], budgets={"planner": 10.0})
    with pytest.raises(AllAttemptsFailedError):
        call(here.router, PLANNER)
    assert pytest.approx(10.0 - expected_usd * len(here.record.attempts)) == left_usd(here)
    assert pytest.approx(expected_usd * len(here.record.attempts)) == here.record.cost_usd


def test_attempt_that_cannot_be_paid_is_not_sent(call):
    """The first attempt spends what the second would need; the cheaper target still answers."""
    billed = ScriptedProvider([fault("disconnected", maybe_billed=True)])
    prompt = replace(PLANNER, messages=make_request("x" * 4_000).messages)
    targets = [PRICEY, make_target("b", usd=1_000.0), make_target("c", usd=1.0)]
    here = lab({"a": billed, "b": good(), "c": good("from c")}, targets=targets, budgets={"planner": 2.5})
    assert "from c" == call(here.router, prompt).text
    assert (1, 0, 1) == tuple(here.hits(name) for name in "abc")


def test_unknown_price_is_not_free(call):
    """A budget holds nothing that nobody knows the price of."""
    here = lab({"a": good()}, targets=[make_target("a", usd=None)], budgets={"planner": 10.0})
    with pytest.raises(NoCandidateError, match=r"price unknown, cannot be held to the \$10\.00 that agent 'planner' has left today"):
        call(here.router, PLANNER)
    assert 0 == here.hits("a")


def test_calls_under_way_count_with_their_worst(call):
    """While one call is running, another sees only what that one cannot use up."""
    seen = []
    here = lab({"a": good()}, targets=[PRICEY], budgets={"planner": 1.5})
    provider = here.providers["a"]
    plain = provider._next
    provider._next = lambda request: (seen.append(left_usd(here)), plain(request))[1]
    call(here.router, PLANNER)
    assert pytest.approx([1.5 - 1.002]) == seen


def test_caller_that_goes_away_pays_what_it_got():
    """A stream that is dropped half-way is settled at once."""
    here = lab({"a": good("one two three four")}, targets=[PRICEY], budgets={"planner": 10.0})
    stream = here.router.stream(PLANNER)
    next(stream)
    assert pytest.approx(10.0 - 1.002) == left_usd(here)
    stream.close()
    assert pytest.approx(10.0 - here.record.cost_usd) == left_usd(here)


def test_every_account_of_a_call_pays():
    """A key, an agent and a pool may each say no, and each is charged."""
    here = lab({"a": good()}, targets=[PRICEY], budgets={"planner": 10.0}, pool_budgets={"pool": 20.0})
    keyed = replace(PLANNER, allowances=(Allowance("key:1", 1.1),))
    cost = here.router.complete(keyed).cost_usd
    here.router.complete(replace(PLANNER, agent="other"))
    assert pytest.approx((1.1 - cost, 20.0 - 2 * cost)) == (left_usd(here, keyed), left_usd(here, make_request()))
    here.router.complete(keyed)
    for _ in range(5):
        here.router.complete(keyed)
    with pytest.raises(NoCandidateError, match="that key '1' has left today"):
        here.router.complete(keyed)


def test_no_budget_reserves_nothing():
    """Callers without a budget do not pay for it in time either."""
    here = lab({"a": good()}, targets=[make_target("a", usd=None)], budgets={"planner": 10.0})
    here.router.complete(replace(make_request(), agent="coder"))
    assert left_usd(here, make_request()) is None


def test_call_over_midnight_is_paid_by_the_day_it_began():
    """The new day starts with the whole budget."""
    now = [NOON]
    slow = ScriptedProvider([make_reply()])
    here = lab({"a": slow}, targets=[PRICEY], budgets={"planner": 2.0}, now=lambda: now[0])
    stream = here.router.stream(PLANNER)
    next(stream)
    now[0] += timedelta(hours=13)
    list(stream)
    assert 2.0 == left_usd(here)


def test_refusal_names_the_remedy():
    """Between decision and attempt others may take the money; the error then says what to do."""
    here = lab({"a": bad("connect")}, targets=[PRICEY], budgets={"planner": 1.5})
    purse = purse_of(here)
    assert purse.reserve(PRICEY) is None
    other = purse_of(here, replace(PLANNER, agent=None))
    refused = other.reserve(PRICEY)
    cost, left = "may cost $1.00 with 1,000 tokens of answer", "the $0.4980 that agent 'planner' has left today"
    text = f"a call to target 'a' {cost} > {left}; lower max_tokens, or wait for midnight UTC"
    assert (text, "budget", "transient") == (str(refused), refused.code, refused.kind)


def test_longer_prompt_of_an_escalation_is_reserved_in_full():
    """The evidence that goes along costs money, too."""
    here = lab({"a": good()}, targets=[PRICEY], budgets={"planner": 100.0})
    purse = purse_of(here)
    purse.expect(features(replace(PLANNER, messages=make_request("x" * 3_500).messages)))
    assert purse.reserve(PRICEY) is None
    assert pytest.approx(100.0 - 2.001) == left_usd(here)


def test_free_target_answers_when_the_money_is_gone(call):
    """What costs nothing needs no budget, even of one that was overspent."""
    spender = ScriptedProvider([make_reply(output_tokens=5_000)])  # more than max_tokens, so more than was reserved
    here = lab({"a": spender, "b": good("for free")}, targets=[PRICEY, make_target("b", usd=0.0)], budgets={"planner": 1.5})
    call(here.router, PLANNER)
    assert 0 > left_usd(here)
    assert "for free" == call(here.router, PLANNER).text
