"""Spending where it decides something: races, halving, and what a run then asks."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.allocation import Outcome, make_world, play
from routerkit import Price, ProviderError, Reply, Request, Router, Target, Usage
from routerkit.testing import ScriptedProvider, make_router
from routerkit_evals import EvalError, Options, Sample, Task, run_suite
from routerkit_evals.contests import Halving, Race
from routerkit_evals.schedule import decided_kinds, plan_allocation, plan_cells
from routerkit_evals.sequences import mean_at_any_time
from routerkit_evals.store import sql
from routerkit_evals.suite import open_suite
from routerkit_evals.worth import Book, Worth
from tests.evals.making import make_sample, make_value_task

WORTH = Worth(value_usd=1.0, usd_per_second=0.0)
CHEAP, MIDDLE, DEAR = (
    Target(name, name, f"{name}-1", price=Price(usd, usd)) for name, usd in (("cheap", 1.0), ("middle", 10.0), ("dear", 100.0))
)


def answers(target: str, n: int, *, solved: float, cost_usd: float | None = 0.0, seed: int = 0, **more: object) -> Iterator[Sample]:
    """Answers of a target to the same tasks as any other's."""
    dice = random.Random(f"{target}{seed}")
    for i in range(n):
        verdict = "pass" if dice.random() < solved else "fail"
        yield make_sample(f"t{i}", target=target, task_version=f"v{i}", verdict=verdict, cost_usd=cost_usd, **more)


class Answering(ScriptedProvider):
    """Right or wrong, always; without a text it fails."""

    def __init__(self, text: str) -> None:
        super().__init__([])
        self.text = text

    def complete(self, request: Request) -> Reply:
        self.requests.append(request)
        if not self.text:
            raise ProviderError("down", code="server")
        return Reply(text=self.text, finish_reason="stop", model=request.model, usage=Usage(100, 50))


def router_of(**texts: str) -> tuple[Router, dict[str, Answering]]:
    providers = {name: Answering(text) for name, text in texts.items()}
    return make_router(providers, targets=[t for t in (CHEAP, MIDDLE, DEAR) if t.name in texts]), providers


def tasks(n: int) -> Sequence[Task]:
    return [make_value_task(f"t{i}") for i in range(n)]


def test_worth_is_value_less_cost_less_waiting_and_unknown_where_the_cost_is() -> None:
    worth = Worth(value_usd=0.5, usd_per_second=0.01)
    assert pytest.approx(0.5 - 0.01 - 0.02) == worth.of(make_sample(cost_usd=0.01, latency_s=2.0))
    assert pytest.approx(-0.03) == worth.of(make_sample(cost_usd=0.01, latency_s=2.0, verdict="fail"))
    assert worth.of(make_sample(cost_usd=None)) is None
    assert worth.of(make_sample(verdict="infra_provider")) is None


def test_targets_are_compared_on_shared_tasks_with_one_value_per_cluster() -> None:
    book = Book(WORTH)
    book.learn(make_sample(f"t{i}", task_version=f"v{i}", cluster=f"c{i // 2}", target="a", cost_usd=0.0) for i in range(4))
    book.learn(
        make_sample(f"t{i}", task_version=f"v{i}", cluster=f"c{i // 2}", target="b", verdict="fail", cost_usd=0.0) for i in (0, 1, 2, 9)
    )
    assert [1.0, 1.0] == book.differences("a", "b")
    assert {"a": 1.0, "b": 0.0} == book.shared(["a", "b"])


def test_interval_holds_at_all_times_at_once() -> None:
    """A fixed-n interval looked at after every value would miss the mean in about a third of these sequences."""
    dice, n_missed = random.Random(11), 0
    for _ in range(200):
        values = [float(dice.random() < 0.3) - float(dice.random() < 0.3) for _ in range(200)]
        intervals = (mean_at_any_time(values[:n], alpha=0.05, scale=1.0) for n in range(20, 201, 10))
        n_missed += any(not i.low <= 0.0 <= i.high for i in intervals)
    assert n_missed <= 10  # 5 % of 200


def test_interval_narrows_to_its_mean() -> None:
    wide, narrow = (mean_at_any_time([0.0, 1.0] * n, alpha=0.05, scale=1.0) for n in (20, 2_000))
    assert wide.low < narrow.low < 0.5 < narrow.high < wide.high
    assert narrow.high - narrow.low < 0.1


def test_race_drops_who_is_credibly_worth_less_and_says_why() -> None:
    race = Race("bug_fix", ["cheap", "dear"], WORTH)
    race.judge([*answers("cheap", 60, solved=0.9, cost_usd=0.001), *answers("dear", 60, solved=0.9, cost_usd=0.8)])
    assert () == race.alive
    (dropped,) = race.dropped
    assert ("dear", "bug_fix", 60) == dropped[:3]
    assert "less per task than cheap" in dropped.why


def test_race_decides_nothing_on_a_handful_of_tasks() -> None:
    race = Race("bug_fix", ["cheap", "dear"], WORTH)
    race.judge([*answers("cheap", 19, solved=1.0), *answers("dear", 19, solved=0.0)])
    assert ["cheap", "dear"] == race.alive


def test_race_between_equals_ends_once_nobody_can_be_much_better() -> None:
    race = Race("bug_fix", ["a", "b"], WORTH)
    race.judge([*answers("a", 60, solved=1.0), *answers("b", 60, solved=1.0)])
    assert ["a", "b"] == race.alive
    race.judge([*answers("a", 1_000, solved=1.0), *answers("b", 1_000, solved=1.0)])
    assert ((), []) == (race.alive, race.dropped)


def test_target_of_unknown_cost_is_neither_dropped_nor_does_it_drop_others() -> None:
    race = Race("bug_fix", ["cheap", "unpriced"], WORTH)
    race.judge([*answers("cheap", 300, solved=0.1), *answers("unpriced", 300, solved=1.0, cost_usd=None)])
    assert (["cheap", "unpriced"], []) == (race.alive, race.dropped)


def test_best_target_is_rarely_dropped_however_often_one_looks() -> None:
    n_lost = 0
    for seed in range(60):
        race = Race("bug_fix", ["a", "b"], WORTH)
        all_a, all_b = (list(answers(t, 200, solved=p, seed=seed)) for t, p in (("a", 0.55), ("b", 0.5)))
        for n in range(10, 201, 10):
            race.judge([*all_a[:n], *all_b[:n]])
        n_lost += any(d.target == "a" for d in race.dropped)
    assert n_lost <= 3  # 5 % of 60


def test_halving_keeps_the_better_half_each_time_its_share_of_the_money_is_used() -> None:
    field = ["a", "b", "c", "d"]
    shares = dict(zip(field, (1.0, 0.9, 0.1, 0.0), strict=True))
    halving = Halving("bug_fix", field, WORTH, budget_usd=8.0)
    halving.judge([s for t in field for s in answers(t, 10, solved=shares[t], cost_usd=0.09)])
    assert field == halving.alive
    halving.judge([s for t in field for s in answers(t, 12, solved=shares[t], cost_usd=0.09)])
    assert (["a", "b"], ["c", "d"]) == (halving.alive, sorted(d.target for d in halving.dropped))
    halving.judge([s for t in ("a", "b") for s in answers(t, 40, solved=shares[t], cost_usd=0.09)])
    assert () == halving.alive


def test_race_in_a_run_stops_paying_for_the_loser(tmp_path: Path) -> None:
    router, providers = router_of(cheap="LINE 7", dear="LINE 9")
    totals: list[int] = []
    options = Options(allocate="race")
    result = run_suite(router, "pool", tasks(30), folder=tmp_path, options=options, on_progress=lambda p: totals.append(p.n_total))
    assert [60] * 40 == totals
    n_asked = {name: len(p.requests) for name, p in providers.items()}
    assert ("complete", {"cheap": 20, "dear": 20}, 40) == (result.status, n_asked, result.n_planned)
    assert ["dear"] == [d.target for d in result.dropped]
    (row,) = sql(tmp_path, "SELECT status, n_planned, dropped->>'$[0].target' AS dropped FROM runs").as_dicts()
    assert {"status": "complete", "n_planned": 40, "dropped": "dear"} == row


def test_order_of_tasks_is_shuffled_and_the_same_whatever_else_is_asked() -> None:
    many, targets = [replace(task, category="bug_fix") for task in tasks(40)], {"cheap": CHEAP, "dear": DEAR}
    blocks = [
        plan_allocation("race", plan_cells(some, list(targets)), targets, worth=WORTH).block(()) for some in (many, many[::-1], many[:30])
    ]
    order, backwards, fewer = ([c.task.id for c in block if c.target == "cheap"] for block in blocks)
    assert order == backwards != [task.id for task in many[:10]]
    kept = {task.id for task in many[:30]}
    assert [id_ for id_ in order if id_ in kept] == [id_ for id_ in fewer if id_ in order]


def test_same_race_again_asks_nothing_and_ends_alike(tmp_path: Path) -> None:
    router, providers = router_of(cheap="LINE 7", dear="LINE 9")
    first, again = (run_suite(router, "pool", tasks(30), folder=tmp_path, options=Options(allocate="race")) for _ in range(2))
    assert (40, 40) == (sum(len(p.requests) for p in providers.values()), again.n_resumed)
    assert first.dropped == again.dropped


def test_limit_on_dollars_ends_a_race_between_blocks_and_within(tmp_path: Path) -> None:
    router, _ = router_of(cheap="LINE 7", dear="LINE 7")
    result = run_suite(router, "pool", tasks(30), folder=tmp_path, options=Options(allocate="race", max_usd=0.3))
    assert ("budget", "dollars") == (result.status, result.stopped_by)
    assert result.spent_usd <= 0.3
    asked = Counter(s.target for s in result.rows)
    assert asked["cheap"] >= asked["dear"]


def test_anchors_are_asked_of_everybody_and_history_decides_the_rest(tmp_path: Path) -> None:
    router, providers = router_of(cheap="LINE 7", dear="LINE 9")
    past = (*answers("cheap", 60, solved=1.0), *answers("dear", 60, solved=0.0))
    with open_suite(router, "pool", tasks(30), folder=tmp_path, options=Options(allocate="race")) as suite:
        suite.always, suite.history = frozenset({"test/t0", "test/t1"}), past
        result = suite.run()
    assert {"cheap": 2, "dear": 2} == {name: len(p.requests) for name, p in providers.items()}
    assert 4 == len(result.rows)
    targets = {"cheap": CHEAP, "dear": DEAR}
    assert frozenset({"bug_fix"}) == decided_kinds(["bug_fix", "migrate"], targets, worth=Worth(), history=past)


@pytest.mark.parametrize("options", [Options(allocate="race"), Options(allocate="halve", max_usd=5.0)])
def test_single_target_is_asked_everything(tmp_path: Path, options: Options) -> None:
    router, providers = router_of(cheap="LINE 7")
    result = run_suite(router, "pool", tasks(12), folder=tmp_path, options=options)
    assert ("complete", 12, 12) == (result.status, len(result.rows), len(providers["cheap"].requests))
    assert frozenset() == decided_kinds(["bug_fix"], {"cheap": CHEAP}, worth=Worth(), history=answers("cheap", 60, solved=1.0))


def test_target_that_gave_up_does_not_end_the_race_of_the_others(tmp_path: Path) -> None:
    router, providers = router_of(cheap="LINE 7", dear="")
    result = run_suite(router, "pool", tasks(15), folder=tmp_path, options=Options(allocate="race", workers=1))
    assert (15, ("dear",), ()) == (len(providers["cheap"].requests), result.gave_up, result.dropped)


def test_halving_without_a_budget_and_worthless_tasks_are_refused_in_one_line() -> None:
    with pytest.raises(EvalError, match="give --budget-usd, or take 'race'"):
        Options(allocate="halve")
    with pytest.raises(EvalError, match="value_usd 0 must be above 0"):
        Worth(value_usd=0.0)


def test_halving_in_a_run_stays_within_a_tiny_budget(tmp_path: Path) -> None:
    router, providers = router_of(cheap="LINE 7", middle="LINE 7", dear="LINE 9")
    result = run_suite(router, "pool", tasks(20), folder=tmp_path, options=Options(allocate="halve", max_usd=0.3))
    assert ["dear"] == [d.target for d in result.dropped]
    assert result.spent_usd <= 0.3
    assert len(providers["dear"].requests) < len(providers["middle"].requests)


@pytest.mark.slow
def test_race_chooses_as_well_as_uniform_sampling_at_half_the_dollars() -> None:
    """The target of the design: on simulated worlds with known truth, through the schedule that real runs use."""
    worlds = [make_world(seed) for seed in range(25)]
    raced, uniform = ([play(world, how) for world in worlds] for how in ("race", "uniform"))  # type: ignore[arg-type]  # a Literal in a tuple
    assert _mean_usd(raced) <= 0.5 * _mean_usd(uniform)
    assert _regret(raced) <= _regret(uniform) + 0.002


def _mean_usd(outcomes: Sequence[Outcome]) -> float:
    return math.fsum(o.spent_usd for o in outcomes) / len(outcomes)


def _regret(outcomes: Sequence[Outcome]) -> float:
    return math.fsum(o.regret_usd for o in outcomes) / len(outcomes)
