"""`routerkit app`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Final

import typer

_DEFAULT: Final = Path("routerkit.toml")


def app_command(
    config: Annotated[Path, typer.Option("--config", "-c", help="Configuration whose ledger is shown.")] = _DEFAULT,
    folder: Annotated[Path | None, typer.Option(help="Folder of the ledger; default: the configuration's.")] = None,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port on this machine.")] = 8501,
    host: Annotated[str, typer.Option(help="Address to listen on; beyond this machine only with a password.")] = "127.0.0.1",
    demo: Annotated[bool, typer.Option("--demo", help="Show generated data, marked as such.")] = False,
) -> None:
    """Look at what was measured and routed, in a browser. Beyond this machine it wants a password, from ROUTERKIT_APP_PASSWORD."""
    from routerkit_app.launch import UnsafeAddressError, check_address, run

    try:
        check_address(host)
    except UnsafeAddressError as error:
        print(f"routerkit app: {error}", file=sys.stderr)
        raise typer.Exit(2) from None
    shown = folder or _folder(config)
    print(f"routerkit app on http://{host}:{port} shows {'generated data' if demo else shown} (Ctrl-C stops it)", file=sys.stderr)
    raise typer.Exit(run(shown, port, host=host, config=config if config.exists() else None, is_demo=demo))


def _folder(config: Path) -> Path:
    from routerkit.config import ledger_folder, read

    ledger = read(config).ledger if config.exists() else None
    return config.parent / "routerkit-data" if ledger is None else ledger_folder(ledger, config.parent)
