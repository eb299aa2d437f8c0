"""Running candidates one after the other, several at a time, until enough are tasks."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final, Literal

from routerkit import Json
from routerkit_evals.mine.candidate import Candidate, Loss, Mode
from routerkit_evals.mine.journal import Journal, Result
from routerkit_evals.mine.proving import BROKEN, UNFIT

_TOO_OLD: Final = 8
"""So many candidates in a row that do not run mean that the environment fits no older ones either."""


@dataclass(slots=True)
class Haul:
    """What one mode found so far."""

    mode: Mode
    n_all: int | None = None
    """Commits there are to look at; None where nobody knows beforehand."""
    n_seen: int = 0
    """Commits, mutants or sources looked at."""
    n_candidates: int = 0
    """Those whose tests were run, now or earlier."""
    tasks: list[Mapping[str, Json]] = field(default_factory=list)
    set_aside: Counter[str] = field(default_factory=Counter)
    """Reasons not to run anything."""
    lost: Counter[str] = field(default_factory=Counter)
    """Reasons why a candidate did not become a task."""
    losses: list[tuple[str, Loss]] = field(default_factory=list)
    """Each lost candidate: its first line, and why."""
    stopped_by: Literal["", "max", "environment", "interrupt"] = ""
    _n_unfit: int = 0

    def set_down(self, loss: Loss) -> None:
        """Count one that was not worth trying."""
        self.n_seen += 1
        self.set_aside[loss.reason] += 1

    def settle(self, candidate: Candidate, result: Result, wanted: int | None) -> None:
        """Count one that was tried."""
        self.n_seen += 1
        self.n_candidates += 1
        self._n_unfit = self._n_unfit + 1 if isinstance(result, Loss) and result.reason == UNFIT else 0
        if not isinstance(result, Loss):
            self.tasks.append(result)
        else:
            self.lost[result.reason] += 1
            self.losses.append((f"{candidate.commit[:10]} {candidate.subject}".strip(), result))
        if len(self.tasks) == wanted:
            self.stopped_by = "max"
        elif self._n_unfit >= _TOO_OLD:
            self.stopped_by = "environment"


@dataclass
class Mine:
    """How candidates are tried."""

    prove: Callable[[Candidate], Result]
    journal: Journal
    workers: int = 2
    wanted: int | None = None
    """Tasks per mode; None = all."""
    on_progress: Callable[[Haul], None] = lambda haul: None

    def dig(self, haul: Haul, source: Iterable[Candidate | Loss]) -> Haul:
        """Fill a haul: try candidates until the source ends, enough are tasks, the environment is too new for them, or Ctrl-C.

        Results come in the order of the source, whatever ends first, so the same command finds the same tasks.
        """
        queue: deque[tuple[Candidate | Loss, Future[Result]]] = deque()
        pool = ThreadPoolExecutor(self.workers, thread_name_prefix="routerkit-mine")
        try:
            for item in source:
                queue.append((item, self._start(item, pool)))
                self._settle(haul, queue, n_ahead=2 * self.workers)
                if haul.stopped_by:
                    break
            self._settle(haul, queue, n_ahead=0)
        except KeyboardInterrupt:
            haul.stopped_by = "interrupt"
        finally:
            # What is under way is soon there, and kept.
            pool.shutdown(wait=True, cancel_futures=True)
        return haul

    def _start(self, item: Candidate | Loss, pool: ThreadPoolExecutor) -> Future[Result]:
        """Result to come; there already where nothing needs to be run."""
        known = item if isinstance(item, Loss) else self.journal.known(item.key)
        if known is None:
            assert isinstance(item, Candidate)
            return pool.submit(self._try, item)
        future: Future[Result] = Future()
        future.set_result(known)
        return future

    def _try(self, candidate: Candidate) -> Result:
        result = self.prove(candidate)
        if not isinstance(result, Loss) or result.reason != BROKEN:
            self.journal.append(candidate.key, result)
        return result

    def _settle(self, haul: Haul, queue: deque[tuple[Candidate | Loss, Future[Result]]], *, n_ahead: int) -> None:
        """Take results from the front: those that are there, and more until at most `n_ahead` are left."""
        while queue and not haul.stopped_by and (len(queue) > n_ahead or queue[0][1].done()):
            item, future = queue.popleft()
            if isinstance(item, Loss):
                haul.set_down(item)
            else:
                haul.settle(item, future.result(), self.wanted)
            self.on_progress(haul)
