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
_KNOWN: Final = f"SELECT {', '.join(BASELINES.columns)} FROM baselines WHERE list_contains(?, proof_id) ORDER BY checked_at"  # noqa: S608  column names are ours


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
    tasks: Sequence[Task], grader: Grader, folder: Path, *, on_progress: Callable[[int, int], None] = lambda done, total: None
) -> dict[str, Proof]:
    """Proof of each task by id, made where the folder holds none. A broken sandbox proves nothing; such tasks are left out.

    Args:
        tasks: Tasks with a grader.
        grader: Where references run.
        folder: Store that remembers proofs.
        on_progress: Called with checked and all tasks that had to be checked.
    """
    ids = {proof_id(task): task for task in tasks}
    proofs = {p.proof_id: p for p in _known(folder, list(ids))}
    todo = [task for key, task in ids.items() if key not in proofs]
    if todo:
        writer: SegmentWriter[Proof] = SegmentWriter(folder, BASELINES.name, to_row=lambda p: cast("Mapping[str, Json]", asdict(p)))
        try:
            for done, task in enumerate(todo, 1):
                proof = _prove(task, grader)
                if proof is not None:
                    proofs[proof.proof_id] = proof
                    writer.append(proof)
                on_progress(done, len(todo))
        finally:
            writer.close()
    return {proof.task_id: proof for proof in proofs.values()}


def proof_id(task: Task) -> str:
    """Identity of a proof; the reference is part of it, though no answer depends on it."""
    return digest(task.version, json.dumps(dict(task.reference), sort_keys=True), HARNESS)


def _known(folder: Path, ids: list[str]) -> list[Proof]:
    rows = query(folder, _KNOWN, [ids], schemas=(BASELINES,)).as_dicts()
    return [Proof(**{**row, "checked_at": str(row["checked_at"])}) for row in rows]  # type: ignore[arg-type]  # the schema gives each its type


def _prove(task: Task, grader: Grader) -> Proof | None:
    oracle = _oracle(task, grader)
    if oracle is not None and oracle.verdict not in {"pass", "infra_sandbox"}:
        oracle = _oracle(task, grader)  # once more: a stalled machine must not cost a good task
    empty = _empty(task, grader)
    if (oracle is not None and not oracle.counts) or not empty.counts:
        return None
    why = "an answer that changes nothing passes" if empty.verdict == "pass" else ""
    if oracle is not None and oracle.verdict != "pass":
        why = f"its own reference is judged {oracle.verdict}: {oracle.why}"
    verdict, sandbox = (oracle.verdict, oracle.sandbox) if oracle else ("", empty.sandbox)
    at = datetime.now(UTC).replace(tzinfo=None).isoformat()
    return Proof(proof_id(task), at, task.id, task.version, verdict, empty.verdict, sandbox, why)


def _oracle(task: Task, grader: Grader) -> Grade | None:
    if not task.reference:
        return None
    return grader.grade_files(task, task.reference) if task.scorer.kind == "tests" else grader.grade(task, as_answer(task.reference))


def _empty(task: Task, grader: Grader) -> Grade:
    return grader.grade_files(task, {}) if task.scorer.kind == "tests" else grader.grade(task, "")


def as_answer(files: Mapping[str, str]) -> str:
    """Files as a model would answer with them: each in a fenced block behind its path."""
    return "\n\n".join(f"{path}\n`````\n{text.rstrip()}\n`````" for path, text in files.items())
