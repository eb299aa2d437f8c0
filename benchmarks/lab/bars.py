"""What routing is worth on recorded outcomes: every bar cross-fitted, with n and 95 % intervals.

python benchmarks/lab/bars.py DATA                  # DATA holds items.parquet and outcomes.parquet
python benchmarks/lab/bars.py DATA --bar mmlu       # or another name from BARS below; may be repeated

Folds are by SHA-256 of the item id. A figure is the mean over folds, each scored by a fit on the others; its interval combines the
folds' clustered bootstrap errors as if the folds were independent.
"""

from __future__ import annotations

import argparse
import hashlib
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from routerkit.cascade import Rates
from routerkit_evals.lab.cascade import expect
from routerkit_evals.lab.compare import Comparison, compare
from routerkit_evals.lab.fit import fit_predictor
from routerkit_evals.lab.reading import read_items, read_outcomes
from routerkit_evals.lab.recorded import Floats, Recorded, record
from routerkit_evals.lab.score import Bounded
from routerkit_evals.lab.simulate import sampled
from routerkit_evals.lab.stage import Setting

PAIR = ("mistralai/Mixtral-8x7B-Instruct-v0.1", "gpt-4-1106-preview")
SETTING = Setting("", None, ("static", "table", "corrected"), None, 0.97, 0, 300, {})
CODE = ("openhands_swebench", "openhands_swtbench")


def fold_of(item_id: str, n_folds: int) -> int:
    return hashlib.sha256(item_id.encode()).digest()[0] % n_folds


def folds(recorded: Recorded, n_folds: int) -> Iterator[tuple[Recorded, Recorded]]:
    place = np.array([fold_of(item.item_id, n_folds) for item in recorded.items])
    for k in range(n_folds):
        yield recorded.rows(place != k), recorded.rows(place == k)


def paired(recorded: Recorded, benchmark: str) -> Recorded:
    return recorded.only(benchmark).columns(PAIR)


def combined(values: Sequence[Bounded]) -> str:
    known = [v for v in values if v.value is not None]
    mean = float(np.mean([v.value for v in known]))
    errors = [(v.high - v.low) / 3.92 for v in known if v.low is not None and v.high is not None]
    half = 1.96 * float(np.sqrt(np.sum(np.square(errors)))) / max(len(errors), 1)
    missing = f", unknown in {len(values) - len(known)} of {len(values)} folds" if len(known) < len(values) else ""
    return f"{mean:.3f} [{mean - half:.3f}, {mean + half:.3f}]{missing}"


def say(bar: str, text: str, n: int, asked: str) -> None:
    print(f"{bar:44} {text:40} n={n:<6} bar {asked}", flush=True)


def metric(done: Sequence[Comparison], policy: str, name: str) -> list[Bounded]:
    return [next(s for s in c.scored if s.name == policy).metrics[name] for c in done]


def show_pair(label: str, done: Sequence[Comparison], asked: str) -> None:
    n = sum(c.n_test for c in done)
    for policy in ("table", "corrected"):
        say(f"{label}, {policy}: APGR", combined(metric(done, policy, "apgr")), n, asked)
        say(f"{label}, {policy}: saving at 95 %", combined(metric(done, policy, "saving_at_95")), n, ">= .52 (MMLU)")


def mmlu(data: Recorded) -> None:
    setting = replace(SETTING, pair=PAIR)
    show_pair("MMLU, 5 folds", [compare(f, t, setting) for f, t in folds(paired(data, "routellm_mmlu"), 5)], ">= .66")


def gsm8k(data: Recorded) -> None:
    """Ten random splits in 80 and 20 %: with 629 items one partition into folds says more about the partition than about the router."""
    part, setting = paired(data, "routellm_gsm8k"), replace(SETTING, pair=PAIR, n_resamples=0, policies=("corrected",))
    values, savings = [], []
    for seed in range(10):
        order = np.random.default_rng(seed).permutation(len(part))
        cut = len(part) // 5
        metrics = compare(part.rows(np.sort(order[cut:])), part.rows(np.sort(order[:cut])), setting).scored[0].metrics
        values.append(metrics["apgr"].value or float("nan"))
        savings.append(metrics["saving_at_95"].value or float("nan"))
    spread = f"{np.mean(values):.3f} (splits {min(values):.3f} to {max(values):.3f})"
    say("GSM8K, 10 splits 80/20, corrected: APGR", spread, len(part), ">= .59")
    say("GSM8K, 10 splits 80/20, corrected: saving at 95 %", f"{np.mean(savings):.3f}", len(part), "")


def labels_of(data: Recorded, benchmark: str, label: str, asked: str) -> None:
    setting, values, n = replace(SETTING, pair=PAIR, n_resamples=0, policies=("corrected",)), [], 0
    for fit, test in folds(paired(data, benchmark), 2):
        n += len(test)
        for seed in range(10):
            done = compare(sampled(fit, 300, seed=seed), test, replace(setting, seed=seed))
            values.append(done.scored[0].metrics["apgr"].value or float("nan"))
    spread = f"{np.mean(values):.3f} (draws {min(values):.3f} to {max(values):.3f})"
    say(f"{label}, 300 labels, 2 folds x 10 draws: APGR", spread, n, asked)


def mmlu300(data: Recorded) -> None:
    labels_of(data, "routellm_mmlu", "MMLU", ">= .61")


def gsm8k300(data: Recorded) -> None:
    labels_of(data, "routellm_gsm8k", "GSM8K", "none")


def transfer(data: Recorded) -> None:
    for source, target in (("mmlu", "gsm8k"), ("gsm8k", "mmlu")):
        done = compare(paired(data, f"routellm_{source}"), paired(data, f"routellm_{target}"), replace(SETTING, pair=PAIR))
        say(f"fitted on {source}, scored on {target}: APGR", combined(metric([done], "corrected", "apgr")), done.n_test, ">= .49")


def unlabelled(data: Recorded) -> None:
    """The same transfer with all categories removed: only the guard on texts is left."""
    print("without categories:")
    transfer(replace(data, items=tuple(replace(item, kind="") for item in data.items)))


def pools(data: Recorded) -> None:
    for name in CODE:
        done = [compare(f, t, SETTING) for f, t in folds(data.only(name), 2)]
        n = sum(c.n_test for c in done)
        say(f"{name}: AIQ, static", combined(metric(done, "static", "aiq")), n, "")
        say(f"{name}: AIQ, table", combined(metric(done, "table", "aiq")), n, "")
        say(f"{name}: AIQ, corrected", combined(metric(done, "corrected", "aiq")), n, "")
        say(f"{name}: corrected over static", combined(metric(done, "corrected", "aiq_gain_over_static")), n, ">= -.01")
        say(f"{name}: corrected over table", combined(metric(done, "corrected", "aiq_gain_over_table")), n, ">= -.01")


def chance(data: Recorded) -> None:
    """What of a gain in AIQ is the hull's: a policy that varies by item has points that are better by luck, and the hull finds them."""
    for name in CODE:
        pairs = list(halves(data.only(name), 30))
        for told, tested in (("", [t for _, t in pairs]), (", prompts dealt out at random", [shuffled(t) for _, t in pairs])):
            setting = replace(SETTING, policies=("corrected",), n_resamples=0)
            done = [compare(fit, test, setting) for (fit, _), test in zip(pairs, tested, strict=True)]
            gain = np.mean([v.value for v in metric(done, "corrected", "aiq_gain_over_table")])
            say(f"{name}: corrected over table{told}", f"{gain:+.4f} (30 random halves)", len(data.only(name)), "")


def shuffled(test: Recorded) -> Recorded:
    prompts = np.random.default_rng(0).permutation(np.array(test.texts, dtype=object))
    return replace(test, items=tuple(replace(item, prompt=prompt) for item, prompt in zip(test.items, prompts, strict=True)))


def cascade(data: Recorded) -> None:
    for name in CODE:
        setting = replace(SETTING, policies=("cascade",), verifier=Rates(0.95, 0.05))
        done = [compare(f, t, setting) for f, t in folds(data.only(name), 2)]
        n = sum(c.n_test for c in done)
        say(f"{name}: cascade, share of best", combined(metric(done, "cascade", "quality_share")), n, ">= .97 (SWE-bench)")
        say(f"{name}: cascade, saving", combined(metric(done, "cascade", "saving")), n, ">= .60 (SWE-bench)")
        for c in done:
            extra = c.scored[0].extra
            print(f"    {c.scored[0].note}; realised/predicted - 1: {extra['error_share']}")
        say(f"{name}: cascade, cost over both folds", f"{pooled(done) - 1.0:+.3f} of the predicted", n, "none: see cascade_cost")


def pooled(done: Sequence[Comparison]) -> float:
    """All realised dollars over all predicted ones: whether plans are right on average, not whether one bill is."""
    plans = [(c.n_test, c.scored[0].extra) for c in done]
    return sum(n * e["realised"]["cost_usd"] for n, e in plans) / sum(n * e["plan"]["cost_usd"] for n, e in plans)


def cascade_cost(data: Recorded) -> None:
    """Whether a cascade's cost can be predicted, on 100 random halves both ways; and what one sequence, neither chosen nor fitted, does."""
    setting = replace(SETTING, policies=("cascade",), verifier=Rates(0.95, 0.05), n_resamples=0)
    for name in CODE:
        part = data.only(name)
        both = [[compare(a, b, setting), compare(b, a, setting)] for a, b in halves(part, 100)]
        done = [c.scored[0].extra for pair in both for c in pair]
        ratio = np.array([d["realised"]["cost_usd"] / d["plan"]["cost_usd"] for d in done])
        covered = sum(d["plan"]["cost_low_usd"] <= d["realised"]["cost_usd"] <= d["plan"]["cost_high_usd"] for d in done)
        split = np.array([[d["cost_difference"][k] for k in ("escalations", "prices")] for d in done]).std(axis=0)
        say(f"{name}: cascade, realised / predicted cost", spread(ratio), len(part), "within 5 %")
        say(f"{name}: the same, both halves together", spread(np.array([pooled(pair) for pair in both])), len(part), "")
        say(f"{name}: cascade, interval holds the cost", f"{covered} of {len(done)} halves", len(part), ">= 95 %")
        print(f"    sd of what differs from the fit: escalations {split[0]:.3f}, prices {split[1]:.3f}")
        steps = Counter(tuple(d["plan"]["steps"]) for d in done).most_common(1)[0][0]
        cost = expect(part, steps, Rates(0.95, 0.05)).cost
        cost = cost[~np.isnan(cost)]
        orders = [np.random.default_rng(seed).permutation(cost) for seed in range(2_000)]
        means = np.array([o[: len(o) // 2].mean() for o in orders])
        say(f"{name}: {' → '.join(steps)}, half / other half", spread(means / (2 * cost.mean() - means)), len(cost), "")
        say(f"{name}: the same, half / mean of both halves", spread(means / cost.mean()), len(cost), "")
        enough = 2 * (1.96 * cost.std() / cost.mean() / 0.05) ** 2
        print(f"    one task's cost has sd / mean {cost.std() / cost.mean():.2f}; within 5 % in 95 of 100 takes {enough:,.0f} tasks a side")


def halves(recorded: Recorded, n: int) -> Iterator[tuple[Recorded, Recorded]]:
    for seed in range(n):
        order = np.random.default_rng(seed).permutation(len(recorded))
        cut = len(order) // 2
        yield recorded.rows(np.sort(order[:cut])), recorded.rows(np.sort(order[cut:]))


def spread(ratio: Floats) -> str:
    within = np.mean(np.abs(ratio - 1) <= 0.05)
    return f"{ratio.mean() - 1:+.3f}, median {np.median(ratio) - 1:+.3f}, sd {ratio.std():.3f}, {within:.0%} within 5 %"


def refusal(data: Recorded) -> None:
    for name in CODE:
        setting = replace(SETTING, policies=("cascade",), verifier=Rates(0.95, 0.40), n_resamples=0)
        for fit, test in folds(data.only(name), 2):
            done = compare(fit, test, setting)
            say(f"{name}: FPR .40 refused", str(done.scored[0].extra["refused"]), done.n_test, "refused if one dominates")
            print(f"    {done.scored[0].note}")


def bandit(data: Recorded) -> None:
    policies = ("thompson", "thompson-flat")
    for name, pair in (*((n, None) for n in CODE), ("routellm_mmlu", PAIR), ("routellm_gsm8k", PAIR)):
        part = data.only(name) if pair is None else paired(data, name)
        done = [compare(f, t, replace(SETTING, pair=pair, policies=policies, n_resamples=0)) for f, t in folds(part, 2)]
        for policy, asked in zip(policies, ("<= .025", "<= .040"), strict=True):
            values = [v.value for v in metric(done, policy, "regret")]
            say(f"{name}: {policy}, regret per request", ", ".join(f"{v:.4f}" for v in values), sum(c.n_test for c in done), asked)


def speed(data: Recorded) -> None:
    """CPU time of one correction at decision time; gates and guard forced open, so that the whole sum is done."""
    for name in ("routellm_gsm8k", CODE[0]):
        part = paired(data, name) if name.startswith("routellm") else data.only(name).columns(("DeepSeek-V4-Pro", "claude-fable-5"))
        predictor = fit_predictor(part.rows(part.is_complete)).predictor
        predictor = replace(predictor, gates=tuple(replace(g, is_open=True, reach=0.0, scale=1.0) for g in predictor.gates))
        took = []
        for item in part.items:
            start = time.process_time()
            predictor.correction(item.prompt, item.kind)
            took.append((time.process_time() - start) * 1e3)
        p50, p99 = np.quantile(took, [0.5, 0.99])
        say(f"{name}: correction, CPU ms", f"p50 {p50:.2f}, p99 {p99:.2f}", len(took), "p50 <= 1")


BARS: dict[str, Callable[[Recorded], None]] = {
    f.__name__: f
    for f in (mmlu, mmlu300, gsm8k, gsm8k300, transfer, unlabelled, pools, chance, cascade, cascade_cost, refusal, bandit, speed)
}


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure routing on recorded outcomes.")
    parser.add_argument("data", type=Path)
    parser.add_argument("--bar", choices=BARS, action="append")
    options = parser.parse_args()
    data = record(read_items([options.data / "items.parquet"]), read_outcomes([options.data / "outcomes.parquet"]))
    for name in options.bar or BARS:
        BARS[name](data)


if __name__ == "__main__":
    main()
