"""A router in a world where time moves only when told, everything that leaves it is kept, and providers do as they are told."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from routerkit import Chunk, Policy, Pool, ProviderError, Record, Reply, Request, Retry, Router, RouterState, Rule, Scorecard, Target
from routerkit.messages import ToolCallDelta
from routerkit.observe import Observer
from routerkit.provider import Provider
from routerkit.testing import FakeClock, Recorder, ScriptedProvider, make_reply, make_target

TRANSIENT_CODES = ("overloaded", "server", "connect", "disconnected", "timeout", "truncated", "malformed", "empty_answer")
AUTH_CODES = ("auth", "quota", "not_found")
INVALID_CODES = ("content_filter", "invalid_request")


def fault(code: str, *, retry_after_s: float | None = None, maybe_billed: bool = False) -> ProviderError:
    """A provider's failure of this code."""
    return ProviderError(f"injected {code}", code=code, retry_after_s=retry_after_s, maybe_billed=maybe_billed)  # type: ignore[arg-type]


def good(text: str = "a good answer") -> ScriptedProvider:
    """Provider that always answers."""
    return ScriptedProvider([make_reply(text)])


def bad(code: str, *, retry_after_s: float | None = None) -> ScriptedProvider:
    """Provider that always fails."""
    return ScriptedProvider([fault(code, retry_after_s=retry_after_s)])


class Acting(ScriptedProvider):
    """Provider whose every answer is made by a function, which may look at the request, move the clock or raise anything."""

    def __init__(self, act: Callable[[Request], Reply | ProviderError]) -> None:
        super().__init__([])
        self._act = act

    def complete(self, request: Request) -> Reply:
        self.script = [self._act(request)]
        return super().complete(request)

    def stream(self, request: Request) -> Iterator[Chunk]:
        self.script = [self._act(request)]
        yield from super().stream(request)


@dataclass
class Lab:
    """A router with everything around it within reach."""

    router: Router
    clock: FakeClock
    recorder: Recorder
    providers: Mapping[str, Provider]

    @property
    def record(self) -> Record:
        """The one record there must be."""
        (record,) = self.recorder.records
        return record

    def hits(self, name: str) -> int:
        """Requests the provider of that name has seen."""
        provider = self.providers[name]
        assert isinstance(provider, ScriptedProvider)
        return len(provider.requests)


def lab(
    providers: Mapping[str, Provider],
    *,
    targets: Iterable[Target] | None = None,
    policy: Policy | None = None,
    clock: FakeClock | None = None,
    observers: Iterable[Observer] = (),
    retry: Retry | None = None,
    rules: tuple[Rule, ...] = (),
    budgets: Mapping[str, float] | None = None,
    pool_budgets: Mapping[str, float] | None = None,
    scorecard: Scorecard | None = None,
    now: Callable[[], datetime] = lambda: datetime(2026, 1, 1, tzinfo=UTC),
    seed: int = 0,
) -> Lab:
    """Router over one pool named `pool`; without a policy it tries the targets in the order given."""
    clock, recorder = clock or FakeClock(), Recorder()
    chosen = tuple(targets) if targets is not None else tuple(make_target(name) for name in providers)
    policy = policy or Policy("fallback", "fallback")
    state = RouterState(
        {"pool": Pool("pool", chosen, policy.name)},
        dict(providers),
        {policy.name: policy},
        rules,
        scorecard or Scorecard(),
        budgets or {},
        pool_budgets=pool_budgets or {},
    )
    router = Router(
        state,
        observers=(*observers, recorder),
        retry=retry,
        clock=clock,
        sleep=clock.sleep,
        asleep=clock.asleep,
        now=now,
        rng=random.Random(seed),
    )
    return Lab(router, clock, recorder, providers)


def joined_arguments(deltas: Iterable[ToolCallDelta]) -> str:
    """Arguments of one streamed tool call."""
    return "".join(d.arguments for d in deltas)
