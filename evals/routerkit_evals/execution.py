"""What is run, within which limits, and how it ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

Verdict: TypeAlias = Literal[
    "pass",
    "fail",
    "format",
    "refused",
    "truncated",
    "timeout_model",
    "timeout_tests",
    "infra_provider",
    "infra_sandbox",
    "skipped_no_sandbox",
    "invalid_task",
]
"""How one sample ended. `pass` to `timeout_tests` say something about the model; the rest never enters a quality score."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one run may use. Memory is address space per process; the work folder's size is shared by all files of a run."""

    wall_s: float = 20.0
    cpu_s: int = 20
    memory_bytes: int = 1 << 30
    file_bytes: int = 32 << 20
    processes: int = 64
    open_files: int = 256
    output_bytes: int = 1 << 20
    collect_bytes: int = 4 << 20

    def rlimits(self) -> dict[str, int]:
        """By the names of `resource.RLIMIT_*`."""
        return {
            "CPU": self.cpu_s,
            "AS": self.memory_bytes,
            "FSIZE": self.file_bytes,
            "NPROC": self.processes,
            "NOFILE": self.open_files,
            "CORE": 0,
        }


@dataclass(frozen=True, slots=True)
class Program:
    """What to run: Python files one after the other in one namespace, or pytest."""

    kind: Literal["script", "pytest"]
    paths: tuple[str, ...]
    """Files of a script; arguments of pytest."""
    name: str = "__main__"
    """`__name__` a script sees."""
    untrusted: tuple[str, ...] = ()
    """Files an answer brought: an exit that comes out of them is not a success."""
    pythonpath: str = ""
    """Folder below the work folder that is importable as well."""


@dataclass(frozen=True, slots=True)
class RunReport:
    """What the runner in the sandbox said about the tests."""

    is_complete: bool
    passed: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    error: str = ""


@dataclass(frozen=True, slots=True)
class Execution:
    """How one run ended."""

    verdict_class: Literal["ran", "timeout_tests", "infra_sandbox"]
    exit_code: int | None = None
    """Negative = killed by that signal; None = cut off at the wall time. Never the basis of a verdict."""
    stdout: str = ""
    """Standard output and error together, cut at `Limits.output_bytes`."""
    report: RunReport | None = None
    """None when the run ended before its tests did."""
    seconds: float = 0.0
    collected: Mapping[str, str] = field(default_factory=dict)
    why: str = ""
    """One line about a broken sandbox."""
