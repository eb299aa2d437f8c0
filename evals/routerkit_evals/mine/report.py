"""What mining came to: how many tasks, and why the others were lost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from routerkit import Json
from routerkit_evals.mine.candidate import Mode
from routerkit_evals.mine.mining import Haul

_SEEN: Final[Mapping[Mode, str]] = {"history": "commits", "reverse": "commits", "mutants": "mutants", "tests": "sources"}
_WHY_STOPPED: Final = {
    "": "",
    "max": "stopped at --max",
    "environment": "stopped: the last candidates do not run in this environment, so older ones will not either",
    "interrupt": "interrupted; run the same command again to resume",
}


@dataclass(frozen=True, slots=True)
class Report:
    """One run of the command."""

    repository: str
    out: Path
    python: str
    """Interpreter or environment, as it was named."""
    seconds: float
    hauls: Sequence[Haul]
    n_written: int
    """Tasks in the file, earlier ones of other modes included."""

    def to_dict(self) -> dict[str, Json]:
        """JSON form."""
        return {
            "repository": self.repository,
            "out": str(self.out),
            "python": self.python,
            "seconds": round(self.seconds, 1),
            "n_tasks": self.n_written,
            "modes": [_as_dict(haul) for haul in self.hauls],
        }

    def lines(self) -> list[str]:
        """For people."""
        return [
            *(line for haul in self.hauls for line in _lines(haul)),
            f"{self.n_written} tasks in {self.out} after {self.seconds:.0f} s",
        ]


def _as_dict(haul: Haul) -> dict[str, Json]:
    return {
        "mode": haul.mode,
        "n_seen": haul.n_seen,
        "n_candidates": haul.n_candidates,
        "n_tasks": len(haul.tasks),
        "kinds": dict(_kinds(haul)),
        "set_aside": dict(haul.set_aside.most_common()),
        "lost": dict(haul.lost.most_common()),
        "stopped_by": haul.stopped_by,
        "losses": [{"candidate": name, "reason": loss.reason, "detail": loss.detail} for name, loss in haul.losses],
    }


def _kinds(haul: Haul) -> Counter[str]:
    return Counter(str(task["category"]) for task in haul.tasks)


def _lines(haul: Haul) -> list[str]:
    kinds = ", ".join(f"{kind} {n}" for kind, n in _kinds(haul).most_common())
    return [
        f"{haul.mode}: {haul.n_seen} {_SEEN[haul.mode]} seen, {haul.n_candidates} candidates run, {len(haul.tasks)} tasks"
        + (f" ({kinds})" if kinds else ""),
        *_table("set aside", haul.set_aside),
        *_table("lost", haul.lost),
        *([f"  {_WHY_STOPPED[haul.stopped_by]}"] if haul.stopped_by else []),
    ]


def _table(name: str, counts: Counter[str]) -> list[str]:
    return [f"  {name:9}  {n:5}  {reason}" for reason, n in counts.most_common()]
