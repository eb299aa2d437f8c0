"""What a run asks next: everything, or only what still decides something."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from itertools import chain, product
from typing import Final, Literal, NamedTuple, Protocol, TypeAlias, get_args

from routerkit import Target, Usage
from routerkit_evals.contests import Contest, Dropped, Halving, Race
from routerkit_evals.errors import EvalError
from routerkit_evals.sample import Sample, digest
from routerkit_evals.task import Task
from routerkit_evals.worth import Worth

Allocation: TypeAlias = Literal["uniform", "race", "halve"]
"""`uniform`: every task to every target. `race`: no more tasks of a kind to a target that is credibly worth less there.
`halve`: the better half goes on, round by round, within a small budget."""
ALLOCATIONS: Final[tuple[Allocation, ...]] = get_args(Allocation)
_BLOCK: Final = {"race": 10, "halve": 1}
"""Tasks of a kind between two looks: a race needs tens, and a halving round may last for one."""
_TYPICAL: Final = Usage(1_000, 500)
"""A call by which targets are put in order of price."""


class Cell(NamedTuple):
    """One planned sample."""

    task: Task
    target: str
    epoch: int = 0


def plan_cells(tasks: Sequence[Task], targets: Sequence[str], *, epochs: int = 1) -> tuple[Cell, ...]:
    """Every task with every target, epoch by epoch and task by task, so that any prefix compares targets on the same tasks."""
    return tuple(Cell(task, target, epoch) for epoch, task, target in product(range(epochs), tasks, targets))


class Schedule(Protocol):
    """Hands out the cells of a run."""

    def block(self, rows: Sequence[Sample]) -> Sequence[Cell]:
        """Cells to do next, none of them handed out before; empty = done.

        Args:
            rows: Every sample of this run so far, known ones included.
        """
        ...

    @property
    def n_left(self) -> int:
        """Cells that may still be handed out, as things stand."""
        ...

    @property
    def dropped(self) -> Sequence[Dropped]:
        """Targets that were not asked further, and why."""
        ...


class Everything:
    """A plan that is done from its first cell to its last, whatever comes out."""

    dropped: Sequence[Dropped] = ()

    def __init__(self, cells: Sequence[Cell]) -> None:
        """Hand out `cells` at once."""
        self._cells = cells

    @property
    def n_left(self) -> int:
        """All, then none."""
        return len(self._cells)

    def block(self, rows: Sequence[Sample]) -> Sequence[Cell]:
        """All of them, then none."""
        cells, self._cells = self._cells, ()
        return cells


class Contests:
    """Blocks of tasks, kind by kind, for the targets that are still in the contest of that kind."""

    def __init__(
        self, contests: Mapping[str, Contest], cells: Sequence[Cell], targets: Sequence[str], *, always: Container[str], n_block: int
    ) -> None:
        """Plan.

        Args:
            contests: By task kind.
            cells: All that may be asked. Within a kind, tasks come in the order of a hash: shuffled, so that the first ones are like the
                rest, and the same for every target and every run.
            targets: Cheapest first: within a block the cheap ones are asked first, so that a limit on dollars cuts off the dear end.
            always: Ids of tasks that every target is asked before anything else.
            n_block: Tasks of each kind in a block.
        """
        self._contests, self._targets, self._n_block = contests, targets, n_block
        self._first = [cell for cell in cells if cell.task.id in always]
        self._left: dict[str, dict[str, list[Cell]]] = {kind: {} for kind in contests}
        for cell in sorted(cells, key=lambda cell: digest(cell.task.version)):
            if cell.task.id not in always:
                self._left[cell.task.category].setdefault(cell.task.version, []).append(cell)

    @property
    def n_left(self) -> int:
        """Cells of targets that are still asked about their kind."""
        open_ = ((set(self._contests[kind].alive), tasks) for kind, tasks in self._left.items())
        return len(self._first) + sum(cell.target in alive for alive, tasks in open_ for cells in tasks.values() for cell in cells)

    @property
    def dropped(self) -> Sequence[Dropped]:
        """Of all kinds."""
        return tuple(chain.from_iterable(contest.dropped for contest in self._contests.values()))

    def block(self, rows: Sequence[Sample]) -> Sequence[Cell]:
        """The next tasks of every kind that is not decided."""
        if self._first:
            first, self._first = self._first, []
            return first
        by_kind: defaultdict[str, list[Sample]] = defaultdict(list)
        for row in rows:
            by_kind[row.kind].append(row)
        for kind, contest in self._contests.items():
            contest.judge(by_kind[kind])
        cells = list(chain.from_iterable(self._take(kind) for kind in self._contests))
        return sorted(cells, key=lambda cell: self._targets.index(cell.target))

    def _take(self, kind: str) -> Iterator[Cell]:
        alive, left = self._contests[kind].alive, self._left[kind]
        if not alive:
            return
        for version in list(left)[: self._n_block]:
            yield from (cell for cell in left.pop(version) if cell.target in alive)


def plan_allocation(
    how: Allocation,
    cells: Sequence[Cell],
    targets: Mapping[str, Target],
    *,
    worth: Worth,
    always: Container[str] = (),
    history: Iterable[Sample] = (),
    max_usd: float | None = None,
) -> Schedule:
    """How the cells are handed out.

    Args:
        how: See `Allocation`.
        cells: All that may be asked.
        targets: By name.
        worth: What answers are weighed by.
        always: Ids of tasks that every target is asked, whatever is known.
        history: Samples from before that a race may rest on.
        max_usd: Dollars of the whole run; each kind gets the same share of them in `halve`.

    Raises:
        EvalError: `halve` without a limit on dollars.
    """
    if how == "uniform" or len(targets) < 2:
        return Everything(cells)
    ordered, kinds = _cheapest_first(targets), dict.fromkeys(cell.task.category for cell in cells)
    contests: Mapping[str, Contest]
    if how == "race":
        contests = _races(kinds, ordered, worth, history)
    else:
        check_allocation(how, max_usd)
        assert max_usd is not None
        contests = {kind: Halving(kind, ordered, worth, budget_usd=max_usd / len(kinds)) for kind in kinds}
    return Contests(contests, cells, ordered, always=always, n_block=_BLOCK[how])


def check_allocation(how: Allocation, max_usd: float | None) -> None:
    """Refuse what cannot be shared out.

    Raises:
        EvalError: `halve` without a limit on dollars.
    """
    if how == "halve" and max_usd is None:
        raise EvalError("allocation 'halve' shares out dollars and there is no limit on them; give --budget-usd, or take 'race'")


def decided_kinds(kinds: Iterable[str], targets: Mapping[str, Target], *, worth: Worth, history: Iterable[Sample]) -> frozenset[str]:
    """Kinds whose race is decided by stored samples: more would change no choice. None for a single target, which races nobody."""
    if len(targets) < 2:
        return frozenset()
    races = _races(dict.fromkeys(kinds), _cheapest_first(targets), worth, history)
    return frozenset(kind for kind, race in races.items() if not race.alive)


def _races(kinds: Iterable[str], targets: Sequence[str], worth: Worth, history: Iterable[Sample]) -> dict[str, Race]:
    races = {kind: Race(kind, targets, worth) for kind in kinds}
    past = tuple(history)
    for kind, race in races.items():
        race.judge(s for s in past if s.kind == kind)
    return races


def _cheapest_first(targets: Mapping[str, Target]) -> list[str]:
    return sorted(targets, key=lambda name: _typical_usd(targets[name]))


def _typical_usd(target: Target) -> float:
    return float("inf") if target.price is None else target.price.cost_usd(_TYPICAL)
