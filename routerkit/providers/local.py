"""A small model on this machine's CPU: no key, no bill, no network."""

from __future__ import annotations

import asyncio
import importlib.util
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from routerkit.errors import ConfigError, ProviderError
from routerkit.messages import Chunk, Reply, Request
from routerkit.providers.local_models import find, has_chat_template, parse
from routerkit.providers.local_process import DEFAULT_COMMAND, SERVERS, ServerSettings
from routerkit.providers.local_prompt import BasePrompt, base_prompt
from routerkit.providers.openai_compatible import OpenAICompatible
from routerkit.providers.timers import Timers

_TIMERS = Timers(first_token_s=120.0, between_chunks_s=60.0)
"""A long prompt takes a minute to read on one core."""


class Local:
    """Provider that serves one GGUF model from a child process.

    The process starts with the first call, is shared by all `Local` with the same model and settings, and ends with this one, however
    that ends. A crash of it fails the calls in flight; the next call starts it again.
    """

    def __init__(
        self,
        model: str,
        *,
        context_tokens: int = 2048,
        n_parallel: int = 2,
        n_threads: int = 1,
        folder: Path | None = None,
        command: Sequence[str] = DEFAULT_COMMAND,
    ) -> None:
        """Prepare; nothing is started.

        Args:
            model: `smollm2`, `gemma-270m`, a PATH.gguf, or OWNER/REPO:FILE.gguf that was pulled before.
            context_tokens: Prompts and answers of all parallel calls together.
            n_parallel: Calls answered at the same time; others wait.
            n_threads: More than the idle cores make it slower.
            folder: Where pulled models are; the user's cache folder if None.
            command: Program that serves; see `local_server` for what it must speak.

        Raises:
            ConfigError: no such model name, or xllamacpp is not installed.
        """
        parse(model)
        if tuple(command) == DEFAULT_COMMAND and importlib.util.find_spec("xllamacpp") is None:
            raise ConfigError("local models need xllamacpp; run: pip install 'routerkit[local]'")
        self._model, self._folder = model, folder
        self._options = (context_tokens, n_parallel, n_threads, tuple(command))
        self._settings: ServerSettings | None = None
        self._client: OpenAICompatible | None = None
        self._client_key = ""

    def __repr__(self) -> str:
        return f"Local({self._model!r})"

    def complete(self, request: Request) -> Reply:
        """Whole answer, blocking."""
        client, request = self._ready(request)
        prompt = self._prompt(request)
        return _wrapped(client.complete(prompt.request), prompt)

    async def acomplete(self, request: Request) -> Reply:
        """Whole answer."""
        client, request = await asyncio.to_thread(self._ready, request)
        prompt = self._prompt(request)
        return _wrapped(await client.acomplete(prompt.request), prompt)

    def stream(self, request: Request) -> Iterator[Chunk]:
        """Answer in pieces, blocking."""
        client, request = self._ready(request)
        prompt = self._prompt(request)
        wrapping = _Wrapping(prompt)
        chunks = client.stream(prompt.request)
        try:
            for chunk in chunks:
                yield from wrapping.around(chunk)
        finally:
            close = getattr(chunks, "close", None)
            if close is not None:
                close()

    async def astream(self, request: Request) -> AsyncIterator[Chunk]:
        """Answer in pieces."""
        client, request = await asyncio.to_thread(self._ready, request)
        prompt = self._prompt(request)
        wrapping = _Wrapping(prompt)
        chunks = client.astream(prompt.request)
        try:
            async for chunk in chunks:
                for piece in wrapping.around(chunk):
                    yield piece
        finally:
            close = getattr(chunks, "aclose", None)
            if close is not None:
                await close()

    def close(self) -> None:
        """Stop using the server; it ends with its last user."""
        settings, self._settings = self._settings, None
        if self._client is not None:
            self._client.close()
        if settings is not None:
            SERVERS.leave(settings)

    def _ready(self, request: Request) -> tuple[OpenAICompatible, Request]:
        """Client of the running server, and the request with the time that is left."""
        started = time.monotonic()
        server = SERVERS.get(self._joined())
        url = server.url(request.timeout_s)
        if self._client is None or self._client_key != server.key:
            self._client, self._client_key = OpenAICompatible(f"{url}/v1", server.key, timers=_TIMERS), server.key
        left_s = request.timeout_s - (time.monotonic() - started)
        if left_s <= 0:
            raise ProviderError(f"local model {self._model!r}: total timer of {request.timeout_s:g} s fired", code="timeout")
        return self._client, replace(request, timeout_s=left_s)

    def _joined(self) -> ServerSettings:
        if self._settings is None:
            try:
                path = find(self._model, self._folder)
                is_base = not has_chat_template(path)
            except ConfigError as exc:
                raise ProviderError(str(exc), code="not_found") from exc
            context_tokens, n_parallel, n_threads, command = self._options
            settings = ServerSettings(str(path.resolve()), is_base, context_tokens, n_parallel, n_threads, command)
            SERVERS.join(settings)
            self._settings = settings
        return self._settings

    def _prompt(self, request: Request) -> BasePrompt:
        is_base = self._settings is not None and self._settings.is_base
        return base_prompt(request) if is_base else BasePrompt(request)


def _wrapped(reply: Reply, prompt: BasePrompt) -> Reply:
    if not prompt.before:
        return reply
    return replace(reply, text=prompt.before + reply.text.lstrip() + prompt.after)


class _Wrapping:
    """Puts the surroundings around a streamed continuation; nothing is said before the model has said something."""

    def __init__(self, prompt: BasePrompt) -> None:
        self._prompt = prompt
        self._is_open = not prompt.before

    def around(self, chunk: Chunk) -> Iterator[Chunk]:
        if not self._is_open and chunk.text.strip():
            self._is_open = True
            chunk = replace(chunk, text=self._prompt.before + chunk.text.lstrip())
        elif not self._is_open:
            chunk = replace(chunk, text="")
        if chunk.finish_reason and self._prompt.after and self._is_open:
            chunk = replace(chunk, text=chunk.text + self._prompt.after)
        yield chunk
