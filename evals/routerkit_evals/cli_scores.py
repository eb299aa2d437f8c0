"""`routerkit scores …`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import routerkit
from routerkit_evals.cli_shared import DEFAULT_CONFIG, AsJson, ConfigPath, RunId, StoredFolder, data_folder, scorecard_path, stored_samples
from routerkit_evals.errors import EvalError

if TYPE_CHECKING:
    from routerkit_evals.guardrails import Change


def show(
    path: Annotated[Path | None, typer.Argument(help="Scorecard; default: the one the configuration names.")] = None,
    config: ConfigPath = DEFAULT_CONFIG,
    why: Annotated[bool, typer.Option("--why", help="Also the reason for every cell, as of its publication.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show a scorecard, with intervals and where it comes from."""
    from routerkit_evals.cells import label
    from routerkit_evals.publish import read_changes

    where = path or scorecard_path(config)
    card = routerkit.load_scorecard(where)
    if as_json:
        print(where.read_text("utf-8"), end="")
        return
    print(f"scorecard {card.revision}, made {card.made_at:%Y-%m-%d %H:%M} UTC" if card.made_at else f"scorecard {card.revision}")
    for name, value in card.sources.items():
        print(f"  {name}: {value}")
    width = max(map(len, map(label, card.cells)), default=0)
    for cell in card.cells:
        estimate = card.estimate(cell.target, cell.kind, cell.language, cell.repo)
        cost = "unknown" if cell.cost_usd is None else routerkit.format_usd(cell.cost_usd)
        seconds = "-" if cell.latency_s is None else f"{cell.latency_s:.1f} s"
        shown = f"{estimate.mean:.2f} [{estimate.low:.2f}, {estimate.high:.2f}]"
        print(f"{label(cell):{width}}  {cell.passed:.4g}/{cell.n}  expected {shown}  {cost}/task  {seconds}")
    if why:
        _print_changes(read_changes(where))


def diff(
    old: Annotated[Path | None, typer.Argument(help="Default: what the published scorecard replaced.")] = None,
    new: Annotated[Path | None, typer.Argument(help="Default: the published scorecard.")] = None,
    config: ConfigPath = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Show what differs between two scorecards, cell by cell."""
    from routerkit_evals.guardrails import differences
    from routerkit_evals.publish import previous_path

    after = new or scorecard_path(config)
    before = old or previous_path(after)
    if old is None and not before.exists():
        raise EvalError(f"{before}: nothing was published before; name two scorecards: routerkit scores diff OLD NEW")
    cards = routerkit.load_scorecard(before), routerkit.load_scorecard(after)
    changes = differences(*cards)
    if as_json:
        print(json.dumps({"old": cards[0].revision, "new": cards[1].revision, "changes": [c._asdict() for c in changes]}, indent=2))
        return
    print(f"{before} {cards[0].revision or 'empty'} -> {after} {cards[1].revision or 'empty'}")
    _print_changes(changes)


def publish(
    config: ConfigPath = DEFAULT_CONFIG,
    data: StoredFolder = None,
    run_id: RunId = None,
    to: Annotated[Path | None, typer.Option(help="Scorecard to write; default: the one the configuration names.")] = None,
    min_tasks: Annotated[int, typer.Option(min=1, help="Fewer tasks in a cell change nothing.")] = 1,
    max_move: Annotated[float, typer.Option(min=0.0, max=1.0, help="Most that a cell's share may move.")] = 1.0,
    hysteresis: Annotated[float, typer.Option(min=0.0, max=1.0, help="Moves below this are taken for noise.")] = 0.0,
) -> None:
    """Publish stored samples as the router's scorecard. All at once or not at all."""
    from routerkit_evals.guardrails import Guardrails
    from routerkit_evals.publish import publish_guarded
    from routerkit_evals.store import record_scorecard

    path = to or scorecard_path(config)
    published = publish_guarded(stored_samples(config, data, run_id), path, Guardrails(min_tasks, max_move, hysteresis))
    record_scorecard(data_folder(config, data), published.card)
    for note in published.notes:
        print(note)
    print(f"published {path}: revision {published.card.revision}, {len(published.card.cells)} cells")
    _print_changes([c for c in published.changes if c.action != "new"])


def _print_changes(changes: Sequence[Change]) -> None:
    if not changes:
        return
    rows = [(f"{c.target} {c.kind}", c.action, f"{_share(c.before)} -> {_share(c.after)}", c.why) for c in changes]
    widths = [max(len(row[i]) for row in rows) for i in range(3)]
    for row in rows:
        print("  ".join([*(text.ljust(width) for text, width in zip(row[:3], widths, strict=True)), row[3]]))


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
