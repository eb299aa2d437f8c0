"""One routed call as it is remembered: the decision, every attempt, what it used and how it ended."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from typing import Literal, NamedTuple

from routerkit.decision import Decision
from routerkit.errors import ErrorCode, ErrorKind, ProviderError
from routerkit.messages import Request, Usage
from routerkit.quick import quick

Purpose = Literal["answer", "classify", "judge"]
"""What an attempt was for: the answer itself, the question which route the request belongs to, or an opinion of another target's answer."""

Status = Literal["ok", "error", "cancelled"]
"""How a call ended; `cancelled` = the caller went away."""


class Finding(NamedTuple):
    """What one check said about an answer."""

    check: str
    accepted: bool | None
    """None = it could not look."""
    evidence: str = ""
    cost_usd: float | None = 0.0


@quick
@dataclass(frozen=True, slots=True)
class Attempt:
    """One request sent to one target, and how it ended."""

    target: str
    model: str
    offset_s: float
    """Start, in seconds after the start of the call."""
    latency_s: float
    first_token_s: float | None = None
    """Wait for the first content of a stream, in seconds; None for whole answers."""
    usage: Usage | None = None
    cost_usd: float | None = None
    """None when the price or the usage is unknown."""
    error: str | None = None
    """One line, without secrets; None on success."""
    error_kind: ErrorKind | None = None
    error_code: ErrorCode | None = None
    status: int | None = None
    maybe_billed: bool = False
    """A failed attempt that the provider may have charged for."""
    price_version: str | None = None
    normalised: tuple[str, ...] = ()
    """What was changed in the conversation so that this target takes it, one phrase each; see `normalise`."""
    purpose: Purpose = "answer"
    findings: tuple[Finding, ...] = ()
    """What the checks of a cascade said, in the order they ran; the first that does not accept is the last."""

    def ended_by(self, error: ProviderError) -> Attempt:
        """The same, ended by an error."""
        return replace(
            self, error=str(error), error_kind=error.kind, error_code=error.code, status=error.status, maybe_billed=error.maybe_billed
        )

    @property
    def accepted(self) -> bool | None:
        """Whether every check accepted the answer; None = it was not checked, or a check could not look."""
        return self.findings[-1].accepted if self.findings else None

    @property
    def mishap(self) -> str:
        """What kept it from being the end of the call, as the end of a sentence about its target; empty when nothing did."""
        if self.error_code:
            return f"failed: {self.error_code}"
        if not self.findings or self.accepted:
            return ""
        last = self.findings[-1]
        return f"{'was rejected' if last.accepted is False else 'could not be checked'} by {last.check!r}"


@quick
@dataclass(frozen=True, slots=True)
class Record:
    """One routed call. Emitted exactly once per call, failed, cancelled and abandoned ones included."""

    id: str
    at: datetime
    """Start, UTC."""
    request: Request
    decision: Decision
    attempts: tuple[Attempt, ...]
    status: Status
    target: str | None
    """Target whose answer the caller got, or the last one tried; None when none was."""
    model: str | None
    latency_s: float
    usage: Usage
    """Sum over attempts."""
    cost_usd: float | None
    """Sum over attempts and checks; None when any part is unknown."""
    is_stream: bool
    finish_reason: str | None = None
    output_chars: int = 0
    output_text: str | None = None
    """Answer text of whole calls; the ledger stores it only when text storage is switched on."""
    cached_from: str | None = None
    """Record whose answer was repeated, at no cost; None = a target was asked."""
    cached_likeness: float | None = None
    """How similar its prompt is, 0.95..1; None = it is the same one, or nothing was repeated."""


@dataclass(frozen=True, slots=True)
class Report:
    """Later truth about a call: did the answer work?

    Raises:
        ProviderError: `invalid_request`, when success is neither true nor false; what is unknown (None, NaN) must not be reported.
    """

    record_id: str
    at: datetime
    success: bool
    evidence: str = ""

    def __post_init__(self) -> None:
        if self.success not in (True, False):
            why = f"success is {self.success!r}; report True or False, and nothing while it is unknown"
            raise ProviderError(why, code="invalid_request")
        object.__setattr__(self, "success", bool(self.success))  # 1 and numpy's truth are meant as such


def totals(attempts: Sequence[Attempt]) -> tuple[Usage, float | None]:
    """What all attempts used together, and what they and their checks cost, as far as `total_usd` can tell."""
    if len(attempts) == 1 and (only := attempts[0]).usage is not None and not only.findings:
        return only.usage, only.cost_usd
    return sum([attempt.usage for attempt in attempts if attempt.usage is not None], Usage()), total_usd(attempts)


def reason_of(decision: Decision, attempts: Sequence[Attempt]) -> str:
    """Why the last target tried was the one, in one line."""
    picking, notes = _choice(decision.policy, decision.pool, decision.picked, decision.features.kind, decision.rule, decision.notes)
    if len(attempts) == 1 and not attempts[0].mishap:
        return picking + notes
    failed = [f"; {a.target!r} {a.mishap}" for a in attempts if a.purpose == "answer" and a.mishap]
    return "".join([picking, *failed, notes])


@lru_cache(maxsize=1024)
def _choice(policy: str, pool: str, picked: str | None, kind: str | None, rule: str | None, notes: tuple[str, ...]) -> tuple[str, str]:
    """What was picked, and what there is to know about that; the same for many calls."""
    picking = f"{policy} of {pool!r} picked {picked!r} for kind {kind or 'unknown'}" + (f", rule {rule!r}" if rule else "")
    return picking, "".join([f"; {note}" for note in notes])


def total_usd(attempts: Sequence[Attempt]) -> float | None:
    """What all attempts and their checks cost together; None when the price of any that used tokens is unknown."""
    if len(attempts) == 1 and not attempts[0].findings:
        return attempts[0].cost_usd
    total = 0.0
    for attempt in attempts:
        if attempt.cost_usd is None:
            return None
        total += attempt.cost_usd
        for finding in attempt.findings:
            if finding.cost_usd is None:
                return None
            total += finding.cost_usd
    return total
