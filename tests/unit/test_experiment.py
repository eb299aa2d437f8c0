"""Experiments: who gets which policy, and when it is known enough."""

from __future__ import annotations

import json
import random
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from routerkit import Decision, Policy, Pool, Record, Request, Router, RouterState, Usage
from routerkit.confidence import mean_sequence
from routerkit.config import parse, plan_state
from routerkit.config.trial_watch import trial_watch
from routerkit.errors import ConfigError
from routerkit.experiment import Ending, Experiment, Ramp, unit_of
from routerkit.ledger import Ledger
from routerkit.record import Report
from routerkit.testing import make_target
from routerkit.trial import Call, judge, results, settled
from tests.unit.config_text import GOOD
from tests.unit.test_cli import Run, run

__all__ = ["run"]

NOW = datetime(2026, 12, 1, tzinfo=UTC)
TRIAL = Experiment("floor", {"control": "cheapest", "canary": "best", "wild": "weighted"}, {"canary": 0.2, "wild": 0.1})
KEYS = [f"session {i}" for i in range(20_000)]


def router(experiment: Experiment = TRIAL) -> Router:
    pool = Pool("pool", (make_target("a", usd=1.0), make_target("b", usd=9.0)), "cheapest")
    state = RouterState({"pool": pool}, {}, {"cheapest": Policy("cheapest", "cheapest")}, experiments={"pool": experiment})
    return Router(state, now=lambda: NOW)


def ask(session: str | None, text: str = "hi", model: str = "pool") -> Request:
    return Request(model, ({"role": "user", "content": text},), session=session)


def test_units_are_dealt_by_share():
    """Within four standard deviations of a fair draw."""
    counts = Counter(TRIAL.assign(key, NOW).variant for key in KEYS)
    for variant, share in {"control": 0.7, "canary": 0.2, "wild": 0.1}.items():
        assert pytest.approx(share, abs=4 * (share * (1 - share) / len(KEYS)) ** 0.5) == counts[variant] / len(KEYS)


def test_session_keeps_its_variant_on_every_replica_and_another_experiment_deals_anew():
    """No storage: the hash is all there is."""
    first, second = ([replica.decide(ask(f"s{i}")).arm for i in range(200)] for replica in (router(), router()))
    assert first == second
    other = replace(TRIAL, name="other")
    moved = sum(TRIAL.assign(key, NOW).variant != other.assign(key, NOW).variant for key in KEYS[:2_000])
    assert 0.3 < moved / 2_000 < 0.6


def test_conversation_without_session_keeps_its_variant():
    """It is known by its first message, whatever follows."""
    opening = {"role": "user", "content": "Port the billing job."}
    later = Request("pool", (opening, {"role": "assistant", "content": "Which?"}, {"role": "user", "content": "All of it."}))
    assert unit_of(Request("pool", (opening,))) == unit_of(later)
    assert unit_of(later) != unit_of(ask(None, "Something else"))


def test_variant_decides_by_its_policy_and_stands_on_the_decision():
    """With its share, so that the outcome can be weighed; even after a trip through the ledger."""
    seen = {}
    for i in range(100):
        decision = router().decide(ask(f"s{i}"))
        seen[decision.arm.variant] = (decision.policy, decision.arm.share)
        assert decision.arm == Decision.from_dict(json.loads(json.dumps(decision.to_dict()))).arm
    assert {"control": ("cheapest", pytest.approx(0.7)), "canary": ("best", 0.2), "wild": ("weighted", 0.1)} == seen
    canary = next(d for i in range(100) if (d := router().decide(ask(f"s{i}"))).arm.variant == "canary")
    assert "variant=canary (20% of 'floor')" in canary.explain()


def test_target_that_was_asked_for_by_name_is_no_part_of_the_experiment():
    """Nothing was decided."""
    assert router().decide(ask("s", model="pool/b")).arm is None


def test_growing_shares_move_units_from_the_first_variant_only():
    """Whoever has the canary keeps it while the ramp rises."""
    ramped = replace(TRIAL, ramp=Ramp(NOW, timedelta(days=10)))
    before = [ramped.assign(key, NOW - timedelta(days=1)) for key in KEYS[:2_000]]
    assert {"control"} == {arm.variant for arm in before}
    for day in range(1, 12):
        after = [ramped.assign(key, NOW + timedelta(days=day)) for key in KEYS[:2_000]]
        moved = {(a.variant, b.variant) for a, b in zip(before, after, strict=True) if a.variant != b.variant}
        assert moved <= {("control", "canary"), ("control", "wild")}
        before = after
    assert [TRIAL.assign(key, NOW) for key in KEYS[:2_000]] == before


def test_interval_holds_at_every_look():
    """Of 300 streams of coin throws watched from 20 to 600, at most the promised share ever leaves the truth out."""
    dice, alpha, missed = random.Random(1), 0.1, 0
    for _ in range(300):
        values = [float(dice.random() < 0.7) for _ in range(600)]
        looks = (mean_sequence(values[:n], alpha=alpha) for n in range(20, 601, 20))
        missed += any(not look.low <= 0.7 <= look.high for look in looks)
    assert missed <= 300 * alpha


def test_interval_narrows_and_never_vanishes():
    """Also where all values are the same."""
    widths = [i.high - i.low for n in (10, 100, 1_000, 10_000) for i in [mean_sequence([1.0] * n, alpha=0.05)]]
    assert widths == sorted(widths, reverse=True)
    assert 0 < widths[-1] < 0.02
    assert (0.0, 1.0) == mean_sequence([], alpha=0.05)[1:]


def calls(variant: str, n: int, share: float, usd: float | None = 0.01) -> list[Call]:
    return [Call(variant, f"{variant}{i}", i < share * n, usd) for i in range(n)]


@pytest.mark.parametrize(
    ("canary", "verdict"),
    [
        (calls("canary", 10, 1.0), ("go on", "fewer than 20 units with an outcome: canary")),
        (calls("canary", 60, 0.85), ("go on", "none is certainly within 0.02 of the best yet")),
        (calls("canary", 2_000, 0.9), ("stop", "canary is within 0.02 of the best")),
        (calls("canary", 2_000, 0.5), ("roll back", "canary succeeds less often than control")),
    ],
)
def test_verdict_follows_from_what_is_certain(canary, verdict):
    """Stop, roll back, or wait."""
    found = results([*calls("control", 2_000, 0.8), *canary], ["control", "canary"], alpha=0.05)
    assert verdict == judge(found, epsilon=0.02)[:2]


def test_nothing_is_rolled_back_on_few_outcomes():
    """The intervals are exact for large samples only; nineteen failures in a row may still be chance."""
    found = results([*calls("control", 2_000, 0.8), *calls("canary", 19, 0.0)], ["control", "canary"], alpha=0.05)
    assert found[1].success.high < found[0].success.low
    assert "go on" == judge(found, epsilon=0.02).action


def mixed(*parts: list[Call]) -> list[Call]:
    """Outcomes of several variants in a fixed random order."""
    both = [call for part in parts for call in part]
    random.Random(5).shuffle(both)
    return both


NAMES = ["control", "canary", "wild"]


def test_experiment_stops_at_the_variant_that_is_within_epsilon_of_the_best():
    """All units get it."""
    ending = settled(mixed(calls("control", 2_000, 0.7), calls("canary", 1_000, 0.95)), NAMES[:2], alpha=0.05, epsilon=0.02)
    assert ending == Ending({"control": "canary", "canary": "canary"}, "canary is within 0.02 of the best")


def test_what_is_certainly_worse_is_rolled_back_and_the_others_go_on():
    """Its units get the first variant; when no other is left, that is the end."""
    bad, even = calls("wild", 400, 0.3), (calls("control", 400, 0.8), calls("canary", 400, 0.8))
    why = "wild succeeds less often than control"
    assert Ending({"wild": "control"}, why) == settled(mixed(*even, bad), NAMES, alpha=0.05, epsilon=0.001)
    alone = settled(mixed(even[0], bad), ["control", "wild"], alpha=0.05, epsilon=0.001)
    assert Ending({"control": "control", "wild": "control"}, why) == alone
    assert settled(mixed(*even), NAMES[:2], alpha=0.05, epsilon=0.001) is None


def test_what_was_settled_stays_settled_when_more_outcomes_come():
    """Even when they speak against it: late reports about units of the loser change nothing."""
    shown = mixed(calls("control", 300, 0.8), calls("canary", 300, 0.2))
    first = settled(shown, NAMES[:2], alpha=0.05, epsilon=0.02)
    late = [call._replace(unit=f"late{call.unit}") for call in mixed(calls("control", 300, 0.2), calls("canary", 300, 1.0))]
    assert first is not None
    assert first == settled([*shown, *late], NAMES[:2], alpha=0.05, epsilon=0.02)


def test_equal_variants_are_seldom_settled_wrongly():
    """Of 60 experiments without a difference, hardly any rolls one back, however often it looks."""
    dice, wrong = random.Random(3), 0
    for _ in range(60):
        fair = [Call(v, f"{v}{i}", dice.random() < 0.6, None) for i in range(300) for v in ("control", "canary")]
        ending = settled(fair, NAMES[:2], alpha=0.05, epsilon=0.001)
        wrong += ending is not None and "less often" in ending.why
    assert wrong <= 60 * 0.05


def test_settled_variant_is_dealt_and_said_and_the_call_no_longer_counts():
    """Units that have it already keep it; explain says why the others have it too."""
    ended = replace(TRIAL, ending=Ending({"canary": "control"}, "canary succeeds less often than control"))
    arms = {key: (TRIAL.assign(key, NOW), ended.assign(key, NOW)) for key in KEYS[:300]}
    assert {("control", "control", False), ("canary", "control", True), ("wild", "wild", False)} == {
        (before.variant, after.variant, bool(after.ending)) for before, after in arms.values()
    }
    live = router(ended)
    decision = next(d for i in range(100) if (d := live.decide(ask(f"s{i}"))).arm.ending)
    assert ("cheapest", "control") == (decision.policy, decision.arm.variant)
    assert "variant=control (settled in 'floor': canary succeeds less often than control)" in decision.explain()
    assert decision.arm == Decision.from_dict(json.loads(json.dumps(decision.to_dict()))).arm


def test_cheapest_of_those_within_epsilon_is_named():
    """When none is better, money decides; an unknown price is not cheap."""
    dear, cheap = calls("control", 4_000, 0.8, 0.05), calls("canary", 4_000, 0.8, 0.01)
    names = ["control", "canary"]
    verdict = judge(results([*dear, *cheap], names, alpha=0.05), epsilon=0.2)
    assert ("stop", "canary is within 0.2 of the best, and the cheapest that is", "canary") == verdict
    unknown = calls("canary", 4_000, 0.8, None)
    assert judge(results([*dear, *unknown], names, alpha=0.05), epsilon=0.2).why.startswith("control")


def test_calls_of_one_unit_count_as_one_and_unreported_ones_as_nothing():
    """A session of a hundred calls is one observation."""
    found = [Call("a", "s", i % 2 == 0, 0.1) for i in range(100)] + [Call("a", "t", None, 0.1), Call("a", "u", None, None)]
    (result,) = results(found, ["a"], alpha=0.05)
    assert (102, 3, 1, 0.5, None) == (result.n_calls, result.n_units, result.n_judged, result.success.mean, result.usd_per_call)


TRIED = (
    GOOD + '\n[pools.coding.experiment]\nname = "floor"\nvariants = { control = "cheapest", canary = "best" }\nshares = { canary = 0.4 }\n'
)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('canary = "best"', 'canary = "bst"', "pools.coding.experiment.variants.canary: unknown policy 'bst'; did you mean 'best'?"),
        (', canary = "best"', "", "pools.coding.experiment.variants: "),
        ("canary = 0.4", "canry = 0.4", "pools.coding.experiment.shares: unknown variant 'canry'; did you mean 'canary'?"),
        ("canary = 0.4", "control = 0.4", "pools.coding.experiment.shares.control: 'control' is the first variant"),
        ("canary = 0.4", "canary = 1.4", "pools.coding.experiment.shares.canary: 1.4 should be less than or equal to 1"),
        ('"best" }', '"best", more = "fastest" }', "pools.coding.experiment.shares: 'more' has no share"),
        (
            '"best" }\nshares = { canary = 0.4 }',
            '"best", more = "fastest" }\nshares = { canary = 0.6, more = 0.6 }',
            "pools.coding.experiment.shares: they add up to 1.2",
        ),
        ("shares =", "settle_within = 2\nshares =", "pools.coding.experiment.settle_within: 2 should be less than or equal to 1"),
        ("shares =", "ramp = { start = 2026-12-01T00:00:00, days = 7 }\nshares =", "pools.coding.experiment.ramp.start: "),
    ],
)
def test_experiment_that_cannot_be_dealt_is_refused_in_one_line(old, new, told):
    """With line, key, value and remedy."""
    before, after = TRIED.split("[pools.coding.experiment]")
    with pytest.raises(ConfigError) as caught:
        parse(f"{before}[pools.coding.experiment]{after.replace(old, new, 1)}")
    assert told in str(caught.value)
    assert 1 == len(str(caught.value).splitlines())


def test_command_compares_what_the_ledger_holds(run: Run, tmp_path: Path) -> None:
    (tmp_path / "routerkit.toml").write_text(TRIED)
    live = router(Experiment("floor", {"control": "cheapest", "canary": "best"}, {"canary": 0.4}))
    with Ledger(tmp_path / "calls") as ledger:
        for i in range(100):
            request = ask(f"s{i}", model="pool")
            decision = replace(live.decide(request), pool="coding")
            status, target = ("ok", "a") if i else ("error", None)
            ledger.observe(Record(decision.id, NOW, request, decision, (), status, target, "m", 1.0, Usage(), 0.01, is_stream=False))
            if i % 10:
                ledger.observe(Report(decision.id, NOW, success=decision.arm.variant == "canary"))
    code, out, _ = run("experiment", "--json")
    body = json.loads(out)
    assert 0 == code
    assert 91 == sum(v["n_judged"] for v in body["variants"])
    assert [("control", 0.0), ("canary", 1.0)] == [(v["variant"], round(v["success"]["mean"])) for v in body["variants"]]
    assert "stop" == body["verdict"]["action"]
    code, out, _ = run("experiment", "coding")
    assert out.startswith("experiment 'floor' in pool coding: 100 calls; intervals hold at every look with 95% confidence\n")
    assert out.endswith("stop: canary is within 0.02 of the best\n")


SELF_ENDING = TRIED + "settle_within = 0.02\n"


def test_running_router_settles_by_its_ledger_and_goes_on_settled(run: Run, tmp_path: Path) -> None:
    """From dealing through reports to one variant for all; what is answered then says nothing more about the experiment."""
    path = tmp_path / "routerkit.toml"
    path.write_text(SELF_ENDING)
    state = plan_state(parse(SELF_ENDING), tmp_path)
    live = Router(state, now=lambda: NOW)
    watch = trial_watch(tmp_path / "calls")
    write_outcomes(tmp_path / "calls", live, range(150), good="canary")
    assert (True, False) == (watch.look(live), watch.look(live))
    decisions = [live.decide(ask(f"s{i}", model="coding")) for i in range(50)]
    assert {("canary", "best")} == {(d.arm.variant, d.policy) for d in decisions}
    write_outcomes(tmp_path / "calls", live, range(150, 400), good="nobody")
    assert not watch.look(live)
    _, out, _ = run("experiment")
    assert out.endswith("in force: control → canary; canary is within 0.02 of the best\n")
    assert "150 calls" in out


def write_outcomes(folder: Path, live: Router, numbers: range, *, good: str) -> None:
    """Calls of as many sessions, each with a report: success where the variant is the good one."""
    with Ledger(folder) as ledger:
        for i in numbers:
            request = ask(f"s{i}", model="coding")
            decision = live.decide(request)
            ledger.observe(Record(decision.id, NOW, request, decision, (), "ok", "a", "m", 1.0, Usage(), 0.01, is_stream=False))
            ledger.observe(Report(decision.id, NOW + timedelta(seconds=i), success=decision.arm.variant == good))


def test_experiment_that_ends_by_itself_needs_a_ledger():
    """Where else would outcomes come from."""
    head, _, tail = SELF_ENDING.partition("[ledger]")
    with pytest.raises(ConfigError, match=r"pools.coding.experiment.settle_within: needs a section \[ledger\]"):
        parse(head + tail[tail.index("[") :])


@pytest.mark.parametrize(
    ("text", "args", "told"),
    [
        (GOOD, [], "no pool has an experiment; add [pools.NAME.experiment]"),
        (TRIED, ["codin"], "pool 'codin' has no experiment; coding has"),
    ],
)
def test_command_without_an_experiment_is_one_line_and_code_2(run: Run, tmp_path: Path, text: str, args: list[str], told: str) -> None:
    (tmp_path / "routerkit.toml").write_text(text)
    code, out, err = run("experiment", *args)
    assert (2, "", 1) == (code, out, len(err.splitlines()))
    assert told in err
