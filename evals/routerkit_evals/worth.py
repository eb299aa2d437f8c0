"""What an answer was worth in dollars, by task and target: the currency in which targets race."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from routerkit_evals.errors import EvalError
from routerkit_evals.sample import Sample


@dataclass(frozen=True, slots=True)
class Worth:
    """`value_usd` · solved - cost - `usd_per_second` · seconds. The defaults are those of the policy `bang_for_buck`."""

    value_usd: float = 0.5
    """What a solved task is worth, in dollars; above 0."""
    usd_per_second: float = 0.0005
    """What a second of waiting costs, in dollars."""

    def __post_init__(self) -> None:
        if not (0.0 < self.value_usd < math.inf and 0.0 <= self.usd_per_second < math.inf):
            raise EvalError(f"value_usd {self.value_usd:g} must be above 0, usd_per_second {self.usd_per_second:g} from 0 up")

    def of(self, sample: Sample) -> float | None:
        """Worth of one answer in dollars; None where it says nothing about the model, or its cost is unknown."""
        if not sample.counts or sample.cost_usd is None:
            return None
        return self.value_usd * sample.is_solved - sample.cost_usd - self.usd_per_second * (sample.latency_s or 0.0)


class Book:
    """Worth of every answer seen so far, by target and task."""

    def __init__(self, worth: Worth) -> None:
        self.worth = worth
        self._answers: defaultdict[tuple[str, str], dict[str, float]] = defaultdict(dict)
        self._means: defaultdict[str, dict[str, float]] = defaultdict(dict)
        self._clusters: dict[str, str] = {}

    def learn(self, samples: Iterable[Sample]) -> None:
        """Enter samples; one that was entered before is replaced."""
        for sample in samples:
            usd = self.worth.of(sample)
            if usd is None:
                continue
            answers = self._answers[sample.target, sample.task_version]
            answers[sample.sample_id] = usd
            self._means[sample.target][sample.task_version] = sum(answers.values()) / len(answers)
            self._clusters[sample.task_version] = sample.cluster or sample.task_version

    def n_tasks(self, target: str) -> int:
        """Tasks that a target answered at a known cost."""
        return len(self._means[target])

    def shared(self, targets: Sequence[str]) -> dict[str, float]:
        """Mean worth of each target on the tasks that all of them answered, in dollars; empty when there is no such task."""
        common = set.intersection(*(set(self._means[t]) for t in targets)) if targets else set()
        return {t: sum(self._means[t][task] for task in common) / len(common) for t in targets} if common else {}

    def differences(self, a: str, b: str) -> list[float]:
        """`a` less `b` in dollars, one value per cluster of tasks that both answered: tasks of one are not independent evidence."""
        first, second = self._means[a], self._means[b]
        groups: defaultdict[str, list[float]] = defaultdict(list)
        for task in first.keys() & second.keys():
            groups[self._clusters[task]].append(first[task] - second[task])
        return [sum(usd) / len(usd) for _, usd in sorted(groups.items())]
