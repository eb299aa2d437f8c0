"""Comparing targets on the same tasks: known truths, published values, and what the command prints."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from routerkit import load_scorecard
from routerkit.cli import main
from routerkit.intervals import Interval, clustered_error, mean_interval, sign_test, student_t95, wilson
from routerkit_evals import EvalError, Sample, publish, table
from routerkit_evals.cli_compare import compare_command
from routerkit_evals.cli_report import print_table
from routerkit_evals.contests import Dropped
from routerkit_evals.paired import Joint, compare, compare_all
from routerkit_evals.repeats import pass_all_k, pass_at_k, repeated
from routerkit_evals.resampled import resampled
from routerkit_evals.runner import RunResult
from routerkit_evals.statistics import summarise
from routerkit_evals.store import SampleLog
from tests.evals.making import make_sample


def answers(target: str, *solved: int | None, n: int = 1, cost_usd: float | None = 0.01, cluster: int = 1) -> Iterator[Sample]:
    """One task per argument: how many of `n` answers solve it; None = never asked. `cluster` tasks in a row resemble each other."""
    for i, n_solved in enumerate(solved):
        for epoch in range(n if n_solved is not None else 0):
            verdict = "pass" if epoch < (n_solved or 0) else "fail"
            more = {"task_version": f"v{i}", "cluster": f"c{i // cluster}", "epoch": epoch}
            yield make_sample(f"t{i}", target=target, verdict=verdict, cost_usd=cost_usd, **more)


def cluster_answers(dice: random.Random, targets: tuple[str, ...], *, n_clusters: int, size: int) -> Iterator[Sample]:
    """Clusters with luck of their own for each target; every target truly solves half, at a true mean of $0.02."""
    for target in targets:
        for c in range(n_clusters):
            luck = dice.choice((0.15, 0.85))
            for i in range(size):
                verdict, usd = "pass" if dice.random() < luck else "fail", dice.choice((0.01, 0.03))
                more = {"task_version": f"{c}-{i}", "cluster": str(c)}
                yield make_sample(f"{c}-{i}", target=target, verdict=verdict, cost_usd=usd, **more)


def test_only_shared_tasks_are_compared() -> None:
    found = compare("a", "b", [*answers("a", 1, 1, 1, None), *answers("b", None, 1, 0, 0)])
    assert found is not None
    assert (2, 1.0, 0.5, (2, 2)) == (found.n_tasks, found.share_a, found.share_b, found.n_answers)
    assert compare("a", "b", answers("a", 1, 1)) is None


def test_joint_outcomes_are_expected_counts_where_repetitions_disagree() -> None:
    found = compare("a", "b", [*answers("a", 2, 1, 0, n=2), *answers("b", 0, 1, 0, n=2)])
    assert found is not None
    assert Joint(0.25, 1.25, 0.25, 1.25) == found.joint
    assert (1, 0) == (found.better_a, found.better_b)


@pytest.mark.parametrize(("up", "down", "p"), [(8, 1, 0.0390625), (5, 5, 1.0), (0, 0, 1.0), (3, 0, 0.25), (900, 700, 6.29e-07)])
def test_sign_test_is_exact(up: int, down: int, p: float) -> None:
    """8 against 1: 2 (9 + 1) / 2⁹. The large case by the normal law with continuity correction, 6.6e-07, to two digits."""
    assert pytest.approx(p, rel=0.02) == sign_test(up, down)
    assert sign_test(up, down) == sign_test(down, up)


@pytest.mark.parametrize(("degrees", "t"), [(1, 12.706), (2, 4.3027), (3, 3.1824), (5, 2.5706), (10, 2.2281), (30, 2.0423), (1000, 1.9623)])
def test_student_t_matches_its_table(degrees: int, t: float) -> None:
    assert pytest.approx(t, rel=0.01) == student_t95(degrees)


@pytest.mark.parametrize(("n", "low"), [(2, -1.0), (5, -0.02), (6, 0.149)])
def test_few_tasks_that_all_say_the_same_prove_little(n: int, low: float) -> None:
    """Five to none is p = 0.06, six to none p = 0.03."""
    found = compare("a", "b", [*answers("a", *(1,) * n), *answers("b", *(0,) * n)])
    assert found is not None
    assert (pytest.approx(low, abs=0.005), 1.0) == found.interval
    assert (sign_test(n, 0) < 0.05) == found.is_credible


def test_targets_that_never_differed_may_still_differ() -> None:
    """By less, the more tasks they did not differ on."""
    few, many = (mean_interval([0.0] * n, range(n)) for n in (5, 100))
    assert few.low == -few.high < -0.4
    assert 0.02 < many.high < 0.03
    assert Interval(-1.0, 1.0) == mean_interval([0.0, 0.0], "aa")


def test_values_apart_have_the_usual_error_and_one_cluster_has_none() -> None:
    values = [0.0, 1.0, 1.0, 0.0, 1.0]
    usual = math.sqrt(sum((v - 0.6) ** 2 for v in values) / (5 * 4))
    assert pytest.approx(usual) == clustered_error(values, list("abcde"))
    assert math.inf == clustered_error(values, ["a"] * 5)


def test_copies_of_tasks_in_a_cluster_are_no_evidence() -> None:
    a, b = (1, 0, 1, 1, 0, 1), (0, 0, 1, 0, 1, 0)
    copies_a, copies_b = ([x for x in solved for _ in range(4)] for solved in (a, b))
    apart = compare("a", "b", [*answers("a", *a), *answers("b", *b)])
    together = compare("a", "b", [*answers("a", *copies_a, cluster=4), *answers("b", *copies_b, cluster=4)])
    assert apart is not None
    assert together is not None
    assert pytest.approx(apart.errors.clustered) == together.errors.clustered
    assert together.errors.paired < apart.errors.paired / 1.9


@pytest.mark.slow
def test_interval_of_the_difference_covers_the_truth_where_the_naive_one_does_not() -> None:
    """Truth: both targets solve half. 200 worlds of 24 clusters of 8 tasks."""
    dice, n_covered, n_naive, n_worlds = random.Random(5), 0, 0, 200
    for _ in range(n_worlds):
        found = compare("a", "b", cluster_answers(dice, ("a", "b"), n_clusters=24, size=8))
        assert found is not None
        n_covered += found.interval.low <= 0.0 <= found.interval.high
        n_naive += abs(found.difference) <= 1.96 * found.errors.independent_answers
    assert 0.92 <= n_covered / n_worlds <= 0.98
    assert n_naive / n_worlds < 0.75


@pytest.mark.slow
def test_interval_of_cost_per_solved_covers_the_truth() -> None:
    """Truth: $0.02 per task and half of them solved, so $0.04 per solved task."""
    dice, n_covered, n_worlds = random.Random(6), 0, 100
    for _ in range(n_worlds):
        interval = resampled(cluster_answers(dice, ("a",), n_clusters=40, size=4))["a"].cost_per_solved_usd
        assert interval is not None
        n_covered += interval.low <= 0.04 <= interval.high
    assert 0.88 <= n_covered / n_worlds <= 0.99


def test_cost_per_solved_is_unknown_with_an_unknown_cost_and_infinite_without_a_success() -> None:
    assert resampled(answers("a", 1, 0, cost_usd=None))["a"].cost_per_solved_usd is None
    none = resampled(answers("a", 0, 0))["a"].cost_per_solved_usd
    assert none is not None
    assert (pytest.approx(0.01 / wilson(0, 2).high), math.inf) == none


@pytest.mark.parametrize("solved", [0, 1])
def test_share_that_never_varied_has_the_interval_of_its_few_tasks(solved: int) -> None:
    found = resampled(answers("a", *(solved,) * 5, cost_usd=0.01))["a"]
    assert wilson(5 * solved, 5) == found.share
    assert found.cost_per_solved_usd is not None
    assert pytest.approx(0.01 / found.share.high) == found.cost_per_solved_usd.low
    assert (0.01 / found.share.low if solved else math.inf) == pytest.approx(found.cost_per_solved_usd.high)


def test_frontier_holds_the_cheap_and_the_good_and_not_the_dear_and_bad() -> None:
    good = (1, 1, 1, 0) * 10
    bad = (0, 0, 1, 0) * 10
    found = resampled(
        [*answers("good", *good, cost_usd=0.1), *answers("cheap", *bad, cost_usd=0.01), *answers("worst", *bad, cost_usd=0.2)]
    )
    assert (1.0, 1.0, 0.0) == tuple(found[t].p_frontier for t in ("good", "cheap", "worst"))
    unpriced = resampled([*answers("good", *good), *answers("unpriced", *bad, cost_usd=None)])
    assert (None, None) == (unpriced["good"].p_frontier, unpriced["unpriced"].p_frontier)


def test_targets_alike_share_the_frontier_by_chance() -> None:
    dice = random.Random(3)
    alike = [sample for t in ("a", "b") for sample in answers(t, *(int(dice.random() < 0.5) for _ in range(60)))]
    shares = [found.p_frontier or 0.0 for found in resampled(alike).values()]
    assert pytest.approx(1.0, abs=0.05) == sum(shares)
    assert all(0.05 < p < 0.95 for p in shares)


def test_pass_at_k_matches_its_definition() -> None:
    """Chen et al. 2021: 1 - C(n-c, k) / C(n, k); 3 right of 10, 5 drawn."""
    assert pytest.approx(1 - 21 / 252) == pass_at_k(10, 3, 5)
    assert pytest.approx(1 / 12) == pass_all_k(10, 5, 3)
    assert (1.0, 0.0, 1.0) == (pass_at_k(5, 1, 5), pass_all_k(5, 4, 5), pass_all_k(5, 5, 5))


def test_tasks_with_fewer_answers_than_k_say_nothing_about_k_tries() -> None:
    (found,) = repeated([*answers("a", 1, 3, n=3), *answers("a", None, None, 1)], 2)
    assert (2, pytest.approx((2 / 3 + 1) / 2), pytest.approx((0 + 1) / 2)) == (found.n_tasks, found.any_share, found.all_share)
    assert (0, None, None) == repeated(answers("a", 1), 2)[0][2:]
    with pytest.raises(ValueError, match="k is 0; it must be at least 1"):
        repeated([], 0)


def test_break_even_is_said_only_of_a_credible_difference() -> None:
    better = compare("a", "b", [*answers("a", *(1,) * 30, cost_usd=0.05), *answers("b", *(0, 1) * 15, cost_usd=0.01)])
    assert better is not None
    assert pytest.approx(0.04 / 0.5) == better.break_even_usd
    same = compare("a", "b", [*answers("a", 1, 0, cost_usd=0.05), *answers("b", 0, 1, cost_usd=0.01)])
    assert same is not None
    assert same.break_even_usd is None


def test_published_scorecard_recovers_the_truth_it_was_measured_from(tmp_path: Path) -> None:
    """30 cells of 40 tasks with known shares: nine in ten of the 90 % intervals hold them, give or take chance."""
    dice, truth, samples = random.Random(4), {}, []
    for t in range(6):
        for kind in ("bug_fix", "explain", "migrate", "refactor", "translate"):
            share = truth[f"m{t}", kind] = 0.2 + 0.1 * t + dice.uniform(-0.1, 0.1)
            verdicts = ["pass" if dice.random() < share else "fail" for _ in range(40)]
            samples += [make_sample(f"{kind}{i}", target=f"m{t}", kind=kind, verdict=v) for i, v in enumerate(verdicts)]
    publish(samples, tmp_path / "scores.json")
    card = load_scorecard(tmp_path / "scores.json")
    found = {cell: card.estimate(*cell) for cell in truth}
    assert 24 <= sum(found[cell].low <= share <= found[cell].high for cell, share in truth.items()) <= 30
    assert max(abs(found[cell].mean - share) for cell, share in truth.items()) < 0.2


def test_table_takes_further_columns() -> None:
    lines = table(summarise(answers("a", 1, 0)), {"more": ["x"]}).splitlines()
    assert [True, True] == [line.endswith(end) for line, end in zip(lines, ("more", "x"), strict=True)]


@pytest.fixture
def stored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with two targets' answers to twelve tasks."""
    monkeypatch.chdir(tmp_path)
    with SampleLog(tmp_path / "routerkit-data") as log:
        for sample in (*answers("big", *(1,) * 11, 0, cost_usd=0.05), *answers("mini", *(0, 1) * 6, cost_usd=0.01)):
            log.append(sample)
    return tmp_path


def test_compare_prints_difference_errors_and_price(stored: Path, capsys: pytest.CaptureFixture[str]) -> None:
    compare_command("big", "mini")
    page = capsys.readouterr().out
    assert "difference +0.417 [" in page
    assert "price: big +$0.0400 per task" in page
    compare_command()
    assert capsys.readouterr().out.startswith("big - mini: +0.417")
    compare_command("big", "mini", as_json=True)
    (found,) = json.loads(capsys.readouterr().out)
    assert (12, "big", pytest.approx(5 / 12)) == (found["n_tasks"], found["a"], found["difference"])


@pytest.mark.parametrize(
    ("names", "message"),
    [(("small", "mini"), "no stored sample is of 'small'; known: big, mini"), (("big",), "compare 'big' with which target")],
)
def test_mistake_in_a_name_is_one_line(stored: Path, names: tuple[str, ...], message: str) -> None:
    with pytest.raises(EvalError, match=message):
        compare_command(*names)


def test_report_shows_interval_frontier_and_tries(
    stored: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["routerkit", "eval", "report", "--at-k", "1", "--json"])
    with pytest.raises(SystemExit):
        main()
    big, mini = json.loads(capsys.readouterr().out)["targets"]
    assert (1.0, pytest.approx(11 / 12)) == (mini["p_frontier"], big["at_k"]["any_share"])
    assert 0.9 < big["p_frontier"] < 1.0
    low, high = big["cost_per_solved_interval"]
    assert low < 0.05 * 12 / 11 < high


def test_json_of_a_run_names_who_was_dropped(capsys: pytest.CaptureFixture[str]) -> None:
    dropped = Dropped("b", "bug_fix", 20, "worth less")
    run = RunResult("run-1", "complete", (), 0.5, 4, dropped=(dropped,))
    print_table(tuple(answers("a", 1, 0)), by_kind=False, as_json=True, run=run)
    found = json.loads(capsys.readouterr().out)
    assert ("run-1", [dropped._asdict()]) == (found["run_id"], found["dropped"])


def test_every_pair_is_compared_once() -> None:
    found = compare_all([*answers("a", 1, 0), *answers("b", 1, 1), *answers("c", 0, 0)])
    assert [("a", "b"), ("a", "c"), ("b", "c")] == [(c.a, c.b) for c in found]
