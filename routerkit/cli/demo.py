"""`routerkit demo`: the whole loop on this machine. Measure real models on real tasks, publish the scores, route by them, explain."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from routerkit.cli.demo_setup import ensure_config, ensure_models, read_config
from routerkit.decision import format_usd
from routerkit.errors import ConfigError

if TYPE_CHECKING:
    from routerkit.catalog import Pool
    from routerkit.router import Router
    from routerkit_evals import RunResult, Task

_ASK_ABOVE_USD: Final = 0.25
_LOCAL_MAX_TOKENS: Final = 160
"""Room enough for every task of the suite; small models tend to ramble to the limit."""
_HOSTED_MAX_TOKENS: Final = 4096
_ANSWER_S: Final = 90.0


def demo(
    folder: Annotated[Path, typer.Option(help="Where the demo keeps its configuration, samples and scorecard.")] = Path("routerkit-demo"),
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Spend without asking.")] = False,
    limit: Annotated[int | None, typer.Option(min=1, help="At most this many tasks per target.")] = None,
) -> None:
    """Measure models on code tasks in a sandbox, publish a scorecard, route requests by it."""
    from routerkit.cli.demo_traffic import route_some  # LangChain; here, so that its absence is told before anything is spent
    from routerkit.config import load
    from routerkit_evals import tasks_of

    path = ensure_config(folder)
    is_local = ensure_models(read_config(path))
    tasks = tasks_of("demo")[:limit]
    with load(path) as router:
        pool = router.state.pools["coding"]
        _confirm_spend(pool, tasks, is_sure=yes)
        _say(1, f"measure {len(pool.targets)} targets on {len(tasks)} tasks; model-written code runs in a sandbox")
        result = _measure(router, tasks, folder, max_tokens=_LOCAL_MAX_TOKENS if is_local else _HOSTED_MAX_TOKENS)
    _end_if_interrupted(result)
    _show(result)
    if not result.n_counted:
        raise ConfigError(f"no model answered: see above why, then run the same command again; or delete {path} to begin anew")
    _publish(result, folder)
    _say(4, "route new requests through langchain_routerkit.ChatRouter")
    route_some(path)
    _say(5, "what lies where, and what to do next")
    _print_next(folder)


def _confirm_spend(pool: Pool, tasks: Sequence[Task], *, is_sure: bool) -> None:
    cost = expected_usd(pool, tasks)
    if cost == 0.0 or is_sure or (cost is not None and cost <= _ASK_ABOVE_USD):
        return
    unpriced = ", ".join(target.name for target in pool.targets if target.price is None)
    what = f"an unknown amount: no price is known of {unpriced}" if cost is None else f"about {format_usd(cost)}"
    if not sys.stdin.isatty():
        less = "give usd_per_mtok" if cost is None else "take --limit N for fewer tasks"
        raise ConfigError(f"the demo would spend {what}; run it again with --yes (make demo ARGS=--yes), or {less}")
    typer.confirm(f"The demo will spend {what}. Go on?", abort=True)


def expected_usd(pool: Pool, tasks: Sequence[Task]) -> float | None:
    """Dollars for all tasks on all targets of a pool; None when a price is unknown. Answers are taken to be 400 tokens long."""
    tokens = sum(len(task.prompt) + sum(map(len, task.files.values())) for task in tasks) / 4.0
    total = 0.0
    for target in pool.targets:
        if target.price is None:
            return None
        total += (tokens * target.price.input + len(tasks) * 400 * target.price.output) / 1e6
    return total


def _measure(router: Router, tasks: Sequence[Task], folder: Path, *, max_tokens: int) -> RunResult:
    from routerkit_evals import Options, run_suite, showing

    with showing() as show:
        return run_suite(
            router, "coding", tasks, folder=folder / "data", on_progress=show, options=Options(max_tokens=max_tokens, timeout_s=_ANSWER_S)
        )


def _end_if_interrupted(result: RunResult) -> None:
    if result.status == "interrupted":
        print(result.remainder(), file=sys.stderr)
        raise typer.Exit(130)


def _show(result: RunResult) -> None:
    from routerkit_evals import lost, summarise, table

    _say(2, "what was measured (share with 95 % Wilson interval; failures are paid for too)")
    print(table(summarise(result.rows)))
    for entry in lost(result.rows):
        print(entry.line())
    if remainder := result.remainder():
        print(remainder)
    if result.n_counted:
        print()
        print(table(summarise(result.rows, by_kind=True)))


def _publish(result: RunResult, folder: Path) -> None:
    from routerkit_evals import publish

    path = folder / "scorecard.json"
    card = publish(result.rows, path)
    _say(3, f"publish the scorecard: {path}, revision {card.revision}, {len(card.cells)} cells")


def _print_next(folder: Path) -> None:
    command = "routerkit" if shutil.which("routerkit") else sys.argv[0]
    print(f"""  {folder}/routerkit.toml     the configuration: targets, pool, policy
  {folder}/scorecard.json     what was measured, with provenance
  {folder}/data/              every call and every sample, in DuckDB

  {command} ledger --config {folder}/routerkit.toml
  {command} explain "fix the off-by-one in pager.py" --config {folder}/routerkit.toml
  {command} eval report --folder {folder}/data
  {command} init                      a configuration of your own""")


def _say(step: int, text: str) -> None:
    print(f"\n[{step}/5] {text}", flush=True)
