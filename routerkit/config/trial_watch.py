"""Ending experiments that end by themselves: what the ledger says about their variants is put in force every minute."""

from __future__ import annotations

import logging
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Final

from routerkit.config.ledger_watch import LedgerWatch
from routerkit.config.watch import SWAPPING
from routerkit.experiment import Experiment
from routerkit.router import Router
from routerkit.store import read_trial
from routerkit.trial import ALPHA, settled

_log = logging.getLogger(__name__)
_EVERY_S: Final = 60.0


def trial_watch(folder: Path) -> LedgerWatch:
    """What settles a router's experiments by their outcomes."""
    otherwise = "experiments are not looked at and go on as they are"
    return LedgerWatch("routerkit-trials", partial(_settle, folder), every_s=_EVERY_S, otherwise=otherwise)


def _settle(folder: Path, router: Router) -> bool:
    news = {pool: new for pool, old in router.state.experiments.items() if (new := _looked_at(folder, pool, old)) != old}
    if news:
        _put_in_force(router, news)
    return bool(news)


def _looked_at(folder: Path, pool: str, experiment: Experiment) -> Experiment:
    if experiment.settle_within is None:
        return experiment
    calls = read_trial(folder, pool, experiment.name)
    return replace(experiment, ending=settled(calls, list(experiment.policies), alpha=ALPHA, epsilon=experiment.settle_within))


def _put_in_force(router: Router, news: dict[str, Experiment]) -> None:
    for pool, experiment in news.items():
        said = experiment.ending.why if experiment.ending else "goes on, for outcomes were reported otherwise"
        _log.warning("experiment %r in pool %s: %s", experiment.name, pool, said)
    with SWAPPING:
        # Only what still runs as it was looked at: the configuration may have been reloaded meanwhile.
        running = router.state.experiments
        fresh = {pool: new for pool, new in news.items() if pool in running and replace(running[pool], ending=new.ending) == new}
        router.swap(replace(router.state, experiments={**running, **fresh}))
