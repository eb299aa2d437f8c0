"""The morning's page: Markdown with pictures, for a person who has a minute."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from routerkit import format_usd
from routerkit_evals import charts
from routerkit_evals.due import due_lines
from routerkit_evals.durable import write_atomically
from routerkit_evals.errors import EvalError
from routerkit_evals.guardrails import Change
from routerkit_evals.night_rows import anchor_nights, scatter, tiles
from routerkit_evals.nightly import Night
from routerkit_evals.regression import Verdict
from routerkit_evals.statistics import Summary, lost, summarise

_MOST = 12
"""Rows of a list before the rest is counted only."""


def write_report(night: Night, folder: Path) -> Path:
    """Write `report.md` and its pictures; returns the page.

    Raises:
        EvalError: the folder cannot be written; what was measured is stored all the same.
    """
    page = folder / "report.md"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        pictures = _draw(night, folder)
        write_atomically(page, render(night, pictures))
    except OSError as exc:
        raise EvalError(f"{page}: the report cannot be written ({exc.strerror or exc}); what was measured is stored") from exc
    return page


def render(night: Night, pictures: Sequence[str] = ()) -> str:
    """Text of the page; `pictures` are file names beside it, without suffix."""
    parts = [
        f"# {night.file.suite.name}, night of {night.night.isoformat()}",
        headline(night),
        *(f"![{_ALT[name]}]({name}.png)" for name in pictures),
        _table(summarise(night.result.rows)),
        *_section("Worse than before?", _comparison(night.verdicts)),
        *_section("Asked about first", (f"- {_cell(line)}" for line in due_lines(night.due, night.result.rows))),
        *_section("What the scorecard took over", _changes(night)),
        *_section("Not asked further", _spared(night)),
        *_section("Not scored", _not_scored(night)),
        _footer(night),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def headline(night: Night) -> str:
    """The night in two lines: the finding first, then its size and price."""
    worse = [v for v in night.verdicts if v.is_regression]
    if worse:
        finding = "**Regression:** " + "; ".join(
            f"{v.target} solves {v.now:.0%} where it solved {v.before:.0%} ({v.n_tasks} tasks, P(worse) = {v.p_worse:.3f})" for v in worse
        )
    elif night.verdicts:
        finding = "**No regression:** no target is credibly worse on the tasks it had answered before."
    else:
        finding = "**First night:** nothing to compare with yet."
    card = night.published
    outcome = f"Scorecard {card.card.revision} is published." if card else f"**Nothing was published:** {night.unpublished}."
    result, stops = night.result, night.file.stops
    of = f" of {format_usd(stops.budget_usd)}" if stops.budget_usd is not None else ""
    stopped = f" Stopped by its limit on {result.stopped_by}." if result.stopped_by else ""
    size = f"{night.n_counted} of {result.n_planned} planned answers count; {format_usd(result.spent_usd)}{of} spent.{stopped}"
    return f"{finding} {outcome}\n\n{size}"


_AXIS = {"usd": "price", "s": "time"}
_ALT = {
    "pareto": "Solved share over price per task, with 95 % intervals; dashed: what no other target beats",
    "kinds": "Solved share by task kind and target, with the number of tasks",
    "nights": "Solved share of the anchor tasks, night by night, with 95 % intervals",
}


def _draw(night: Night, folder: Path) -> list[str]:
    points, unit = scatter(night.history)
    anchors = anchor_nights(night)
    drawn: dict[str, charts.Picture] = {}
    if points:
        drawn["pareto"] = charts.pareto(
            points, unit=unit, title="Solved share over " + ("price" if unit == "usd" else "time") + " per task"
        )
        drawn["kinds"] = charts.heat_map(tiles(night.history, night.targets), title="Solved by kind of task")
    if len({p.night for p in anchors}) > 1:
        drawn["nights"] = charts.nights(anchors, title="The same anchor tasks, night by night")
    for name, chart in drawn.items():
        charts.save(chart, folder / name)
    return list(drawn)


def _table(summaries: Sequence[Summary]) -> str:
    head = "| target | solved | share, 95 % | per task | seconds | per solved task | not counted |\n|---|---|---|---|---|---|---|"
    return "\n".join(["## Tonight", "", head, *(_row(s) for s in summaries)])


def _row(s: Summary) -> str:
    share = "-" if s.rate is None else f"{s.rate:.0%} [{s.interval.low:.0%}, {s.interval.high:.0%}]"
    seconds = "-" if s.latency_s is None else f"{s.latency_s:.1f}"
    solved = s.cost_per_solved_usd
    per_solved = "none solved" if solved == float("inf") else format_usd(solved)
    return (
        f"| {_cell(s.target)} | {s.solved:.4g}/{s.n_tasks} | {share} | {format_usd(s.cost_per_task_usd)} | {seconds} | {per_solved} "
        f"| {s.n_infra or '-'} |"
    )


def _comparison(verdicts: Sequence[Verdict]) -> Iterator[str]:
    if not verdicts:
        return
    yield "The same tasks, this night against earlier ones. 90 % intervals; an alarm needs the probability of the suite file.\n"
    yield "| target | tasks | before | now | difference | P(worse) | |\n|---|---|---|---|---|---|---|"
    for v in verdicts:
        interval = f"{v.difference:+.0%} [{v.interval.low:+.0%}, {v.interval.high:+.0%}]"
        mark = "**regression**" if v.is_regression else ""
        yield f"| {_cell(v.target)} | {v.n_tasks} | {v.before:.0%} | {v.now:.0%} | {interval} | {v.p_worse:.3f} | {mark} |"
    for v in verdicts:
        if v.is_regression:
            yield f"\n{v.target} lost {_listed(v.lost)}" + (f" and gained {_listed(v.gained)}." if v.gained else ".")


def _changes(night: Night) -> Iterator[str]:
    if night.published is None:
        return
    yield from (f"{note}\n" for note in night.published.notes)
    yield "| target | kind | before | now | tasks | what | why |\n|---|---|---|---|---|---|---|"
    yield from map(_change, night.published.changes)


def _change(c: Change) -> str:
    before, after = ("-" if share is None else f"{share:.2f}" for share in (c.before, c.after))
    return f"| {_cell(c.target)} | {c.kind} | {before} | {after} | {c.n} | {c.action} | {_cell(c.why)} |"


def _spared(night: Night) -> Iterator[str]:
    for d in night.result.dropped:
        yield f"- {_cell(d.target)} about {d.kind}, after {d.n_tasks} tasks: {_cell(d.why)}"
    if night.decided:
        kinds = ", ".join(sorted(night.decided))
        yield f"- nobody about {kinds} beyond the anchors: what is stored decides, until it is {night.file.publish.window_days:g} days old"


def _not_scored(night: Night) -> Iterator[str]:
    for proof in night.invalid[:_MOST]:
        yield f"- invalid_task `{proof.task_id}`: {_cell(proof.why)}"
    if len(night.invalid) > _MOST:
        yield f"- and {len(night.invalid) - _MOST} more invalid tasks"
    for entry in lost(night.result.rows):
        yield f"- {_cell(entry.line())}"
    for target in night.result.gave_up:
        yield f"- {target} was left alone after repeated failures of its provider"


def _footer(night: Night) -> str:
    sources = night.published.card.sources if night.published else {}
    known = ", ".join(f"{name} {sources[name]}" for name in ("commit", "sandbox", "prices", "harness") if sources.get(name))
    return f"Run `{night.result.run_id}`, suite `{night.file.path.name}`{f'; {known}' if known else ''}."


def _section(title: str, lines: Iterator[str]) -> Iterator[str]:
    body = "\n".join(lines)
    if body:
        yield f"## {title}\n\n{body}"


def _listed(names: Sequence[str]) -> str:
    rest = f" and {len(names) - _MOST} more" if len(names) > _MOST else ""
    return ", ".join(f"`{name}`" for name in names[:_MOST]) + rest


def _cell(text: str) -> str:
    """Text that cannot break out of a table, nor bring markup with it."""
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;").replace("`", "'")
