"""`routerkit local`: models that run on this machine."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Annotated, NamedTuple

import typer
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from routerkit.cli.options import AsJson
from routerkit.cli.tables import cell, print_table
from routerkit.providers.local_models import CATALOG, HubFile, LocalModel, default_folder, parse, state
from routerkit.providers.local_pull import pull

local_app = typer.Typer(
    help="Small models that run on this machine's CPU.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

_PLAIN_EVERY_S = 5.0


@local_app.command("pull")
def pull_command(
    names: Annotated[list[str], typer.Argument(metavar="MODEL...", help="smollm2, gemma-270m, PATH.gguf or OWNER/REPO:FILE.gguf")],
) -> None:
    """Download models into the user's cache folder. What is there and intact is not fetched again."""
    for name in names:
        pull_one(name)


@local_app.command("list")
def list_command(as_json: AsJson = False) -> None:
    """Show the models that have a name, and whether they are here."""
    hub = default_folder() / "hub"
    rows = [_Row(m.name, state(m), m.n_bytes, m.licence, m.about) for m in CATALOG.values()]
    rows += [_Row(_hub_name(p.relative_to(hub)), "ready", p.stat().st_size, "see the hub", "") for p in sorted(hub.glob("*/**/*.gguf"))]
    if as_json:
        typer.echo(json.dumps({"folder": str(default_folder()), "models": [row._asdict() for row in rows]}, indent=2))
        return
    shown = [[cell(r.model), r.state, f"{r.n_bytes / 1e6:,.0f} MB", r.licence, r.about] for r in rows]
    print_table(("model", "state", "size", "licence", "about"), shown)
    typer.echo(f"folder: {default_folder()}")


class _Row(NamedTuple):
    model: str
    state: str
    n_bytes: int
    licence: str
    about: str


def _hub_name(path: Path) -> str:
    repo, _, file = path.as_posix().partition("/")
    return f"{repo.replace('--', '/', 1)}:{file}"


def pull_one(name: str) -> None:
    """Download one model with progress; what is there and intact is not fetched again."""
    model = parse(name)
    if isinstance(model, LocalModel):
        typer.echo(f"{name}: {model.about}; licence: {model.licence} ({model.licence_url})")
    elif isinstance(model, HubFile):
        typer.echo(f"{name}: its licence is stated at https://huggingface.co/{model.repo}")
    path = _with_bar(name) if sys.stdout.isatty() else pull(name, report=_PlainReport())
    typer.echo(f"{name}: ready ({path.stat().st_size / 1e6:,.0f} MB) {path}")


def _with_bar(name: str) -> Path:
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Progress(*columns, transient=True) as progress:
        task = progress.add_task(name, total=None)

        def report(what: str, done: int, total: int) -> None:
            progress.update(task, description=what, completed=done, total=total or None)

        return pull(name, report=report)


class _PlainReport:
    """One line per step, and every few seconds within one, for logs and pipes."""

    def __init__(self) -> None:
        self._what, self._told_at = "", 0.0

    def __call__(self, what: str, done: int, total: int) -> None:
        now = time.monotonic()
        if what == self._what and now - self._told_at < _PLAIN_EVERY_S:
            return
        self._what, self._told_at = what, now
        share = f" {done / 1e6:,.0f} of {total / 1e6:,.0f} MB" if total else ""
        typer.echo(f"  {what}{share}")
