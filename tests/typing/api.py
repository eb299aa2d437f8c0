"""How the public interface looks to a type checker. Never run: `mypy --strict` and `pyright` read it.

Each `assert_type` fails the check when an annotation of ours loses its precision.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from typing import assert_type

import routerkit
from routerkit import (
    AllAttemptsFailedError,
    Attempt,
    Candidate,
    Chunk,
    Decision,
    Drop,
    Estimate,
    Features,
    NoCandidateError,
    Observer,
    Policy,
    PolicySettings,
    Pool,
    Price,
    Provider,
    ProviderError,
    Record,
    Reply,
    Report,
    Request,
    Router,
    RouterState,
    Rule,
    Scorecard,
    StreamBrokenError,
    Target,
    ToolCall,
    Usage,
    When,
)

REQUEST = Request(
    model="coding",
    messages=({"role": "user", "content": "..."},),
    tools=({"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}},),
    tool_choice=None,
    response_format={"type": "json_object"},
    temperature=0.0,
    max_tokens=10,
    stop=("END",),
    extra={"seed": 1},
    kind=None,
    agent="planner",
    session=None,
    tags=("legacy",),
    timeout_s=60.0,
)


def whole(router: Router) -> None:
    """A blocking call."""
    reply = router.complete(REQUEST)
    assert_type(reply, Reply)
    assert_type(reply.text, str)
    assert_type(reply.tool_calls, tuple[ToolCall, ...])
    assert_type(reply.usage, Usage)
    assert_type(reply.cost_usd, float | None)
    router.report(reply.record_id, success=True, evidence="tests passed")


def streamed(router: Router) -> None:
    """A blocking stream."""
    assert_type(router.stream(REQUEST), Iterator[Chunk])
    for chunk in router.stream(REQUEST):
        assert_type(chunk.finish_reason, str | None)


async def awaited(router: Router) -> None:
    """The async twins."""
    assert_type(await router.acomplete(REQUEST), Reply)
    assert_type(router.astream(REQUEST), AsyncIterator[Chunk])
    async for chunk in router.astream(REQUEST):
        assert_type(chunk, Chunk)


def loaded() -> None:
    """From a file, closed at the end."""
    with routerkit.load("routerkit.toml") as router:
        assert_type(router, Router)


def decided(router: Router) -> None:
    """Looking into a decision."""
    decision = router.decide(REQUEST)
    assert_type(decision, Decision)
    assert_type(decision.explain(), str)
    assert_type(decision.picked, str | None)
    assert_type(decision.candidates, tuple[Candidate, ...])
    assert_type(decision.candidate("mini").drop, Drop | None)
    assert_type(decision.features, Features)
    assert_type(routerkit.replay(decision), str | None)


def failed(router: Router) -> ProviderError | None:
    """Errors carry their object."""
    try:
        router.complete(REQUEST)
    except NoCandidateError as exc:
        assert_type(exc.decision, Decision)
    except (AllAttemptsFailedError, StreamBrokenError) as exc:
        assert_type(exc.record, Record)
        assert_type(exc.record.attempts, tuple[Attempt, ...])
        return exc.last
    return None


def built() -> Router:
    """By hand, without configuration; a router is a provider, so routers nest."""
    target = Target("mini", "openai", "gpt-5-mini", can={"tools": True}, price=Price(input=0.25, output=2.0))
    policy = Policy("careful", "cheapest_adequate", PolicySettings(quality_floor=0.9))
    rule = Rule("legacy stays here", When(tags=("legacy",)), only=("mini",))
    pools: Mapping[str, Pool] = {"coding": Pool("coding", (target,), "careful")}
    inner: Provider = Router(RouterState(pools, {}, {"careful": policy}, (rule,)))
    return Router(RouterState(pools, {"openai": inner}), observers=[Ears()])


class Ears:
    """An observer is anything with this method."""

    def observe(self, event: Record | Report) -> None:
        """Take note."""


def measured(card: Scorecard) -> None:
    """What a scorecard says of a target."""
    assert_type(card.estimate("mini", "refactor"), Estimate)
    assert_type(card.estimate("mini", None).p_at_least(0.8), float)


ears: Observer = Ears()
