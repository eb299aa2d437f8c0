"""The command tree. Sub-commands are imported when they are run, so `routerkit --help` stays light."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any, Final, NamedTuple

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command as command_of

from routerkit.errors import ConfigError

if TYPE_CHECKING:
    # Typer keeps its copy of click private; only the names of these types are needed.
    from typer._click.core import Command, Context


class Lazy(NamedTuple):
    """A sub-command that is imported when it is run."""

    module: str
    name: str
    help: str
    extra: str = ""
    """Extras of the distribution that hold what it needs."""


LAZY: Final = {
    "demo": Lazy("routerkit.cli.demo", "demo", "Measure models, publish their scores, route by them.", "evals,langchain,local"),
    "init": Lazy("routerkit.cli.setup", "init", "Write a first configuration from what is found here."),
    "check": Lazy("routerkit.cli.setup", "check", "Prove every target with one tiny call."),
    "explain": Lazy("routerkit.cli.setup", "explain", "Show how a prompt would be routed; nothing is called."),
    "test": Lazy("routerkit.cli.policy_test", "policy_test", "Check expected decisions, for your own CI."),
    "experiment": Lazy("routerkit.cli.experiment", "experiment", "Compare the variants of a running experiment."),
    "eval": Lazy("routerkit_evals.cli", "eval_app", "Measure models on tasks: run, report, compare, mine, …", "evals"),
    "scores": Lazy("routerkit_evals.cli", "scores_app", "Measured scores: show, diff, publish, fit.", "evals"),
    "serve": Lazy("routerkit.cli.serve", "serve", "Serve OpenAI's API over the pools of a configuration.", "gateway"),
    "keys": Lazy("routerkit.cli.serve", "keys_app", "Keys of the gateway's callers: create, list, revoke.", "gateway"),
    "app": Lazy("routerkit.cli.app_command", "app_command", "Look at what was measured and routed, in a browser.", "app"),
    "ledger": Lazy("routerkit.cli.ledger", "ledger_app", "Look at recorded calls: show, sql, ingest, reconcile."),
    "report": Lazy("routerkit.cli.online", "report", "Report what became of an answer."),
    "replay": Lazy("routerkit.cli.replay", "replay", "Decide logged calls again under another configuration."),
    "drift": Lazy("routerkit.cli.online", "drift", "Show which targets have become worse than the scorecard says."),
    "budgets": Lazy("routerkit.cli.budgets", "budgets", "Show what was spent today, and what is left."),
    "usage": Lazy("routerkit.cli.usage", "usage", "Show who spent what, and what a success cost."),
    "local": Lazy("routerkit.cli.local", "local_app", "Models that run on this machine: pull, list.", "local"),
}
"""In the order of a first day with routerkit."""


class LazyGroup(TyperGroup):
    """A group whose sub-commands are stand-ins with a name and a help line until one of them runs."""

    def __init__(self, **settings: Any) -> None:  # Typer's own keyword arguments, passed on unread
        super().__init__(**settings)
        for name, lazy in LAZY.items():
            self.add_command(TyperCommand(name, help=lazy.help))

    def resolve_command(self, ctx: Context, args: list[str]) -> tuple[str | None, Command | None, list[str]]:
        """Swap the stand-in for the real command."""
        name, command, rest = super().resolve_command(ctx, args)
        return name, command if name not in LAZY or command is None else load_command(name), rest

    def invoke(self, ctx: Context) -> object:
        """Run a sub-command; what it imports only while it runs may be missing, too."""
        try:
            return super().invoke(ctx)
        except ModuleNotFoundError as exc:
            raise _not_installed(ctx.invoked_subcommand or "", exc) from exc


def load_command(name: str) -> Command:
    """The real sub-command of that name.

    Raises:
        ConfigError: a package it needs is not installed.
    """
    lazy = LAZY[name]
    try:
        found = getattr(import_module(lazy.module), lazy.name)
    except ModuleNotFoundError as exc:
        raise _not_installed(name, exc) from exc
    if isinstance(found, typer.Typer):
        return command_of(found)
    alone = _plain_app()
    alone.command(name, help=lazy.help)(found)
    return command_of(alone)


def _not_installed(name: str, missing: ModuleNotFoundError) -> ConfigError:
    extra = LAZY[name].extra if name in LAZY else ""
    package = f"'routerkit[{extra}]'" if extra else "routerkit again"
    return ConfigError(f"`routerkit {name}` needs {missing.name}, which is not installed; run pip install {package}")


def _plain_app() -> typer.Typer:
    # Typer's pretty tracebacks print local variables, and those may be keys.
    return typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


app: Final = typer.Typer(cls=LazyGroup, add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False, no_args_is_help=True)


def _print_version(is_wanted: bool) -> None:
    if is_wanted:
        # Reading package metadata costs more than all the rest of `--help`.
        from importlib.metadata import version

        print("routerkit", version("routerkit"))
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[bool, typer.Option("--version", help="Print the version and stop.", callback=_print_version, is_eager=True)] = False,
) -> None:
    """Route every LLM call to the cheapest model that measurably does that kind of work on your own code."""
