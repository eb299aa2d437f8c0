"""A model as a judge of answers in words. Never of itself, and only after it has been measured on answers known to be right or wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from routerkit import ProviderError, Request, Router, Target
from routerkit.judge import same_model
from routerkit_evals.calibration import Calibration, read_calibration
from routerkit_evals.errors import EvalError
from routerkit_evals.rubric import RUBRIC, Opinion, question, read_opinion
from routerkit_evals.sample import digest
from routerkit_evals.solver import failed, plus
from routerkit_evals.task import Example, Task
from routerkit_evals.verdict import Grade

_ASKS: Final = 2
"""Replies asked for before one that cannot be read is given up."""
_AGENT: Final = "routerkit-eval-judge"


@dataclass(frozen=True, slots=True)
class Asked:
    """One opinion, and what it took to get it."""

    opinion: Opinion | None
    """None when the judge did not answer, or nothing that can be read."""
    cost_usd: float | None = 0.0
    why: str = ""


@dataclass(frozen=True, slots=True)
class Judge:
    """Grades rubrics by asking one target, pinned like the targets that are measured."""

    router: Router
    pool: str
    target: Target
    timeout_s: float = 120.0
    """Longest wait for one reply, in seconds."""
    max_tokens: int = 1024
    """Longest reply; models that reason need more."""
    calibration: Calibration | None = None
    """How it was measured; None = it was not."""

    def grade(self, task: Task, text: str) -> Grade:
        """Points made of all points; a pass when enough are made and nothing false is claimed."""
        if not text.strip():
            return Grade("format", "the answer is empty")
        asked = self.ask(task, text)
        if asked.opinion is None:
            return Grade("infra_provider", f"judge {self.target.name}: {asked.why}", cost_usd=asked.cost_usd)
        points = asked.opinion.points
        n_made = sum(points)
        if asked.opinion.is_right(task.scorer.threshold):
            return Grade("pass", "", n_made, len(points), cost_usd=asked.cost_usd)
        missed = [point for point, is_made in zip(task.scorer.points, points, strict=True) if not is_made]
        why = "; ".join([*(["claims something false"] if asked.opinion.has_false_claim else []), *(f"misses: {m}" for m in missed)])
        return Grade("fail", f"judge {self.target.name}: {why}"[:300], n_made, len(points), cost_usd=asked.cost_usd)

    def ask(self, task: Task, text: str, *, epoch: int = 0) -> Asked:
        """One opinion; a reply that cannot be read is asked for once more, and both are paid for."""
        cost_usd: float | None = 0.0
        for n in range(_ASKS):
            seed = epoch * _ASKS + n
            try:
                reply = self.router.complete(self._request(task, text, seed))
            except ProviderError as exc:
                answer = failed(exc)
                return Asked(None, plus(cost_usd, answer.cost_usd), answer.error)
            cost_usd = plus(cost_usd, reply.cost_usd)
            opinion = read_opinion(reply.text, len(task.scorer.points))
            if opinion is not None:
                return Asked(opinion, cost_usd)
        return Asked(None, cost_usd, "its reply cannot be read")

    def _request(self, task: Task, text: str, seed: int) -> Request:
        return Request(
            model=f"{self.pool}/{self.target.name}",
            messages=({"role": "user", "content": question(task, text)},),
            temperature=0.0,
            max_tokens=self.max_tokens,
            extra={"seed": seed} if seed else {},
            kind="review",
            agent=_AGENT,
            timeout_s=self.timeout_s,
        )


def open_judge(router: Router, name: str, *, measured: Iterable[Target], folder: Path, is_uncalibrated_ok: bool = False) -> Judge:
    """Judge for a run.

    Args:
        router: Where its requests go.
        name: Pool and target, as `pool/target`.
        measured: Targets whose answers it will judge.
        folder: Store that remembers calibrations.
        is_uncalibrated_ok: Take a judge that was never measured, or did badly.

    Raises:
        EvalError: no such target, it would judge its own model, or it is not calibrated.
    """
    judge = find_judge(router, name)
    for target in measured:
        if same_model(judge.target.model, target.model):
            raise EvalError(
                f"judge {name!r} would judge itself: target {target.name!r} is the same model, {target.model!r}; choose another judge"
            )
    calibration = read_calibration(folder, judge.target.model, RUBRIC)
    problem = "was never measured" if calibration is None else calibration.problem
    if problem and not is_uncalibrated_ok:
        raise EvalError(f"judge {name!r} {problem}; run `routerkit eval judge {name}` or choose another (--uncalibrated-judge overrides)")
    return Judge(router, judge.pool, judge.target, calibration=calibration)


def find_judge(router: Router, name: str) -> Judge:
    """Judge by `pool/target`, measured or not.

    Raises:
        EvalError: no such target.
    """
    pool_name, _, target_name = name.partition("/")
    pool = router.state.pools.get(pool_name)
    target = pool.target(target_name) if pool else None
    if target is None:
        known = [f"{p.name}/{t.name}" for p in router.state.pools.values() for t in p.targets]
        raise EvalError(f"no judge {name!r}; it must be POOL/TARGET, one of {', '.join(known)}")
    return Judge(router, pool_name, target)


def calibrate(
    judge: Judge, tasks: Sequence[Task], *, repeats: int = 2, on_progress: Callable[[int, int], None] = lambda done, total: None
) -> Calibration:
    """Measure a judge on the right and wrong answers that tasks bring.

    Args:
        judge: Who is measured.
        tasks: Tasks with examples; others are left out.
        repeats: Opinions per answer. The first decides; the others show whether the judge agrees with itself.
        on_progress: Called with answers judged and all answers.

    Raises:
        EvalError: no task brings an example, or the judge's provider fails.
    """
    cases = [(task, example) for task in tasks if task.needs_judge for example in task.examples]
    if not cases:
        raise EvalError("no task brings answers known to be right or wrong (judge_calibration), so no judge can be measured on them")
    results = []
    for done, (task, example) in enumerate(cases, 1):
        results.append((example, [_verdict(judge, task, example, epoch) for epoch in range(repeats)]))
        on_progress(done, len(cases))
    costs = [cost for _, verdicts in results for _, cost in verdicts]
    first = [(example.is_right, verdicts[0][0]) for example, verdicts in results]
    return Calibration(
        calibrated_at=datetime.now(UTC).replace(tzinfo=None).isoformat(),
        target=judge.target.name,
        model=judge.target.model,
        rubric=RUBRIC,
        examples_sha256=digest(*(f"{t.id}\n{e.answer}\n{e.is_right}" for t, e in cases)),
        n_right=sum(is_right for is_right, _ in first),
        n_right_accepted=sum(is_right and said is True for is_right, said in first),
        n_wrong=sum(not is_right for is_right, _ in first),
        n_wrong_rejected=sum(not is_right and said is False for is_right, said in first),
        n_unread=sum(said is None for _, said in first),
        n_repeated=len(results) if repeats > 1 else 0,
        n_same=sum(len({said for said, _ in verdicts}) == 1 for _, verdicts in results) if repeats > 1 else 0,
        cost_usd=None if None in costs else sum(cost or 0.0 for cost in costs),
    )


def _verdict(judge: Judge, task: Task, example: Example, epoch: int) -> tuple[bool | None, float | None]:
    """Whether the judge takes an answer for right, and the cost; None when its reply cannot be read, which is not a verdict."""
    asked = judge.ask(task, example.answer, epoch=epoch)
    if asked.opinion is not None:
        return asked.opinion.is_right(task.scorer.threshold), asked.cost_usd
    if asked.why != "its reply cannot be read":
        raise EvalError(f"judge {judge.target.name!r} did not answer: {asked.why}; nothing was stored, run it again")
    return None, asked.cost_usd
