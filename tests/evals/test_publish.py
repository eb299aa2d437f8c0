"""Publishing scorecards."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NoReturn

import pytest

import routerkit
from routerkit_evals import EvalError, Sample, publish, scorecard_of
from tests.evals.making import make_sample


def test_published_scorecard_is_what_the_router_reads(tmp_path: Path) -> None:
    samples = [make_sample("a"), make_sample("b", verdict="fail"), make_sample("c", kind="migrate", verdict="infra_provider")]
    card = publish(samples, tmp_path / "scorecard.json")
    read = routerkit.load_scorecard(tmp_path / "scorecard.json")
    assert card.revision == read.revision
    assert (routerkit.Cell("mini", "bug_fix", 2, 1.0, 0.01, 2.0, 100.0),) == read.cells


def test_provenance_names_runs_models_sandbox_and_tasks(tmp_path: Path) -> None:
    sources = publish([make_sample("a")], tmp_path / "s.json").sources
    assert {"runs": "run", "models": "mini=mini-1", "sandbox": "bwrap", "tasks": "own", "harness": "1"}.items() <= sources.items()


def test_repetitions_do_not_add_evidence() -> None:
    (cell,) = scorecard_of([make_sample("a", epoch=i, verdict="pass" if i else "fail") for i in range(4)]).cells
    assert (1, 0.75) == (cell.n, cell.passed)


def test_samples_of_different_sandboxes_are_not_pooled() -> None:
    with pytest.raises(EvalError, match="different sandboxes"):
        scorecard_of([make_sample("a"), make_sample("b", sandbox="none (unsafe)")])


def test_nothing_that_counts_is_an_error_and_leaves_the_old_card(tmp_path: Path) -> None:
    path = tmp_path / "s.json"
    path.write_text("old")
    with pytest.raises(EvalError, match="nothing to publish"):
        publish([make_sample(verdict="infra_sandbox")], path)
    assert path.read_text() == "old"


def test_disk_that_fails_midway_leaves_the_old_card_and_no_litter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "s.json"
    path.write_text("old")

    def full(fd: int) -> NoReturn:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(EvalError, match="the old scorecard is untouched"):
        publish([make_sample()], path)
    assert ([path], "old") == ([*tmp_path.iterdir()], path.read_text())


def several(language: str, n: int, n_solved: int, **facts: object) -> list[Sample]:
    """Tasks in one language, of which the first are solved."""
    verdicts = ["pass"] * n_solved + ["fail"] * (n - n_solved)
    return [make_sample(f"{language}{i}", language=language, verdict=verdict, **facts) for i, verdict in enumerate(verdicts)]


def test_kind_measured_in_several_languages_is_published_by_language_and_the_router_reads_it() -> None:
    """Small parts are pulled toward the whole, so that two answers decide little."""
    card = scorecard_of([*several("python", 40, 36), *several("cobol", 40, 4), *several("perl", 2, 0)])
    assert [("python", 40), ("cobol", 40), ("perl", 2)] == [(c.language, c.n) for c in card.cells]
    python, perl, cobol, any_ = (card.estimate("mini", "bug_fix", language).mean for language in ("python", "perl", "cobol", None))
    assert cobol < 0.2 < perl < any_ < 0.8 < python


def test_repositories_are_told_apart_where_tasks_were_mined() -> None:
    card = scorecard_of([*several("python", 9, 9, source="mine/shop"), *several("python", 8, 0, source="mine/bank")])
    assert {("python", "shop", 9), ("python", "bank", 8)} == {(c.language, c.repo, c.n) for c in card.cells}
    shop, bank = (card.estimate("mini", "bug_fix", "python", repo) for repo in ("shop", "bank"))
    assert (True, "9 in shop of python") == (shop.mean > bank.mean + 0.05, shop.note)


def test_one_language_is_not_told_apart_nor_is_what_nobody_looked_at() -> None:
    """A scorecard of one language stays what it was; samples stored before languages were are no other language."""
    card = scorecard_of([*several("python", 4, 2), make_sample("old")])
    assert [(None, 5, 3.0)] == [(c.language, c.n, c.passed) for c in card.cells]
