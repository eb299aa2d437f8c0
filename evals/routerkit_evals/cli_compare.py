"""`routerkit eval compare`: two targets, or all pairs, on the same tasks."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from routerkit import format_usd
from routerkit_evals.cli_shared import DEFAULT_CONFIG, AsJson, ConfigPath, RunId, StoredFolder, stored_samples
from routerkit_evals.errors import EvalError

if TYPE_CHECKING:
    from routerkit_evals.paired import Comparison
    from routerkit_evals.sample import Sample


def compare_command(
    a: Annotated[str | None, typer.Argument(help="One target; left out: all pairs.")] = None,
    b: Annotated[str | None, typer.Argument(help="The other.")] = None,
    config: ConfigPath = DEFAULT_CONFIG,
    data: StoredFolder = None,
    run_id: RunId = None,
    kind: Annotated[str | None, typer.Option(help="Only tasks of this kind.")] = None,
    as_json: AsJson = False,
) -> None:
    """Compare targets on the tasks that both answered. Difference with interval, who solves what, and the price of being better."""
    from routerkit_evals.paired import compare, compare_all

    samples = _of_kind(stored_samples(config, data, run_id), kind)
    if a is None:
        found = compare_all(samples)
    else:
        one = compare(a, _other(a, b, samples), samples)
        found = () if one is None else (one,)
    if not found:
        raise EvalError("no two targets share two tasks; run both on the same tasks, e.g. `routerkit eval run --tasks own`")
    if as_json:
        print(json.dumps([_dict(c) for c in found], indent=2))
    elif a is None:
        print("\n".join(map(_line, found)))
    else:
        print("\n".join(_page(found[0])))


def _of_kind(samples: tuple[Sample, ...], kind: str | None) -> tuple[Sample, ...]:
    known = sorted({s.kind for s in samples})
    if kind is not None and kind not in known:
        raise EvalError(f"no stored sample is of kind {kind!r}; known: {', '.join(known)}")
    return tuple(s for s in samples if kind is None or s.kind == kind)


def _other(a: str, b: str | None, samples: tuple[Sample, ...]) -> str:
    known = list(dict.fromkeys(s.target for s in samples))
    for name in (a, b):
        if name is not None and name not in known:
            raise EvalError(f"no stored sample is of {name!r}; known: {', '.join(known) or 'none'}")
    if b is None or a == b:
        raise EvalError(f"compare {a!r} with which target? others: {', '.join(t for t in known if t != a) or 'none'}")
    return b


def _line(c: Comparison) -> str:
    mark = "" if c.is_credible else "   not credible"
    return f"{c.a} - {c.b}: {_difference(c)}   {c.n_tasks} tasks, better {c.better_a}, worse {c.better_b}, p = {c.p_value:.3g}{mark}"


def _difference(c: Comparison) -> str:
    return f"{c.difference:+.3f} [{c.interval.low:+.3f}, {c.interval.high:+.3f}]"


def _page(c: Comparison) -> list[str]:
    width, e, j = max(len(c.a), len(c.b)), c.errors, c.joint
    few = "" if c.n_clusters >= 10 else f"; {c.n_clusters} clusters are too few to decide anything"
    return [
        f"{c.a:{width}}  {c.share_a:.3f} of {c.n_tasks} tasks in {c.n_clusters} clusters, {c.n_answers[0]} answers",
        f"{c.b:{width}}  {c.share_b:.3f}, {c.n_answers[1]} answers",
        "",
        f"difference {_difference(c)}, paired and clustered, 95 %{few}",
        f"better on {c.better_a} tasks, worse on {c.better_b}: p = {c.p_value:.3g} (exact sign test; McNemar's with one answer per task)",
        f"solved by both {j.both:.4g}, only {c.a} {j.only_a:.4g}, only {c.b} {j.only_b:.4g}, neither {j.neither:.4g}",
        *_price(c),
        "",
        "standard error of the difference, if",
        f"  every answer were a task of its own    {e.independent_answers:.4f}   {_factor(e.independent_answers, e.clustered)}",
        f"  each target had tasks of its own       {e.independent_tasks:.4f}   {_factor(e.independent_tasks, e.clustered)}",
        f"  paired, all tasks independent          {e.paired:.4f}   {_factor(e.paired, e.clustered)}",
        f"  paired and clustered                   {e.clustered:.4f}   used above",
    ]


def _price(c: Comparison) -> list[str]:
    if c.cost_difference_usd is None:
        return ["price: a cost is unknown"]
    sign = "-" if c.cost_difference_usd < 0 else "+"
    line = f"price: {c.a} {sign}{format_usd(abs(c.cost_difference_usd))} per task"
    if c.break_even_usd is not None:
        return [f"{line}; the better one is worth it where a solved task is worth more than {format_usd(c.break_even_usd)}"]
    return [line if c.is_credible else f"{line}; no worth of a solved task can be shown to justify either"]


def _factor(error: float, used: float) -> str:
    factor = used / error if error > 0.0 else 1.0
    if 0.95 < factor < 1.05:
        return "about right here"
    return f"{factor:.1f} times too small" if factor > 1.0 else f"{1.0 / factor:.1f} times too wide"


def _dict(c: Comparison) -> dict[str, object]:
    nested = {"joint": c.joint._asdict(), "errors": c.errors._asdict(), "interval": c.interval._asdict()}
    return {**asdict(c), **nested, "difference": c.difference, "break_even_usd": c.break_even_usd}
