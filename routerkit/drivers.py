"""What carries out the steps of a call, blocking and async; the only places where the engine waits."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from typing import NamedTuple, TypeAlias, TypeVar

from routerkit.call import Call
from routerkit.catalog import Target
from routerkit.dispatch import Open, Retry, Sleep, Step, Steps, attempts, first_step
from routerkit.errors import ProviderError, as_provider_error
from routerkit.messages import Chunk, Request
from routerkit.provider import Provider
from routerkit.running import Running

T = TypeVar("T")

Send: TypeAlias = Callable[[Provider, Request, Running], T]
ASend: TypeAlias = Callable[[Provider, Request, Running], Awaitable[T]]


class Opened(NamedTuple):
    """A stream up to and including its first content, and the rest."""

    head: list[Chunk]
    rest: Iterator[Chunk]


class AOpened(NamedTuple):
    """Async twin of `Opened`."""

    head: list[Chunk]
    rest: AsyncIterator[Chunk]


def drive(call: Running, retry: Retry, send: Send[T], sleep: Callable[[float], None]) -> T:
    """Carry out steps until one attempt succeeds; returns its result.

    Raises:
        NoCandidateError: there is no target to ask.
        AllAttemptsFailedError: none answered.
    """
    targets = call.targets
    first = first_step(targets, deadline=call.first_by, around=call)
    step: Step | ProviderError | None = first
    steps: Steps | None = None
    try:
        while True:
            error = None
            if isinstance(step, Open):
                try:
                    return send(call.state.provider(step.target), call.opening(step), call)
                except Exception as exc:  # noqa: BLE001  foreign providers raise what they like, and another target may answer
                    error = as_provider_error(exc)
                    call.failed(error)
            elif isinstance(step, Sleep):
                sleep(step.seconds)
            steps = steps or _others(targets, retry, call, first)
            step = _next(steps, error, call)
    finally:
        if steps is not None:
            steps.close()  # a caller that goes away must not keep its place in a queue


async def adrive(call: Running, retry: Retry, send: ASend[T], sleep: Callable[[float], Awaitable[None]]) -> T:
    """Async twin of `drive`."""
    targets = call.targets
    first = first_step(targets, deadline=call.first_by, around=call)
    step: Step | ProviderError | None = first
    steps: Steps | None = None
    try:
        while True:
            error = None
            if isinstance(step, Open):
                try:
                    if step.hedge is None:
                        return await send(call.state.provider(step.target), call.opening(step), call)
                    from routerkit.racing import race  # imports asyncio, see `async_sleep`

                    return await race(step, step.hedge, call, send)
                except Exception as exc:  # noqa: BLE001  foreign providers raise what they like, and another target may answer
                    error = as_provider_error(exc)
                    call.failed(error)
            elif isinstance(step, Sleep):
                await sleep(step.seconds)
            steps = steps or _others(targets, retry, call, first)
            step = _next(steps, error, call)
    finally:
        if steps is not None:
            steps.close()  # a caller that goes away must not keep its place in a queue


def _others(targets: Sequence[Target], retry: Retry, call: Call, first: Open | ProviderError | None) -> Steps:
    """The steps after the first one."""
    steps = attempts(targets, deadline=call.first_by, retry=retry, around=call, first=first)
    if isinstance(first, Open):
        next(steps)
    return steps


def _next(steps: Steps, error: ProviderError | None, call: Call) -> Step:
    try:
        return steps.send(error)
    except StopIteration as stop:
        failure = stop.value if isinstance(stop.value, ProviderError) else ProviderError("nothing was left to try", code="all_failed")
        raise call.gave_up(failure) from failure


def prime(chunks: Iterator[Chunk], call: Call) -> Opened:
    """Read a stream up to its first content, so that everything before it may still fail over."""
    head: list[Chunk] = []
    for chunk in chunks:
        if call.saw(chunk):
            head.append(chunk)
        if chunk.says_something():
            break
    return Opened(head, chunks)


async def aprime(chunks: AsyncIterator[Chunk], call: Call) -> AOpened:
    """Async twin of `prime`."""
    head: list[Chunk] = []
    try:
        async for chunk in chunks:
            if call.saw(chunk):
                head.append(chunk)
            if chunk.says_something():
                break
    except BaseException:
        await aclose(chunks)  # a cancelled generator may be suspended with its upstream open
        raise
    return AOpened(head, chunks)


def close(chunks: Iterator[Chunk]) -> None:
    """Close a stream, which closes its upstream."""
    closing = getattr(chunks, "close", None)
    if closing is not None:
        closing()


async def aclose(chunks: AsyncIterator[Chunk]) -> None:
    """Async twin of `close`."""
    closing = getattr(chunks, "aclose", None)
    if closing is not None:
        await closing()


async def async_sleep(seconds: float) -> None:
    """Wait without blocking the event loop."""
    from asyncio import sleep  # asyncio is a third of our import time, and sync callers never need it

    await sleep(seconds)
