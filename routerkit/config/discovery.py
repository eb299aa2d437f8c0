"""What this machine has to offer a first configuration: keys in the environment, servers on loopback, else models that run in-process."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.client import HTTPException, HTTPMessage
from typing import IO, Final, TypeAlias
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, ProxyHandler, Request, build_opener

from routerkit.config.prices import shipped_picks
from routerkit.config.providers import is_loopback
from routerkit.config.schema import OPENAI_URL
from routerkit.messages import Json

KEYS: Final = {
    "openai": "OPENAI_API_KEY",
    "anthropic": "ANTHROPIC_API_KEY",
    "gemini": "GEMINI_API_KEY",
    "mistral": "MISTRAL_API_KEY",
    "deepseek": "DEEPSEEK_API_KEY",
    "groq": "GROQ_API_KEY",
    "xai": "XAI_API_KEY",
    "openrouter": "OPENROUTER_API_KEY",
}
"""Provider → environment variable its key is usually in."""
PORTS: Final = {11434: "ollama", 8000: "vllm", 8080: "llamacpp", 1234: "lmstudio", 4000: "proxy"}
"""Loopback ports worth a look, with the server that usually listens there."""
_PROXIES: Final = frozenset({"proxy", "openai"})
"""Servers that may pass a request on to somebody who charges for it."""
_TIMEOUT_S: Final = 0.3
_MAX_BYTES: Final = 1024 * 1024
_MAX_MODELS: Final = 2
_NOT_CHAT: Final = re.compile(r"embed|rerank|whisper|tts|moderation|bge-|clip|dall|image|audio|realtime|guard", re.IGNORECASE)

ListModels: TypeAlias = Callable[[str, str | None], tuple[str, ...] | None]
"""Asks the server at a base URL, with a key, for its models; None = nothing there speaks OpenAI's format."""


@dataclass(frozen=True, slots=True)
class Model:
    """One target of the configuration to be written."""

    model: str
    is_free: bool = False
    """Whether it runs on this machine."""


@dataclass(frozen=True, slots=True)
class Found:
    """One provider of the configuration to be written."""

    name: str
    kind: str
    models: tuple[Model, ...]
    why: str
    """How it was found, for people."""
    base_url: str | None = None
    key_variable: str | None = None


def discover(environ: Mapping[str, str], list_models: ListModels | None = None) -> tuple[Found, ...]:
    """Providers that can be used here and now; never empty.

    Args:
        environ: Environment to look for keys in.
        list_models: How to ask a server; None = over HTTP, loopback only.
    """
    ask = list_models or served_models
    found = (*_openai(environ, ask), *_with_key(environ), *_servers(environ, ask))
    return found or tuple(_in_process())


def served_models(base_url: str, key: str | None = None) -> tuple[str, ...] | None:
    """Model ids a loopback server lists; None when nothing there speaks OpenAI's format.

    Neither proxies nor redirects are followed: the question must not leave this machine.
    """
    if not is_loopback(urlsplit(base_url).hostname or ""):
        return None
    request = Request(f"{base_url}/models", headers={"Authorization": f"Bearer {key}"} if key else {})  # noqa: S310  loopback http only
    try:
        with build_opener(ProxyHandler({}), _NoRedirect()).open(request, timeout=_TIMEOUT_S) as answer:
            return _model_ids(json.loads(answer.read(_MAX_BYTES)))
    except (URLError, HTTPException, OSError, ValueError, RecursionError):
        return None


def _openai(environ: Mapping[str, str], ask: ListModels) -> Iterator[Found]:
    key = environ.get("OPENAI_API_KEY", "").strip()
    base_url = environ.get("OPENAI_BASE_URL", "").strip().rstrip("/")
    if not key and not base_url:
        return
    variable = "OPENAI_API_KEY" if key else None
    if not base_url:
        yield Found("openai", "openai", _picked("openai"), "OPENAI_API_KEY is set", OPENAI_URL, variable)
        return
    listed = _chat_models(ask(base_url, key or None) or ())
    yield Found("openai", "openai", listed or _picked("openai"), "OPENAI_BASE_URL is set", base_url, variable)


def _with_key(environ: Mapping[str, str]) -> Iterator[Found]:
    for name, variable in KEYS.items():
        if name != "openai" and environ.get(variable, "").strip():
            yield Found(name, "litellm", _picked(name), f"{variable} is set", key_variable=variable)


def _servers(environ: Mapping[str, str], ask: ListModels) -> Iterator[Found]:
    taken = environ.get("OPENAI_BASE_URL", "")
    urls = {name: f"http://127.0.0.1:{port}/v1" for port, name in PORTS.items() if f":{port}" not in taken}
    with ThreadPoolExecutor(len(PORTS)) as threads:
        answers = threads.map(lambda url: ask(url, None), urls.values())
    for (name, url), answer in zip(urls.items(), answers, strict=True):
        if models := _chat_models(answer or (), is_free=name not in _PROXIES):
            yield Found(name, "openai", models, f"a server answers at {url}", url)


def _in_process() -> Iterator[Found]:
    from routerkit.providers.local_models import CATALOG

    for name in CATALOG:
        yield Found(name, "local", (Model(name, is_free=True),), "nothing else was found; it runs on this machine's CPU")


def _picked(provider: str) -> tuple[Model, ...]:
    return tuple(Model(model) for model in shipped_picks()[provider])


def _chat_models(ids: Sequence[str], *, is_free: bool = False) -> tuple[Model, ...]:
    return tuple(Model(model, is_free) for model in ids if not _NOT_CHAT.search(model))[:_MAX_MODELS]


def _model_ids(body: Json) -> tuple[str, ...] | None:
    listed = body.get("data") if isinstance(body, Mapping) else None
    if not isinstance(listed, list):
        return None
    ids = (entry.get("id") for entry in listed if isinstance(entry, Mapping))
    # Ids are written into the configuration file, so nothing unprintable from a foreign server gets in.
    return tuple(i for i in ids if isinstance(i, str) and i.isprintable() and 0 < len(i) <= 200)


class _NoRedirect(HTTPRedirectHandler):
    def redirect_request(self, req: Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str) -> None:
        return None
