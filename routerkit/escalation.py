"""The life of a verified call as a generator without I/O: ask a step, check its answer, escalate with what was wrong.

It yields `Send`, `Sleep` and `Check`; a driver, blocking or async, carries them out and sends back what came of it. Whole and streamed
calls share it: a stream is held back until its answer is accepted.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from routerkit.call import Call
from routerkit.catalog import Target
from routerkit.dispatch import Open, Retry, Sleep, attempts
from routerkit.errors import ProviderError
from routerkit.features import features
from routerkit.judge import Judge, same_model
from routerkit.messages import Reply, Request
from routerkit.record import Purpose
from routerkit.verifier import Verdict, Verifier

_MAX_EVIDENCE_CHARS: Final = 4_000
"""Enough for the end of a test run; longer evidence would cost more than it tells."""
_OPEN: Final = "<routerkit-check>"
_CLOSE: Final = "</routerkit-check>"


@dataclass(frozen=True, slots=True)
class Send:
    """Send this request to a target."""

    open: Open
    request: Request
    purpose: Purpose


@dataclass(frozen=True, slots=True)
class Check:
    """Have a verifier look at an answer."""

    verifier: Verifier
    request: Request
    reply: Reply


Action: TypeAlias = Send | Sleep | Check
Outcome: TypeAlias = Reply | ProviderError | Verdict | None
Course: TypeAlias = Generator[Action, Outcome, Reply | ProviderError]


@dataclass(frozen=True, slots=True)
class Named:
    """A check with the name the configuration gave it."""

    name: str
    verifier: Verifier | Judge


@dataclass(frozen=True, slots=True)
class Escalation:
    """Everything a verified call needs to know."""

    call: Call
    targets: Sequence[Target]
    """Kept targets in rank order: the steps first, the others for failover."""
    checks: Sequence[Named]
    stop_loss_usd: float | None
    judges: Callable[[Request], Sequence[Target]]
    """Targets that may answer a judge's question, best first; a `ProviderError` when there are none."""
    retry: Retry

    def course(self) -> Course:
        """Ask, check, escalate.

        Returns:
            The first accepted answer; else the last one that came, which the call notes as unverified; a failure when none came.
        """
        request, left = self.call.request, list(self.targets)
        last: Reply | None = None
        while True:
            outcome = yield from self._ask(left, request, "answer")
            if isinstance(outcome, ProviderError):
                return outcome if last is None else self._settled(last)
            last, verdict = outcome, (yield from self._verdict(request, outcome))
            if verdict.accepted:
                return self._settled(last)
            left = self._left()
            if not left or self._is_too_dear(left[0]):
                return self._settled(last)
            request = escalated(request, outcome, verdict)

    def _ask(self, targets: Sequence[Target], request: Request, purpose: Purpose) -> Generator[Action, Outcome, Reply | ProviderError]:
        if self.call.purse is not None:
            self.call.purse.expect(features(request))
        steps = attempts(targets, deadline=self.call.first_by, retry=self.retry, around=self.call)
        error: ProviderError | None = None
        while True:
            try:
                step = steps.send(error)
            except StopIteration as stop:
                return stop.value if isinstance(stop.value, ProviderError) else ProviderError("nothing was left to try", code="all_failed")
            outcome = yield Send(step, request, purpose) if isinstance(step, Open) else step
            if isinstance(outcome, Reply):
                return outcome
            error = outcome if isinstance(outcome, ProviderError) else None

    def _verdict(self, request: Request, reply: Reply) -> Generator[Action, Outcome, Verdict]:
        """What all checks together say: the first that does not accept decides."""
        verdict = Verdict.unable("no check is set")
        for check in sorted(self.checks, key=lambda c: isinstance(c.verifier, Judge)):  # what costs a call comes last
            verdict = yield from self._one(check.verifier, self._timed(request), reply)
            self.call.checked(check.name, verdict)
            if not verdict.accepted:
                break
        return verdict

    def _one(self, verifier: Verifier | Judge, request: Request, reply: Reply) -> Generator[Action, Outcome, Verdict]:
        if request.timeout_s <= 0:
            return Verdict.unable("the deadline of the call has passed")
        if isinstance(verifier, Judge):
            return (yield from self._opinion(verifier, request, reply))
        outcome = yield Check(verifier, request, reply)
        assert isinstance(outcome, Verdict)
        return outcome

    def _opinion(self, judge: Judge, request: Request, reply: Reply) -> Generator[Action, Outcome, Verdict]:
        question = judge.question(request, reply)
        assert self.call.answered is not None
        answered = self.call.answered.model
        try:
            willing = self.judges(question)
        except ProviderError as exc:
            return Verdict.unable(f"no judge: {exc}")
        targets = [t for t in willing if not same_model(t.model, answered)]
        if not targets:
            return Verdict.unable(f"no judge but the model itself, {answered}" if willing else f"no judge of {judge.model!r} can be asked")
        outcome = yield from self._ask(targets, question, "judge")
        return Verdict.unable(f"the judge failed: {outcome}") if isinstance(outcome, ProviderError) else judge.read(outcome)

    def _timed(self, request: Request) -> Request:
        return request.with_deadline(request.model, self.call.first_by - self.call.clock(), None)

    def _left(self) -> list[Target]:
        """What may still be asked: steps that were not, then those that stand in when a step fails; nothing after the last step."""
        asked, steps = {a.target for a in self.call.attempts if a.purpose == "answer"}, self.call.decision.steps
        left = [t for t in self.targets if t.name not in asked]
        return left if any(t.name in steps for t in left) else []

    def _is_too_dear(self, target: Target) -> bool:
        """Whether asking on could take the call past its stop-loss; unknown costs keep within none."""
        if self.stop_loss_usd is None:
            return False
        spent, expected = self.call.cost_usd(), self.call.decision.candidate(target.name).cost_usd
        return spent is None or expected is None or spent + expected > self.stop_loss_usd

    def _settled(self, reply: Reply) -> Reply:
        self.call.settled(reply)
        return reply


def named(names: Sequence[str], verifiers: Mapping[str, Verifier | Judge]) -> tuple[Named, ...]:
    """The checks of a policy."""
    return tuple(Named(name, verifiers[name]) for name in names)


def escalated(request: Request, reply: Reply, verdict: Verdict) -> Request:
    """The conversation with the rejected answer and what was wrong with it; the same when nothing was found wrong.

    The caller's messages are not touched.
    """
    if verdict.accepted is not False:
        return request
    answer = reply.text.strip() or "(an answer without text)"
    evidence = verdict.evidence.replace(_CLOSE, "").strip()[-_MAX_EVIDENCE_CHARS:]
    text = (
        f"{_OPEN}\nAn automatic check rejected the answer above:\n{evidence or 'no reason was given'}\n{_CLOSE}\n"
        "Answer the request again, whole and from the start; do not speak of this check."
    )
    return replace(request, messages=(*request.messages, {"role": "assistant", "content": answer}, {"role": "user", "content": text}))
