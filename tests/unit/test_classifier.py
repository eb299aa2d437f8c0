"""A model is asked for the route when no example says so, and a call never depends on its answer."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import pytest

from routerkit import Pool, Price, ProviderError, Record, Reply, Request, Router, RouterState, Rule, Target, Usage, When, fastjson
from routerkit.classifier import Classifier
from routerkit.ledger import call_row
from routerkit.routes import Route, RouteBook
from routerkit.testing import FakeClock, Recorder, ScriptedProvider, make_reply
from tests.unit.lab import Acting, fault

BOOK = RouteBook(
    (
        Route("migrations", ("port this module to python 3",), prefer=("big",), kind="migrate"),
        Route("hard", description="needs a plan over several files", only=("big",)),
    )
)
SMALL, BIG, JUDGE = (Target(n, n, f"{n}-model", price=Price(usd, usd)) for n, usd in (("small", 1.0), ("big", 9.0), ("judge", 2.0)))
TEXT = "Split our monolith along its seams."


class World:
    """A router whose classifier follows a script."""

    def __init__(self, answers: Iterable[str | ProviderError] = (), *, provider=None, rules=(), budgets=None, timeout_s=3.0) -> None:
        said = [a if isinstance(a, ProviderError) else Reply(a, usage=Usage(50, 2), model="judge-model") for a in answers]
        self.judge = provider or ScriptedProvider(said)
        self.recorder, self.clock = Recorder(), FakeClock()
        providers = {"small": ScriptedProvider([make_reply()]), "big": ScriptedProvider([make_reply()]), "judge": self.judge}
        state = RouterState(
            {"pool": Pool("pool", (SMALL, BIG), "cheapest")},
            providers,
            rules=rules,
            budgets=budgets or {},
            routes=BOOK,
            classifier=Classifier(JUDGE, BOOK, timeout_s),
        )
        self.router = Router(state, observers=(self.recorder,), clock=self.clock, sleep=self.clock.sleep, asleep=self.clock.asleep)

    @property
    def record(self) -> Record:
        return self.recorder.records[-1]


def request(text: str = TEXT, **facts) -> Request:
    return Request("pool", ({"role": "user", "content": text},), **facts)


def test_answer_decides_and_its_cost_is_on_the_record(call):
    """In all four forms of a call: one question, one answer, both paid for and both on the record."""
    world = World(["hard"])
    answer = call(world.router, request())
    record = world.record
    assert ("big", "big") == (answer.target, record.target)
    assert [("judge", "classify"), ("big", "answer")] == [(a.target, a.purpose) for a in record.attempts]
    assert pytest.approx(52 * 2e-6 + 15 * 9e-6) == record.cost_usd == answer.cost_usd
    assert record.id == record.decision.id == answer.record_id
    assert "route 'hard': chosen by classifier judge" in record.decision.explain()
    assert ["classify", "answer"] == [a["purpose"] for a in fastjson.loads(fastjson.dumps(call_row(record)))["attempts"]]


def test_question_names_the_routes_and_holds_the_request():
    """Descriptions and examples are what it can go by."""
    world = World(["none"])
    world.router.complete(request())
    system, user = (m["content"] for m in world.judge.requests[0].messages)
    assert "- migrations: (e.g. port this module to python 3)\n- hard: needs a plan over several files\n- none: anything else" in system
    assert f"<request>\n{TEXT}\n</request>" == user
    assert "judge-model" == world.judge.requests[0].model


def test_same_text_is_asked_about_once_also_when_no_route_fits():
    """The answer is kept by text."""
    world = World(["none"])
    for _ in range(3):
        world.router.complete(request())
    world.router.complete(request("Something else."))
    assert [2, 1, 1, 2] == [len(r.attempts) for r in world.recorder.records]
    assert ("classifier judge knows no route for it",) == world.recorder.records[1].decision.notes


def test_request_that_sounds_like_an_example_is_not_asked_about():
    """The free answer comes first."""
    world = World(["hard"])
    world.router.complete(request("Port the module to Python 3"))
    assert ([], "big", "migrate") == (world.judge.requests, world.record.target, world.record.decision.features.kind)


@pytest.mark.parametrize(
    ("said", "note"),
    [
        ("I would say it depends.", "classifier judge answered 'I would say it depends.', which is not a route; decided without it"),
        ("hard or migrations", "classifier judge answered 'hard or migrations', which is not a route; decided without it"),
        (fault("timeout"), "classifier judge did not answer (timeout); decided without it"),
        (fault("rate_limit", retry_after_s=30.0), "classifier judge did not answer (rate_limit); decided without it"),
        (fault("auth"), "classifier judge did not answer (auth); decided without it"),
    ],
)
def test_without_a_usable_answer_the_static_policy_decides_and_says_so(call, said, note):
    """The caller gets the answer that the cheapest target gives."""
    world = World([said])
    assert "small" == call(world.router, request()).target
    assert (note,) == world.record.decision.notes
    assert note in world.record.decision.explain()


def test_provider_that_raises_what_it_should_not_costs_only_the_question(call):
    """Foreign code; its text may hold a key, so only the type is told."""

    def explode(asked: Request) -> Reply:
        raise KeyError("sk-secret-0123456789")

    world = World(provider=Acting(explode))
    assert "small" == call(world.router, request()).target
    assert b"sk-secret" not in fastjson.dumps(call_row(world.record))
    assert world.record.attempts[0].error.startswith("the provider raised KeyError in tests.unit.test_classifier, line ")


def test_failed_question_is_paid_for_if_it_may_have_been_billed():
    """By its own size, not by that of the request."""
    world = World([fault("timeout", maybe_billed=True)])
    world.router.complete(request("y" * 2_000_000))
    question = world.record.attempts[0]
    assert question.usage.is_estimated
    assert 500 < question.usage.input_tokens < 1_000


def test_wait_is_bounded_by_its_own_timeout_and_by_the_callers_deadline():
    """What is left of the deadline goes to the answer."""
    seen = []

    def hang(asked: Request) -> Reply:
        seen.append(asked.timeout_s)
        world.clock.sleep(asked.timeout_s)
        raise fault("timeout")

    world = World(provider=Acting(hang), timeout_s=2.0)
    world.router.complete(request(timeout_s=10.0))
    assert pytest.approx(8.0) == world.router.state.providers["small"].requests[0].timeout_s
    with pytest.raises(ProviderError):
        world.router.complete(request(timeout_s=1.0))
    assert [2.0, 1.0] == seen


def test_classifier_that_keeps_failing_is_left_alone_for_a_while():
    """Its failures do not count against the target it asks."""
    world = World([fault("server")])
    for i in range(8):
        world.router.complete(request(f"Request {i}"))
    assert 5 == len(world.judge.requests)
    assert "classifier judge was not asked (5 failures in a row, last server" in world.record.decision.notes[0]
    assert "judge" not in world.router.health.snapshot()


def test_request_that_rules_keep_from_its_target_is_not_shown_to_it():
    """Legacy source never leaves the house, also not as a question."""
    world = World(["hard"], rules=(Rule("legacy stays here", When(tags=("legacy",)), only=("small",)),))
    world.router.complete(request(tags=("legacy",)))
    assert ([], "small") == (world.judge.requests, world.record.target)
    assert "classifier judge was not asked (rule 'legacy stays here' allows only small); decided without it" in world.record.decision.notes


def test_agent_without_money_left_is_not_asked_for_more():
    """The question would cost what is not there."""
    world = World(["hard"], budgets={"planner": 0.0})
    with pytest.raises(ProviderError):
        world.router.complete(request(agent="planner"))
    assert [] == world.judge.requests


def test_deciding_without_a_call_asks_nothing_and_says_what_a_call_would_do():
    """`routerkit explain` is free; what is known already is used."""
    world = World(["hard"])
    assert ("no utterance matches; a call asks classifier judge",) == world.router.decide(request()).notes
    world.router.complete(request())
    assert "big" == world.router.decide(request()).picked
    assert 1 == len(world.judge.requests)


def test_caller_who_leaves_during_the_question_is_still_recorded():
    """The money may be spent, so the record has it."""

    class Endless(ScriptedProvider):
        async def acomplete(self, asked: Request) -> Reply:
            self.requests.append(asked)
            await asyncio.Event().wait()
            raise AssertionError("unreachable")

    world = World(provider=Endless([]))

    async def leave() -> None:
        task = asyncio.create_task(world.router.acomplete(request()))
        while not world.judge.requests:
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(leave())
    (question,) = world.record.attempts
    assert ("cancelled", None, "classify", True) == (world.record.status, world.record.target, question.purpose, question.maybe_billed)
    assert world.record.cost_usd > 0
