"""The ASGI application: routes, keys, and the promise that every request gets an answer in the caller's shape."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractContextManager
from functools import partial
from typing import Any, Final, ParamSpec
from urllib.parse import unquote

from routerkit.errors import ProviderError
from routerkit.features import features
from routerkit.gateway import chat, embeddings, openapi
from routerkit.gateway.anthropic_answer import MESSAGES
from routerkit.gateway.asgi import AsgiExchange, Event, Receive, Send, lifespan
from routerkit.gateway.browsers import check_local
from routerkit.gateway.completions import COMPLETIONS
from routerkit.gateway.exchange import Exchange, GoneError, encode, parsed
from routerkit.gateway.formats import Format
from routerkit.gateway.head import Head
from routerkit.gateway.keys import Gate, Key, Scope
from routerkit.gateway.limits import Limits
from routerkit.gateway.listing import model_list, models
from routerkit.gateway.memory import Memory
from routerkit.gateway.metrics import Metrics
from routerkit.gateway.openai_chat import CHAT
from routerkit.gateway.parts import PartsReader, Read
from routerkit.gateway.plain_chat import plain_chat
from routerkit.gateway.refusal import Refusal, bad, refusal
from routerkit.gateway.responses_events import responses_format
from routerkit.gateway.room import Room, fitting_room
from routerkit.gateway.tracing import follow
from routerkit.gateway.wire import hints_of, is_streamed, request_of
from routerkit.gateway.written import keep_written
from routerkit.messages import Json, Request
from routerkit.router import Router

_LOG: Final = logging.getLogger("routerkit.gateway")
_DEFAULT: Final = Limits()
_LONGEST_ID: Final = 200
_EVERYTHING: Final = Scope()
P = ParamSpec("P")
Open = Callable[[Exchange], Awaitable[None]]
Look = Callable[[Exchange, Key | None], Awaitable[None]]
"""Answers a caller with this key; None where none is needed."""
Work = Callable[[Exchange, Key | None, bytes], Awaitable[None]]
"""The same for a request with a body."""


class Gateway:
    """Serves one Router. Give `memory` and `metrics` to the router as observers, too, so that they see its calls."""

    def __init__(
        self,
        router: Router,
        *,
        gate: Gate | None = None,
        limits: Limits = _DEFAULT,
        memory: Memory | None = None,
        metrics: Metrics | None = None,
        room: Room | None = None,
    ) -> None:
        """Prepare.

        Args:
            router: Decides, attempts, records.
            gate: Checks keys; None, or no keys = every caller on this machine may do everything, pages in its browser excepted.
            limits: What one caller may send.
            memory: Recent calls, for `/v1/decisions/{id}`.
            metrics: For `/metrics`.
            room: How much may be under way at once; None = what this process holds.
        """
        self._router, self._gate, self._limits = router, gate, limits
        self._hints_of = partial(hints_of, limits=limits)
        self._memory, self._metrics = memory or Memory(), metrics or Metrics()
        self._room = self._metrics.room = room or fitting_room()
        self.is_ready = True
        """False while the server drains."""
        self._open: Mapping[tuple[str, str], Open] = {
            ("GET", "/"): self._health,  # where some clients knock before they ask
            ("GET", "/healthz"): self._health,
            ("GET", "/readyz"): self._ready,
        }
        self._work: Mapping[tuple[str, str], Work] = {
            ("POST", "/v1/chat/completions"): self._talking(CHAT),
            ("POST", "/v1/completions"): self._talking(COMPLETIONS),
            ("POST", "/v1/responses"): self._talking(responses_format()),
            ("POST", "/v1/messages"): self._talking(MESSAGES),
            ("POST", "/v1/embeddings"): self._embed,
            ("POST", "/v1/messages/count_tokens"): self._count_tokens,
            ("POST", "/v1/feedback"): self._feedback,
        }
        self._looks: Mapping[tuple[str, str], Look] = {
            ("GET", "/v1/models"): self._models,
            ("GET", "/metrics"): self._show_metrics,
            ("GET", "/openapi.json"): self._describe,
        }

    async def __call__(self, scope: Event, receive: Receive, send: Send) -> None:
        """Serve one connection event, as ASGI asks."""
        if scope["type"] == "lifespan":
            await lifespan(receive, send, self._end)
        elif scope["type"] == "http":
            await self.serve(AsgiExchange(scope, receive, send))

    async def serve(self, exchange: Exchange) -> None:
        """Answer one request, whatever it is."""
        weight = 0
        try:
            if (work := self._work.get(exchange.head.route)) is None:
                await self._show(exchange)
                return
            key = self._caller(exchange.head)
            weight = self._room.enter(exchange.announced, self._limits)
            data = exchange.whole
            if data is None or len(data) > self._limits.body_bytes:
                data = await exchange.body(self._limits)
                weight = self._room.weigh(weight, len(data))
            await work(exchange, key, data)
        except asyncio.CancelledError:
            if exchange.is_started or (ended := exchange.ending()) is None:
                raise
            await self._refuse(exchange, ended)
        except GoneError:
            return
        except Exception as exc:  # noqa: BLE001 - whatever it is, the caller gets a body it can read
            await self._refuse(exchange, _told(exc, exchange.head))
        finally:
            if weight:
                self._room.leave(weight)

    def _caller(self, head: Head) -> Key | None:
        """The key of a request; None where none is needed."""
        key = None if self._gate is None else self._gate.check(head)
        if key is None:
            check_local(head)
        if "traceparent" in head.headers:
            follow(head.headers)
        return key

    async def _show(self, exchange: Exchange) -> None:
        """Answer what has no body."""
        if found := self._open.get(_shown(exchange.head)):
            await found(exchange)
            return
        key = self._caller(exchange.head)
        await self._look(exchange.head)(exchange, key)

    def _look(self, head: Head) -> Look:
        method, path = _shown(head)
        if found := self._looks.get((method, path)):
            return found
        if method == "GET" and path.startswith("/v1/decisions/"):
            return self._decision
        if method == "GET" and path.startswith("/v1/models/"):
            return self._model
        if any(path == known for _, known in (*self._work, *self._looks, *self._open)):
            raise Refusal(405, f"{head.method} is not possible at {path[:200]}", code="method_not_allowed")
        raise Refusal(404, f"there is nothing at {head.method} {path[:200]}", code="not_found")

    async def _refuse(self, exchange: Exchange, refused: Refusal) -> None:
        self._metrics.refused(refused.status)
        if not exchange.is_started:
            await exchange.answer(refused.status, encode(refused.body_at(exchange.head.path)), refused.headers())

    def _embed(self, exchange: Exchange, key: Key | None, data: bytes) -> Awaitable[None]:
        request = embeddings.embeddings_of(parsed(data, self._limits), exchange.head, self._limits)
        passage = None if self._gate is None or key is None else self._gate.admit(key, request)
        return self._show_vectors(exchange, request) if passage is None else _within(passage, self._show_vectors, exchange, request)

    async def _show_vectors(self, exchange: Exchange, request: Request) -> None:
        reply = await exchange.until_gone(self._router.acomplete(request))
        await exchange.answer(200, reply.as_written() or encode(embeddings.answer(reply)), chat.facts(reply))

    async def _count_tokens(self, exchange: Exchange, key: Key | None, data: bytes) -> None:
        body = MESSAGES.chat_body({"max_tokens": 1, **parsed(data, self._limits)})
        counted = features(request_of(body, exchange.head, self._limits)).input_tokens
        await exchange.answer(200, encode({"input_tokens": counted}))

    def _read(self, spoken: Format, reader: PartsReader | None, head: Head, data: bytes) -> tuple[Mapping[str, Json], Request]:
        """What a body asks for, in its own format and as a request."""
        limits, hints = self._limits, self._hints_of
        if spoken is CHAT and (plain := plain_chat(data, head, limits, hints)):
            return plain
        asked, body, known = (reader and reader.read(data)) or _read_at_once(spoken, parsed(data, limits))
        request = request_of(body, head, limits)
        return asked, keep_written(request, body, known) if spoken is CHAT else request

    def _talking(self, spoken: Format) -> Work:
        """Answers callers who speak a format."""
        return partial(self._talk, spoken, None if spoken.parts is None else PartsReader(spoken.parts, self._limits))

    def _talk(self, spoken: Format, reader: PartsReader | None, exchange: Exchange, key: Key | None, data: bytes) -> Awaitable[None]:
        asked, request = self._read(spoken, reader, exchange.head, data)
        answer = self._stream if is_streamed(asked) else self._reply
        passage = None if self._gate is None or key is None else self._gate.admit(key, request, data)
        return answer(spoken, exchange, asked, request) if passage is None else _within(passage, answer, spoken, exchange, asked, request)

    async def _reply(self, spoken: Format, exchange: Exchange, asked: Mapping[str, Json], request: Request) -> None:
        reply = await exchange.until_gone(self._router.acomplete(request))
        await exchange.answer(200, reply.as_written() or encode(spoken.answer(reply, asked)), chat.facts(reply))

    async def _stream(self, spoken: Format, exchange: Exchange, asked: Mapping[str, Json], request: Request) -> None:
        events = spoken.events(asked, request)
        try:
            await exchange.until_gone(chat.streamed(self._router, request, exchange, events))
        except asyncio.CancelledError:
            if not exchange.is_started or (ended := exchange.ending()) is None:
                raise
            self._metrics.refused(ended.status)
            await exchange.write(events.broken(ended), more=False)

    async def _models(self, exchange: Exchange, key: Key | None) -> None:
        found = models(self._router, _EVERYTHING if key is None else key.scope)
        await exchange.answer(200, encode(model_list(found)))

    async def _model(self, exchange: Exchange, key: Key | None) -> None:
        name = unquote(exchange.head.path.removeprefix("/v1/models/"))
        found = [m for m in models(self._router, _EVERYTHING if key is None else key.scope) if m["id"] == name]
        if not found:
            raise Refusal(404, f"no model {name[:80]!r} here; GET /v1/models lists them", code="model_not_found", param="model")
        await exchange.answer(200, encode(found[0]))

    async def _feedback(self, exchange: Exchange, key: Key | None, data: bytes) -> None:
        body = parsed(data, self._limits)
        record_id, success, evidence = body.get("record_id"), body.get("success"), body.get("evidence", "")
        if (
            not isinstance(record_id, str)
            or not 0 < len(record_id) <= _LONGEST_ID
            or not isinstance(success, bool)
            or not isinstance(evidence, str)
        ):
            raise bad("feedback needs record_id (text) and success (true or false), and may have evidence (text)")
        self._check_owner(key, record_id)
        self._router.report(record_id, success=success, evidence=evidence[:2_000])
        await exchange.answer(202, encode({"record_id": record_id, "success": success}))

    async def _decision(self, exchange: Exchange, key: Key | None) -> None:
        record_id = exchange.head.path.removeprefix("/v1/decisions/")
        self._check_owner(key, record_id)
        found = self._memory.find(record_id)
        if found is None:
            raise Refusal(
                404, f"no recent call {record_id[:80]!r} here; older ones are in the ledger: routerkit ledger sql", code="not_found"
            )
        await exchange.answer(200, encode(found))

    def _check_owner(self, key: Key | None, record_id: str) -> None:
        """A call of another key does not exist for the caller."""
        if key is not None and self._memory.is_of_another(record_id, key.id):
            raise Refusal(404, f"no recent call {record_id[:80]!r} of this key", code="not_found")

    async def _show_metrics(self, exchange: Exchange, key: Key | None) -> None:
        if key is not None and key.scope.pools:
            raise Refusal(403, "metrics are about all pools, and this key may use only some", code="not_allowed")
        body, content_type = self._metrics.text(self._router)
        await exchange.answer(200, body, content_type=content_type)

    async def _describe(self, exchange: Exchange, key: Key | None) -> None:
        await exchange.answer(200, encode(openapi.document(self._limits)))

    async def _health(self, exchange: Exchange) -> None:
        await exchange.answer(200, b'{"status":"ok"}')

    async def _ready(self, exchange: Exchange) -> None:
        body: dict[str, Any] = {"status": "ready" if self.is_ready else "draining", "revision": self._router.state.revision}
        if trouble := self._router.store.trouble():
            body["state"] = f"{trouble}; limits and budgets are kept by this process alone"
        await exchange.answer(200 if self.is_ready else 503, encode(body))

    def _end(self) -> None:
        self.is_ready = False
        self._router.close()


async def _within(passage: AbstractContextManager[None], answer: Callable[P, Awaitable[None]], *args: P.args, **named: P.kwargs) -> None:
    """Answer while the request holds its place at the turnstile."""
    with passage:
        await answer(*args, **named)


def _read_at_once(spoken: Format, asked: Mapping[str, Json]) -> Read:
    return Read(asked, spoken.chat_body(asked), None)


def _told(exc: Exception, head: Head) -> Refusal:
    """What the caller is told; of a mistake of ours the log gets a line without its text."""
    if isinstance(exc, Refusal):
        return exc
    if isinstance(exc, ProviderError):
        return refusal(exc)
    _LOG.error("%s %s: %s, a bug in the gateway", head.method, head.path, type(exc).__name__)
    return Refusal(500, "the gateway failed; its log says where", code="internal_error")


def _shown(head: Head) -> tuple[str, str]:
    """What is asked for; HEAD is GET, but for the body that is not sent."""
    return "GET" if head.method == "HEAD" else head.method, head.path
