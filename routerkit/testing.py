"""Test doubles for routerkit's users and for ourselves: a scripted provider, a clock that only moves when told, small factories."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping

from routerkit.catalog import Pool, Price, Target
from routerkit.errors import ProviderError
from routerkit.messages import Chunk, Reply, Request, ToolCallDelta, Usage
from routerkit.observe import Observer
from routerkit.policy import Policy
from routerkit.providers.paced import Pacer
from routerkit.providers.replay import Recording, Replay
from routerkit.providers.simulated import Simulated
from routerkit.record import Record, Report
from routerkit.router import Router
from routerkit.router_state import RouterState
from routerkit.scorecard import Scorecard

__all__ = [
    "FakeClock",
    "Outcome",
    "Pacer",
    "Recorder",
    "Recording",
    "Replay",
    "ScriptedProvider",
    "Simulated",
    "make_reply",
    "make_request",
    "make_router",
    "make_target",
]

Outcome = Reply | ProviderError


class FakeClock:
    """Monotonic seconds that stand still; sleeping moves them."""

    def __init__(self, start_s: float = 1_000.0) -> None:
        self.now_s = start_s
        self.slept_s: list[float] = []

    def __call__(self) -> float:
        """The time, in seconds."""
        return self.now_s

    def sleep(self, seconds: float) -> None:
        """Move on at once, and remember having slept."""
        self.slept_s.append(seconds)
        self.now_s += seconds

    async def asleep(self, seconds: float) -> None:
        """Async twin of `sleep`."""
        self.sleep(seconds)


class ScriptedProvider:
    """Answers from a script, one entry per request; after its end the last entry repeats. Streams word by word.

    A `ProviderError` in the script is raised; with `break_after` it is raised after this many content chunks of a stream.
    """

    keeps_deadline = True

    def __init__(self, script: Iterable[Outcome], *, break_after: int = 0) -> None:
        self.script = list(script)
        self.break_after = break_after
        self.requests: list[Request] = []

    def complete(self, request: Request) -> Reply:
        """The next entry of the script."""
        outcome = self._next(request)
        if isinstance(outcome, ProviderError):
            raise outcome
        return outcome

    async def acomplete(self, request: Request) -> Reply:
        """Async twin of `complete`."""
        return self.complete(request)

    def stream(self, request: Request) -> Iterator[Chunk]:
        """The next entry of the script, in pieces."""
        outcome = self._next(request)
        if isinstance(outcome, ProviderError):
            yield from (Chunk(text=f"part{i} ") for i in range(self.break_after))
            raise outcome
        yield Chunk(model=outcome.model)
        first, *words = outcome.text.split(" ")
        for text in (first, *(f" {word}" for word in words)):
            yield Chunk(text=text)
        for i, call in enumerate(outcome.tool_calls):
            yield Chunk(tool_calls=(ToolCallDelta(i, call.id, call.name, call.arguments),))
        yield Chunk(finish_reason=outcome.finish_reason, usage=outcome.usage)

    async def astream(self, request: Request) -> AsyncIterator[Chunk]:
        """Async twin of `stream`."""
        for chunk in self.stream(request):
            yield chunk

    def _next(self, request: Request) -> Outcome:
        self.requests.append(request)
        return self.script[min(len(self.requests), len(self.script)) - 1]


class Recorder:
    """Observer that keeps what it is told."""

    def __init__(self) -> None:
        self.records: list[Record] = []
        self.reports: list[Report] = []

    def observe(self, event: Record | Report) -> None:
        """Keep the event."""
        if isinstance(event, Record):
            self.records.append(event)
        else:
            self.reports.append(event)


def make_target(name: str, *, usd: float | None = 1.0, context_tokens: int | None = None, can: Mapping[str, bool] | None = None) -> Target:
    """Target served by the provider of the same name; `usd` = dollars per million tokens in and out, None = unknown."""
    price = None if usd is None else Price(usd, usd)
    return Target(name, name, f"{name}-model", context_tokens=context_tokens, can=can or {}, price=price)


def make_router(
    providers: Mapping[str, ScriptedProvider],
    *,
    targets: Iterable[Target] | None = None,
    policy: Policy | None = None,
    clock: FakeClock | None = None,
    observers: Iterable[Observer] = (),
    scorecard: Scorecard | None = None,
) -> Router:
    """Router over one pool `pool`, one target per provider unless told otherwise, tried in the order given."""
    chosen = tuple(targets) if targets is not None else tuple(make_target(name) for name in providers)
    policy = policy or Policy("fallback", "fallback")
    clock = clock or FakeClock()
    state = RouterState(
        {"pool": Pool("pool", chosen, policy.name)}, dict(providers), {policy.name: policy}, scorecard=scorecard or Scorecard()
    )
    return Router(state, observers=tuple(observers), clock=clock, sleep=clock.sleep, asleep=clock.asleep)


def make_reply(text: str = "a good answer", *, input_tokens: int = 10, output_tokens: int = 5) -> Reply:
    """Reply with usage."""
    return Reply(text, usage=Usage(input_tokens, output_tokens), model="test-model")


def make_request(text: str = "hello", *, model: str = "pool") -> Request:
    """Request with one user message."""
    return Request(model=model, messages=({"role": "user", "content": text},))
