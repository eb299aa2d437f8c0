"""What carries out the steps of a verified call, blocking and async, and how its answer becomes a stream."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Final, TypeAlias

from routerkit.call import Call
from routerkit.catalog import Target
from routerkit.dispatch import Sleep
from routerkit.errors import ProviderError, as_provider_error
from routerkit.escalation import Check, Course, Outcome
from routerkit.messages import Chunk, Reply, Request, ToolCallDelta
from routerkit.signature import signature
from routerkit.verifier import Verdict, verdict_of
from routerkit.waiting import aresult, in_thread, result

if TYPE_CHECKING:  # as in `waiting`
    from concurrent.futures import Future

Ask: TypeAlias = Callable[[Target, Request], Reply]
AAsk: TypeAlias = Callable[[Target, Request], Awaitable[Reply]]
_LATE: Final = Verdict.unable("it took longer than the deadline of the call allows")


def pursue(course: Course, call: Call, ask: Ask, sleep: Callable[[float], None]) -> Reply:
    """Carry out a verified call to its end; returns the answer to deliver.

    Checks run in a thread, because they may hang; one that is late or abandoned runs to its end there.

    Raises:
        AllAttemptsFailedError: none came.
    """
    outcome: Outcome = None
    try:
        while True:
            try:
                action = course.send(outcome)
            except StopIteration as stop:
                return _end(stop, call)
            outcome = None
            if isinstance(action, Sleep):
                sleep(action.seconds)
            elif isinstance(action, Check):
                outcome = result(_looking(action), action.request.timeout_s) or _LATE
            else:
                try:
                    outcome = ask(action.open.target, call.opening(action.open, action.request, action.purpose))
                    call.replied(outcome)
                except Exception as exc:  # noqa: BLE001  as in `drive`
                    outcome = as_provider_error(exc)
                    call.failed(outcome)
    finally:
        course.close()  # as in `drive`


async def apursue(course: Course, call: Call, ask: AAsk, sleep: Callable[[float], Awaitable[None]]) -> Reply:
    """Async twin of `pursue`."""
    outcome: Outcome = None
    try:
        while True:
            try:
                action = course.send(outcome)
            except StopIteration as stop:
                return _end(stop, call)
            outcome = None
            if isinstance(action, Sleep):
                await sleep(action.seconds)
            elif isinstance(action, Check):
                outcome = await aresult(_looking(action), action.request.timeout_s) or _LATE
            else:
                try:
                    outcome = await ask(action.open.target, call.opening(action.open, action.request, action.purpose))
                    call.replied(outcome)
                except Exception as exc:  # noqa: BLE001  as in `drive`
                    outcome = as_provider_error(exc)
                    call.failed(outcome)
    finally:
        course.close()  # as in `drive`


def pieces(reply: Reply, call: Call) -> Iterator[Chunk]:
    """A whole answer as a stream of few chunks, with the call's signature at its end."""
    assert call.answered is not None
    model = call.answered.model
    if reply.reasoning:
        yield Chunk(reasoning=reply.reasoning, model=model)
    if reply.text or reply.refusal:
        yield Chunk(reply.text, refusal=reply.refusal, model=model)
    for i, wanted in enumerate(reply.tool_calls):
        yield Chunk(tool_calls=(ToolCallDelta(i, wanted.id, wanted.name, wanted.arguments),), model=model)
    yield Chunk(finish_reason=reply.finish_reason, usage=reply.usage, model=model, extra=reply.extra)
    yield signature(call)


def _looking(check: Check) -> Future[Verdict]:
    return in_thread(partial(verdict_of, check.verifier, check.request, check.reply), "routerkit-check")


def _end(stop: StopIteration, call: Call) -> Reply:
    if isinstance(stop.value, ProviderError):
        raise call.gave_up(stop.value) from stop.value
    assert isinstance(stop.value, Reply)
    return stop.value
