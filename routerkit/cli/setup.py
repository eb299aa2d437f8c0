"""The commands of the first five minutes: init, check, explain."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, NamedTuple

import typer

from routerkit.cli.new_file import create
from routerkit.cli.options import DEFAULT_CONFIG, AsJson, ConfigPath
from routerkit.errors import ConfigError, nearest

if TYPE_CHECKING:
    from routerkit.config import Config
    from routerkit.config.discovery import Found

# routerkit.config brings pydantic (80 ms), so each command imports it only when it runs.

_MAX_PROMPT_BYTES: Final = 16 * 1024 * 1024
"""Longest prompt read; four million tokens, more than any model takes."""
_PACKAGES: Final = {"litellm": "litellm", "local": "xllamacpp"}
"""What a kind of provider needs beyond routerkit itself; the extra has the kind's name."""


def init(
    path: Annotated[Path, typer.Option("--config", "-c", "--path", help="File to write; never overwritten.")] = DEFAULT_CONFIG,
    origin: Annotated[Path | None, typer.Option("--from", help="Configuration of LiteLLM (YAML) or Portkey (JSON) to take over.")] = None,
) -> None:
    """Write a first configuration from the keys and servers found here, or from that of another router."""
    if path.exists():
        raise ConfigError(f"{path} exists already and is never overwritten; move it away or choose another --config")
    draft = _found_here() if origin is None else _taken_over(origin)
    create(path, draft.text, option="--config")
    for line in draft.told:
        print(line)
    proof = "routerkit check" if path == DEFAULT_CONFIG else f"routerkit check --config {path}"
    print(f"wrote {path}; next: {' && '.join((*draft.steps, proof))}")


def check(config: ConfigPath = DEFAULT_CONFIG, as_json: AsJson = False) -> None:
    """Prove every target with one tiny call."""
    from routerkit.cli.probe import probe_all

    findings = probe_all(*_read(config))
    if as_json:
        print(json.dumps([f.to_dict() for f in findings], indent=2))
    else:
        width = max(len(f.target) for f in findings)
        for finding in findings:
            print(finding.line(width))
    raise typer.Exit(0 if all(f.is_ok for f in findings) else 2)


def explain(
    prompt: Annotated[str | None, typer.Argument(help="What to route; - reads standard input.")] = None,
    file: Annotated[Path | None, typer.Option("--file", "-f", help="Read the prompt from a file.")] = None,
    pool: Annotated[str | None, typer.Option(help="Pool, or pool/target; left out: coding, or the only pool.")] = None,
    kind: Annotated[str | None, typer.Option(help="Task kind, if you know it.")] = None,
    tags: Annotated[str, typer.Option(help="Tags of the request, separated by commas.")] = "",
    agent: Annotated[str | None, typer.Option(help="Name of the calling agent.")] = None,
    config: ConfigPath = DEFAULT_CONFIG,
    as_json: AsJson = False,
) -> None:
    """Show how a prompt would be routed; nothing is called."""
    from routerkit.config import plan_state
    from routerkit.config.policy_tests import default_pool
    from routerkit.messages import Request
    from routerkit.router import Router

    text = _prompt(prompt, file)
    settings, base = _read(config)
    request = Request(
        model=pool or default_pool(settings),
        messages=({"role": "user", "content": text},),
        kind=_known_kind(kind),
        agent=agent,
        tags=tuple(tag.strip() for tag in tags.split(",") if tag.strip()),
    )
    decision = Router(plan_state(settings, base)).decide(request)
    print(json.dumps(decision.to_dict(), indent=2) if as_json else decision.explain())


class _Draft(NamedTuple):
    """A configuration to be written."""

    text: str
    told: Sequence[str]
    """Lines about it."""
    steps: Sequence[str] = ()
    """Commands that are to be typed before it can be proven."""


def _found_here() -> _Draft:
    from routerkit.config.discovery import discover
    from routerkit.config.init import render

    found = discover(os.environ)
    told = [f"{provider.name}: {provider.why}; {', '.join(m.model for m in provider.models)}" for provider in found]
    return _Draft(render(found), told, tuple(_first_steps(found)))


def _first_steps(found: Sequence[Found]) -> Iterator[str]:
    kinds = {provider.kind for provider in found}
    if missing := [kind for kind, package in _PACKAGES.items() if kind in kinds and find_spec(package) is None]:
        yield f"pip install 'routerkit[{','.join(missing)}]'"
    if local := [model.model for provider in found if provider.kind == "local" for model in provider.models]:
        yield f"routerkit local pull {' '.join(local)}"


def _taken_over(origin: Path) -> _Draft:
    from routerkit.config.importing import take_over

    draft = take_over(origin)
    done = f"took over {len(draft.targets)} targets in {len(draft.pools)} pools"
    if not draft.notes:
        return _Draft(draft.render(), [done])
    return _Draft(draft.render(), [f"{done}; not taken over as it was:", *(f"  {note}" for note in draft.notes)])


def _read(path: Path) -> tuple[Config, Path]:
    from routerkit.config import read

    return read(path), path.parent


def _prompt(prompt: str | None, file: Path | None) -> str:
    if (prompt is None) == (file is None):
        raise ConfigError("give either a prompt, - for standard input, or --file PATH")
    if file is not None:
        return _text_of_file(file)
    return sys.stdin.read(_MAX_PROMPT_BYTES) if prompt == "-" else str(prompt)


def _text_of_file(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            return stream.read(_MAX_PROMPT_BYTES).decode("utf-8")
    except OSError as exc:
        raise ConfigError(f"--file {path}: cannot be read ({exc.strerror}); correct the path") from exc
    except UnicodeDecodeError as exc:
        raise ConfigError(f"--file {path}: not UTF-8 text (byte {exc.start}); convert it first") from exc


def _known_kind(kind: str | None) -> str | None:
    from routerkit.messages import TASK_KINDS

    if kind is not None and kind not in TASK_KINDS:
        raise ConfigError(f"--kind {kind!r}: unknown task kind; {nearest(kind, TASK_KINDS)}")
    return kind
