"""Carrying out an attempt that is hedged: once it is late a second target is asked as well, the first answer wins, the other is ended.

Only async calls race: a blocking one could not be ended when it has lost.
"""

from __future__ import annotations

from asyncio import FIRST_COMPLETED, Future, ensure_future, wait
from collections.abc import Awaitable, Callable
from typing import Final, TypeAlias, TypeVar

from routerkit.catalog import Target
from routerkit.dispatch import Open
from routerkit.errors import ProviderError, as_provider_error
from routerkit.hedging import Hedge
from routerkit.messages import Chunk, Reply, Request
from routerkit.provider import Provider
from routerkit.running import Running

T = TypeVar("T")
ASend: TypeAlias = Callable[[Provider, Request, Running], Awaitable[T]]
_END_S: Final = 0.1
"""How long a loser may take to end; one that does not listen is left behind."""


async def race(step: Open, hedge: Hedge, call: Running, send: ASend[T]) -> T:
    """The answer of whichever target gives one first.

    Raises:
        ProviderError: none did: the failure of the first. That of the second, if it was asked, is noted in the hedge.
    """
    first = ensure_future(send(call.state.provider(step.target), call.opening(step), call))
    try:
        return await _raced(first, step, hedge, call, send)
    except BaseException:  # the caller may have gone in the moment in which the answer came, and nobody else would close it
        if _has_answer(first):
            await _close(first.result())
        raise


async def _raced(first: Future[T], step: Open, hedge: Hedge, call: Running, send: ASend[T]) -> T:
    second, twin = None, call.twin()
    try:
        await wait([first], timeout=hedge.after_s)
        if not first.done() and (opening := _second(hedge, twin)) is not None:
            second = ensure_future(send(twin.state.provider(hedge.target), twin.opening(opening), twin))
        await _one_answer([first] if second is None else [first, second])
        if second is None or _has_answer(first):
            return first.result()
        if not _has_answer(second):
            hedge.error = _failure(second)
            return first.result()
        await _end(first, call, step.target, by=hedge.target)
        call.take_over(twin)
        winner, second = second, None
        return winner.result()
    finally:
        await _stop(first)
        if second is not None:  # the first won, both failed, or the caller has gone
            await _end(second, twin, hedge.target, by=step.target if _has_answer(first) else None)


def _second(hedge: Hedge, twin: Running) -> Open | None:
    """The second attempt, if there is a place, a budget and money for it."""
    target, left_s = hedge.target, twin.first_by - twin.clock()
    is_free = twin.lanes.has_room(target.name, target.at_once) and twin.health.limited_until(target.name) <= twin.clock()
    if left_s <= 0 or not is_free or (twin.repeats is not None and not twin.repeats.may_hedge()):
        return None
    if twin.purse is not None and twin.purse.reserve(target):
        return None
    if twin.health.starting(target.name):
        return Open(target, left_s, None)
    if twin.purse is not None:
        twin.purse.release()
    return None


async def _one_answer(tasks: list[Future[T]]) -> None:
    """Wait until one has answered or all have failed."""
    pending = set(tasks)
    while pending and not any(map(_has_answer, tasks)):
        _, pending = await wait(pending, return_when=FIRST_COMPLETED)


async def _end(task: Future[T], call: Running, target: Target, *, by: Target | None) -> None:
    """Note how the attempt ended that is not the one whose answer counts; end it if it still runs.

    Args:
        task: The attempt.
        call: Has the notes on it.
        target: Where it went.
        by: Whose answer counts; None = nobody's, the caller has gone.
    """
    await _stop(task)
    if task.done() and not task.cancelled() and not _has_answer(task):
        error = _failure(task)
        call.failed(error)
        call.went_wrong(target.name, error)
        return
    if _has_answer(task):
        await _drop(task.result(), call)
    call.outrun(None if by is None else by.name)


async def _drop(answer: object, call: Running) -> None:
    """An answer nobody needs any more: note what it used, or close its stream."""
    if isinstance(answer, Reply):
        call.saw(Chunk(answer.text, usage=answer.usage, model=answer.model))
    else:
        await _close(answer)


async def _close(answer: object) -> None:
    if (closing := getattr(getattr(answer, "rest", None), "aclose", None)) is not None:
        await closing()


async def _stop(task: Future[T]) -> None:
    if not task.done():
        task.cancel()
        await wait([task], timeout=_END_S)
    if not task.done():
        task.add_done_callback(lambda late: late.cancelled() or late.exception())  # or asyncio complains that nobody asked


def _has_answer(task: Future[T]) -> bool:
    return task.done() and not task.cancelled() and task.exception() is None


def _failure(task: Future[T]) -> ProviderError:
    exc = None if task.cancelled() else task.exception()
    if exc is not None and not isinstance(exc, Exception):
        raise exc
    return ProviderError("the provider cancelled itself", code="server", maybe_billed=True) if exc is None else as_provider_error(exc)
