"""Checks on tasks before any model is asked: the reference must pass and doing nothing must not. Known tasks are not checked again."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, cast

from routerkit import Json
from routerkit.store import SegmentWriter, StreamSchema, query
from routerkit_evals.grade import Grade, Grader
from routerkit_evals.sample import HARNESS, digest
from routerkit_evals.task import Task
from routerkit_evals.verify import idle, oracle

BASELINES: Final = StreamSchema(
    name="baselines",
    table="baselines",
    key="proof_id",
    columns={
        "proof_id": "VARCHAR",
        "checked_at": "TIMESTAMP",
        "task_id": "VARCHAR",
        "task_version": "VARCHAR",
        "oracle": "VARCHAR",
        "empty": "VARCHAR",
        "sandbox": "VARCHAR",
        "why": "VARCHAR",
    },
)
"""Table `baselines`: one row per checked task."""
_WHOLE: Final = " AND ".join(f"{name} IS NOT NULL" for name in ("task_id", "task_version", "oracle", "empty"))
"""What a damaged row lacks; the task is checked again."""
_KNOWN: Final = f"SELECT {', '.join(BASELINES.columns)} FROM baselines WHERE list_contains(?, proof_id) AND {_WHOLE} ORDER BY checked_at"  # noqa: S608  column names are ours


@dataclass(frozen=True, slots=True)
class Proof:
    """What a task's reference and an empty answer came to."""

    proof_id: str
    """Hash of task, reference and harness."""
    checked_at: str
    """UTC, ISO format without offset."""
    task_id: str
    task_version: str
    oracle: str
    """Verdict of the reference; empty when the task brings none."""
    empty: str
    """Verdict of an answer that changes nothing."""
    sandbox: str = ""
    why: str = ""
    """One line when the task is invalid."""

    @property
    def is_valid(self) -> bool:
        """Whether the task may be scored."""
        return self.oracle in {"", "pass"} and self.empty != "pass"


def prove(
    tasks: Sequence[Task],
    grader: Grader,
    folder: Path,
    *,
    python: str = "",
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> dict[str, Proof]:
    """Proof of each task by id, made where the folder holds none. A broken sandbox proves nothing; such tasks are left out.

    Args:
        tasks: Tasks with a grader.
        grader: Where references run.
        folder: Store that remembers proofs.
        python: Interpreter the references run on, where it is not ours: what fails on one may pass on another.
        on_progress: Called with checked and all tasks that had to be checked.
    """
    ids = {proof_id(task, python): task for task in tasks}
    proofs = {p.proof_id: p for p in known_proofs(tasks, folder, python=python)}
    todo = {key: task for key, task in ids.items() if key not in proofs}
    if todo:
        writer: SegmentWriter[Proof] = SegmentWriter(folder, BASELINES.name, to_row=lambda p: cast("Mapping[str, Json]", asdict(p)))
        try:
            for done, (key, task) in enumerate(todo.items(), 1):
                proof = _prove(key, task, grader)
                if proof is not None:
                    proofs[proof.proof_id] = proof
                    writer.append(proof)
                on_progress(done, len(todo))
        finally:
            writer.close()
    return {proof.task_id: proof for proof in proofs.values()}


def known_proofs(tasks: Sequence[Task], folder: Path, *, python: str = "") -> list[Proof]:
    """Proofs that the folder holds of these tasks; see `prove`."""
    ids = [proof_id(task, python) for task in tasks]
    rows = query(folder, _KNOWN, [ids], schemas=(BASELINES,)).as_dicts()
    return [Proof(**{**row, "checked_at": str(row["checked_at"]).replace(" ", "T")}) for row in rows]  # type: ignore[arg-type]  # the schema gives each its type


def summed_up(invalid: Sequence[Proof]) -> str:
    """How many tasks are invalid for which reason, with one task each, in one line."""
    by_reason: dict[str, list[str]] = {}
    for proof in invalid:
        by_reason.setdefault(proof.why.partition(":")[0], []).append(proof.task_id)
    return "; ".join(f"{len(ids)} invalid because {reason} (e.g. {ids[0]})" for reason, ids in by_reason.items())


def proof_id(task: Task, python: str = "") -> str:
    """Identity of a proof; the reference is part of it, though no answer depends on it."""
    return digest(task.version, json.dumps(dict(task.reference), sort_keys=True), HARNESS, *([python] if python else []))


def _prove(key: str, task: Task, grader: Grader) -> Proof | None:
    if task.scorer.kind == "rubric":
        return None  # its judge is a model too, and is calibrated instead
    reference = _oracle(task, grader)
    if reference is not None and reference.verdict not in {"pass", "infra_sandbox"}:
        reference = _oracle(task, grader)  # once more: a stalled machine must not cost a good task
    doing_nothing = [grade for _, grade in idle(task, grader)]
    if not all(grade.counts for grade in (*doing_nothing, *([reference] if reference else []))):
        return None
    empty = "pass" if any(grade.verdict == "pass" for grade in doing_nothing) else doing_nothing[0].verdict
    why = "an answer that changes nothing passes" if empty == "pass" else ""
    if reference is not None and reference.verdict != "pass":
        why = f"its own reference is judged {reference.verdict}: {reference.why}"
    sandbox = (reference or doing_nothing[0]).sandbox
    at = datetime.now(UTC).replace(tzinfo=None).isoformat()
    return Proof(key, at, task.id, task.version, reference.verdict if reference else "", empty, sandbox, why)


def _oracle(task: Task, grader: Grader) -> Grade | None:
    """Grade of the right answer; None where the task does not bring one that could be tried."""
    if task.program is not None:
        return oracle(task, grader) if task.reference else None
    grade = oracle(task, grader)
    # The text is guessed from the task's pattern; when it does not pass, the guess may be what is wrong.
    return grade if grade.verdict == "pass" else None
