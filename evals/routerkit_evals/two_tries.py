"""Two tries: a second answer after the failing output of the first, as far as it may be shown. Both are paid for and counted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

from routerkit_evals.extract import as_text, extract
from routerkit_evals.prompts import retry_prompt
from routerkit_evals.sandbox import Sandbox
from routerkit_evals.shown import check_shown
from routerkit_evals.solver import Answer, OneShot, plus
from routerkit_evals.task import Task

_OWN: Final = frozenset({"format", "truncated", "refused", "timeout_model", "fail"})
"""Ways a second try may end that are the model's own, and leave a usable first answer standing."""


@dataclass(frozen=True, slots=True)
class TwoTries:
    """Asks once more where shown tests fail, or where the answer could not be read.

    The second question holds the end of what the shown tests printed; nothing of the hidden ones, which do not run before grading.
    Without shown tests only an answer that is not valid code, or not in the agreed form, gets a second try.
    """

    once: OneShot
    sandbox: Sandbox | None = None
    """Where shown tests run; None = only form and syntax are looked at."""

    def prompt(self, task: Task) -> str:
        """Both questions; the second with a gap for what went wrong."""
        return f"{self.once.prompt(task)}\n\n{retry_prompt(task, self.once.answer_format, '...')}"

    def solve(self, task: Task, target: str, *, epoch: int) -> Answer:
        """The second answer where there is one, with the tokens, dollars and seconds of both."""
        question = {"role": "user", "content": self.once.prompt(task)}
        first = self.once.ask(task, target, (question,), epoch=epoch)
        if first.text is None or first.verdict is not None or not task.wants_files:
            return first
        read = self.once.read(task, first)
        files, evidence = self._look(task, read)
        if not evidence:
            return read
        said = {"role": "assistant", "content": first.text}
        again = {"role": "user", "content": retry_prompt(task, self.once.answer_format, evidence)}
        second = self.once.ask(task, target, (question, said, again), epoch=epoch)
        state = {**task.files, **files}
        done = _onto(files, self.once.read(task, second, files=state), task)
        if done.verdict in _OWN and files:
            done = replace(done, text=read.text, raw=read.raw, verdict=None, error="", error_code=None, finish_reason=read.finish_reason)
        return _both(first, done)

    def _look(self, task: Task, answer: Answer) -> tuple[Mapping[str, str], str]:
        """Files of an answer, and what may be said against it; empty when nothing."""
        if answer.verdict is not None:
            return {}, answer.error
        found = extract(answer.text or "", task.editable, preamble=task.preamble)
        if not found.is_ok:
            return {}, f"There is no usable file in the answer (it may write: {', '.join(task.editable)})."
        files = {path: task.preamble.get(path, "") + code for path, code in found.files.items()}
        shown = check_shown(self.sandbox, task, files)
        return found.files, "" if shown.is_ok else shown.output


def _onto(files: Mapping[str, str], second: Answer, task: Task) -> Answer:
    """The second answer laid over the first: a model that mends one of two files need not write the other again."""
    if second.text is None or second.verdict is not None or not files:
        return second
    found = extract(second.text, task.editable, preamble=task.preamble)
    if not found.is_ok:
        return replace(second, verdict="format", error="no usable file in the second answer")
    missing = {path: text for path, text in files.items() if path not in found.files}
    if not missing:
        return second
    return replace(second, text=as_text({**missing, **found.files}), raw=second.raw or second.text)


def _both(first: Answer, second: Answer) -> Answer:
    return replace(
        second,
        latency_s=_sum(first.latency_s, second.latency_s),
        usage=first.usage + second.usage if first.usage and second.usage else first.usage or second.usage,
        cost_usd=plus(first.cost_usd, second.cost_usd),
        n_calls=first.n_calls + second.n_calls,
    )


def _sum(one: float | None, other: float | None) -> float | None:
    return None if one is None and other is None else (one or 0.0) + (other or 0.0)
