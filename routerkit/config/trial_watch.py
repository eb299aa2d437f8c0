"""Ending experiments that end by themselves: what the ledger says about their variants is put in force every minute."""

from __future__ import annotations

import logging
import weakref
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

from routerkit.config.rounds import Rounds
from routerkit.config.watch import SWAPPING
from routerkit.errors import StoreError
from routerkit.experiment import Experiment
from routerkit.record import Record, Report
from routerkit.router import Router
from routerkit.store import read_trial
from routerkit.trial import settled

_log = logging.getLogger(__name__)
_EVERY_S: Final = 60.0
ALPHA: Final = 0.05
"""Probability of ever settling wrongly, as `routerkit experiment` has it by default."""


class TrialWatch:
    """Looks at the outcomes of a router's experiments. Give it to the Router as an observer, so that closing the router ends it.

    All workers read the same ledger, so they settle the same, also after a restart. A ledger that cannot be read settles nothing.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._router: Callable[[], Router | None] = lambda: None
        self._rounds = Rounds("routerkit-trials", self.look, every_s=_EVERY_S, is_due_at_once=True)
        self._trouble = ""

    def start(self, router: Router) -> None:
        """Look after this router's experiments from now on."""
        self._router = weakref.ref(router)
        self._rounds.start(router)

    def look(self) -> bool:
        """Look once; whether anything was settled anew."""
        router = self._router()
        if router is None:
            return False
        try:
            news = {pool: new for pool, old in router.state.experiments.items() if (new := self._looked_at(pool, old)) != old}
        except StoreError as exc:
            if str(exc) != self._trouble:
                _log.warning("experiments are not looked at and go on as they are: %s", exc)
            self._trouble = str(exc)
            return False
        self._trouble = ""
        if news:
            _put_in_force(router, news)
        return bool(news)

    def _looked_at(self, pool: str, experiment: Experiment) -> Experiment:
        if experiment.settle_within is None:
            return experiment
        calls = read_trial(self._folder, pool, experiment.name)
        return replace(experiment, ending=settled(calls, list(experiment.policies), alpha=ALPHA, epsilon=experiment.settle_within))

    def observe(self, event: Record | Report) -> None:
        """The ledger tells; single calls are of no interest here."""

    def close(self) -> None:
        """Look no more."""
        self._rounds.end()


def _put_in_force(router: Router, news: dict[str, Experiment]) -> None:
    for pool, experiment in news.items():
        said = experiment.ending.why if experiment.ending else "goes on, for outcomes were reported otherwise"
        _log.warning("experiment %r in pool %s: %s", experiment.name, pool, said)
    with SWAPPING:
        # Only what still runs as it was looked at: the configuration may have been reloaded meanwhile.
        running = router.state.experiments
        fresh = {pool: new for pool, new in news.items() if pool in running and replace(running[pool], ending=new.ending) == new}
        router.swap(replace(router.state, experiments={**running, **fresh}))
