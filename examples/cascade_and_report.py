"""The whole loop on simulated models: measure, route through a cascade, report what became of the answers, decide with that.

python examples/cascade_and_report.py    # asks nobody; what the simulated models can do is made up, all that is printed follows from it
"""

from __future__ import annotations

import tempfile
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from zlib import crc32

from routerkit import Cell, Policy, PolicySettings, Pool, Price, Reply, Request, Router, RouterState, Scorecard, Target, Verdict
from routerkit.joint import JointOutcomes, Pattern, VerifierCounts
from routerkit.ledger import Ledger
from routerkit.providers.simulated import Simulated
from routerkit.store import learn

QUALITY = {"mini": 0.70, "middle": 0.85, "large": 0.97}
MODELS = {name: Simulated(quality=quality, seed=i) for i, (name, quality) in enumerate(QUALITY.items())}
PRICES = tuple(Price(10.0**i, 10.0**i) for i in range(len(MODELS)))
TARGETS = tuple(Target(name, name, f"simulated-{name}", price=price) for name, price in zip(MODELS, PRICES, strict=True))


def task(name: str, model: str = "coding") -> Request:
    return Request(model, ({"role": "user", "content": f"{name}: mend the failing test"},), kind="bug_fix")


def is_right(reply: Reply) -> bool:
    return "a right simulated answer" in reply.text


class Tests:
    """Stands for your own tests: one time in twenty they let a wrong answer through, or fail a right one."""

    def verify(self, request: Request, reply: Reply) -> Verdict:
        """Look at one whole answer."""
        is_mistaken = crc32(reply.text.encode()) % 20 == 0
        return Verdict.accept() if is_right(reply) != is_mistaken else Verdict.reject("test_total failed: 3 != 2")


def measured(n: int = 300) -> Scorecard:
    """What `routerkit eval run`, `scores verifier` and `scores publish` do with real models: the same tasks for all of them."""
    rows, checks, usd = list[tuple[float, ...]](), Counter[tuple[bool, bool]](), [0.0] * len(MODELS)
    for request in (task(f"task {i}") for i in range(n)):
        replies = [model.complete(request) for model in MODELS.values()]
        rows.append(tuple(float(is_right(reply)) for reply in replies))
        usd = [mean + price.cost_usd(reply.usage) / n for mean, price, reply in zip(usd, PRICES, replies, strict=True)]
        checks.update((is_right(reply), bool(Tests().verify(request, reply).accepted)) for reply in replies)
    joint = JointOutcomes(
        "bug_fix", tuple(MODELS), tuple(Pattern(n_tasks, scores, tuple(usd)) for scores, n_tasks in Counter(rows).items())
    )
    right, wrong = checks[True, True] + checks[True, False], checks[False, True] + checks[False, False]
    counts = VerifierCounts("tests", "bug_fix", right, checks[True, True], wrong, checks[False, True])
    cells = tuple(Cell(name, "bug_fix", n, sum(row[i] for row in rows)) for i, name in enumerate(MODELS))
    return Scorecard(cells, made_at=datetime.now(UTC), joint=(joint,), verifiers=(counts,))


def main() -> None:
    card = measured()
    careful = Policy("careful", "cascade", PolicySettings(quality_floor=0.85, verify=("tests",)))
    state = RouterState(
        {"coding": Pool("coding", TARGETS, "careful")}, MODELS, {"careful": careful}, scorecard=card, verifiers={"tests": Tests()}
    )
    with tempfile.TemporaryDirectory() as place, Router(state, observers=[ledger := Ledger(Path(place))]) as router:
        print(router.decide(task("first")).explain())
        for model in ("coding", "coding/large"):
            replies = [router.complete(task(f"call {i}", model)) for i in range(300)]
            for reply in replies:
                router.report(str(reply.record_id), success=is_right(reply), evidence="simulated")
            usd = sum(reply.cost_usd or 0.0 for reply in replies)
            print(f"\n{model}: {sum(map(is_right, replies))} of {len(replies)} right for ${usd:.4f} (simulated)")
            print(f"  answered by {dict(Counter(reply.target for reply in replies))}")
        ledger.flush()
        # With [online] in the configuration a router does this by itself, every minute. Reports about a cascade speak for no single target.
        router.experience, _ = learn(Path(place), card, now=datetime.now(UTC))
        print(f"\n{router.decide(task('next')).explain()}")


if __name__ == "__main__":
    main()
