"""Everything the litellm library can call, held to routerkit's rules: one request, one deadline, no redirect, no invented ending."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.metadata
import math
import os
import sys
import threading
import warnings
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator
from types import ModuleType
from typing import Final, TypeVar, cast

from routerkit import hops
from routerkit.errors import ConfigError, ProviderError
from routerkit.messages import Chunk, Reply, Request
from routerkit.providers import embedding_format, openai_format
from routerkit.providers.litellm_errors import translate
from routerkit.providers.litellm_guard import GuardedCall, SecondRequestError, guarded
from routerkit.providers.litellm_params import arguments
from routerkit.providers.litellm_stream import Reading, as_mapping
from routerkit.providers.loop_thread import LoopThread
from routerkit.providers.openai_errors import Upstream
from routerkit.providers.timers import Timers, Watch

T = TypeVar("T")

_BAD_VERSIONS: Final = frozenset({"1.82.7", "1.82.8", "1.107.0"})
"""1.82.7 and 1.82.8 carried malicious code; 1.107.0 is reported to be broken."""
_DEFAULT_TIMERS: Final = Timers()
_ENVIRONMENT: Final = {
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # or its import fetches a price list over the network
    "LITELLM_LOCAL_ANTHROPIC_BETA_HEADERS": "True",  # the same for a list of headers
    "LITELLM_MODE": "PRODUCTION",  # or its import reads a .env file of the working directory, which may point keys elsewhere
}
_IMPORT: Final = threading.Lock()


class LiteLLM:
    """Provider for the model names of litellm (`anthropic/claude-…`, `gemini/…`, `bedrock/…`).

    litellm is imported with the first call (2 to 4 s). All calls of all these providers run on one event loop in a thread of its own:
    blocking calls keep deadlines too, litellm's work never blocks the caller's loop, and its global HTTP client, which breaks when loops
    share it, sees a single one. Proxies set in the environment are used, as litellm does.
    """

    keeps_deadline = False
    """Its own timers are as late as that one loop is, which litellm keeps busy for some 10 ms per call."""

    def __init__(
        self,
        *,
        api_key: str | None = None,
        base_url: str | None = None,
        custom_llm_provider: str | None = None,
        timers: Timers = _DEFAULT_TIMERS,
    ) -> None:
        """Prepare; nothing is imported or opened.

        Args:
            api_key: Never shown; None = litellm looks in the environment, where each of its providers has its own variable.
            base_url: Instead of the provider's own address.
            custom_llm_provider: litellm's name of the provider, for model names without a prefix.
            timers: Limits of each stage of a call; `connect_s` is up to litellm.

        Raises:
            ConfigError: litellm is not installed, or in a version that must not be imported.
        """
        _check_version()
        self._fixed = {"api_key": api_key, "base_url": base_url, "custom_llm_provider": custom_llm_provider}
        self._upstream = Upstream(f"litellm {custom_llm_provider or ''}".strip(), (api_key,) if api_key else ())
        self._timers = timers
        self._has_joined = False

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={value!r}" for name, value in self._fixed.items() if value and name != "api_key")
        return f"LiteLLM({shown})"

    def complete(self, request: Request) -> Reply:
        """Whole answer, blocking."""
        return self._joined().run(self._whole(request))

    async def acomplete(self, request: Request) -> Reply:
        """Whole answer."""
        return await self._joined().arun(self._whole(request))

    def stream(self, request: Request) -> Iterator[Chunk]:
        """Answer in pieces, blocking; closing the iterator closes the upstream."""
        yield from self._joined().iterate(self._pieces(request))

    async def astream(self, request: Request) -> AsyncIterator[Chunk]:
        """Answer in pieces; closing the iterator closes the upstream."""
        chunks = self._joined().aiterate(self._pieces(request))
        async with contextlib.aclosing(chunks):  # type: ignore[type-var]  # an asynchronous generator, declared as an iterator
            async for chunk in chunks:
                yield chunk

    @staticmethod
    def load_library() -> None:
        """Import litellm now, which takes seconds; otherwise the first call does, and its deadline runs meanwhile."""
        _library()

    def close(self) -> None:
        """Stop using the thread; it ends, with litellm's connections, when no other provider uses it."""
        if self._has_joined:
            self._has_joined = False
            _SHARED.leave()

    def _joined(self) -> LoopThread:
        if not self._has_joined:
            self._has_joined = True
            _SHARED.join()
        return _SHARED.thread

    async def _whole(self, request: Request) -> Reply:
        watch = self._watch(request, None)
        with guarded() as call:
            answer = await self._ask(watch, call, self._arguments(request))
        if request.inputs:
            return embedding_format.reply(as_mapping(answer), request)
        return openai_format.reply(as_mapping(answer), request)

    async def _pieces(self, request: Request) -> AsyncGenerator[Chunk]:
        watch = self._watch(request, self._timers.first_token_s)
        with guarded() as call:
            upstream = await self._ask(watch, call, self._arguments(request) | {"stream": True, "stream_options": {"include_usage": True}})
            reading = Reading(request, upstream)
            try:
                while (event := await self._timed(watch, call, _next(upstream))) is not None:
                    watch.heard()
                    chunk = reading.chunk(event)
                    if chunk is not None:
                        if chunk.says_something():
                            watch.began()
                        yield chunk
                yield reading.end()
            finally:
                await _close(upstream)

    def _arguments(self, request: Request) -> dict[str, object]:
        asked = arguments(request)
        if self._fixed["base_url"] is not None and not request.inputs:  # it may be a gateway, even this one
            asked["extra_headers"] = {hops.HEADER: str(request.hops + 1)}
        return asked

    async def _ask(self, watch: Watch, call: GuardedCall, asked: dict[str, object]) -> object:
        library = await self._timed(watch, call, asyncio.to_thread(_library))
        watch.sending()
        limit_s = _coarse(watch.total_at - asyncio.get_running_loop().time())
        fixed = {name: value for name, value in self._fixed.items() if value is not None}
        ask: Callable[..., Awaitable[object]] = library.acompletion
        if "input" in asked:
            # It passes over `base_url` without a word, and the key would go to the provider's own address.
            ask, fixed = library.aembedding, {"api_base" if name == "base_url" else name: value for name, value in fixed.items()}
        work = ask(**asked, **fixed, num_retries=0, max_retries=0, timeout=limit_s, stream_timeout=limit_s, caching=False)
        return await self._timed(watch, call, work)

    async def _timed(self, watch: Watch, call: GuardedCall, work: Awaitable[T]) -> T:
        scope = asyncio.timeout(watch.remaining_s())
        try:
            async with scope:
                return await work
        except (ProviderError, ConfigError):
            raise
        except SecondRequestError as exc:
            raise translate(call.failure or exc, self._upstream) from None
        except Exception as exc:  # noqa: BLE001 - litellm lets through what its dozens of providers raise
            # `from None`: foreign exceptions may quote the key.
            raise (watch.error(self._upstream.name) if scope.expired() else translate(exc, self._upstream)) from None

    def _watch(self, request: Request, first_token_s: float | None) -> Watch:
        first_s = first_token_s if request.first_token_s is None else request.first_token_s
        return Watch(self._timers, timeout_s=request.timeout_s, first_token_s=first_s)


def _check_version() -> None:
    try:
        version = importlib.metadata.version("litellm")
    except importlib.metadata.PackageNotFoundError as exc:
        raise ConfigError("kind 'litellm' needs the litellm library; run: pip install 'routerkit[litellm]'") from exc
    if version in _BAD_VERSIONS:
        remedy = "pip install 'routerkit[litellm]'; replace your keys if 1.82.7 or 1.82.8 ever ran"
        raise ConfigError(f"litellm {version} must not be imported; run: {remedy}")


def _library() -> ModuleType:
    with _IMPORT:
        is_ours = "litellm" not in sys.modules
        for name, value in _ENVIRONMENT.items():
            os.environ.setdefault(name, value)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # deprecations of its dependencies, which are not the caller's
            import litellm  # 2 to 4 s and 170 MB

            # Their schemas are built with their first instance, and warn then.
            litellm.ModelResponse()
            litellm.ModelResponseStream()
        if is_ours:  # a program that uses litellm itself keeps its own settings
            litellm.suppress_debug_info = True  # or every failure prints advice to standard output
            litellm.disable_hf_tokenizer_download = True  # or counting tokens asks the Hugging Face hub
            # It prepares a request in a thread; one whose deadline passes meanwhile is rightly never sent.
            warnings.filterwarnings("ignore", r"coroutine '\w+\.a\w*(completion|embedding|streaming)\w*' was never awaited", RuntimeWarning)
        _teach_endings()
        return cast("ModuleType", litellm)  # untyped


def _teach_endings() -> None:
    """Have litellm know that Claude's window was full: for words unknown to it it says `stop`, and cut answers would pass for whole."""
    from litellm.litellm_core_utils import core_helpers  # as heavy as litellm

    words: object = getattr(core_helpers, "_FINISH_REASON_MAP", None)
    if isinstance(words, dict):
        words.setdefault("model_context_window_exceeded", "length")


def _coarse(left_s: float) -> float:
    """A limit that our own timers always beat; one of few, because litellm keeps an HTTP client for every limit it has seen."""
    return 2.0 ** math.ceil(math.log2(max(0.0, left_s) + 2.0))


class _Shared:
    """The thread and how many providers use it."""

    def __init__(self) -> None:
        self.thread: Final = LoopThread("routerkit-litellm")
        self._lock = threading.Lock()
        self._n_users = 0

    def join(self) -> None:
        with self._lock:
            self._n_users += 1

    def leave(self) -> None:
        with self._lock:
            self._n_users -= 1
            if not self._n_users:
                self.thread.close(_close_clients)


_SHARED: Final = _Shared()


async def _close_clients() -> None:
    """Close the HTTP clients that litellm keeps for this event loop, and make it forget them: another loop may get the same id."""
    library = sys.modules.get("litellm")
    kept: dict[str, object] = getattr(getattr(library, "in_memory_llm_clients_cache", None), "cache_dict", {})
    mine = str(id(asyncio.get_running_loop()))
    for key in [key for key in kept if key.endswith(mine)]:
        await _close(kept.pop(key))
    await _close(vars(library).get("module_level_aclient") if library else None)  # opens again when it is used


async def _next(upstream: object) -> object | None:
    stream: AsyncIterator[object] = upstream  # type: ignore[assignment]  # litellm ships no types
    return await anext(stream, None)


async def _close(it: object) -> None:
    close: Callable[[], Awaitable[None]] | None = getattr(it, "aclose", None) or getattr(it, "close", None)
    if close is not None:
        with contextlib.suppress(Exception):  # what goes wrong in closing changes nothing any more
            await close()
