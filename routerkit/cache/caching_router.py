"""A router that remembers answers. Hits are calls like others: each has its Record, which says whose answer it repeats and cost nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing, closing
from dataclasses import replace

from routerkit.cache.answers import AnswerCache, Search, Turn
from routerkit.cache.entry import Entry
from routerkit.cache.hit import Hit, hit_of, pieces
from routerkit.cache.listening import Heard
from routerkit.cache.wish import Wish, alike_of, wish_of
from routerkit.messages import Chunk, Reply, Request
from routerkit.observe import notify
from routerkit.router import Router
from routerkit.waiting import aresult, result


class CachingRouter(Router):
    """A Router in every other respect, which is why it is derived from one: whoever takes a Router takes it, too."""

    lets_pass = True
    """But for answers that are to be kept, see `_on_time`."""

    def remember(self, cache: AnswerCache) -> None:
        """Use this cache, closed with the router. To be called before the first request."""
        self._cache = cache

    @property
    def n_likeness_skipped(self) -> int:
        """Comparisons of prompts that failed or came too late."""
        paraphrases = self._cache.paraphrases
        return 0 if paraphrases is None else paraphrases.thread.n_skipped

    def complete(self, request: Request) -> Reply:
        """As `Router.complete`; an answer that is known is not asked for again."""
        wish = self._wish(request)
        if wish is None:
            return super().complete(request)
        started = self._clock()
        found = _searched(self._cache.search(wish), self._half_of(request, started))
        if isinstance(found, Entry):
            return self._hit(request, found, started, is_stream=False)
        with found:
            reply = super().complete(_on_time(request, self._clock() - started))
            found.keep(reply)
            return reply

    async def acomplete(self, request: Request) -> Reply:
        """Async twin of `complete`."""
        wish = self._wish(request)
        if wish is None:
            return await super().acomplete(request)
        started = self._clock()
        found = await _asearched(self._cache.search(wish), self._half_of(request, started))
        if isinstance(found, Entry):
            return self._hit(request, found, started, is_stream=False)
        with found:
            reply = await super().acomplete(_on_time(request, self._clock() - started))
            found.keep(reply)
            return reply

    def stream(self, request: Request) -> Iterator[Chunk]:
        """As `Router.stream`; an answer that is known comes in few pieces."""
        wish = self._wish(request)
        if wish is None:
            yield from super().stream(request)
            return
        started = self._clock()
        found = _searched(self._cache.search(wish), self._half_of(request, started))
        if isinstance(found, Entry):
            yield from pieces(self._hit(request, found, started, is_stream=True))
            return
        heard = Heard()
        with found, closing(super().stream(_on_time(request, self._clock() - started))) as chunks:  # type: ignore[type-var]  # a generator in truth
            for chunk in chunks:
                if heard.ends_with(chunk):
                    found.keep(heard.reply())
                yield chunk

    async def astream(self, request: Request) -> AsyncIterator[Chunk]:
        """Async twin of `stream`."""
        wish = self._wish(request)
        if wish is None:
            async with aclosing(super().astream(request)) as chunks:  # type: ignore[type-var]  # an async generator in truth
                async for chunk in chunks:
                    yield chunk
            return
        started = self._clock()
        found = await _asearched(self._cache.search(wish), self._half_of(request, started))
        if isinstance(found, Entry):
            for chunk in pieces(self._hit(request, found, started, is_stream=True)):
                yield chunk
            return
        heard = Heard()
        with found:
            async with aclosing(super().astream(_on_time(request, self._clock() - started))) as chunks:  # type: ignore[type-var]  # as above
                async for chunk in chunks:
                    if heard.ends_with(chunk):
                        found.keep(heard.reply())
                    yield chunk

    def close(self) -> None:
        """As `Router.close`."""
        super().close()
        self._cache.close()

    def _half_of(self, request: Request, started: float) -> Callable[[], float]:
        """What is left for a search: half of the time that a call has until its answer must have begun."""
        return lambda: started + request.first_s / 2 - self._clock()

    def _wish(self, request: Request) -> Wish | None:
        wish = wish_of(request, self.state) if self._cache.takes(request) else None
        if wish is None or self._cache.paraphrases is None:
            return wish
        return wish._replace(alike=alike_of(request, self.state))

    def _hit(self, request: Request, entry: Entry, started: float, *, is_stream: bool) -> Reply:
        hit = Hit(self._now(), self._clock() - started, self._cache.age_s(entry), is_stream)
        record = hit_of(request, entry, self.state, hit)
        notify(self._observers, record)
        return replace(
            entry.reply,
            record_id=record.id,
            cost_usd=0.0,
            attempts=0,
            reason=record.decision.notes[0],
            cached_from=record.cached_from,
            cached_likeness=record.cached_likeness,
        )


def _on_time(request: Request, searched_s: float) -> Request:
    """The request with what the search has left of its time, and all its chunks coming by here."""
    first_s = None if request.first_token_s is None else request.first_token_s - searched_s
    return replace(request, timeout_s=request.timeout_s - searched_s, first_token_s=first_s, pass_on=None)


def _searched(search: Search, left_s: Callable[[], float]) -> Entry | Turn:
    """Carry out a search, blocking."""
    heard: object = None
    while True:
        try:
            wait = search.send(heard)
        except StopIteration as stop:
            return _found(stop)
        heard = result(wait.future, min(wait.timeout_s, left_s()))


async def _asearched(search: Search, left_s: Callable[[], float]) -> Entry | Turn:
    """Async twin of `_searched`."""
    heard: object = None
    try:
        while True:
            try:
                wait = search.send(heard)
            except StopIteration as stop:
                return _found(stop)
            heard = await aresult(wait.future, min(wait.timeout_s, left_s()))
    finally:
        search.close()


def _found(stop: StopIteration) -> Entry | Turn:
    assert isinstance(stop.value, Entry | Turn)
    return stop.value
