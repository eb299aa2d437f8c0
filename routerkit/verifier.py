"""What checks an answer before the caller sees it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from routerkit.messages import Reply, Request


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a check found."""

    accepted: bool | None
    """None = it could not look; the answer is then neither trusted nor called wrong."""
    evidence: str = ""
    """What is wrong, for the next model; or why nothing was to be said."""
    cost_usd: float | None = 0.0
    """What looking cost; None = unknown."""

    @classmethod
    def accept(cls, evidence: str = "") -> Verdict:
        """The answer is fine; `evidence` says why, where there was nothing to look at."""
        return cls(accepted=True, evidence=evidence)

    @classmethod
    def reject(cls, evidence: str) -> Verdict:
        """The answer is wrong; `evidence` says what, for the next model."""
        return cls(accepted=False, evidence=evidence)

    @classmethod
    def unable(cls, why: str) -> Verdict:
        """Nothing can be said."""
        return cls(accepted=None, evidence=why)


@runtime_checkable
class Verifier(Protocol):
    """One method. It may block: it runs in a thread, which is left behind when the deadline of the call has passed."""

    def verify(self, request: Request, reply: Reply) -> Verdict:
        """Look at one whole answer.

        Args:
            request: What was asked; `timeout_s` is the time that is left.
            reply: The answer.
        """
        ...


def verdict_of(verifier: Verifier, request: Request, reply: Reply) -> Verdict:
    """The verdict of a verifier; one that breaks, or answers something else, could not look."""
    try:
        verdict = verifier.verify(request, reply)
    except Exception as exc:  # noqa: BLE001  foreign code: its bug must not cost the caller an answer that is paid for
        return Verdict.unable(f"it raised {type(exc).__name__}")
    if isinstance(verdict, Verdict) and (verdict.accepted is None or isinstance(verdict.accepted, bool)):
        return verdict
    return Verdict.unable(f"it returned {type(verdict).__name__}, not a Verdict")
