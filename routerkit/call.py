"""One call while it runs: collects attempts and what was streamed, and becomes a Record at its end."""

from __future__ import annotations

import math
from copy import copy
from dataclasses import replace
from typing import Final, Self

from routerkit.decision import Decision
from routerkit.dispatch import Open
from routerkit.errors import AllAttemptsFailedError, ProviderError, as_provider_error
from routerkit.fair_queue import PRIORITIES, Priority
from routerkit.features import CHARS_PER_TOKEN, features
from routerkit.health import Caller
from routerkit.messages import Chunk, Reply, Request, Usage
from routerkit.normalise import is_fine, normalise
from routerkit.quick import maker
from routerkit.record import Attempt, Finding, Purpose, Record, Status, total_usd, totals
from routerkit.surroundings import Surroundings
from routerkit.verifier import Verdict

_attempt, _record = maker(Attempt), maker(Record)
_NO_USAGE: Final = Usage()
"""Of an attempt that failed and cost nothing, whatever the price."""
_NUMBER: Final = (int, float)


class Call(Surroundings):
    """Mutable notes on one routed call. Not thread-safe: a call runs in one thread or task."""

    status: Status = "cancelled"
    finish_reason: str | None = None
    output_text: str | None = None
    opened_at = 0.0
    """When the running attempt began, or the last one."""
    _open: Open | None = None
    _first_at: float | None = None
    _chars = 0
    _sent_tokens: int | None = None
    """Of what was sent; None = of the call's own request."""
    _usage: Usage | None = None
    _stated_usd: float | None = None
    _model = ""
    _normalised: tuple[str, ...] = ()
    _answered: Attempt | None = None
    _record: Record | None = None
    _purpose: Purpose = "answer"

    def __init__(self, request: Request, decision: Decision, around: Surroundings, *, is_stream: bool) -> None:
        # Not by `super`, which costs as much again.
        self.clock, self.rng, self.health, self.lanes = around.clock, around.rng, around.health, around.lanes
        timeout_s = request.timeout_s
        if not isinstance(timeout_s, _NUMBER) or math.isnan(timeout_s):
            raise ProviderError(f"timeout_s is {timeout_s!r}; give a number of seconds", code="invalid_request")
        self.request, self.decision, self.is_stream = request, decision, is_stream
        self.started = self.clock()
        self.deadline = self.first_by = self.started + request.total_s
        """When a stream must be over, and when its first content must be there, or all of a whole answer."""
        if request.first_token_s is not None:
            self.first_by = self.started + request.first_s
        self.attempts: list[Attempt] = []

    @property
    def caller(self) -> Caller:
        """Whose request it is."""
        return self.decision.features.caller

    @property
    def priority(self) -> Priority:
        """How much the call matters.

        Raises:
            ProviderError: `invalid_request`, the request says something else than it may.
        """
        wanted = self.request.priority
        if wanted not in PRIORITIES:
            raise ProviderError(f"priority is {wanted!r}; it must be one of {', '.join(PRIORITIES)}", code="invalid_request")
        return wanted

    @property
    def tenant(self) -> str:
        """With whom the call shares a turn: the gateway's key it came with, else its agent."""
        return self.request.key or self.request.agent or ""

    def opening(self, step: Open, request: Request | None = None, purpose: Purpose = "answer") -> Request:
        """Note the start of an attempt at the call's own request, or at another one; returns the request to send."""
        if self.is_stream and request is None and self.deadline > self.first_by:
            step = step.going_on(self.deadline - self.first_by)
        self._begin(step)
        if request is not None:
            self._purpose, self._sent_tokens = purpose, features(request).input_tokens
        sent = step.addressed(request or self.request)
        if not is_fine(sent, step.target.model):
            sent, self._normalised = normalise(sent, step.target)
        return sent

    def decide_again(self, decision: Decision) -> None:
        """Go on with another decision, made when more was known of the request; the call stays the same."""
        self.decision = replace(decision, id=self.decision.id, at=self.decision.at)

    def asking(self, step: Open, question: Request) -> Request:
        """Note that the classifier is being asked; returns the question."""
        self._begin(step)
        self._purpose = "classify"
        self._sent_tokens = int(sum(len(str(m["content"])) for m in question.messages) / CHARS_PER_TOKEN) + 1
        return question

    def heard(self, reply: Reply) -> None:
        """The classifier has answered."""
        self._chars, self._usage, self._stated_usd, self._model = len(reply.text), reply.usage, reply.cost_usd, reply.model
        self._close(self._known_usage())

    def _begin(self, step: Open) -> None:
        self.lanes.enter(step.target.name)
        if self.attempts:  # what was noted of an earlier one says nothing about this one
            self._first_at, self._chars, self._usage, self._stated_usd, self._model = None, 0, None, None, ""
            self._normalised, self._purpose, self.finish_reason, self._sent_tokens = (), "answer", None, None
        self._open, self.opened_at = step, self.clock()

    def saw(self, chunk: Chunk) -> bool:
        """Note one chunk of the running attempt; whether it is for the caller: the facts that end a router within this one are not."""
        if chunk.text:
            self._chars += len(chunk.text)
        elif chunk.tool_calls:
            self._chars += sum(len(d.arguments) for d in chunk.tool_calls)
        if self._first_at is None and chunk.has_content():
            self._first_at = self.clock()
        if chunk.usage is not None:
            self._usage = chunk.usage
        if chunk.finish_reason is not None:
            self.finish_reason = chunk.finish_reason
        if chunk.model:
            self._model = chunk.model
        if chunk.cost_usd is not None:
            self._stated_usd = chunk.cost_usd
        return not chunk.record_id

    def replied(self, reply: Reply) -> None:
        """The running attempt ended with a whole answer."""
        self.output_text, self._chars = reply.text, reply.chars
        self.finish_reason, self._model = reply.finish_reason, reply.model
        self._usage, self._stated_usd = reply.usage, reply.cost_usd
        self.streamed()

    def streamed(self) -> None:
        """The running attempt's stream ended well."""
        attempt = self._close(self._known_usage())
        if self._purpose == "answer":
            self._answered = attempt
        self.health.succeeded(attempt.target, attempt.latency_s, self.decision.features.caller)
        if attempt.target in self.lanes.narrow:
            self.lanes.answered(attempt.target)
        if not self.decision.steps:  # else the call goes on until it is settled
            self.status = "ok"

    def checked(self, name: str, verdict: Verdict) -> None:
        """A check looked at the last answer."""
        attempt = self._answered
        assert attempt is not None
        finding = Finding(name, verdict.accepted, verdict.evidence, verdict.cost_usd)
        self._answered = replace(attempt, findings=(*attempt.findings, finding))
        self.attempts[:] = [self._answered if a is attempt else a for a in self.attempts]
        if self.purse is not None:
            self.purse.charge(verdict.cost_usd)

    def settled(self, reply: Reply) -> None:
        """The last answer is the one the caller gets, whatever was asked after it."""
        self.finish_reason, self.output_text, self._chars = reply.finish_reason, reply.text, reply.chars
        self.status = "ok"

    def failed(self, error: ProviderError) -> None:
        """The running attempt failed; what may have been billed is counted as an estimate, but a router within this one knows."""
        usage = self._known_usage() if self._usage or error.maybe_billed else _NO_USAGE
        if (inner := getattr(error, "record", None)) is not None:
            usage, self._stated_usd = inner.usage, inner.cost_usd
        self._close(usage, error)

    def crashed(self, exc: Exception) -> None:
        """The call ended with an exception that no provider raised."""
        self.status = "error"
        if self._open is not None:
            self._abandon(as_provider_error(exc))

    def twin(self) -> Self:
        """Notes on a second attempt at the same time, with money of its own; its end goes into the same list of attempts."""
        twin = copy(self)
        twin._open, twin.purse = None, self.purse and self.purse.another()
        return twin

    def take_over(self, twin: Self) -> None:
        """Go on with the attempt that the twin has under way."""
        vars(self).clear()
        vars(self).update(vars(twin))

    def outrun(self, by: str | None) -> None:
        """The running attempt was ended, because this target answered sooner or (None) the caller has gone."""
        text = "abandoned by the caller" if by is None else f"target {by!r} answered sooner"
        self._abandon(ProviderError(text, code="disconnected" if by is None else "outrun", maybe_billed=True))

    def gave_up(self, last: ProviderError) -> AllAttemptsFailedError:
        """The error of a call that no target answered."""
        self.status = "error"
        return AllAttemptsFailedError(self.record(), last)

    def left_s(self, at_most_s: float) -> float:
        """Seconds until there must be an answer, but not more than so many."""
        return min(at_most_s, self.first_by - self.clock())

    def check_deadline(self) -> None:
        """End a stream that runs on after the deadline.

        Raises:
            ProviderError: `timeout`.
        """
        if self.clock() > self.deadline:
            raise ProviderError(f"the stream was still running after its {self.request.timeout_s:g} s", code="timeout", maybe_billed=True)

    @property
    def answered(self) -> Attempt | None:
        """The attempt that brought the last answer; before there is one, the last that was to bring it; None = no target was asked."""
        if self._answered is not None:
            return self._answered
        return next((a for a in reversed(self.attempts) if a.purpose == "answer"), None)

    @property
    def latency_s(self) -> float:
        """Seconds of the last finished attempt."""
        return self.attempts[-1].latency_s

    def record(self) -> Record:
        """The finished record, made once; an attempt still open is counted as abandoned."""
        if self._record is not None:
            return self._record
        if self._open is not None:
            self.outrun(None)
        elif self.purse is not None:
            self.purse.release()  # set aside for an attempt that never began
        decision, attempts, last = self.decision, self.attempts, self.answered
        usage, cost_usd = totals(attempts)
        self._record = _record(
            decision.id,
            decision.at,
            self.request,
            decision,
            tuple(attempts),
            self.status,
            last.target if last else None,
            last.model if last else None,
            self.clock() - self.started,
            usage,
            cost_usd,
            self.is_stream,
            self.finish_reason,
            self._chars,
            self.output_text,
        )
        return self._record

    def cost_usd(self) -> float | None:
        """Sum over attempts and checks so far; None when the price of any that used tokens is unknown."""
        return total_usd(self.attempts)

    def _abandon(self, error: ProviderError) -> None:
        """The running attempt ends without a word on its target's health."""
        assert self._open is not None
        self.health.abandoned(self._open.target.name, self.opened_at)
        self.failed(error)

    def _close(self, usage: Usage, error: ProviderError | None = None) -> Attempt:
        step, self._open = self._open, None
        assert step is not None
        target, opened_at, price = step.target, self.opened_at, step.target.price
        self.lanes.leave(target.name)
        attempt = _attempt(
            target.name,
            self._model or target.model,
            opened_at - self.started,
            self.clock() - opened_at,
            None if self._first_at is None else self._first_at - opened_at,
            usage,
            0.0 if usage is _NO_USAGE else price.cost_usd(usage) if price else self._stated_usd,
            price_version=price.version if price else None,
            normalised=self._normalised,
            purpose=self._purpose,
        )
        if error is not None:
            attempt = attempt.ended_by(error)
        self.attempts.append(attempt)
        if self.purse is not None:
            self.purse.settle(attempt.cost_usd)
        return attempt

    def _known_usage(self) -> Usage:
        """What the provider reported, else an estimate: no prompt has no tokens, so zero means that nobody counted."""
        if self._usage and (self._usage.input_tokens or self._usage.output_tokens):
            return self._usage
        sent = self.decision.features.input_tokens if self._sent_tokens is None else self._sent_tokens
        return Usage(sent, int(self._chars / CHARS_PER_TOKEN), is_estimated=True)
