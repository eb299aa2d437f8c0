"""Any server that speaks OpenAI's chat format, over our own connection."""

from __future__ import annotations

import re
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from routerkit import hops
from routerkit.errors import ConfigError, ProviderError
from routerkit.messages import Chunk, Json, Reply, Request
from routerkit.providers import as_written, embedding_format, http1, http1_sync, openai_format, openai_request
from routerkit.providers.openai_errors import Upstream, error, error_event
from routerkit.providers.openai_stream import StreamDecoder
from routerkit.providers.plain_answer import plain_answer
from routerkit.providers.timers import Timers, Watch

if TYPE_CHECKING:
    from routerkit.providers import http1_async, http1_connection

_NO_HEADERS: Final[Mapping[str, str]] = MappingProxyType({})
_DEFAULT_TIMERS: Final = Timers()
_SECRET_HEADER: Final = re.compile(r"key|token|auth|secret|cookie", re.IGNORECASE)


class OpenAICompatible:
    """Provider for OpenAI itself, gateways, vLLM, Ollama, llama.cpp and the like.

    One instance may be used by several threads and by several event loops, at once or one after another.
    """

    keeps_deadline = lets_pass = True

    def __init__(
        self,
        base_url: str,
        api_key: str | None = None,
        *,
        timers: Timers = _DEFAULT_TIMERS,
        headers: Mapping[str, str] = _NO_HEADERS,
        max_tokens_field: str = "max_tokens",
        connections: int = 100,
        max_body_bytes: int = http1.MAX_BODY_BYTES,
    ) -> None:
        """Prepare; nothing is opened.

        Args:
            base_url: Like `https://api.openai.com/v1`; http or https.
            api_key: Sent as `Authorization: Bearer`, never shown; None for servers without keys.
            timers: Limits of each stage of a call.
            headers: Sent with every request.
            max_tokens_field: What the server calls the output limit: `max_tokens` or `max_completion_tokens`.
            connections: How many idle connections are kept for reuse, per event loop and for all threads together; at least 1.
            max_body_bytes: Largest answer accepted.

        Raises:
            ConfigError: if the URL, a header or a number is unusable.
        """
        self._origin = http1.parse_origin(base_url)
        sent = {"user-agent": "routerkit", hops.HEADER: "1"} | ({} if api_key is None else {"authorization": f"Bearer {api_key}"})
        sent |= {name.lower(): value for name, value in headers.items()}
        http1.check_headers(sent)
        if connections < 1 or max_body_bytes < 1:
            raise ConfigError(f"connections is {connections!r} and max_body_bytes {max_body_bytes!r}; both must be at least 1")
        secrets = [api_key, *(value for name, value in headers.items() if _SECRET_HEADER.search(name))]
        self._upstream = Upstream(self._origin.name, tuple(s for s in secrets if s))
        self._headers, self._timers, self._max_tokens_field = sent, timers, max_tokens_field
        self._chat = http1.request_head(self._origin, "/chat/completions", sent)
        self._embeddings = http1.request_head(self._origin, "/embeddings", sent)
        self._n_idle, self._max_body_bytes = connections, max_body_bytes
        self._sync = http1_sync.Connections(self._origin, n_idle=connections, max_body_bytes=max_body_bytes)
        self._lock = threading.Lock()
        self._pools: http1_async.Pools | None = None
        self._async: Callable[[], http1_async.Connections] = self._first_async
        """Connections of the running event loop."""

    def __repr__(self) -> str:
        scheme = "https" if self._origin.is_tls else "http"
        return f"{type(self).__name__}('{scheme}://{self._origin.name}{self._origin.prefix}')"

    def complete(self, request: Request) -> Reply:
        """Whole answer, blocking."""
        watch = Watch(self._timers, timeout_s=request.timeout_s, first_token_s=request.first_token_s)
        connection = self._sync.open(self._whole(request), watch)
        try:
            return self._reply(connection.exchange, connection.body(), request)
        finally:
            connection.release()

    async def acomplete(self, request: Request) -> Reply:
        """Whole answer."""
        watch = Watch(self._timers, timeout_s=request.timeout_s, first_token_s=request.first_token_s)
        connection = await self._async().open(self._whole(request), watch)
        try:
            exchange = connection.exchange
            body = exchange.take() if exchange.is_complete and exchange.status == 200 else await connection.body()
            return self._reply(exchange, body, request)
        finally:
            connection.release()

    def stream(self, request: Request) -> Iterator[Chunk]:
        """Answer in pieces, blocking; closing the iterator closes the connection."""
        watch = self._stream_watch(request)
        connection = self._sync.open(self._streamed(request), watch)
        try:
            if connection.exchange.is_failure:
                raise self._error(connection.exchange, connection.body())
            decoder = self._decoder(request)
            while not decoder.is_done:
                try:
                    data = connection.piece()
                except ProviderError as failure:
                    chunks = decoder.broken(failure)
                else:
                    chunks = decoder.feed(data)
                if decoder.is_ending or not watch.has_begun:
                    _note_stage(watch, decoder, chunks, connection)
                yield from chunks
            connection.settle()
        finally:
            connection.release()

    async def astream(self, request: Request) -> AsyncIterator[Chunk]:
        """Answer in pieces; closing the iterator, or cancelling its task, closes the connection."""
        watch = self._stream_watch(request)
        connection = await self._async().open(self._streamed(request), watch)
        try:
            if connection.exchange.is_failure:
                raise self._error(connection.exchange, await connection.body())
            decoder, exchange = self._decoder(request), connection.exchange
            taker = decoder.pass_on if request.pass_on else None
            while not decoder.is_done:
                try:
                    if not (exchange.waiting or exchange.is_complete):
                        await connection.progress(taker)
                    data = connection.taken()
                except ProviderError as failure:
                    chunks = decoder.broken(failure)
                else:
                    chunks = decoder.feed(data) if data or exchange.is_complete else []
                if decoder.is_ending or not watch.has_begun:
                    _note_stage(watch, decoder, chunks, connection)
                for chunk in chunks:
                    yield chunk
            await connection.settle()
        finally:
            connection.release()

    def post(self, path: str, body: Mapping[str, Json], timeout_s: float) -> Json:
        """Post JSON to a path below the base URL and return the JSON that comes back.

        Args:
            path: Like `/completions`.
            body: What to send.
            timeout_s: Total time allowed, in seconds.

        Raises:
            ProviderError: as `complete` does.
        """
        head = http1.request_head(self._origin, path, self._headers)
        watch = Watch(self._timers, timeout_s=timeout_s, first_token_s=None)
        connection = self._sync.open(http1.with_body(head, openai_request.encode(body)), watch)
        try:
            return self._json(connection.exchange, connection.body())
        finally:
            connection.release()

    def close(self) -> None:
        """Close the idle connections of blocking calls, and let each event loop close its own; running calls end as usual."""
        self._sync.close()
        if self._pools is not None:
            self._pools.close()

    async def aclose(self) -> None:
        """Close all idle connections that the current event loop and blocking calls hold."""
        self._sync.close()
        await self._async().aclose()

    def _first_async(self) -> http1_async.Connections:
        from routerkit.providers import http1_async  # imports asyncio, for which blocking use need not pay

        with self._lock:
            if self._pools is None:
                make = partial(http1_async.Connections, self._origin, n_idle=self._n_idle, max_body_bytes=self._max_body_bytes)
                self._pools = http1_async.Pools(make)
                self._async = self._pools.here
        return self._pools.here()

    def _stream_watch(self, request: Request) -> Watch:
        first_s = self._timers.first_token_s if request.first_token_s is None else request.first_token_s
        return Watch(self._timers, timeout_s=request.timeout_s, first_token_s=first_s)

    def _whole(self, request: Request) -> http1.Pieces:
        if request.inputs:
            return http1.with_body(hops.counted(self._embeddings, request.hops), embedding_format.payload(request))
        field = self._max_tokens_field
        body = as_written.whole_body(request, field) or (openai_request.payload(request, max_tokens_field=field),)
        return http1.with_body(hops.counted(self._chat, request.hops) if request.hops else self._chat, *body)

    def _streamed(self, request: Request) -> http1.Pieces:
        field = self._max_tokens_field
        body = as_written.streamed_body(request, field) or (openai_request.stream_payload(request, max_tokens_field=field),)
        return http1.with_body(hops.counted(self._chat, request.hops) if request.hops else self._chat, *body)

    def _decoder(self, request: Request) -> StreamDecoder:
        return as_written.PassingDecoder(request, self._upstream) if request.written else StreamDecoder(request, self._upstream)

    def _reply(self, exchange: http1.Exchange, body: bytes, request: Request) -> Reply:
        if exchange.status == 200 and not request.inputs and (plain := plain_answer(body, request)):
            return plain
        parsed = self._json(exchange, body)
        if request.inputs:
            return embedding_format.reply(parsed, request, body)
        answer = openai_format.reply(parsed, request)
        return answer if request.written is None else as_written.with_body(answer, parsed, body)

    def _json(self, exchange: http1.Exchange, body: bytes) -> Json:
        if exchange.is_failure:
            raise self._error(exchange, body)
        parsed = openai_format.decode(body)
        if isinstance(parsed, Mapping) and parsed.get("error") and not parsed.get("choices"):
            raise error_event(self._upstream, parsed)
        return parsed

    def _error(self, exchange: http1.Exchange, body: bytes) -> ProviderError:
        return error(self._upstream, exchange.status, exchange.headers, body)


def _note_stage(
    watch: Watch, decoder: StreamDecoder, chunks: list[Chunk], connection: http1_sync.Connection | http1_connection.Connection
) -> None:
    """Have the timers know that the answer has begun, or that it ends."""
    if not watch.has_begun and any(chunk.says_something() for chunk in chunks):
        watch.began()
    if decoder.is_ending:
        connection.ending()
