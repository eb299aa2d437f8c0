"""Hard constraints: who is dropped, by whom, and with which words."""

from __future__ import annotations

from dataclasses import replace

import pytest

from routerkit import NoCandidateError, Policy, PolicySettings, Price, Rule, When
from routerkit.testing import make_request, make_target
from tests.unit.lab import good, lab

TOOLS = replace(make_request(), tools=({"type": "function", "function": {"name": "f"}},))


def drop(request, *, target=None, **world):
    """Why the target `a` was dropped, as `filter: reason`; None if it was kept."""
    here = lab({"a": good()}, targets=[target or make_target("a")], **world)
    dropped = here.router.decide(request).candidate("a").drop
    return dropped and f"{dropped.by}: {dropped.why}"


@pytest.mark.parametrize(("can", "expected"), [({"tools": False}, "capability: cannot do tools"), ({"tools": True}, None), ({}, None)])
def test_only_a_known_no_drops(can, expected):
    """Unknown is not no."""
    assert expected == drop(TOOLS, target=make_target("a", can=can))


def test_all_missing_capabilities_are_named():
    """One look is enough to see what is missing."""
    request = replace(TOOLS, response_format={"type": "json_schema"})
    assert "capability: cannot do json_schema, tools" == drop(request, target=make_target("a", can={"tools": False, "json_schema": False}))


@pytest.mark.parametrize(
    ("max_tokens", "window", "expected"),
    [
        (None, 457, None),  # 201 tokens of prompt at most, and room for an answer of 256
        (None, 456, "context: needs about 457 tokens > 456"),
        (1_000, 456, "context: needs about 1,201 tokens, 1,000 of them max_tokens, > 456"),
        (100, 300, "context: needs about 301 tokens, 100 of them max_tokens, > 300"),
        (1_000, 457, "max_tokens: input length and `max_tokens` exceed context limit: 201 + 1000 > 457"),
        (1_000, 1_200, "max_tokens: input length and `max_tokens` exceed context limit: 201 + 1000 > 1200"),
        (1_000, 1_201, None),
        (1_000, None, None),
    ],
)
def test_window_must_hold_prompt_and_answer(max_tokens, window, expected):
    """The prompt's upper bound plus the caller's limit, or 256 tokens, must fit; an unknown window is allowed. A shorter conversation
    helps where it does not fit with 256; else only the limit is too large."""
    request = replace(make_request("x" * 700), max_tokens=max_tokens)
    assert expected == drop(request, target=make_target("a", context_tokens=window))


@pytest.mark.parametrize(
    ("usd", "expected"),
    [
        (1.0, None),
        (1_000.0, "price_cap: expected $0.1020 > the cap of $0.1 a call"),
        (None, "price_cap: price unknown, cannot be held to the cap of $0.1 a call"),
    ],
)
def test_price_cap(usd, expected):
    """What is expected to cost more than the cap, or cannot be known to cost less, is dropped."""
    policy = Policy("capped", "cheapest", PolicySettings(max_usd_per_call=0.1))
    assert expected == drop(replace(make_request(), max_tokens=100), target=make_target("a", usd=usd), policy=policy)


def test_budget_drops_what_it_cannot_pay():
    """The message names the agent and what it has left."""
    request = replace(make_request(), agent="planner", max_tokens=100)
    why = drop(request, target=make_target("a", usd=1_000.0), budgets={"planner": 0.05})
    assert "budget: may cost $0.1020 with 100 tokens of answer > the $0.0500 that agent 'planner' has left today" == why
    assert drop(replace(request, agent="coder"), target=make_target("a", usd=1_000.0), budgets={"planner": 0.05}) is None


def test_budget_says_which_answer_it_reckons_with_and_how_to_make_it_shorter():
    """Without a limit the longest answer of the target is set aside, which is most of what is missing."""
    request = replace(make_request(), agent="planner")
    why = drop(request, target=make_target("a", usd=1_000.0, context_tokens=8_000), budgets={"planner": 0.05})
    told = "budget: may cost $8.00 with 8,000 tokens of answer, as max_tokens is not set, > the $0.0500 that agent 'planner' has left today"
    assert told == why


def test_rule_names_itself():
    """Who wrote the rule finds it."""
    rule = Rule("legacy stays here", When(tags=("legacy",)), only=("local", "b"))
    assert "rule: rule 'legacy stays here' allows only local, b" == drop(replace(make_request(), tags=("legacy",)), rules=(rule,))
    assert drop(make_request(), rules=(rule,)) is None


def test_first_reason_is_the_one_given():
    """A target that cannot and is too dear is dropped by what it cannot."""
    policy = Policy("capped", "cheapest", PolicySettings(max_usd_per_call=0.000001))
    assert drop(TOOLS, target=make_target("a", can={"tools": False}), policy=policy).startswith("capability")


@pytest.mark.parametrize(
    ("target", "kind"),
    [
        (make_target("a", context_tokens=10), "invalid"),
        (make_target("a", can={"tools": False}), "invalid"),
        (replace(make_target("a"), price=Price(1e6, 1e6)), "transient"),
    ],
)
def test_error_says_whether_the_request_is_at_fault(target, kind):
    """A prompt too long stays too long; a spent budget is back tomorrow."""
    here = lab({"a": good()}, targets=[target], budgets={"planner": 0.01})
    with pytest.raises(NoCandidateError) as caught:
        here.router.complete(replace(TOOLS, agent="planner"))
    assert kind == caught.value.kind
