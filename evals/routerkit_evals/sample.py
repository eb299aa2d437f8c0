"""One sample: a task answered once by a target, and what that was worth. The unit of record; never changed once written."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Final, cast

from routerkit import Json
from routerkit_evals.execution import Verdict

HARNESS: Final = "1"
"""Version of everything that shapes a prompt or a verdict; part of each sample's id, so a change of rules measures anew."""

INFRA: Final = frozenset({"infra_provider", "infra_sandbox", "skipped_no_sandbox", "invalid_task"})
"""Verdicts that say nothing about the model: never in a quality score, and tried again by the next run."""
_MINED: Final = "mine/"
"""How sources of mined tasks begin; the rest is the repository."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One answer and its grade."""

    sample_id: str
    """Hash of task version, target, model, epoch, prompt and harness: the same work has the same id."""
    run_id: str
    started_at: datetime
    """UTC."""
    task_id: str
    task_version: str
    source: str
    kind: str
    """Task kind."""
    cluster: str
    target: str
    model: str
    epoch: int
    """0-based repetition."""
    prompt_sha256: str
    harness: str
    verdict: Verdict
    why: str = ""
    """One line; empty for a pass."""
    latency_s: float | None = None
    """Wait for the whole answer; None when there was none."""
    input_tokens: int | None = None
    cached_input_tokens: int | None = None
    output_tokens: int | None = None
    usage_estimated: bool = False
    cost_usd: float | None = None
    """Failed attempts included; None = unknown."""
    price_version: str | None = None
    record_id: str | None = None
    """The routed call behind it."""
    finish_reason: str | None = None
    error_code: str | None = None
    tests_passed: int = 0
    tests_total: int = 0
    grade_s: float = 0.0
    sandbox: str = ""
    """Level of the sandbox; empty when nothing was run."""
    scorer: str = ""
    """What decided the verdict, as in the task."""
    language: str | None = None
    """Language of the code, as the router reads it off the prompt; None = none is seen, or stored before it was looked at."""
    answer: str | None = None
    """Text of the answer; stored once per text, and cut there at `records.MAX_OUTPUT_CHARS`."""

    @property
    def attempt_id(self) -> str:
        """Unique name of this attempt: the same sample tried again is another attempt."""
        return digest(self.sample_id, self.run_id, self.started_at.isoformat(), length=24)

    @property
    def counts(self) -> bool:
        """Whether it says something about the model."""
        return self.verdict not in INFRA

    @property
    def part(self) -> tuple[str | None, str | None]:
        """Language, and of mined tasks the repository: what scorecards tell apart within a kind."""
        is_mined = self.language is not None and self.source.startswith(_MINED)
        return self.language, self.source.removeprefix(_MINED) if is_mined else None

    @property
    def is_solved(self) -> bool:
        """Whether the answer was right."""
        return self.verdict == "pass"

    def row(self) -> Mapping[str, Json]:
        """As it is stored."""
        own = {
            "attempt_id": self.attempt_id,
            "started_at": self.started_at.replace(tzinfo=None).isoformat(),
            "answer": None,
            "output_sha256": None if self.answer is None else digest(self.answer, length=64),
            "output_chars": None if self.answer is None else len(self.answer),
        }
        return cast("Mapping[str, Json]", {**asdict(self), **own})  # every other field is JSON already


def digest(*parts: str, length: int = 16) -> str:
    """Short hash of texts, each kept apart from the next."""
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:length]
