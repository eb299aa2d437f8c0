"""Proving tasks without a model: the reference must pass, the starting state and an empty answer must not."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, Literal

from routerkit import Json
from routerkit_evals.grade import Grade, Grader
from routerkit_evals.task import Task

State = Literal["proven", "broken", "unproven"]
_GROUP: Final = re.compile(r"(?<!\\)\((?!\?)[^()]*\)")
_NOISE: Final = re.compile(r"\(\?:[^()]*\)[*?]|\[[^\]]*\][*?]|\\\W[*?]|`\?|\\s[*+?]?|\(\?[a-z]+\)|[\^$]|\\b|\\(?=[^\w])")
"""What a pattern may leave out of an answer: optional groups, classes and signs, space, flags, ends and escapes."""


@dataclass(frozen=True, slots=True)
class Proof:
    """What was found about one task."""

    task_id: str
    kind: str
    scorer: str
    state: State
    """`unproven`: it could not be tried here, which says nothing about the task."""
    why: str = ""
    """One line, unless proven."""
    seconds: float = 0.0
    """Wall time of the reference's tests."""

    def to_dict(self) -> dict[str, Json]:
        """JSON form."""
        return {
            "task": self.task_id,
            "kind": self.kind,
            "scorer": self.scorer,
            "state": self.state,
            "why": self.why,
            "seconds": round(self.seconds, 4),
        }


def verify(
    tasks: Sequence[Task],
    grader: Grader,
    *,
    workers: int = 2,
    times: int = 1,
    on_progress: Callable[[int, int, Proof], None] = lambda done, total, proof: None,
) -> tuple[Proof, ...]:
    """Try every task; proofs come in the order of the tasks.

    Args:
        tasks: What to prove.
        grader: Where tests run.
        workers: Tasks at a time.
        times: How often the reference must pass.
        on_progress: Called in the calling thread, with what is done, what there is, and the newest proof.
    """
    proofs = []
    with ThreadPoolExecutor(workers, thread_name_prefix="routerkit-verify") as pool:
        try:
            for proof in pool.map(lambda task: prove(task, grader, times=times), tasks):
                proofs.append(proof)
                on_progress(len(proofs), len(tasks), proof)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return tuple(proofs)


def prove(task: Task, grader: Grader, *, times: int = 1) -> Proof:
    """Try one task."""
    if why := _not_tried(task):
        return Proof(task.id, task.category, task.scorer.kind, "unproven", why)
    grades = [("pass", f"reference, run {number}", oracle(task, grader)) for number in range(1, times + 1)]
    grades += [("", name, grade) for name, grade in idle(task, grader)]
    seconds = grades[0][2].seconds
    for wanted, name, grade in grades:
        if not grade.counts:
            return Proof(task.id, task.category, task.scorer.kind, "unproven", f"{name}: {grade.verdict} {grade.why}", seconds)
        if (grade.verdict == "pass") != (wanted == "pass"):
            return Proof(task.id, task.category, task.scorer.kind, "broken", f"{name}: {grade.verdict} {grade.why}".strip(), seconds)
    return Proof(task.id, task.category, task.scorer.kind, "proven", seconds=seconds)


def _not_tried(task: Task) -> str:
    if not task.is_graded or task.scorer.kind == "rubric":
        return f"scorer {task.scorer.kind!r} needs a judge, not a sandbox"
    return "it brings no reference" if task.program is not None and not task.reference else ""


def oracle(task: Task, grader: Grader) -> Grade:
    """Grade the right answer."""
    if task.program is not None:
        return _files(task, grader, task.reference)
    grades = [grader.grade(task, text) for text in right_texts(task)]
    return next((grade for grade in grades if grade.verdict == "pass"), grades[0])


def idle(task: Task, grader: Grader) -> Iterator[tuple[str, Grade]]:
    """Grade what no work went into."""
    if task.program is not None:
        yield "the starting state", _files(task, grader, {})
    yield "an empty answer", grader.grade(task, "")


def _files(task: Task, grader: Grader, files: Mapping[str, str]) -> Grade:
    # Where more than the tests decides, the way of a whole answer has to be taken.
    return grader.grade_files(task, files) if task.scorer.kind == "tests" else grader.grade(task, as_answer(files))


def as_answer(files: Mapping[str, str]) -> str:
    """Files as a model would answer with them: each in a fenced block behind its path."""
    return "\n\n".join(f"{path}\n`````\n{text.rstrip()}\n`````" for path, text in files.items())


def right_texts(task: Task) -> list[str]:
    """Texts that say the right value in the form the task asks for: its pattern filled in, or the bare value."""
    values = task.answer if isinstance(task.answer, list) and task.scorer.kind == "int_in" else [task.answer]
    pattern = task.scorer.extract or ""
    forms = [_NOISE.sub("", _GROUP.sub("\0", pattern, count=1)), "\0"]
    return [form.replace("\0", str(value)) for value in values for form in forms]


def counted(proofs: Sequence[Proof]) -> dict[State, int]:
    """How many of each state."""
    found = Counter(proof.state for proof in proofs)
    return {"proven": found["proven"], "broken": found["broken"], "unproven": found["unproven"]}
