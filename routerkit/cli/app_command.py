"""`routerkit app`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from routerkit.cli.options import DEFAULT_CONFIG, Folder


def app_command(
    config: Annotated[
        Path | None,
        typer.Option("--config", "-c", help=f"Configuration whose ledger is shown; default: {DEFAULT_CONFIG} if there is one."),
    ] = None,
    folder: Folder = None,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port on this machine.")] = 8501,
    host: Annotated[str, typer.Option(help="Address to listen on; beyond this machine only with a password.")] = "127.0.0.1",
    demo: Annotated[bool, typer.Option("--demo", help="Show generated data, marked as such.")] = False,
) -> None:
    """Look at what was measured and routed, in a browser. Beyond this machine it wants a password, from ROUTERKIT_APP_PASSWORD."""
    from routerkit_app.launch import AddressError, check_address, check_installed, run

    check_installed()
    try:
        check_address(host, port)
    except AddressError as error:
        print(f"routerkit app: {error}", file=sys.stderr)
        raise typer.Exit(2) from None
    shown = folder or _folder(config or (DEFAULT_CONFIG if DEFAULT_CONFIG.exists() else None))
    print(f"routerkit app on http://{host}:{port} shows {'generated data' if demo else shown} (Ctrl-C stops it)", file=sys.stderr)
    raise typer.Exit(run(shown, port, host=host, config=config or DEFAULT_CONFIG, is_demo=demo))


def _folder(config: Path | None) -> Path:
    """The configuration's ledger; beside it, or here, if it names none."""
    from routerkit.config import ledger_folder, read

    base = config.parent if config else Path()
    ledger = read(config).ledger if config else None
    return base / "routerkit-data" if ledger is None else ledger_folder(ledger, base)
