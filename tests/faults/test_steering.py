"""Requests worded so that they always go to the strong target: a ceiling per tenant holds whatever they say (LLM10, denial of wallet)."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from routerkit import NoCandidateError, Policy, Pool, ProviderError, Request, Router, RouterState, Rule
from routerkit.ceilings import MOST_TENANTS, RESERVE, WINDOW_S, Tallies
from routerkit.rules import When
from routerkit.testing import FakeClock, ScriptedProvider, make_reply, make_request, make_target

HARD = replace(make_request("Fix the race."), kind="bug_fix", agent="greedy")
"""What the rule below sends to the strong target; the kind is the caller's own word."""


class World:
    """Two targets; the strong one is preferred for what looks hard, and may get a tenth of a caller's requests."""

    def __init__(self, share: float | None = 0.1) -> None:
        self.clock = FakeClock()
        self.cheap, self.strong = ScriptedProvider([make_reply()]), ScriptedProvider([make_reply()])
        state = RouterState(
            {"pool": Pool("pool", (make_target("cheap"), make_target("strong", usd=10.0)), "cheapest")},
            {"cheap": self.cheap, "strong": self.strong},
            {"cheapest": Policy("cheapest", "cheapest")},
            rules=(Rule("hard work to the strong one", When(kind="bug_fix"), prefer=("strong",)),),
            ceilings={} if share is None else {"pool": {"strong": share}},
        )
        self.router = Router(state, clock=self.clock, sleep=self.clock.sleep)

    def sent(self, n: int, request: Request = HARD) -> Counter[str]:
        """Where so many requests went, one a second."""
        targets = []
        for _ in range(n):
            self.clock.now_s += 1.0
            targets.append(self.router.complete(request).target)
        return Counter(targets)


def test_requests_that_all_look_hard_stay_below_the_ceiling() -> None:
    assert 200 == World(share=None).sent(200)["strong"]
    assert 0.05 * 200 < World().sent(200)["strong"] <= 0.1 * 200 + RESERVE


def test_decision_says_why() -> None:
    world = World()
    world.sent(50)
    assert "at most 10% of a caller's requests go to strong" in world.router.decide(HARD).explain()


def test_others_are_not_held_to_what_one_has_used() -> None:
    world = World()
    world.sent(50)
    assert "strong" == world.router.complete(replace(HARD, agent="modest")).target
    assert "strong" == world.router.complete(replace(HARD, key="0a1b2c3d")).target


def test_naming_the_target_is_no_way_around() -> None:
    world = World()
    named = replace(HARD, model="pool/strong")
    with pytest.raises(NoCandidateError, match="at most 10% of a caller's requests go to strong"):
        world.sent(50, named)
    assert len(world.strong.requests) <= 0.1 * 50 + RESERVE
    assert "cheap" == world.router.complete(replace(HARD, model="pool/cheap")).target


def test_strong_target_still_stands_in_when_the_others_fail() -> None:
    """A ceiling bounds choices; it loses no call."""
    world = World()
    world.sent(50)
    world.cheap.script = [ProviderError("down", code="server")]
    assert "strong" == world.router.complete(HARD).target


def test_share_is_one_of_the_last_hour() -> None:
    world = World()
    world.sent(50)
    world.clock.now_s += 5 * WINDOW_S
    assert "strong" == world.router.complete(HARD).target


def test_tenants_are_forgotten_before_they_fill_the_memory() -> None:
    world, tallies = World(), Tallies(FakeClock())
    decision = world.router.decide(HARD)
    for n in range(MOST_TENANTS + 5):
        tallies.decided(replace(HARD, agent=f"a{n}"), decision, {"pool": {"strong": 0.1}})
    assert MOST_TENANTS == len(tallies._tallies)
