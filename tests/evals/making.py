"""Small tasks and samples for tests."""

from __future__ import annotations

from datetime import UTC, datetime

from routerkit_evals import Program, Sample, Task
from routerkit_evals.task import Scorer


def make_task(name: str, *, kind: str = "synthesize") -> Task:
    """Write a function that adds two numbers."""
    return Task(
        id=f"test/{name}",
        category=kind,
        prompt=f"Write {name}.",
        scorer=Scorer("tests", must_print="(?m)^ok$"),
        program=Program("script", ("check.py",)),
        files={"solution.py": "def add(a, b):\n    ...\n"},
        editable=("solution.py",),
        tests={"check.py": "from solution import add\nassert add(2, 3) == 5\nprint('ok')\n"},
        timeout_s=10.0,
        cluster=f"test/{name}",
    )


def make_value_task(name: str, *, kind: str = "bug_fix", prompt: str = "Which line is wrong? Answer LINE n.") -> Task:
    """Task whose answer is a number in the text; runs nothing."""
    return Task(id=f"test/{name}", category=kind, prompt=prompt, scorer=Scorer("int_in", extract=r"LINE (\d+)"), answer=[7], source="test")


def make_sample(task: str = "t", *, target: str = "mini", verdict: str = "pass", cost_usd: float | None = 0.01, **more: object) -> Sample:
    """Sample of one task."""
    facts = {
        "sample_id": f"{target}-{task}-{more.get('epoch', 0)}",
        "run_id": "run",
        "started_at": datetime(2026, 11, 1, tzinfo=UTC),
        "task_version": "v",
        "source": "own",
        "kind": "bug_fix",
        "cluster": task,
        "model": f"{target}-1",
        "epoch": 0,
        "prompt_sha256": "0",
        "harness": "1",
        "latency_s": 2.0,
        "output_tokens": 100,
        "sandbox": "bwrap",
    }
    return Sample(task_id=task, target=target, verdict=verdict, cost_usd=cost_usd, **{**facts, **more})  # type: ignore[arg-type]
