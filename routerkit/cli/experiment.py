"""`routerkit experiment`: what the variants of a pool's policy have shown, and whether to go on."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from routerkit.cli.options import DEFAULT_CONFIG, AsJson, ConfigPath, Folder
from routerkit.cli.tables import print_table
from routerkit.decision import format_usd
from routerkit.errors import ConfigError
from routerkit.experiment import Ending
from routerkit.store import read_trial
from routerkit.trial import ALPHA, Call, Result, Verdict, judge, results, settled

if TYPE_CHECKING:
    from routerkit.config import Config
    from routerkit.config.routing import ExperimentSection


def experiment(
    pool: Annotated[str | None, typer.Argument(help="Pool; left out: the only one with an experiment.")] = None,
    config: ConfigPath = DEFAULT_CONFIG,
    folder: Folder = None,
    epsilon: Annotated[float, typer.Option(min=0.0, max=1.0, help="Difference in successes that does not matter.")] = 0.02,
    as_json: AsJson = False,
) -> None:
    """Compare the variants of a running experiment. Look as often as you like: the intervals hold at every look."""
    from routerkit.config import ledger_folder, plan_state, read  # pydantic, which `routerkit --help` should not pay for

    settings = read(config)
    name, section = _chosen(settings, pool)
    place = folder or (ledger_folder(settings.ledger, config.parent) if settings.ledger else config.parent / "routerkit-data")
    calls = read_trial(place, name, section.name)
    found = results(calls, list(section.variants), alpha=ALPHA)
    verdict, ending = judge(found, epsilon=epsilon), _ending(section, calls)
    if as_json:
        body = {"pool": name, "experiment": section.name, "alpha": ALPHA, "epsilon": epsilon, "verdict": verdict._asdict()}
        body |= {"ending": None if ending is None else ending._asdict()}
        print(json.dumps(body | {"variants": [_row(r) for r in found]}, indent=2))
        return
    shares = plan_state(settings, config.parent).experiments[name].shares
    print(f"experiment {section.name!r} in pool {name}: {len(calls)} calls; intervals hold at every look with {1 - ALPHA:.0%} confidence")
    _print(found, {next(iter(section.variants)): 1.0 - sum(shares.values())} | dict(shares), verdict)
    if ending is not None:
        moved = ", ".join(f"{old} → {new}" for old, new in ending.moves.items() if old != new)
        print(f"in force: {moved}; {ending.why}")


def _ending(section: ExperimentSection, calls: Sequence[Call]) -> Ending | None:
    """What running routers have settled on, if this experiment ends by itself."""
    if section.settle_within is None:
        return None
    return settled(calls, list(section.variants), alpha=ALPHA, epsilon=section.settle_within)


def _chosen(config: Config, pool: str | None) -> tuple[str, ExperimentSection]:
    running = {name: p.experiment for name, p in config.pools.items() if p.experiment is not None}
    if not running:
        raise ConfigError("no pool has an experiment; add [pools.NAME.experiment] with name and variants")
    if pool is None and len(running) > 1:
        raise ConfigError(f"which pool? name one of {', '.join(sorted(running))}")
    name = pool or next(iter(running))
    if name not in running:
        raise ConfigError(f"pool {name!r} has no experiment; {', '.join(sorted(running))} has")
    return name, running[name]


def _print(found: Sequence[Result], shares: dict[str, float], verdict: Verdict) -> None:
    first = found[0]
    rows = [
        [
            r.variant,
            f"{shares[r.variant]:.0%}",
            str(r.n_calls),
            str(r.n_units),
            str(r.n_judged),
            "unknown" if math.isnan(r.success.mean) else f"{r.success.mean:.3f} [{r.success.low:.3f}, {r.success.high:.3f}]",
            "" if r is first or not (r.n_judged and first.n_judged) else _difference(r, first),
            format_usd(r.usd_per_call),
        ]
        for r in found
    ]
    print_table(("variant", "share", "calls", "units", "with outcome", "success", f"against {first.variant}", "$/call"), rows)
    print(f"{verdict.action}: {verdict.why}")


def _difference(result: Result, first: Result) -> str:
    gap = result.success - first.success
    return f"{gap.mean:+.3f} [{gap.low:+.3f}, {gap.high:+.3f}]"


def _row(result: Result) -> dict[str, object]:
    success = {key: None if math.isnan(value) else value for key, value in result.success._asdict().items()}
    return {**asdict(result), "success": success}
