"""What it costs to find the most valuable target: uniform sampling, racing and halving on simulated worlds.

Usage: python benchmarks/allocation.py [WORLDS]

A world is eight targets from $0.002 to $0.40 per task and 400 tasks of one kind. Dearer targets are abler on average, not always; a task is
solved by the one-parameter logistic law (Rasch) of ability and difficulty; costs vary by task and answer. A solved task is worth $1.
Regret is what the chosen target is worth less per task than the best one, by the known truth of the world.
"""

import math
import random
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from routerkit import Price, Target
from routerkit_evals import Sample, Task
from routerkit_evals.schedule import Allocation, plan_allocation, plan_cells
from routerkit_evals.task import Scorer
from routerkit_evals.worth import Book, Worth

N_TARGETS, N_TASKS, KIND = 8, 400, "bug_fix"
WORTH = Worth(value_usd=1.0, usd_per_second=0.0)
TARGETS = tuple(f"t{i}" for i in range(N_TARGETS))
TASKS = tuple(Task(f"sim/{i}", KIND, "?", Scorer("int_in", extract="x"), answer=[1], cluster=f"sim/{i}") for i in range(N_TASKS))
"""What is asked plays no part; that tasks are shared does."""


@dataclass(frozen=True)
class World:
    """Every answer that would come, and the truth behind it."""

    answers: dict[tuple[str, str], Sample]
    true_usd: dict[str, float]
    targets: dict[str, Target]


@dataclass(frozen=True)
class Outcome:
    """What a method spent and how good its choice is."""

    spent_usd: float
    regret_usd: float


def make_world(seed: int) -> World:
    rng = random.Random(seed)
    step = math.log(0.4 / 0.002) / (N_TARGETS - 1)
    costs = {t: 0.002 * math.exp(step * i + rng.gauss(0.0, 0.3)) for i, t in enumerate(TARGETS)}
    abilities = {t: -1.0 + 2.2 * i / (N_TARGETS - 1) + rng.gauss(0.0, 0.5) for i, t in enumerate(TARGETS)}
    answers = {}
    for task in TASKS:
        difficulty, size = rng.gauss(0.0, 1.2), math.exp(rng.gauss(-0.18, 0.6))
        for t in TARGETS:
            is_solved = rng.random() < solved_share(abilities[t], difficulty)
            answers[t, task.version] = answer(task, t, is_solved=is_solved, cost_usd=costs[t] * size * math.exp(rng.gauss(-0.045, 0.3)))
    steps = [-4.8 + 0.05 * i for i in range(193)]
    weights = [math.exp(-((b / 1.2) ** 2) / 2.0) for b in steps]
    shares = {t: sum(w * solved_share(abilities[t], b) for w, b in zip(weights, steps, strict=True)) / sum(weights) for t in TARGETS}
    targets = {t: Target(t, "sim", t, price=Price(costs[t], costs[t])) for t in TARGETS}
    return World(answers, {t: shares[t] - costs[t] for t in TARGETS}, targets)


def solved_share(ability: float, difficulty: float) -> float:
    return 1.0 / (1.0 + math.exp(-1.5 * (ability - difficulty)))


def answer(task: Task, target: str, *, is_solved: bool, cost_usd: float) -> Sample:
    return Sample(
        sample_id=f"{target}/{task.id}",
        run_id="sim",
        started_at=datetime(2026, 1, 1, tzinfo=UTC),
        task_id=task.id,
        task_version=task.version,
        source="sim",
        kind=KIND,
        cluster=task.cluster,
        target=target,
        model=target,
        epoch=0,
        prompt_sha256="",
        harness="sim",
        verdict="pass" if is_solved else "fail",
        cost_usd=cost_usd,
    )


def play(world: World, how: Allocation, *, n_tasks: int = N_TASKS, max_usd: float | None = None) -> Outcome:
    """Run one method through the very schedule that real runs use."""
    cells = plan_cells(TASKS[:n_tasks], TARGETS)
    schedule = plan_allocation(how, cells, world.targets, worth=WORTH, max_usd=max_usd)
    rows: list[Sample] = []
    while block := schedule.block(rows):
        rows += [world.answers[cell.target, cell.task.version] for cell in block]
    dropped = {d.target for d in schedule.dropped}
    book = Book(WORTH)
    book.learn(rows)
    means = book.shared([t for t in TARGETS if t not in dropped])
    chosen = max(means, key=lambda t: means[t])
    return Outcome(math.fsum(row.cost_usd or 0.0 for row in rows), max(world.true_usd.values()) - world.true_usd[chosen])


def line(name: str, outcomes: Sequence[Outcome]) -> str:
    n = len(outcomes)
    dollars, regret = (math.fsum(values) / n for values in zip(*((o.spent_usd, o.regret_usd) for o in outcomes), strict=True))
    error = math.sqrt(math.fsum((o.regret_usd - regret) ** 2 for o in outcomes) / max(1, n - 1) / n)
    near = sum(o.regret_usd <= 0.03 for o in outcomes) / n
    return f"{name:16} ${dollars:7.1f}   regret ${regret:.4f} ± {error:.4f}   within $0.03 of the best: {near:.0%}"


METHODS: dict[str, Callable[[World], Outcome]] = {
    **{f"uniform {n}": lambda world, n=n: play(world, "uniform", n_tasks=n) for n in (25, 50, 100, 200, 400)},
    "race": lambda world: play(world, "race"),
    **{f"halve, ${usd}": lambda world, usd=usd: play(world, "halve", max_usd=float(usd)) for usd in (5, 10, 20, 40)},
}


def main(n_worlds: int) -> None:
    worlds = [make_world(seed) for seed in range(n_worlds)]
    print(f"{n_worlds} worlds, {N_TARGETS} targets, at most {N_TASKS} tasks; mean per world, ± one standard error")
    for name, method in METHODS.items():
        print(line(name, [method(world) for world in worlds]), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 300)
