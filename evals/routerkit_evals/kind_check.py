"""How well the kind of a task is guessed from its prompt, as the router guesses it when nobody says."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from routerkit import Request, features
from routerkit.intervals import wilson
from routerkit_evals.prompts import build_prompt
from routerkit_evals.task import Task

UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class KindCheck:
    """A confusion matrix: how many tasks of each kind were taken for which."""

    taken_for: Mapping[tuple[str, str], int]
    """(kind, guess) → tasks; the guess may be `unknown`."""

    @property
    def n(self) -> int:
        """Tasks looked at."""
        return sum(self.taken_for.values())

    @property
    def n_right(self) -> int:
        """Tasks whose kind was guessed."""
        return sum(n for (kind, guess), n in self.taken_for.items() if kind == guess)

    @property
    def n_unknown(self) -> int:
        """Tasks of which the guesser said that it does not know."""
        return sum(n for (_, guess), n in self.taken_for.items() if guess == UNKNOWN)

    def to_dict(self) -> dict[str, object]:
        """JSON-ready form."""
        low, high = wilson(self.n_right, self.n)
        matrix: dict[str, dict[str, int]] = {}
        for (kind, guess), n in sorted(self.taken_for.items()):
            matrix.setdefault(kind, {})[guess] = n
        shares = {"accuracy": self.n_right / self.n if self.n else None, "low": low, "high": high}
        return {"n": self.n, "right": self.n_right, "unknown": self.n_unknown, **shares, "matrix": matrix}


def check_kinds(tasks: Iterable[Task], *, is_bare: bool = False) -> KindCheck:
    """Guess the kind of every task.

    Args:
        tasks: With their categories as the truth.
        is_bare: Show only the instruction, not the files and the form of the answer that a model is shown.
    """
    pairs = ((t.category, _guess(t.prompt if is_bare else build_prompt(t))) for t in tasks)
    return KindCheck(Counter(pairs))


def half_of(tasks: Sequence[Task], half: int) -> tuple[Task, ...]:
    """One of two fixed halves, by a hash of the id: 0 is what the guesser was developed on, 1 was kept for judging it."""
    return tuple(t for t in tasks if hashlib.sha256(t.id.encode()).digest()[0] % 2 == half)


def kind_table(check: KindCheck) -> str:
    """The matrix for a terminal: one line per kind, right ones first."""
    kinds = sorted({kind for kind, _ in check.taken_for})
    width = max(map(len, [*kinds, "kind"]), default=4)
    lines = [f"{'kind':{width}}  right    taken for"]
    for kind in kinds:
        row = {guess: n for (k, guess), n in check.taken_for.items() if k == kind}
        wrong = ", ".join(f"{guess} {n}" for guess, n in sorted(row.items(), key=lambda p: (-p[1], p[0])) if guess != kind)
        lines.append(f"{kind:{width}}  {f'{row.get(kind, 0)}/{sum(row.values())}':7}  {wrong or '-'}")
    low, high = wilson(check.n_right, check.n)
    share = check.n_right / check.n if check.n else 0.0
    total = f"{check.n_right} of {check.n} right, {share:.3f} [{low:.3f}, {high:.3f}]; {check.n_unknown} said to be unknown"
    return "\n".join([*lines, total])


def _guess(prompt: str) -> str:
    return features(Request("", ({"role": "user", "content": prompt},))).kind or UNKNOWN
