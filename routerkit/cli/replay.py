"""`routerkit replay`: what logged traffic would have done under another configuration."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from routerkit.cli.ledger import find_folder
from routerkit.cli.options import DEFAULT_CONFIG, AsJson, Folder
from routerkit.cli.since import Since, start_of
from routerkit.cli.tables import cell, print_table
from routerkit.counterfactual import Counterfactual, replay_calls
from routerkit.decision import format_usd
from routerkit.errors import ConfigError
from routerkit.offpolicy import Evaluation, Interval
from routerkit.redecision import Setting
from routerkit.scorecard import now_utc
from routerkit.store import LoggedCalls, read_logged
from routerkit.store.logged import SAMPLE

if TYPE_CHECKING:
    from routerkit.config import Config

# routerkit.config brings pydantic (80 ms), so it is imported only when the command runs.

_SHOWN_MOVES: Final = 12
_NO_DIFFERENCE: Final = 1e-12
"""Dollars that are only rounding, where the same decisions are compared with themselves."""
_ROUTES_ACT_BY: Final = (".kind", ".only", ".prefer", ".avoid", ".threshold")
"""What of a route acts on a request that it was found for."""


def replay(
    policy: Annotated[Path, typer.Option("--policy", help="Configuration to try, a changed copy of the one in force.")],
    pool: Annotated[str | None, typer.Option(help="Only calls through this pool.")] = None,
    since: Since = None,
    is_diff: Annotated[bool, typer.Option("--diff", help="Only show how the configurations differ; no call is decided again.")] = False,
    sample: Annotated[int, typer.Option(min=1, help="Decide at most this many calls again, drawn by a hash of their ids.")] = SAMPLE,
    folder: Folder = None,
    config: Annotated[Path, typer.Option("--config", "-c", help="Configuration in force.")] = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Decide logged calls again under another configuration: who moves where, at what cost and success."""
    from routerkit.config import read

    old, new = read(config), read(policy)
    changes = _changes(old, new)
    if is_diff:
        print(json.dumps({"changes": changes}, indent=2) if as_json else "\n".join(changes or ["both route alike"]))
        return
    if pool is not None and pool not in new.pools:
        raise ConfigError(f"{policy}: no pool {pool!r}; it has {', '.join(new.pools)}")
    read_calls = read_logged(find_folder(folder, config), since=start_of(since, now_utc()), pool=pool, sample=sample)
    settings = _compared(_settings(new, policy.parent), _settings(old, config.parent), checks_alike=old.verifiers == new.verifiers)
    calls = [call for call in read_calls.calls if call.decision.pool in settings]
    found = replay_calls(calls, settings)
    left_out = {**read_calls.left_out, **found.left_out}
    if len(calls) < len(read_calls.calls):
        left_out["their pool is not in the new configuration"] = len(read_calls.calls) - len(calls)
    if as_json:
        print(json.dumps(_facts(found, read_calls, left_out, changes), indent=2))
    else:
        _print(found, read_calls, left_out, changes)


def _changes(old: Config, new: Config) -> list[str]:
    from routerkit.config.difference import differences

    return differences(old, new)


def _unseen(changes: list[str]) -> list[str]:
    """Changes to what is made of prompts: routes that are new or sound different, and who is asked for them."""
    places = [change.partition(": ")[0] for change in changes]
    return [p for p in places if p.startswith(("routes", "classifier", "scorecard.predictor")) and not p.endswith(_ROUTES_ACT_BY)]


def _settings(config: Config, base: Path) -> dict[str, Setting]:
    from routerkit.config import plan_state

    state = plan_state(config, base)
    return {
        name: Setting(
            pool,
            state.policy(pool),
            state.scorecard,
            state.rules,
            routes=state.routes,
            experiment=state.experiments.get(name),
            variants=state.variants(pool),
        )
        for name, pool in state.pools.items()
    }


def _compared(new: Mapping[str, Setting], old: Mapping[str, Setting], *, checks_alike: bool) -> dict[str, Setting]:
    """Settings that know whether their pools' answers were checked as they would be."""
    return {name: replace(s, checks_alike=checks_alike and name in old and _checks(s) <= _checks(old[name])) for name, s in new.items()}


def _checks(setting: Setting) -> set[tuple[str, ...]]:
    """What the pool's cascades check answers by."""
    return {policy.settings.verify for policy in (setting.policy, *setting.variants.values())}


def _facts(found: Counterfactual, read_calls: LoggedCalls, left_out: dict[str, int], changes: list[str]) -> dict[str, object]:
    return {
        "changes": changes,
        "not_replayed": _unseen(changes),
        "calls_stored": read_calls.n_stored,
        "calls": found.n_calls,
        "left_out": left_out,
        "moved": found.n_moved,
        "moves": [move._asdict() for move in found.moves],
        "cost_usd": {"predicted": found.predicted_usd, **_evaluation(found.cost)},
        "success": {"predicted": found.predicted_success, **_evaluation(found.success)},
    }


def _evaluation(found: Evaluation) -> dict[str, object]:
    return {name: _interval(value) if isinstance(value, tuple) else value for name, value in asdict(found).items()}


def _interval(found: tuple[float, ...]) -> dict[str, float | None]:
    return {name: value if math.isfinite(value) else None for name, value in zip(("value", "low", "high"), found, strict=True)}


def _print(found: Counterfactual, read_calls: LoggedCalls, left_out: dict[str, int], changes: list[str]) -> None:
    for line in changes or ["both configurations route alike"]:
        print(cell(line))
    if unseen := _unseen(changes):
        print(f"not replayed: {cell(', '.join(unseen))}; prompts are not stored, so routes stay found as they were")
    sampled = f", a sample of {read_calls.n_stored:,}" if read_calls.n_stored > found.n_calls + sum(left_out.values()) else ""
    print(f"{found.n_calls:,} calls decided again{sampled}; {found.n_moved:,} move ({found.n_moved / max(found.n_calls, 1):.0%})")
    for why, n in left_out.items():
        print(f"  left out: {n:,} ({why})")
    for move in found.moves[:_SHOWN_MOVES]:
        print(f"  {move.n:>7,}  {cell(move.kind or 'unknown')}: {cell(move.before)} -> {cell(move.after)}")
    if len(found.moves) > _SHOWN_MOVES:
        print(f"  and {len(found.moves) - _SHOWN_MOVES} more kinds of moves; --json has all")
    if found.n_calls:
        _print_estimates(found)


def _print_estimates(found: Counterfactual) -> None:
    head = ("", "n", "logged", "new, predicted", "new, doubly robust", "IPS", "SNIPS", "change")
    print_table(head, [_row("cost per call", found.cost, found.predicted_usd), _row("success", found.success, found.predicted_success)])
    for name, evaluation in (("cost", found.cost), ("success", found.success)):
        if evaluation.why_not:
            print(f"no estimate of {name} from outcomes: {evaluation.why_not}")
        else:
            print(f"{name}: {evaluation.n:,} outcomes, worth {evaluation.effective_n:,.0f} of the new policy's own")


def _row(name: str, found: Evaluation, predicted: float | None) -> list[str]:
    figure = _usd if name.startswith("cost") else _share
    intervals = [_with_interval(i, figure) for i in (found.logged, found.dr, found.ips, found.snips, found.change)]
    return [name, f"{found.n:,}", intervals[0], "unknown" if predicted is None else figure(predicted), *intervals[1:]]


def _with_interval(found: Interval | None, figure: Callable[[float], str]) -> str:
    return "-" if found is None else f"{figure(found.value)} [{figure(found.low)}, {figure(found.high)}]"


def _usd(value: float) -> str:
    value = 0.0 if abs(value) < _NO_DIFFERENCE else value
    return f"-{format_usd(-value)}" if value < 0 else format_usd(value)


def _share(value: float) -> str:
    return f"{value:.3f}"
