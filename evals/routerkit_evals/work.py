"""Keeping samples under way: as many as allowed, none for a provider that asked for a pause, none the money does not reach."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from routerkit_evals.concurrency import MAX_TRIES, THROTTLED, Backlog, Throttle, Turn
from routerkit_evals.sample import Sample
from routerkit_evals.spend import Spend

if TYPE_CHECKING:
    from routerkit_evals.runner import Run
    from routerkit_evals.schedule import Cell


class Work:
    """What one `execute` has to do."""

    def __init__(self, run: Run, spend: Spend, throttle: Throttle, todo: Mapping[str, Cell]) -> None:
        """Prepare; `todo` is sample id to cell, in the order of the plan."""
        self._run, self._spend, self.throttle = run, spend, throttle
        self._backlog: Backlog[tuple[str, Cell]] = Backlog()
        for key, cell in todo.items():
            self._backlog.add(cell.target, run.targets[cell.target].provider or cell.target, (key, cell))

    def stream(self, pool: ThreadPoolExecutor, workers: int) -> Iterator[Sample]:
        """Keep up to `workers` samples running; yields each as it ends, until nothing is left that may be started."""
        running: set[Future[Sample | None]] = set()
        wake = self.throttle.freed
        while True:
            while len(running) < workers and (future := self._start(pool)):
                # Whatever ends may make room for more: a call for its provider, a sample for the next one.
                future.add_done_callback(lambda _: wake.set())
                running.add(future)
            pause_s = self._backlog.pause_s(self.throttle)
            if not running:
                if pause_s is None:
                    return
                self._run.sleep(pause_s)
                continue
            wake.wait(pause_s if len(running) < workers else None)
            # Before looking who is done: whoever ends later sets it again.
            wake.clear()
            done = {future for future in running if future.done()}
            running -= done
            for future in done:
                if (sample := future.result()) is not None:
                    yield sample

    def _start(self, pool: ThreadPoolExecutor) -> Future[Sample | None] | None:
        """Start the earliest sample of the plan whose provider has room; None when there is no such, or no money for it."""
        self._backlog.drop(self._run.gave_up())
        for group, turn in self._backlog.heads():
            ticket = self.throttle.begin(turn.provider)
            if ticket is None:
                continue
            reserved = self._spend.reserve(group, len(self._run.solver.prompt(turn.work[1].task)))
            if reserved is None:
                # It stays first in line: what is running may turn out cheaper than what was set aside for it.
                self.throttle.cancel(turn.provider)
                return None
            self._backlog.lines[group].popleft()
            return pool.submit(self._one, turn, ticket, reserved)
        return None

    def _one(self, turn: Turn[tuple[str, Cell]], ticket: int, reserved: float) -> Sample | None:
        """One sample; None when it was sent back because its provider asks for fewer calls."""
        key, cell = turn.work
        started = datetime.now(UTC)
        answer = self._run.answer(cell)
        is_throttled = answer.text is None and answer.error_code in THROTTLED
        usage = answer.usage
        used: tuple[float | None, int | None] = (answer.cost_usd, usage.input_tokens + usage.output_tokens if usage else None)
        # A refused call uses nothing, also where its cost is unknown.
        cost_usd, tokens = (answer.cost_usd or 0.0, 0) if is_throttled else used
        self._spend.settle(cell.target, reserved=reserved, cost_usd=cost_usd, tokens=tokens)
        if not is_throttled:
            self.throttle.answered(turn.provider)
        elif self.throttle.objected(turn.provider, ticket, retry_after_s=answer.retry_after_s) and turn.n_tries + 1 < MAX_TRIES:
            self._backlog.put_back(cell.target, turn)
            return None
        return self._run.keep(key, cell, answer, started=started)
