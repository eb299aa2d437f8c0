"""`routerkit serve` and `routerkit keys`."""

from __future__ import annotations

import json
import sys
import time
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from routerkit.cli.options import DEFAULT_CONFIG, AsJson, ConfigPath
from routerkit.errors import ConfigError
from routerkit.fair_queue import Priority

if TYPE_CHECKING:
    from collections.abc import Iterator

    from routerkit.gateway.keys import Scope

keys_app: Final = typer.Typer(
    help="Keys of the gateway's callers.", no_args_is_help=True, add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False
)


def serve(
    config: ConfigPath = DEFAULT_CONFIG,
    host: Annotated[str, typer.Option(help="Address to listen on; any but loopback needs a key.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 = any free one.")] = 8080,
    workers: Annotated[int, typer.Option(min=1, max=64, help="Processes; they share what [state] keeps.")] = 1,
    is_logging: Annotated[bool, typer.Option("--log-calls", help="Print one line of JSON per call, without prompts.")] = False,
) -> None:
    """Serve OpenAI's API over the pools of a configuration."""
    from routerkit.gateway.call_log import CallLog
    from routerkit.gateway.server import Address, check, listen
    from routerkit.gateway.server import serve as run
    from routerkit.offspring import Nursery

    address = Address(host, port)
    check(config, address)
    with listen(address) as sock:
        print(f"routerkit listens on http://{host}:{sock.getsockname()[1]}/v1 (Ctrl-C stops it)", file=sys.stderr, flush=True)
        nursery = Nursery(workers, _tell, sock.close)
        if workers == 1 or nursery.tend():
            run(config, sock, more=[CallLog()] if is_logging else [], n_processes=workers)


def _tell(line: str) -> None:
    with suppress(OSError):  # a log that is full or that nobody reads any more must not end those who serve
        print(line, file=sys.stderr, flush=True)


@keys_app.command("create")
def create(
    name: Annotated[str, typer.Argument(help="Whose key it is.")],
    config: ConfigPath = DEFAULT_CONFIG,
    pools: Annotated[str | None, typer.Option(help="Pools it may use, comma-separated; default: all.")] = None,
    agents: Annotated[
        str | None, typer.Option("--agents", "--agent", help="Agents it may call as, comma-separated; the first if it names none.")
    ] = None,
    usd_per_day: Annotated[float | None, typer.Option(min=0.0, help="Dollars it may spend per UTC day.")] = None,
    rpm: Annotated[int | None, typer.Option(min=1, help="Requests per minute.")] = None,
    tpm: Annotated[int | None, typer.Option(min=1, help="Tokens per minute, prompt and answer.")] = None,
    concurrency: Annotated[int | None, typer.Option(min=1, help="Requests under way at the same time.")] = None,
    same_per_minute: Annotated[int | None, typer.Option(min=1, help="How often the very same chat request may come.")] = None,
    priority: Annotated[
        Priority | None, typer.Option(help="Highest priority of its requests when places are scarce; default: what they ask for.")
    ] = None,
    days: Annotated[float | None, typer.Option(min=0.0, max=36_500.0, help="Days until it expires.")] = None,
) -> None:
    """Make a key and show it, once."""
    from routerkit.gateway.keys import KeyStore, Scope
    from routerkit.gateway.server import keys_path

    if not name.strip() or not name.isprintable():
        raise ConfigError(f"{name!r} is not a name for a key; say whose it is")
    scope = Scope(
        pools=_names("--pools", pools),
        agents=_names("--agents", agents),
        requests_per_minute=rpm,
        tokens_per_minute=tpm,
        at_once=concurrency,
        usd_per_day=usd_per_day,
        same_per_minute=same_per_minute,
        priority=priority,
        expires_at=None if days is None else time.time() + days * 86_400,
    )
    _check_pools(config, scope.pools)
    key, text = KeyStore(keys_path(config)).create(name, scope)
    print(text)
    print(f"key {key.id} of {name}; it is not stored and not shown again", file=sys.stderr)


@keys_app.command("list")
def list_keys(config: ConfigPath = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """List keys, without their secrets."""
    from routerkit.gateway.keys import KeyStore
    from routerkit.gateway.server import keys_path

    now = time.time()
    keys = KeyStore(keys_path(config)).all()
    if as_json:
        print(json.dumps([{k: v for k, v in asdict(key).items() if k != "sha256"} | {"status": key.status(now)} for key in keys], indent=2))
        return
    for key in keys:
        made = datetime.fromtimestamp(key.created_at, UTC)
        print(f"{key.id}  {key.status(now):8}  {made:%Y-%m-%d}  {key.name}  {', '.join(_limits(key.scope))}")
    if not keys:
        print("no keys; make one with `routerkit keys create NAME`")


@keys_app.command("revoke")
def revoke(
    key: Annotated[str, typer.Argument(help="Id as `keys list` shows it, or a name that one active key has.")],
    config: ConfigPath = DEFAULT_CONFIG,
) -> None:
    """Make a key useless; running gateways notice within two seconds."""
    from routerkit.gateway.keys import KeyStore
    from routerkit.gateway.server import keys_path

    store = KeyStore(keys_path(config))
    active = [known for known in store.all() if known.revoked_at is None]
    meant = [known.id for known in active if known.id == key] or [known.id for known in active if known.name == key]
    if not meant:
        raise ConfigError(f"no active key {key!r}; `routerkit keys list` shows them")
    if len(meant) > 1:
        raise ConfigError(f"{len(meant)} active keys are named {key!r}; revoke one by its id: {' or '.join(meant)}")
    store.revoke(meant[0])
    print(f"revoked {meant[0]}")


def _names(option: str, text: str | None) -> tuple[str, ...]:
    """Names in an option; none stand for all of them, so an empty text, as of an unset variable, must not."""
    names = tuple(name.strip() for name in (text or "").split(",") if name.strip())
    if text is not None and not names:
        raise ConfigError(f"{option} {text!r} names nothing; leave it out for all")
    return names


def _limits(scope: Scope) -> Iterator[str]:
    """What a key may do, in words."""
    yield " ".join(scope.pools) or "all pools"
    if scope.agents:
        yield f"as {' or '.join(scope.agents)}"
    amounts = (
        (scope.usd_per_day, "${:g} a day"),
        (scope.requests_per_minute, "{:,} requests a minute"),
        (scope.tokens_per_minute, "{:,} tokens a minute"),
        (scope.at_once, "{} at once"),
        (scope.same_per_minute, "the same {} times a minute"),
        (scope.priority, "{} at most"),
    )
    yield from (words.format(amount) for amount, words in amounts if amount is not None)
    if scope.expires_at is not None:
        yield f"until {datetime.fromtimestamp(scope.expires_at, UTC):%Y-%m-%d %H:%M} UTC"


def _check_pools(config: Path, pools: tuple[str, ...]) -> None:
    from routerkit.config import read

    unknown = [pool for pool in pools if pool not in read(config).pools]
    if unknown:
        raise ConfigError(f"{config}: no pool {unknown[0]!r}; it has {', '.join(read(config).pools)}")
