"""`routerkit ledger`: look at recorded calls."""

from __future__ import annotations

import csv
import json
import sys
import tomllib
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, Final

import typer

from routerkit.cli.following import Teller, print_result, wait_for_signal
from routerkit.cli.options import DEFAULT_CONFIG, AsJson, Folder, LedgerConfig
from routerkit.cli.reconcile import Tolerance, UsageFile, print_reconciliation
from routerkit.cli.settle import Settle, print_change, settle_estimates
from routerkit.cli.tables import cell, print_table
from routerkit.decision import Decision, format_usd
from routerkit.errors import ConfigError, StoreError
from routerkit.ledger import remark
from routerkit.store import EVAL_SCHEMAS, LEDGER_SCHEMAS, Rows, compact, follow, ingest, query
from routerkit.store.destination import Lake, settle

_DEFAULT_FOLDER: Final = "routerkit-data"

ledger_app: Final = typer.Typer(
    help="Look at recorded calls.", add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False, invoke_without_command=True
)

_STREAMS: Final = (*LEDGER_SCHEMAS, *EVAL_SCHEMAS)
"""Everything that is written into a ledger's folder."""
_LAST_CALLS: Final = """
    SELECT called_at, record_id, kind, target, n_attempts, input_tokens, output_tokens, cost_usd, latency_s, status, error_code
    FROM calls ORDER BY called_at DESC, record_id LIMIT ?"""


@ledger_app.callback()
def last_calls(
    context: typer.Context,
    folder: Folder = None,
    config: LedgerConfig = None,
    count: Annotated[int, typer.Option("-n", min=1, help="Number of calls.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Show the last calls, newest first."""
    context.obj = (folder, config)
    if context.invoked_subcommand:
        return
    place = find_folder(folder, config)
    rows = query(place, _LAST_CALLS, [count])
    if as_json:
        _print_json(rows.as_json())
    elif rows.rows:
        _print_calls(rows)
    else:
        print(f"no calls recorded in {place} yet; every call through a router whose configuration has a [ledger] path is")


@ledger_app.command("show")
def show(
    context: typer.Context,
    record_id: Annotated[str, typer.Argument(help="Id of a record, or the unambiguous start of one.")],
    folder: Folder = None,
    config: LedgerConfig = None,
    as_json: AsJson = False,
) -> None:
    """Explain one call. What was considered, what was tried, what came of it."""
    place = find_folder(*_inherit(context, folder, config))
    found = query(place, "SELECT * FROM calls WHERE starts_with(record_id, ?) LIMIT 2", [record_id])
    if len(found.rows) != 1:
        what = "several records start" if found.rows else "no record starts"
        raise StoreError(f"{what} with {record_id!r} in {place}; `routerkit ledger --json` lists the ids")
    call = found.as_dicts()[0]
    reports = query(place, "SELECT reported_at, success, evidence FROM reports WHERE record_id = ? ORDER BY 1", [call["record_id"]])
    if as_json:
        nested = {name: json.loads(str(call[name] or "null")) for name in ("decision", "attempts")}
        _print_json(found.as_json()[0] | nested | {"reports": reports.as_json()})
    else:
        _print_call(call, reports)


@ledger_app.command("sql")
def sql(
    context: typer.Context,
    statement: Annotated[str, typer.Argument(help="One SELECT, in DuckDB's SQL; tables: calls, reports.")],
    folder: Folder = None,
    config: LedgerConfig = None,
    as_json: AsJson = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
) -> None:
    """Run a read-only query over the recorded calls."""
    if as_json and as_csv:
        raise ConfigError("--json and --csv: choose one")
    rows = query(find_folder(*_inherit(context, folder, config)), statement)
    if as_json:
        _print_json(rows.as_json())
    elif as_csv:
        _print_csv(rows)
    else:
        print_table(rows.columns, [[cell(v) for v in row] for row in rows.rows])


@ledger_app.command("ingest")
def ingest_segments(
    context: typer.Context,
    folder: Folder = None,
    config: LedgerConfig = None,
    is_following: Annotated[bool, typer.Option("--follow", help="Keep going until Ctrl-C or SIGTERM.")] = False,
) -> None:
    """Move written rows into the database file. Queries are fast there."""
    place = find_folder(*_inherit(context, folder, config))
    if not is_following:
        print_result(ingest(place, schemas=_STREAMS))
        return
    with wait_for_signal() as wait:
        follow(place, wait, schemas=_STREAMS, on_result=Teller())


@ledger_app.command("compact")
def compact_lake(context: typer.Context, folder: Folder = None, config: LedgerConfig = None) -> None:
    """Merge the small files of a store that hosts share. Once an hour, on one of them."""
    done = compact(find_folder(*_inherit(context, folder, config)))
    print(f"merged {done.n_merged} files into {done.n_made}, removed {done.n_removed}")


@ledger_app.command("reconcile")
def reconcile(
    context: typer.Context,
    usage: UsageFile,
    folder: Folder = None,
    config: LedgerConfig = None,
    tolerance: Tolerance = 0.01,
    as_json: AsJson = False,
    is_settling: Settle = False,
) -> None:
    """Compare recorded usage with a provider's export. Per day and model; exit code 1 when they differ."""
    given = _inherit(context, folder, config)
    place = find_folder(*given)
    if is_settling:
        print_change(settle_estimates(place, usage, _configuration(*given)), to=sys.stderr if as_json else sys.stdout)
    print_reconciliation(place, usage, tolerance=tolerance, as_json=as_json)


def find_folder(folder: Path | None, config: Path | None) -> Path:
    """Where the ledger is: the folder given, else `[ledger] path` of the configuration, else `routerkit-data` beside it.

    Raises:
        ConfigError: the configuration cannot be read.
        StoreError: the folder's rows go elsewhere than the configuration says.
    """
    if folder is not None:
        return folder
    config = _configuration(folder, config)
    if config is None:
        return Path(_DEFAULT_FOLDER)
    try:
        settings = tomllib.loads(config.read_text(encoding="utf-8"))
    except (OSError, ValueError) as exc:
        why = exc.strerror if isinstance(exc, OSError) else exc
        raise ConfigError(f"{config}: cannot be read ({why}); correct it, or name the ledger with --folder") from exc
    ledger = settings.get("ledger", {})
    path = ledger.get("path", _DEFAULT_FOLDER) if isinstance(ledger, dict) else None
    if not isinstance(path, str):
        raise ConfigError(f"{config}: [ledger] path must be a string, the folder of the ledger")
    place = config.parent / Path(path).expanduser()
    _settle(place, ledger, config)
    return place


def _configuration(folder: Path | None, config: Path | None) -> Path | None:
    """The one given, else `routerkit.toml` if there is one and no folder was named instead."""
    return config or (DEFAULT_CONFIG if folder is None and DEFAULT_CONFIG.exists() else None)


def _settle(place: Path, ledger: Mapping[str, object], config: Path) -> None:
    try:
        settle(place, Lake(str(ledger["store"]), str(ledger.get("files", ""))) if "store" in ledger else None)
    except (ValueError, OSError) as exc:
        raise ConfigError(f"{config}: [ledger] {exc}") from exc


def _inherit(context: typer.Context, folder: Path | None, config: Path | None) -> tuple[Path | None, Path | None]:
    """Options given before the sub-command count as well."""
    outer: tuple[Path | None, Path | None] = context.obj
    return (folder, config) if folder or config else outer


def _print_calls(rows: Rows) -> None:
    head = ("time (UTC)", "record", "kind", "target", "tries", "tokens in/out", "cost", "latency", "status")
    cells = [
        [
            _time(c["called_at"]),
            cell(c["record_id"]),
            cell(c["kind"]),
            cell(c["target"]),
            cell(c["n_attempts"]),
            f"{cell(c['input_tokens'])}/{cell(c['output_tokens'])}",
            format_usd(_number(c["cost_usd"])),
            _seconds(c["latency_s"]),
            cell(c["error_code"] or c["status"]) if c["status"] == "error" else cell(c["status"]),
        ]
        for c in rows.as_dicts()
    ]
    print_table(head, cells)


def _print_call(call: Mapping[str, object], reports: Rows) -> None:
    print(f"{call['record_id']}  {_time(call['called_at'])}  {_outcome(call)}")
    if call["decision"] is not None:
        _print_explanation(str(call["decision"]))
    for attempt in json.loads(str(call["attempts"])):
        print(f"  tried {attempt['target']} at {attempt['offset_s']:.2f} s for {_seconds(attempt['latency_s'])}: {_ending(attempt)}")
    for at, success, evidence in reports.rows:
        print(f"  reported {_time(at)}: {'worked' if success else 'failed'} {remark(str(evidence or ''))}".rstrip())


def _print_json(value: object) -> None:
    holds_all = sys.stdout.encoding.lower().startswith("utf")  # elsewhere what it does not know would become "?"
    print(json.dumps(value, indent=2, ensure_ascii=not holds_all))


def _print_csv(rows: Rows) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(rows.columns)
    writer.writerows(rows.rows)


def _print_explanation(decision: str) -> None:
    try:
        lines = Decision.from_dict(json.loads(decision)).explain().splitlines()
    except ValueError:
        lines = [decision]  # stored by another version: better raw than not at all
    for line in lines:
        print(cell(line))


def _outcome(call: Mapping[str, object]) -> str:
    usd = format_usd(_number(call["cost_usd"]))
    return f"{call['status']} on {call['target'] or 'no target'}, {usd}, {_seconds(call['latency_s'])}"


def _ending(attempt: dict[str, object]) -> str:
    return f"{attempt['error_code']}: {attempt['error']}" if attempt["error"] else "ok"


def _seconds(value: object) -> str:
    seconds = _number(value)
    return "unknown" if seconds is None else f"{seconds:.2f} s"


def _time(value: object) -> str:
    return f"{value:%Y-%m-%d %H:%M:%S}" if isinstance(value, datetime) else "unknown"


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None
