"""Getting an answer to a task out of a target: one request, whole files or edits back. `make_solver` names the other ways."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol

from routerkit import AllAttemptsFailedError, Message, NoCandidateError, ProviderError, Reply, Request, Router, Usage
from routerkit_evals.errors import EvalError
from routerkit_evals.execution import Verdict
from routerkit_evals.extract import as_text
from routerkit_evals.patch import FORMATS, AnswerFormat, apply_edits
from routerkit_evals.prompts import build_prompt, only_path
from routerkit_evals.sandbox import Sandbox
from routerkit_evals.task import Task

AGENT: Final = "routerkit-eval"
"""Agent name of evaluation calls, so that spend and drift can tell them from real work."""
SOLVERS: Final = ("one-shot", "two-tries", "agent")
"""What `make_solver` knows."""
_ERROR_VERDICTS: Final[dict[str, Verdict]] = {
    "timeout": "timeout_model",
    "deadline": "timeout_model",
    "content_filter": "refused",
    "context_length": "fail",
    "empty_answer": "format",
}
"""Failures that are the model's own; every other one is the provider's and says nothing about quality."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back for one task."""

    text: str | None
    """What is graded; None when no answer came."""
    latency_s: float | None = None
    usage: Usage | None = None
    cost_usd: float | None = None
    """Of all calls; None = unknown."""
    model: str = ""
    record_id: str | None = None
    """The last routed call behind it."""
    finish_reason: str | None = None
    error: str = ""
    """One line, without secrets."""
    error_code: str | None = None
    verdict: Verdict | None = None
    """Set when there is nothing to grade."""
    retry_after_s: float | None = None
    """How long the provider asked us to stay away, in seconds; None when it did not say."""
    raw: str = ""
    """What the model wrote, where `text` was made of it; empty where they are the same."""
    n_calls: int = 1
    """Calls of the model behind it."""


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
        answer_format: AnswerFormat = "whole",
    ) -> None:
        """Prepare.

        Args:
            router: Where requests go.
            pool: Pool of the targets.
            timeout_s: Longest wait for one answer.
            max_tokens: Longest answer; a target with a small context window gets half of the window, so that a prompt fits, too.
            epoch_key: Body parameter that carries the number of a repetition; recordings call it `sample`.
            answer_format: Form of answers that are files.

        Raises:
            EvalError: no such format.
        """
        if answer_format not in FORMATS:
            raise EvalError(f"no answer format {answer_format!r}; known: {', '.join(FORMATS)}")
        self._router, self._pool = router, pool
        self._timeout_s, self._max_tokens, self._epoch_key = timeout_s, max_tokens, epoch_key
        self.answer_format: AnswerFormat = answer_format

    def prompt(self, task: Task) -> str:
        """The task's text, its files, and how to answer."""
        return task.prompt if task.is_raw_prompt else build_prompt(task, self.answer_format)

    def solve(self, task: Task, target: str, *, epoch: int) -> Answer:
        """One answer of one target; repetitions carry their number, so that caches and recordings keep them apart."""
        return self.read(task, self.ask(task, target, ({"role": "user", "content": self.prompt(task)},), epoch=epoch))

    def ask(self, task: Task, target: str, messages: Sequence[Message], *, epoch: int) -> Answer:
        """One call; the answer as the model wrote it."""
        request = Request(
            model=f"{self._pool}/{target}",
            messages=tuple(messages),
            max_tokens=self._longest(target),
            extra={self._epoch_key: epoch} if epoch or self._epoch_key != "seed" else {},
            kind=task.category,
            agent=AGENT,
            timeout_s=self._timeout_s,
        )
        started = time.monotonic()
        try:
            reply = self._router.complete(request)
        except ProviderError as exc:
            return failed(exc)
        return _answered(reply, time.monotonic() - started)

    def _longest(self, target: str) -> int:
        windows = {t.name: t.context_tokens for t in self._router.state.pools[self._pool].targets}
        window = windows.get(target)
        return self._max_tokens if window is None else min(self._max_tokens, window // 2)

    def read(self, task: Task, answer: Answer, *, files: Mapping[str, str] | None = None) -> Answer:
        """An answer that consists of edits, as the whole files they come to; edits that do not apply are a format failure.

        Args:
            task: What was asked.
            answer: As the model wrote it.
            files: State the edits start from; default: the task's.
        """
        is_edits = self.answer_format != "whole" and task.wants_files and not task.is_raw_prompt
        if not is_edits or answer.text is None or answer.verdict is not None:
            return answer
        done = apply_edits(answer.text, self.answer_format, task.files if files is None else files, path=only_path(task))
        if done.problem:
            is_cut = answer.finish_reason == "length"
            why = f"cut off at its length; {done.problem}" if is_cut else done.problem
            return replace(answer, verdict="truncated" if is_cut else "format", error=why)
        return replace(answer, text=as_text(done.files), raw=answer.text)


def make_solver(
    name: str,
    router: Router,
    pool: str,
    *,
    answer_format: AnswerFormat = "whole",
    timeout_s: float = 180.0,
    max_tokens: int = 4096,
    sandbox: Sandbox | None = None,
) -> Solver:
    """Solver by name.

    Args:
        name: `one-shot`, `two-tries` (a second try with what failed of the shown tests), or `agent` (a loop with tools).
        router: Where requests go.
        pool: Pool of the targets.
        answer_format: Form of answers that are files; an agent edits with its tools and has none.
        timeout_s: Longest wait for one answer; of an agent, for all its calls together.
        max_tokens: Longest answer of one call.
        sandbox: Where shown tests run; `one-shot` needs none.

    Raises:
        EvalError: unknown name or format, or the agent's libraries are not installed.
    """
    if name not in SOLVERS:
        raise EvalError(f"no solver {name!r}; known: {', '.join(SOLVERS)}")
    once = OneShot(router, pool, timeout_s=timeout_s, max_tokens=max_tokens, answer_format=answer_format)
    # The two are built on this module.
    if name == "two-tries":
        from routerkit_evals.two_tries import TwoTries

        return TwoTries(once, sandbox)
    if name == "agent":
        from routerkit_evals.agent_solver import AgentBounds, AgentSolver

        return AgentSolver(router, pool, sandbox, bounds=AgentBounds(timeout_s=timeout_s, max_tokens=max_tokens))
    return once


def plus(one: float | None, other: float | None) -> float | None:
    """Sum of two costs; unknown when one of them is."""
    return None if one is None or other is None else one + other


def failed(error: ProviderError) -> Answer:
    """The answer that a failed call is."""
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
