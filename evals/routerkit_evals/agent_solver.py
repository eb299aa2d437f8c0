"""Answers by an agent: a loop in which the model lists, reads and edits the task's files and runs the shown tests. Needs LangChain."""

from __future__ import annotations

import importlib.util
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from routerkit import Router
from routerkit_evals.errors import EvalError
from routerkit_evals.extract import as_text
from routerkit_evals.prompts import build_prompt
from routerkit_evals.sandbox import Sandbox
from routerkit_evals.solver import Answer, failed
from routerkit_evals.task import Task
from routerkit_evals.workspace import Workspace

if TYPE_CHECKING:
    from routerkit_evals.agent_loop import Outcome

_INSTALL: Final = "pip install 'routerkit[evals,langchain]'"
SYSTEM: Final = (
    "You change a small program with tools: list_files, read_file, edit_file, run_tests. Work in small steps, run the tests after your "
    "changes, and stop when you are done. Only files you edit with edit_file count; text you write does not."
)
_TASK: Final = "{prompt}\n\nYou may change or add: {paths}."


@dataclass(frozen=True, slots=True)
class AgentBounds:
    """What ends the loop; whatever was edited by then is graded."""

    max_steps: int = 20
    """Calls of the model."""
    max_total_tokens: int = 200_000
    """Input and output of all calls; checked before each, so the last one may go beyond it by itself."""
    timeout_s: float = 180.0
    """Seconds for the whole loop; a call gets what is left."""
    max_tokens: int = 4096
    """Longest answer of one call."""


class AgentSolver:
    """Runs LangChain's agent loop on `ChatRouter`, pinned to one target. Tests run in the sandbox, edits stay in memory."""

    def __init__(self, router: Router, pool: str, sandbox: Sandbox | None = None, *, bounds: AgentBounds | None = None) -> None:
        """Prepare.

        Args:
            router: Where requests go.
            pool: Pool of the targets.
            sandbox: Where shown tests run; None = the tool only looks at syntax.
            bounds: Where the loop ends.

        Raises:
            EvalError: LangChain is not installed.
        """
        for package in ("langchain", "langchain_core"):
            if importlib.util.find_spec(package) is None:
                raise EvalError(f"the agent solver needs the package {package!r}; {_INSTALL}")
        self._router, self._pool, self._sandbox = router, pool, sandbox
        self._bounds = bounds or AgentBounds()

    def prompt(self, task: Task) -> str:
        """What the agent is told, and where it ends."""
        bounds = f"steps {self._bounds.max_steps}, tokens {self._bounds.max_total_tokens}"
        return f"{SYSTEM}\n\n{self._question(task)}\n\n[{bounds}]"

    def solve(self, task: Task, target: str, *, epoch: int) -> Answer:
        """The files the agent leaves; for a question without files, its last words. Costs of all calls count, failed ones included."""
        # A second of imports that only this solver should cost.
        from routerkit_evals.agent_loop import run_agent

        space = Workspace(task, self._sandbox)
        started = time.monotonic()
        name = f"{self._pool}/{target}"
        outcome = run_agent(self._router, name, task, space, question=self._question(task), bounds=self._bounds, epoch=epoch)
        return _answer(task, space, outcome, time.monotonic() - started)

    def _question(self, task: Task) -> str:
        if not task.wants_files:
            return build_prompt(task)
        return _TASK.format(prompt=task.prompt, paths=", ".join(task.editable))


def _answer(task: Task, space: Workspace, outcome: Outcome, seconds: float) -> Answer:
    base = Answer(
        text=None,
        latency_s=seconds,
        usage=outcome.usage,
        cost_usd=outcome.cost_usd,
        model=outcome.model,
        record_id=outcome.record_id,
        finish_reason=outcome.stopped_by or "stop",
        raw=outcome.transcript,
        n_calls=outcome.n_calls,
    )
    changed = space.changed if task.wants_files else {}
    if outcome.error is not None:
        broken = failed(outcome.error)
        # A model that ran out of time or window after it had edited something is graded by what it edited.
        if broken.verdict == "infra_provider" or not changed:
            facts = replace(broken, usage=base.usage, cost_usd=base.cost_usd, n_calls=base.n_calls)
            return replace(facts, latency_s=seconds, model=base.model, raw=base.raw)
    if not task.wants_files:
        return replace(base, text=outcome.last_text)
    if changed:
        return replace(base, text=as_text(changed))
    why = f"the agent changed no file and stopped ({outcome.stopped_by or 'by itself'})"
    return replace(base, text="", verdict="timeout_model" if outcome.stopped_by == "time" else "format", error=why)
