"""A running router takes over what was published, and nothing that is broken."""

from __future__ import annotations

import logging
import os
import threading
from pathlib import Path

import pytest

import routerkit
from routerkit.config.watch import ScorecardWatch
from routerkit.testing import ScriptedProvider, make_reply, make_request, make_router
from routerkit_evals import publish
from tests.evals.making import make_sample

CONFIG = """
[providers.sim]
kind = "simulated"
[targets.mini]
provider = "sim"
model = "m"
usd_per_mtok = {{ input = 1.0, output = 2.0 }}
[pools.coding]
targets = ["mini"]
[scorecard]
path = "scorecard.json"
prior_quality = 0.3
reload_s = {every_s}
"""


@pytest.fixture
def router() -> routerkit.Router:
    return make_router({"mini": ScriptedProvider([make_reply("x")])})


def watching(path: Path, router: routerkit.Router) -> ScorecardWatch:
    """A watch that looks when it is told to."""
    watch = ScorecardWatch(path, every_s=3600.0)
    watch.start(router)
    return watch


def test_published_scorecard_is_in_force_at_the_next_look(tmp_path: Path, router: routerkit.Router) -> None:
    path = tmp_path / "scorecard.json"
    watch = watching(path, router)
    assert watch.look() is False
    card = publish([make_sample()], path)
    assert (True, card.revision, False) == (watch.look(), router.state.scorecard.revision, watch.look())
    watch.close()


def test_broken_file_keeps_the_old_scorecard_and_is_mentioned_once(
    tmp_path: Path, router: routerkit.Router, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "scorecard.json"
    watch = watching(path, router)
    card = publish([make_sample()], path)
    watch.look()
    with caplog.at_level(logging.WARNING):
        path.write_text('{"schema": "rk-scorecard/1", "cells": [')
        assert [False, False] == [watch.look(), watch.look()]
    assert card.revision == router.state.scorecard.revision
    assert 1 == sum(r.levelno == logging.WARNING for r in caplog.records)
    assert f"the old one ({card.revision}) stays" in caplog.text
    watch.close()


def test_scorecard_that_vanishes_stays_in_force(tmp_path: Path, router: routerkit.Router) -> None:
    path = tmp_path / "scorecard.json"
    watch = watching(path, router)
    card = publish([make_sample()], path)
    watch.look()
    path.unlink()
    assert (False, card.revision) == (watch.look(), router.state.scorecard.revision)
    watch.close()


def test_loaded_router_follows_the_file_by_itself_and_keeps_the_configured_prior(tmp_path: Path) -> None:
    (tmp_path / "routerkit.toml").write_text(CONFIG.format(every_s=0.02))
    publish([make_sample()], tmp_path / "scorecard.json")
    with routerkit.load(tmp_path / "routerkit.toml") as router:
        before = router.state.scorecard.revision
        publish([make_sample(), make_sample("b")], tmp_path / "scorecard.json")
        patience = threading.Event()
        for _ in range(1000):
            if router.state.scorecard.revision != before or patience.wait(0.02):
                break
        assert (2, 0.3) == (router.state.scorecard.cells[0].n, router.state.scorecard.prior_quality)
        assert "@run " in router.decide(make_request(model="coding")).explain()


def test_zero_seconds_mean_that_nobody_looks(tmp_path: Path) -> None:
    (tmp_path / "routerkit.toml").write_text(CONFIG.format(every_s=0))
    before = threading.active_count()
    with routerkit.load(tmp_path / "routerkit.toml"):
        assert before >= threading.active_count()  # one of an earlier test may end meanwhile


def test_forked_worker_follows_the_file_too(tmp_path: Path, router: routerkit.Router) -> None:
    path = tmp_path / "scorecard.json"
    watch = ScorecardWatch(path, every_s=0.02)
    watch.start(router)
    child = os.fork()
    if child == 0:
        publish([make_sample()], path)
        patience = threading.Event()
        for _ in range(1000):
            if router.state.scorecard.revision or patience.wait(0.02):
                os._exit(0)
        os._exit(1)
    assert 0 == os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    watch.close()
