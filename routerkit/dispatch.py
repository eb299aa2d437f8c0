"""The life of one call as a generator without I/O: which target to try next, for how long, and when to wait or give up.

`attempts` yields `Open` and `Sleep`; a driver, blocking or async, carries them out and sends back None for success or the ProviderError.
Whole and streamed calls share it. Source of the rules: section A of the reliability reference (gRPC A6, Envoy retries, AWS full jitter).
"""

from __future__ import annotations

import random
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from routerkit.catalog import Target
from routerkit.errors import AllAttemptsFailedError, ProviderError
from routerkit.extras import LateAfter
from routerkit.hedging import Hedge
from routerkit.messages import Request
from routerkit.quick import maker, quick
from routerkit.surroundings import Surroundings

_WORTH_REPEATING: Final = frozenset({"rate_limit", "overloaded", "server", "connect", "disconnected", "truncated", "malformed"})
"""Failures after which the same target may well answer a little later."""
_FIRST_PIECE_SHARE: Final = 0.6
"""Share of the remaining time that a target may spend silent while others are waiting: a hanging one must leave them enough."""

_SPREAD: Final = 1.25
"""A wait that a provider asked for is lengthened by up to a quarter, so that those who wait do not return in step."""
_LOOK_S: Final = 0.005
"""How often the first in the queue of a busy target looks for a free place; those behind it look as much more seldom."""
_LONGEST_LOOK_S: Final = 0.1
"""But not so seldom that one that lost its place waits on for nothing."""
_FULL_DRAW: Final = 0.25
"""What being turned away from a full target costs of a repetition: it may happen several times while its places are being counted."""


@quick
@dataclass(frozen=True, slots=True)
class Open:
    """Send the request to this target."""

    target: Target
    timeout_s: float
    """All the time that is left."""
    first_token_s: float | None
    """Longest wait for the first piece of the answer; None = the provider's own timer."""
    hedge: Hedge | None = None
    """Whom to ask as well once it is late; async drivers only."""

    def going_on(self, after_s: float) -> Open:
        """The same, for a stream that must have begun by then and may go on for so long."""
        return replace(self, timeout_s=self.timeout_s + after_s, first_token_s=self.first_token_s or self.timeout_s)

    def addressed(self, request: Request) -> Request:
        """The request as the target should see it: its model, its extra parameters, the time that is left."""
        sent = request.with_deadline(self.target.model, self.timeout_s, self.first_token_s)
        if self.target.extra:
            object.__setattr__(sent, "extra", {**self.target.extra, **request.extra})  # a fresh copy nobody else has seen yet
        return sent


_open: Final = maker(Open)


@dataclass(frozen=True, slots=True)
class Sleep:
    """Wait before the next attempt."""

    seconds: float


Step: TypeAlias = Open | Sleep
Steps: TypeAlias = Generator[Step, ProviderError | None, ProviderError | None]
"""Yields what to do next and is told how that went: None = well. Returns None after a success, else the failure to report."""


@dataclass(frozen=True, slots=True)
class Retry:
    """How often, and after which pause, targets are tried again once all have failed."""

    extra_attempts: int = 2
    """Attempts beyond one per target."""
    base_s: float = 0.5
    cap_s: float = 8.0
    """Pauses are drawn from U(0, min(cap, base * 2^n)) (AWS, full jitter)."""

    def wait_s(self, n: float, error: ProviderError, rng: random.Random) -> float:
        """Pause before repetition `n` (0-based): what the provider asked for plus up to a quarter, else full jitter."""
        if error.retry_after_s is not None:
            return error.retry_after_s * rng.uniform(1.0, _SPREAD)
        if error.code == "connect" and n == 0:
            return 0.0  # nothing was processed, and most resets pass at once
        return rng.uniform(0.0, min(self.cap_s, self.base_s * 2.0**n))


def first_step(targets: Sequence[Target], *, deadline: float, around: Surroundings) -> Open | ProviderError | None:
    """What `attempts` does first, found without a generator, which few calls need: how the first target is asked or why it must not be.

    None = the call has to wait for its turn, or may be hedged.
    """
    if around.late_after is not None or not targets or not around.is_free(targets[0]):
        return None
    return _opening(targets[0], deadline, around, None, are_others_waiting=len(targets) > 1)


def attempts(
    targets: Sequence[Target], *, deadline: float, retry: Retry, around: Surroundings, first: Open | ProviderError | None = None
) -> Steps:
    """Try each target once in order, passing over the ones rate limited by now, then repeat those that may recover while time is left.

    Args:
        targets: In the order they are tried.
        deadline: When there must be an answer, on the clock of `around`.
        retry: How often targets are asked again.
        around: What surrounds the call.
        first: What `first_step` said of these, if it was asked; it is said again.

    Returns:
        None after a success, else the failure to report. No sleep ever follows the last attempt.
    """
    failed: list[tuple[Target, ProviderError]] = []
    window = 0
    for i, target in enumerate(targets):
        if window and target.context_tokens is not None and target.context_tokens <= window:
            continue  # a shorter window than the one that just overflowed cannot fit
        if failed and any(target is asked for asked, _ in failed):
            continue  # as the second target of an attempt that was hedged
        if failed and around.repeats is not None:
            around.repeats.failed_over()
        hedge = around.late_after and _hedge(target, targets[i + 1 :], around.late_after)
        error = yield from _try(target, deadline, around, hedge, are_others_waiting=i + 1 < len(targets), step=None if i else first)
        if error is None:
            return None
        failed += [*_failed_too(hedge), (target, error)]
        if _cause(error).code == "context_length":
            window = max(window, target.context_tokens or 0)
        elif _ends_call(error):
            return error
    return (yield from _repeat(failed, deadline, retry, around))


def _hedge(target: Target, others: Sequence[Target], late_after: LateAfter) -> Hedge | None:
    """The next target at another provider: what slows one target down mostly slows down its neighbours, too."""
    after_s = late_after(target.name)
    second = next((other for other in others if other.provider != target.provider), None)
    return None if after_s is None or second is None else Hedge(second, after_s)


def _failed_too(hedge: Hedge | None) -> list[tuple[Target, ProviderError]]:
    return [] if hedge is None or hedge.error is None else [(hedge.target, hedge.error)]


def _repeat(failed: list[tuple[Target, ProviderError]], deadline: float, retry: Retry, around: Surroundings) -> Steps:
    last = failed[-1][1] if failed else None
    n = 0.0
    while n < retry.extra_attempts:
        waits = [
            (max(retry.wait_s(n, e, around.rng), _limited_s(t, around)), i) for i, (t, e) in enumerate(failed) if e.code in _WORTH_REPEATING
        ]
        if not waits:
            break
        wait_s, i = min(waits)
        if around.clock() + wait_s >= deadline:
            break
        target, failure = failed[i]
        if not _may_repeat(failure, around):
            break
        if wait_s > 0:
            yield Sleep(wait_s)
        error = yield from _try(target, deadline, around, None, are_others_waiting=False)
        if error is None:
            return None
        failed[i], last = (target, error), error
        n += _FULL_DRAW if error.code == "rate_limit" and around.lanes.places(target.name) else 1
        if _ends_call(error):
            break
    return last


def _may_repeat(failure: ProviderError, around: Surroundings) -> bool:
    # What was turned away for its pace or its number cost nothing, and comes back when there is room: that bounds it already.
    return failure.code == "rate_limit" or around.repeats is None or around.repeats.may_repeat()


def _ends_call(error: ProviderError) -> bool:
    """Whether no other target could do better. What an inner router has no target for, one outside it may still take."""
    cause = _cause(error)  # the time of a router that was a target is only its part of ours
    return error.code == "deadline" or (cause.kind == "invalid" and cause.code != "no_candidate")


def _cause(error: ProviderError) -> ProviderError:
    """What really went wrong: the last failure within a router that was a target."""
    while isinstance(error, AllAttemptsFailedError):
        error = error.last
    return error


def _try(
    target: Target,
    deadline: float,
    around: Surroundings,
    hedge: Hedge | None,
    *,
    are_others_waiting: bool,
    step: Open | ProviderError | None = None,
) -> Steps:
    if step is None:
        if not around.is_free(target):
            held_up = yield from _await_turn(target, deadline, around, are_others_waiting=are_others_waiting)
            if held_up is not None:
                return held_up
        step = _opening(target, deadline, around, hedge, are_others_waiting=are_others_waiting)
    if not isinstance(step, Open):
        return step
    error = yield step
    if error is not None:
        around.went_wrong(target.name, error)
    return error


def _opening(
    target: Target, deadline: float, around: Surroundings, hedge: Hedge | None, *, are_others_waiting: bool
) -> Open | ProviderError:
    """How to ask a target that is free; or why it must not be asked after all."""
    left_s = deadline - around.clock()
    if left_s <= 0:
        return ProviderError("the deadline of the call has passed", code="deadline")
    if around.purse is not None and (refused := around.purse.reserve(target)):
        return refused
    if target.name in around.health.ailing and not around.health.starting(target.name) and are_others_waiting:
        if around.purse is not None:
            around.purse.release()
        text = f"target {target.name!r} is recovering and takes few calls yet; others are free"
        return ProviderError(text, code="rate_limit", retry_after_s=0.0)  # at once, should the others fail
    return _open(target, left_s, left_s * _FIRST_PIECE_SHARE if are_others_waiting else None, hedge)


def _await_turn(target: Target, deadline: float, around: Surroundings, *, are_others_waiting: bool) -> Steps:
    """Wait for the end of a rate limit, then until the target has room, unless another is free or time is up."""
    wait_s = _limited_s(target, around)
    if wait_s > 0:
        if are_others_waiting or around.clock() + wait_s >= deadline:
            why = "others are free" if are_others_waiting else "longer than the deadline allows"
            text = f"target {target.name!r} is rate limited for another {wait_s:.1f} s; {why}"
            return ProviderError(text, code="rate_limit", status=429, retry_after_s=wait_s)
        yield Sleep(wait_s)
    if around.lanes.has_room(target.name, target.at_once):
        return None
    if are_others_waiting:
        return _full(target, around, "others are free", retry_after_s=0.0)
    return (yield from _await_place(target, deadline, around))


def _await_place(target: Target, deadline: float, around: Surroundings) -> Steps:
    lanes = around.lanes
    ticket = lanes.queue(target.name, around.priority, around.tenant, target.at_once)
    if ticket is None:
        return _shed(target, around)
    try:
        while n_ahead := lanes.n_ahead(target.name, ticket, target.at_once):
            if target.at_once is not None and _turn_s(target, n_ahead, around) > deadline - around.clock():
                return _shed(target, around)
            wait_s = min(_LOOK_S * n_ahead, _LONGEST_LOOK_S) * around.rng.uniform(0.5, 1.5)
            if around.clock() + wait_s >= deadline:
                return _full(target, around, "none became free within the deadline")
            yield Sleep(wait_s)
        return _shed(target, around) if ticket.is_shed else None
    finally:
        lanes.dequeue(target.name, ticket)


def _full(target: Target, around: Surroundings, why: str, *, retry_after_s: float | None = None) -> ProviderError:
    text = f"{_places(target, around)}; {why}"
    return ProviderError(text, code="rate_limit", status=429, retry_after_s=retry_after_s)


def _shed(target: Target, around: Surroundings) -> ProviderError:
    n_waiting = around.lanes.n_waiting(target.name)
    retry_after_s = max(1.0, _turn_s(target, n_waiting + 1, around))
    text = f"{_places(target, around)}, and {n_waiting} wait; this call (priority {around.priority!r}) would not be served in time"
    return ProviderError(text, code="shed", status=503, retry_after_s=retry_after_s)


def _places(target: Target, around: Surroundings) -> str:
    return f"target {target.name!r} serves {around.lanes.places(target.name, target.at_once)} calls, as many as it takes at once"


def _turn_s(target: Target, n_ahead: int, around: Surroundings) -> float:
    """About how long it takes until so many calls have ended; 0 while nobody knows how long one takes."""
    return around.health.latencies_s().get(target.name, 0.0) * n_ahead / (around.lanes.places(target.name, target.at_once) or 1)


def _limited_s(target: Target, around: Surroundings) -> float:
    """Seconds for which the target must not be called, spread so that waiters do not come back in step; 0 when it may be."""
    until = around.health.limited_until(target.name)
    left_s = until - around.clock() if until else 0.0
    return left_s * around.rng.uniform(1.0, _SPREAD) if left_s > 0 else 0.0
