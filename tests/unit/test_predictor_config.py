"""`[scorecard] predictor`: loaded, refused and replaced while the router runs."""

from __future__ import annotations

import logging
from array import array
from pathlib import Path

import pytest

from routerkit import Request
from routerkit.config.build import plan_state
from routerkit.config.load import read
from routerkit.config.watch import ScorecardWatch
from routerkit.predictor import N_SLOTS, Gate, Predictor
from routerkit.router import Router
from routerkit.scorecard import Scorecard

TEXT = """
[providers.p]
kind = "simulated"
[targets.a]
provider = "p"
model = "deepseek-v4-pro"
[pools.pool]
targets = ["a"]
[scorecard]
path = "scorecard.json"
predictor = "predictor.json"
"""
EMPTY = Predictor({"a": array("f", [0.0]) * N_SLOTS}, array("f", [1.0]) * N_SLOTS, (), (), sources={"made_at": "2026-01-01"})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "routerkit.toml").write_text(TEXT)
    return tmp_path


def planned(folder: Path):  # type: ignore[no-untyped-def]
    return plan_state(read(folder / "routerkit.toml"), folder)


def test_fitted_predictor_is_in_force(folder: Path) -> None:
    (folder / "predictor.json").write_text(EMPTY.to_json())
    assert {"a"} == set(planned(folder).predictor.heads)


@pytest.mark.parametrize("content", [None, "{}", EMPTY.to_json().replace("2026-01-01", "2027-01-01")])
def test_untrusted_predictor_is_named_once_and_left_out(folder: Path, content: str | None, caplog: pytest.LogCaptureFixture) -> None:
    """Missing, no predictor, or changed by hand: the scorecard decides alone."""
    if content is not None:
        (folder / "predictor.json").write_text(content)
    with caplog.at_level(logging.WARNING):
        state = planned(folder)
    assert state.predictor is None
    assert 1 == caplog.text.count("the predictor is not used, the scorecard decides alone")
    decision = Router(state).decide(Request("pool", ({"role": "user", "content": "fix the bug"},)))
    assert any(note.startswith(f"the words add nothing: {folder / 'predictor.json'}: ") for note in decision.notes)


def test_predictor_fitted_on_other_targets_says_so(folder: Path) -> None:
    """Fitted on names of models that no target bears, it would be silent for ever, and nobody would know why."""
    gate = Gate(frozenset({"bug_fix"}), 400, 0.02, 0.01, scale=1.0, reach=-1.0, is_open=True)
    head, flat = array("f", [0.0]) * N_SLOTS, array("f", [1.0]) * N_SLOTS
    for known, notes in (("deepseek-v4-pro", 0), ("somebody", 1)):
        (folder / "predictor.json").write_text(Predictor({known: head}, flat, ({},), (gate,)).to_json())
        decision = Router(planned(folder)).decide(Request("pool", ({"role": "user", "content": "fix the bug"},), kind="bug_fix"))
        assert notes == decision.notes.count("the words add nothing: the predictor knows no target of 'pool', only somebody")


def test_missing_predictor_is_named_with_its_remedy(folder: Path) -> None:
    decision = Router(planned(folder)).decide(Request("pool", ({"role": "user", "content": "fix the bug"},)))
    said = f"the words add nothing: {folder / 'predictor.json'}: no predictor there; make one with `routerkit scores fit`"
    assert said in decision.notes


def test_running_router_takes_over_a_new_predictor_and_keeps_it_when_a_broken_one_follows(folder: Path) -> None:
    path, router = folder / "predictor.json", Router(planned(folder))
    watch = ScorecardWatch(folder / "scorecard.json", every_s=3600.0, predictor=path)
    watch.start(router)
    try:
        path.write_text(EMPTY.to_json())
        assert [True, False] == [watch.look(), watch.look()]
        path.write_text("broken")
        assert not watch.look()
        assert router.state.predictor is not None
    finally:
        watch.close()


def test_published_results_are_where_an_unmeasured_model_starts(folder: Path) -> None:
    """Unless the configuration says what to assume."""
    assert planned(folder).scorecard.estimate("a", "bug_fix").source.startswith("openhands swebench")
    (folder / "routerkit.toml").write_text(TEXT + "prior_quality = 0.3\n")
    assert Scorecard(prior_quality=0.3).estimate("a", "bug_fix") == planned(folder).scorecard.estimate("a", "bug_fix")
