"""A policy's checks, applied to answers that are stored."""

from __future__ import annotations

from collections.abc import Mapping

from routerkit import ProviderError, Reply, Request, Router
from routerkit.joint import verifier_name
from routerkit.judge import Judge, same_model
from routerkit.verifier import Verdict, Verifier, verdict_of
from routerkit_evals.errors import EvalError
from routerkit_evals.sample import Sample

_TIMEOUT_S = 120.0
_AGENT = "routerkit-eval-verifier"


class Checker:
    """All checks of one policy; an answer is accepted when all accept it, as in a call."""

    def __init__(self, router: Router, policy: str, prompts: Mapping[str, str]) -> None:
        """Find the checks.

        Args:
            router: Holds the policy and the checks.
            policy: Its name.
            prompts: Questions by task id; a judge needs them.

        Raises:
            EvalError: no such policy, it names no checks, or a judge lacks the questions.
        """
        state = router.state
        names = state.policies[policy].settings.verify if policy in state.policies else ()
        if not names:
            known = ", ".join(n for n, p in state.policies.items() if p.settings.verify) or "none"
            raise EvalError(f"policy {policy!r} names no checks; policies with verify: {known}")
        self.name = verifier_name(names)
        self._checks = sorted((state.verifiers[name] for name in names), key=lambda check: isinstance(check, Judge))
        self._router, self._prompts = router, prompts
        if any(isinstance(check, Judge) for check in self._checks) and not prompts:
            raise EvalError(f"policy {policy!r} asks a judge, who must see the questions; name their source with --tasks")

    def look(self, sample: Sample) -> Verdict:
        """What the checks say about one stored answer, and what that cost."""
        question = {"role": "user", "content": self._prompts.get(sample.task_id, sample.task_id)}
        request = Request(sample.target, (question,), kind=sample.kind, agent=_AGENT, timeout_s=_TIMEOUT_S)
        reply = Reply(sample.answer or "", finish_reason=sample.finish_reason or "stop", model=sample.model, target=sample.target)
        total: float | None = 0.0
        verdict = Verdict.unable("there is no check")
        for check in self._checks:
            verdict = self._one(check, request, reply)
            total = None if total is None or verdict.cost_usd is None else total + verdict.cost_usd
            if not verdict.accepted:
                break
        return Verdict(verdict.accepted, verdict.evidence, total)

    def _one(self, check: Verifier | Judge, request: Request, reply: Reply) -> Verdict:
        if not isinstance(check, Judge):
            return verdict_of(check, request, reply)
        if any(same_model(t.model, reply.model) for t in self._router.targets(check.model)):
            return Verdict.unable("the judge may be the model itself")
        try:
            opinion = self._router.complete(check.question(request, reply))
        except ProviderError as exc:
            return Verdict.unable(f"the judge failed: {exc}")
        verdict = check.read(opinion)
        return Verdict(verdict.accepted, verdict.evidence, opinion.cost_usd)
