"""The router: decides, attempts, records. A Router is a Provider, so routers nest."""

from __future__ import annotations

import random
import time
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from datetime import datetime
from typing import Final, Self

from routerkit import embedding
from routerkit.budget import Budgets, Claims, claims_of
from routerkit.call import Call
from routerkit.case import Snapshot
from routerkit.catalog import Target
from routerkit.classifier import sort
from routerkit.decision import Decision
from routerkit.dispatch import Retry
from routerkit.drivers import aclose, adrive, aprime, async_sleep, close, drive, prime
from routerkit.experience import NO_EXPERIENCE, Experience
from routerkit.explore_budget import ExploreBudget
from routerkit.extras import Extras
from routerkit.features import features
from routerkit.health import HealthBoard
from routerkit.inquiry import aask, ask
from routerkit.lanes import Lanes
from routerkit.messages import Chunk, Reply, Request
from routerkit.observe import Observer, notify
from routerkit.pursuit import apursue, pieces, pursue
from routerkit.quick import maker
from routerkit.record import Report
from routerkit.reign import Reign
from routerkit.reign import close as close_part
from routerkit.router_state import RouterState, Way
from routerkit.rules import Rule
from routerkit.running import Running, break_off
from routerkit.scorecard import now_utc
from routerkit.semantic import Heard
from routerkit.sharing import Sharing
from routerkit.signature import signature, signed
from routerkit.state.interface import StateStore
from routerkit.surroundings import Surroundings
from routerkit.tickets import new_ticket
from routerkit.verified import verified_course
from routerkit.warmth import WarmBoard
from routerkit.wording import Listener

_snapshot: Final = maker(Snapshot)


class Router:
    """Routes requests over pools of targets. Safe to share between threads and event loops.

    Args:
        state: Pools, providers, policies and scorecard.
        observers: Told of every finished call, e.g. a Ledger.
        retry: How often failed targets are tried again.
        clock: Monotonic seconds.
        sleep: Blocking wait in seconds.
        asleep: Async wait in seconds.
        now: Current UTC instant.
        rng: Dice for jitter and exploration.
    """

    keeps_deadline = lets_pass = True

    def __init__(
        self,
        state: RouterState,
        *,
        observers: Sequence[Observer] = (),
        retry: Retry | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        asleep: Callable[[float], Awaitable[None]] = async_sleep,
        now: Callable[[], datetime] = now_utc,
        rng: random.Random | None = None,
    ) -> None:
        self._reign = Reign(state)
        self._observers, self._retry = tuple(observers), retry or Retry()
        self._clock, self._sleep, self._asleep, self._now = clock, sleep, asleep, now
        self._rng = rng or random.Random()
        self.health = HealthBoard(clock, self._rng)
        """Health of all targets, as this process sees it."""
        self.lanes = Lanes(clock)
        """How many calls each target takes at once, as this process found out."""
        self._budgets, self._explore_budget = Budgets(now), ExploreBudget(now)
        self._sharing: Sharing | None = None
        self.experience: Experience = NO_EXPERIENCE
        """What production has taught since the scorecard was measured; whoever watches the reports replaces it as a whole."""
        self._warmth, self._listener = WarmBoard(clock), Listener()
        self._around = Surroundings(clock, self._rng, self.health, self.lanes)
        self._extras = Extras(clock)

    @property
    def state(self) -> RouterState:
        """What is in force now."""
        return self._reign.state

    @property
    def store(self) -> StateStore:
        """Where budgets are kept."""
        return self._budgets.leases.store

    def share(self, store: StateStore) -> None:
        """Keep budgets, health and warm caches in this store, closed with the router. To be called before the first request."""
        self._budgets = Budgets(self._now, store)
        self._sharing = Sharing(store, self._budgets, self.health, self._warmth, self._clock)
        # What is lent must be given back also by a script that ends without closing its router.
        weakref.finalize(self, self._sharing.close)

    def swap(self, state: RouterState) -> None:
        """Put a new complete state in force. Health and spend are kept.

        Calls under way finish on the old state; providers that only it used are closed after the last of them.
        """
        old, self._reign = self._reign, Reign(state)
        old.end(lambda: self.state.providers.values())  # noqa: PLW0108  asked later, when yet another state may be in force

    def targets(self, model: str) -> tuple[Target, ...]:
        """Targets that a request for this model may reach: those of a pool, or the one that is named.

        Raises:
            UnknownModelError: no pool or target has that name.
        """
        return self.state.way(model).targets

    def decide(self, request: Request) -> Decision:
        """Choose a target without calling it.

        Raises:
            UnknownModelError: `request.model` names no pool or target.
        """
        return self._decide(request, self.state)

    def complete(self, request: Request) -> Reply:
        """Whole answer from the best target that can give one.

        Raises:
            UnknownModelError: `request.model` names no pool or target.
            NoCandidateError: every target was dropped; nothing was sent.
            AllAttemptsFailedError: every attempt failed.
        """
        with self._begin(request, is_stream=False) as call:
            if call.state.classifier is not None:
                ask(call, self._decide)
            if call.decision.steps:
                return signed(self._verified(call), call)
            reply = drive(call, self._retry, lambda provider, sent, _: provider.complete(sent), self._sleep)
            call.replied(reply)
            return signed(reply, call)

    async def acomplete(self, request: Request) -> Reply:
        """Async twin of `complete`."""
        with await self._abegin(request, is_stream=False) as call:
            if call.state.classifier is not None:
                await aask(call, self._decide)
            if call.decision.steps:
                return signed(await self._averified(call), call)
            reply = await adrive(call, self._retry, lambda provider, sent, _: provider.acomplete(sent), self._asleep)
            call.replied(reply)
            return signed(reply, call)

    def stream(self, request: Request) -> Iterator[Chunk]:
        """Answer in pieces; the last chunk carries record id, target and cost.

        Fails over freely until the first content, never after it.

        Raises:
            StreamBrokenError: the answer broke after content was delivered.
        """
        with self._begin(request, is_stream=True) as call:
            if call.state.classifier is not None:
                ask(call, self._decide)
            if call.decision.steps:
                yield from pieces(self._verified(call), call)
                return
            opened = drive(call, self._retry, lambda provider, sent, of: prime(provider.stream(sent), of), self._sleep)
            try:
                yield from opened.head
                for chunk in opened.rest:
                    if call.saw(chunk):
                        yield chunk
                    call.check_deadline()
            except Exception as exc:  # noqa: BLE001  as in `drive`
                break_off(call, exc)
            finally:
                close(opened.rest)
            call.streamed()
            yield signature(call)

    async def astream(self, request: Request) -> AsyncIterator[Chunk]:
        """Async twin of `stream`."""
        with await self._abegin(request, is_stream=True) as call:
            if call.state.classifier is not None:
                await aask(call, self._decide)
            if call.decision.steps:
                for chunk in pieces(await self._averified(call), call):
                    yield chunk
                return
            opened = await adrive(call, self._retry, lambda provider, sent, of: aprime(of.astream(provider, sent), of), self._asleep)
            try:
                for chunk in opened.head:
                    yield chunk
                async for chunk in opened.rest:
                    if call.saw(chunk):
                        yield chunk
                    call.check_deadline()
            except Exception as exc:  # noqa: BLE001  as in `drive`
                break_off(call, exc)
            finally:
                await aclose(opened.rest)
            call.streamed()
            yield signature(call)

    def report(self, record_id: str, *, success: bool, evidence: str = "") -> None:
        """Tell what later became of an answer: tests passed, diff applied, reverted; nothing while that is unknown."""
        notify(self._observers, Report(record_id, self._now(), success, evidence))

    def close(self) -> None:
        """Close providers and observers that can be closed; the router must not be used afterwards."""
        for part in (*self.state.providers.values(), *self.state.verifiers.values(), *self._observers, self._sharing):
            close_part(part)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _decide(self, request: Request, state: RouterState, heard: Heard | None = None) -> Decision:
        way = state.way(request.model)
        return self._decided(request, state, way, claims_of(request, way.pool.name, state), heard)

    def _decided(self, request: Request, state: RouterState, way: Way, claims: Claims, heard: Heard | None = None) -> Decision:
        at, facts = self._now(), features(request)
        arm = state.arm(way.pool, request, at) if way.is_tried else None
        policy = way.policy if arm is None else state.policy(way.pool, arm)
        reading = sort(request, facts, state.routes, state.classifier, heard) if way.is_sorted and not request.inputs else None
        routed: tuple[Rule, ...] = ()
        if reading:
            facts, routed = reading.features, reading.rules
        snapshot = _snapshot(
            state.scorecard,
            self.health.snapshot(),
            self.health.latencies_s(),
            self._budgets.left(claims, at),
            self._explore_budget.left_usd(policy),
            self.experience,
            self._warmth.prefixes(request),
            self._listener.hear(state.predictor, request.messages, facts.kind) if state.predictor else state.unheard,
        )
        ticket = new_ticket(at, self._rng.getrandbits(32), state.revision, arm)
        capped = self._extras.rules(request, way.pool, state, way.target) if state.ceilings else ()
        rules = (*state.rules, *routed, *way.asked, *capped) if routed or capped else way.rules
        decision = policy.decide(facts, way.pool, snapshot, rules=rules, ticket=ticket)
        if request.inputs:
            embedding.check(way.targets, decision)
        return reading.sign(decision) if reading else decision

    def _begin(self, request: Request, *, is_stream: bool) -> Running:
        if self._sharing is not None:
            self._sharing.learn(request)
        return self._begun(request, is_stream=is_stream)

    async def _abegin(self, request: Request, *, is_stream: bool) -> Running:
        if self._sharing is not None and self._sharing.hears:
            await self._sharing.alearn(request)
        return self._begun(request, is_stream=is_stream)

    def _begun(self, request: Request, *, is_stream: bool) -> Running:
        state = (reign := self._reign).state
        way = state.way(request.model)
        claims = claims_of(request, way.pool.name, state)
        decision = self._decided(request, state, way, claims)
        call = Running(request, decision, self._around, is_stream=is_stream)
        call.reign, call.state, call.finish = reign, state, self._finish
        call.purse, call.repeats = self._budgets.purse(claims, request, decision), self._extras.repeats[decision.pool]
        if state.hedged or state.ceilings:
            call.late_after = self._extras.begin(request, decision, state, is_stream=is_stream)
        return call

    def _verified(self, call: Running) -> Reply:
        course = verified_course(call, self._decide, self._retry)
        return pursue(course, call, lambda t, r: call.state.provider(t).complete(r), self._sleep)

    async def _averified(self, call: Running) -> Reply:
        course = verified_course(call, self._decide, self._retry)
        return await apursue(course, call, lambda t, r: call.state.provider(t).acomplete(r), self._asleep)

    def _finish(self, call: Call) -> None:
        record, state = call.record(), self._reign.state
        self._extras.ended(record, state)
        if record.decision.is_exploring:
            self._explore_budget.charge(record)
        if record.request.session is not None:
            self._warmth.remember(record, state.pools.get(record.decision.pool))
        notify(self._observers, record)
