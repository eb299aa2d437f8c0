"""What one router finds out about a target, the others on its store learn; and budgets outlive a router."""

from __future__ import annotations

from dataclasses import replace

import pytest

from routerkit import AllAttemptsFailedError
from routerkit.budget import Budgets, claims_of
from routerkit.health import HealthBoard
from routerkit.sharing import Sharing
from routerkit.state.sqlite import SqliteStore
from routerkit.testing import make_request, make_target
from tests.state.conftest import UNIX
from tests.unit.lab import bad, good, lab

PLANNER = replace(make_request(), agent="planner", max_tokens=1_000)


@pytest.fixture
def pair(opened):
    """Two routers, each with its own target `a` that is rate limited for 30 s, and their exchanges."""
    made = []
    for _ in range(2):
        here = lab({"a": bad("rate_limit", retry_after_s=30.0), "b": good()})
        budgets = Budgets(lambda: None)
        sharing = Sharing(
            opened(), budgets, here.router.health, here.router._warmth, here.clock, now=lambda here=here: UNIX + here.clock() - 1_000.0
        )
        made.append((here, sharing))
    yield made
    for _, sharing in made:
        sharing.close()


def test_rate_limit_of_one_is_known_to_all(pair):
    (first, tell), (second, learn) = pair
    first.router.complete(make_request())
    tell.exchange()
    learn.exchange()
    second.router.complete(make_request())
    assert (1, 0) == (first.hits("a"), second.hits("a"))
    assert "limited" == second.router.health.snapshot()["a"].state
    assert pytest.approx(30.0) == second.router.health.limited_until("a") - second.clock()


def test_known_news_end_when_the_wait_does(pair):
    (first, tell), (second, learn) = pair
    first.router.complete(make_request())
    tell.exchange()
    second.clock.sleep(31.0)
    learn.exchange()
    assert {} == second.router.health.snapshot()


@pytest.mark.parametrize(("code", "state"), [("server", "health"), ("auth", "disabled")])
def test_breakers_and_wrong_keys_are_shared_with_their_reason(opened, code, state):
    boards = [lab({"a": bad(code)}) for _ in range(2)]
    while not boards[0].router.health.verdicts():
        with pytest.raises(AllAttemptsFailedError):
            boards[0].router.complete(make_request())
    verdict = boards[0].router.health.verdicts()["a"]
    boards[1].router.health.adopt("a", verdict)
    seen = boards[1].router.health.snapshot()["a"]
    assert (state, True) == (seen.state, code in seen.why)


def test_news_do_not_shorten_what_is_known_here():
    """A second 429 elsewhere must not end a longer wait."""
    here = lab({"a": bad("rate_limit", retry_after_s=60.0), "b": good()})
    here.router.complete(make_request())
    other = lab({"a": bad("rate_limit", retry_after_s=5.0), "b": good()})
    other.router.complete(make_request())
    here.router.health.adopt("a", other.router.health.verdicts()["a"])
    assert pytest.approx(60.0) == here.router.health.limited_until("a") - here.clock()


def test_healthy_board_has_no_verdicts():
    assert {} == HealthBoard(lambda: 0.0, None).verdicts()


def test_budget_outlives_its_router(tmp_path):
    """A restart forgets nothing."""
    left = []
    for _ in range(2):
        here = lab({"a": good()}, targets=[make_target("a", usd=1_000.0)], budgets={"planner": 10.0})
        here.router.share(SqliteStore(tmp_path / "state.sqlite"))
        here.router.complete(PLANNER)
        left.append(here.router._budgets.left(claims_of(PLANNER, "pool", here.router.state), here.router._now()).usd)
        here.router.close()
    assert [pytest.approx(10.0 - 0.015), pytest.approx(10.0 - 0.030)] == left
