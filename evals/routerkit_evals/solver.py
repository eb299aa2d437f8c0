"""Getting an answer to a task out of a target: one request, whole files back."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

from routerkit import AllAttemptsFailedError, NoCandidateError, ProviderError, Reply, Request, Router, Usage
from routerkit_evals.execution import Verdict
from routerkit_evals.task import Task

AGENT: Final = "routerkit-eval"
"""Agent name of evaluation calls, so that spend and drift can tell them from real work."""
_ERROR_VERDICTS: Final[dict[str, Verdict]] = {
    "timeout": "timeout_model",
    "deadline": "timeout_model",
    "content_filter": "refused",
    "context_length": "fail",
    "empty_answer": "format",
}
"""Failures that are the model's own; every other one is the provider's and says nothing about quality."""
_RULES: Final = {
    "one": "Answer with the complete new contents of {path} in one fenced code block. No explanation.",
    "many": (
        "Answer with the complete new contents of every file you change or add ({paths}), each in its own fenced code block, "
        "with the path alone on the line before the block. No explanation."
    ),
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back for one task."""

    text: str | None
    """None when no answer came."""
    latency_s: float | None = None
    usage: Usage | None = None
    cost_usd: float | None = None
    model: str = ""
    record_id: str | None = None
    finish_reason: str | None = None
    error: str = ""
    """One line, without secrets."""
    error_code: str | None = None
    verdict: Verdict | None = None
    """Set when there is nothing to grade."""
    retry_after_s: float | None = None
    """How long the provider asked us to stay away, in seconds; None when it did not say."""


class Solver(Protocol):
    """Answers tasks."""

    def prompt(self, task: Task) -> str:
        """What is sent; part of a sample's identity."""
        ...

    def solve(self, task: Task, target: str, *, epoch: int) -> Answer:
        """One answer of one target; failures are values."""
        ...


class OneShot:
    """Sends one request per task through the router, pinned to a target: same code, retries and prices as in production."""

    def __init__(
        self,
        router: Router,
        pool: str,
        *,
        timeout_s: float = 180.0,
        max_tokens: int = 4096,
        epoch_key: str = "seed",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Prepare.

        Args:
            router: Where requests go.
            pool: Pool of the targets.
            timeout_s: Longest wait for one answer.
            max_tokens: Longest answer.
            epoch_key: Body parameter that carries the number of a repetition; recordings call it `sample`.
            clock: Monotonic seconds.
        """
        self._router, self._pool, self._clock = router, pool, clock
        self._timeout_s, self._max_tokens, self._epoch_key = timeout_s, max_tokens, epoch_key

    def prompt(self, task: Task) -> str:
        """The task's text, its files, and how to answer."""
        return task.prompt if task.is_raw_prompt else build_prompt(task)

    def solve(self, task: Task, target: str, *, epoch: int) -> Answer:
        """One answer of one target; repetitions carry their number, so that caches and recordings keep them apart."""
        request = Request(
            model=f"{self._pool}/{target}",
            messages=({"role": "user", "content": self.prompt(task)},),
            max_tokens=self._max_tokens,
            extra={self._epoch_key: epoch} if epoch or self._epoch_key != "seed" else {},
            kind=task.category,
            agent=AGENT,
            timeout_s=self._timeout_s,
        )
        started = self._clock()
        try:
            reply = self._router.complete(request)
        except ProviderError as exc:
            return _failed(exc)
        return _answered(reply, self._clock() - started)


def build_prompt(task: Task) -> str:
    """Prompt of a task: what to do, the files as they are, and the form of the answer."""
    parts = [task.prompt]
    parts += [f"{path}\n```\n{text.rstrip()}\n```" for path, text in task.files.items()]
    if task.scorer.kind == "tests":
        parts.append(_answer_rule(task))
    return "\n\n".join(parts)


def _answer_rule(task: Task) -> str:
    if len(task.editable) == 1 and "*" not in task.editable[0]:
        return _RULES["one"].format(path=task.editable[0])
    return _RULES["many"].format(paths=", ".join(task.editable))


def _answered(reply: Reply, seconds: float) -> Answer:
    recorded = reply.extra.get("recorded_latency_s")
    return Answer(
        text=reply.text,
        # A replayed answer brings the time it took when it was recorded.
        latency_s=float(recorded) if isinstance(recorded, int | float) else seconds,
        usage=reply.usage,
        cost_usd=reply.cost_usd,
        model=reply.model,
        record_id=reply.record_id or None,
        finish_reason=reply.finish_reason,
        verdict="refused" if reply.refusal and not reply.text else None,
    )


def _failed(error: ProviderError) -> Answer:
    record = error.record if isinstance(error, AllAttemptsFailedError) else None
    last = error.last if isinstance(error, AllAttemptsFailedError) else error
    is_unsent = isinstance(error, NoCandidateError)
    return Answer(
        text=None,
        cost_usd=0.0 if is_unsent else record.cost_usd if record else None,
        record_id=record.id if record else None,
        error=" ".join(str(last).split())[:300],
        error_code=last.code,
        verdict="infra_provider" if is_unsent else _ERROR_VERDICTS.get(last.code, "infra_provider"),
        retry_after_s=error.retry_after_s,
    )
