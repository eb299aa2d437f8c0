"""One tiny real call per target: does it answer, how fast, and if not, what to do."""

from __future__ import annotations

import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from routerkit.catalog import Target
from routerkit.config import Config, build_ledger, build_state, build_targets, scrub
from routerkit.errors import ErrorCode, ProviderError
from routerkit.messages import Json, Request
from routerkit.provider import Provider

TIMEOUT_S: Final = 20.0
_MAX_TOKENS: Final = 128
"""Enough for a reasoning model to think shortly and still answer; a fraction of a cent on the dearest model."""
_AT_ONCE: Final = 4
"""Calls in flight; more would trip the limits of small accounts."""
_REMEDY: Final[dict[ErrorCode, str]] = {
    "auth": "check the key that api_key of provider {provider!r} points to",
    "quota": "the account is out of credit: top it up",
    "not_found": "correct the model of target {target!r} or base_url of provider {provider!r}",
    "connect": "start the server, or correct base_url of provider {provider!r}",
    "timeout": "the server is too slow or hangs: try again, or raise [timeouts]",
    "deadline": "the server is too slow or hangs: try again",
    "rate_limit": "wait and try again, or ask the provider for a higher limit",
    "overloaded": "the provider is busy: try again later",
    "loop": "base_url of provider {provider!r} leads back to a gateway it came from: correct it",
    "server": "the provider has a fault: try again later",
    "malformed": "this is not an OpenAI-compatible answer: correct base_url of provider {provider!r}",
    "empty_answer": f"it answered nothing within {_MAX_TOKENS} tokens: lower its reasoning effort in extra of target {{target!r}}",
    "invalid_request": "remove what the model refuses from extra of target {target!r}",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """What one call to one target showed."""

    target: str
    provider: str
    model: str
    is_ok: bool
    latency_s: float
    error: str | None = None
    code: str | None = None
    remedy: str | None = None

    def line(self, width: int) -> str:
        """One line for people, with target names padded to `width`."""
        head = f"{'ok  ' if self.is_ok else 'FAIL'}  {self.target:<{width}}"
        if self.is_ok:
            return f"{head}  {self.latency_s:6.2f} s  {self.model}"
        return f"{head}  {self.error} -> {self.remedy}"

    def to_dict(self) -> dict[str, Json]:
        """JSON-ready form."""
        facts = asdict(self)
        return {"ok": facts.pop("is_ok"), **facts}


def probe_all(config: Config, base: Path) -> list[Finding]:
    """Call every target once, a few at a time, in the order of the file.

    Raises:
        ConfigError: a provider cannot be built, so there is nothing to call; or the ledger's folder cannot be used.
    """
    state = build_state(config, base)
    build_ledger(config, base)
    targets = build_targets(config).values()
    threads = ThreadPoolExecutor(_AT_ONCE)
    try:
        return list(threads.map(lambda target: probe(target, state.providers[target.provider]), targets))
    finally:
        # After Ctrl-C only the calls under way are waited for.
        threads.shutdown(cancel_futures=True)
        _close(state.providers.values())


def probe(target: Target, provider: Provider) -> Finding:
    """Call one target once."""
    request = Request(
        model=target.model,
        messages=({"role": "user", "content": "Reply with the word ok."},),
        max_tokens=_MAX_TOKENS,
        extra=target.extra,
        timeout_s=TIMEOUT_S,
    )
    begin = time.monotonic()
    try:
        provider.complete(request)
    except ProviderError as exc:
        remedy = _REMEDY.get(exc.code, "see the message").format(target=target.name, provider=target.provider)
        return _failed(target, time.monotonic() - begin, error=exc, code=exc.code, remedy=remedy)
    except Exception as exc:  # noqa: BLE001  a provider may be foreign code; its fault must not hide what the others said
        remedy = f"provider {target.provider!r} raised what is not a ProviderError: correct its code"
        return _failed(target, time.monotonic() - begin, error=exc, code=None, remedy=remedy)
    return Finding(target.name, target.provider, target.model, True, time.monotonic() - begin)


def _failed(target: Target, latency_s: float, *, error: Exception, code: str | None, remedy: str) -> Finding:
    what, _, command = scrub(str(error)).partition("; run: ")
    told = f"run: {command}" if command else remedy
    return Finding(target.name, target.provider, target.model, False, latency_s, f"{code or type(error).__name__}: {what}", code, told)


def _close(providers: Iterable[Provider]) -> None:
    for provider in providers:
        closing = getattr(provider, "close", None)
        if closing is not None:
            closing()
