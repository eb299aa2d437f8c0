"""What the commands share: options, and where a configuration says that things lie."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from routerkit_evals.errors import EvalError

if TYPE_CHECKING:
    from routerkit.config import Config
    from routerkit_evals.sample import Sample

# What runs a suite brings pydantic and duckdb, so each command imports it only when it runs.

OTHER_ENVIRONMENT: Final = "if tasks need packages that are not installed here, name the environment that has them with --python"
DEFAULT_CONFIG: Final = Path("routerkit.toml")
_DEFAULT_DATA: Final = Path("routerkit-data")
_DEFAULT_SCORECARD: Final = Path("scorecard.json")
ConfigPath = Annotated[Path, typer.Option("--config", "-c", help="Configuration file.")]
StoredFolder = Annotated[
    Path | None,
    typer.Option("--data", "--folder", exists=True, file_okay=False, help="Folder of stored samples; default: the ledger's folder."),
]
DataFolder = Annotated[Path | None, typer.Option("--data", "--folder", help="Folder of stored samples; default: the ledger's folder.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
RunId = Annotated[str | None, typer.Option("--run", help="Only samples of this run.")]
PythonPath = Annotated[Path | None, typer.Option("--python", help="Virtual environment that runs the tasks' tests; default: routerkit's.")]
Workers = Annotated[int, typer.Option(min=1, max=1000, help="Samples at a time.")]


def new_app(text: str) -> typer.Typer:
    """A group of commands."""
    # Typer's pretty tracebacks print local variables, and those may be keys.
    return typer.Typer(help=text, no_args_is_help=True, add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


def read_config(config: Path) -> Config:
    """The checked configuration.

    Raises:
        ConfigError: missing or wrong.
    """
    from routerkit.config import read

    return read(config)


def data_folder(config: Path, data: Path | None) -> Path:
    """Folder of stored samples: the one given, else the ledger's, else a default.

    Raises:
        ConfigError: the configuration is wrong, or is named and missing.
    """
    if data is not None:
        return data
    from routerkit.config import ledger_folder

    ledger = read_config(config).ledger if _is_named(config) else None
    return ledger_folder(ledger, config.parent) if ledger is not None else _DEFAULT_DATA


def scorecard_path(config: Path) -> Path:
    """Scorecard that the configuration names, else a default.

    Raises:
        ConfigError: the configuration is wrong, or is named and missing.
    """
    scorecard = read_config(config).scorecard if _is_named(config) else None
    return config.parent / Path(scorecard.path).expanduser() if scorecard is not None else _DEFAULT_SCORECARD


def _is_named(config: Path) -> bool:
    """Whether there is a configuration to read; only the one that nobody named may be missing."""
    return config != DEFAULT_CONFIG or config.exists()


def stored_samples(config: Path, data: Path | None, run_id: str | None) -> tuple[Sample, ...]:
    """Stored samples, of one run if asked.

    Raises:
        EvalError: there are none.
    """
    from routerkit_evals.store import read_samples

    folder = data_folder(config, data)
    samples = read_samples(folder, run_id=run_id)
    if not samples:
        raise EvalError(f"{folder} holds no samples{f' of run {run_id!r}' if run_id is not None else ''}; run `routerkit eval run` first")
    return samples
