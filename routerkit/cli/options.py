"""Options that many commands have."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

DEFAULT_CONFIG: Final = Path("routerkit.toml")
ConfigPath = Annotated[Path, typer.Option("--config", "-c", help="Configuration file.")]
LedgerConfig = Annotated[
    Path | None, typer.Option("--config", "-c", help=f"Configuration whose [ledger] path to use; {DEFAULT_CONFIG} if there is one.")
]
Folder = Annotated[
    Path | None, typer.Option("--folder", exists=True, file_okay=False, help="Folder of the ledger; default: the configuration's.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
