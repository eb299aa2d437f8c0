"""A small model on this machine's CPU: no key, no bill, no network."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import threading
import time
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import cast

from routerkit.errors import ConfigError, ProviderError
from routerkit.messages import Chunk, Reply, Request
from routerkit.providers.local_models import find, has_chat_template, parse
from routerkit.providers.local_process import DEFAULT_COMMAND, SERVERS, Server, ServerSettings
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

    keeps_deadline = True

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
        self._lock = threading.Lock()
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
        with contextlib.closing(cast("Generator[Chunk]", client.stream(prompt.request))) as chunks:
            for chunk in chunks:
                yield wrapping.around(chunk)

    async def astream(self, request: Request) -> AsyncIterator[Chunk]:
        """Answer in pieces."""
        client, request = await asyncio.to_thread(self._ready, request)
        prompt = self._prompt(request)
        wrapping = _Wrapping(prompt)
        async with contextlib.aclosing(cast("AsyncGenerator[Chunk]", client.astream(prompt.request))) as chunks:
            async for chunk in chunks:
                yield wrapping.around(chunk)

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
        client = self._client_of(server, server.url(request.timeout_s))
        left_s = request.timeout_s - (time.monotonic() - started)
        if left_s <= 0:
            raise ProviderError(f"local model {self._model!r}: total timer of {request.timeout_s:g} s fired", code="timeout")
        return client, replace(request, model=self._model, timeout_s=left_s)

    def _client_of(self, server: Server, url: str) -> OpenAICompatible:
        with self._lock:
            if self._client is None or self._client_key != server.key:  # a server that was started again has a new address and key
                if self._client is not None:
                    self._client.close()
                self._client, self._client_key = OpenAICompatible(f"{url}/v1", server.key, timers=_TIMERS), server.key
            return self._client

    def _joined(self) -> ServerSettings:
        with self._lock:
            if self._settings is None:
                settings = self._found()
                SERVERS.join(settings)
                self._settings = settings
            return self._settings

    def _found(self) -> ServerSettings:
        try:
            path = find(self._model, self._folder)
            is_base = not has_chat_template(path)
        except ConfigError as exc:
            raise ProviderError(str(exc), code="not_found") from exc
        context_tokens, n_parallel, n_threads, command = self._options
        return ServerSettings(str(path.resolve()), is_base, context_tokens, n_parallel, n_threads, command)

    def _prompt(self, request: Request) -> BasePrompt:
        is_base = self._settings is not None and self._settings.is_base
        return base_prompt(request) if is_base else BasePrompt(request)


def _wrapped(reply: Reply, prompt: BasePrompt) -> Reply:
    reply = replace(reply, model=prompt.request.model)  # the server names the file
    if not prompt.before:
        return reply
    return replace(reply, text=prompt.before + reply.text.lstrip() + prompt.after)


class _Wrapping:
    """Puts the surroundings around a streamed continuation; nothing is said before the model has said something."""

    def __init__(self, prompt: BasePrompt) -> None:
        self._prompt = prompt
        self._is_open = not prompt.before

    def around(self, chunk: Chunk) -> Chunk:
        text = chunk.text
        if not self._is_open:
            text = text.lstrip()
            self._is_open = bool(text)
            text = self._prompt.before + text if text else ""
        if chunk.finish_reason and self._is_open:
            text += self._prompt.after
        return replace(chunk, text=text, model=chunk.model and self._prompt.request.model)
