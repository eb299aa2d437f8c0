"""`POST /v1/chat/completions`: whole or as server-sent events, over the same Router as the library's."""

from __future__ import annotations

import os
import time
from contextlib import aclosing
from typing import Any, Final

from routerkit.errors import ProviderError
from routerkit.gateway.exchange import Exchange, Headers, encode
from routerkit.gateway.refusal import refusal
from routerkit.gateway.wire import completion, delta, usage
from routerkit.messages import Chunk, Reply, Request, Usage
from routerkit.router import Router

_DONE: Final = b"data: [DONE]\n\n"


async def whole(router: Router, request: Request, exchange: Exchange) -> None:
    """Answer in one piece."""
    reply = await router.acomplete(request)
    await exchange.answer(200, encode(completion(reply, created=int(time.time()))), facts(reply))


async def streamed(router: Router, request: Request, exchange: Exchange, *, with_usage: bool) -> None:
    """Answer in pieces. Failures before the first content are ordinary errors; later ones an error event and no end mark."""
    pieces = router.astream(request)
    async with aclosing(pieces):  # type: ignore[type-var]  # an async generator in truth
        first = await anext(pieces)
        await exchange.begin_events([])
        writer = _Events(with_usage=with_usage)
        try:
            await exchange.write(writer.of(first))
            async for chunk in pieces:
                if data := writer.of(chunk):
                    await exchange.write(data)
        except ProviderError as error:
            await exchange.write(_event(refusal(error).body()), more=False)
            return
        await exchange.write(writer.end() + _DONE, more=False)


def facts(reply: Reply | Chunk) -> Headers:
    """Headers that say who answered and what it cost."""
    cost = "unknown" if reply.cost_usd is None else f"{reply.cost_usd:.9f}"
    named = {"record": reply.record_id, "target": reply.target, "attempts": str(reply.attempts), "cost-usd": cost}
    return [(f"x-routerkit-{name}".encode(), value.encode("latin-1", "replace")) for name, value in named.items()]


class _Events:
    """Writes chunks as events. The finish reason waits for the end, so that no client takes a cut answer for a whole one."""

    __slots__ = ("_finish", "_head", "_last", "_usage", "_with_usage")

    def __init__(self, *, with_usage: bool) -> None:
        self._with_usage = with_usage
        self._head: dict[str, Any] | None = None
        self._finish, self._usage = "stop", Usage()
        self._last = Chunk()

    def of(self, chunk: Chunk) -> bytes:
        """Event of a chunk; nothing when it says nothing to the caller."""
        if chunk.finish_reason:
            self._finish = chunk.finish_reason
        if chunk.usage is not None:
            self._usage = chunk.usage
        if chunk.record_id:
            self._last = chunk
        added = delta(chunk)
        if self._head is None:
            self._head = {
                "id": f"chatcmpl-{os.urandom(12).hex()}",
                "object": "chat.completion.chunk",
                "created": int(time.time()),
                "model": chunk.model,
            }
            added = {"role": "assistant", "content": "", **added}
        return self._choice(added, None) if added else b""

    def end(self) -> bytes:
        """The finish reason, usage if it was asked for, and the record in a comment that no parser minds."""
        last = self._last
        cost = "unknown" if last.cost_usd is None else f"{last.cost_usd:.9f}"
        note = f": routerkit record={last.record_id} target={last.target} attempts={last.attempts} cost-usd={cost}\n\n".encode()
        assert self._head is not None
        self._head["model"] = last.model or self._head["model"]
        ended = self._choice({}, self._finish)
        if self._with_usage:
            ended += _event(self._body([]) | {"usage": usage(self._usage)})
        return ended + note

    def _choice(self, added: dict[str, Any], finish: str | None) -> bytes:
        return _event(self._body([{"index": 0, "delta": added, "logprobs": None, "finish_reason": finish}]))

    def _body(self, choices: list[dict[str, Any]]) -> dict[str, Any]:
        assert self._head is not None
        return {**self._head, "choices": choices}


def _event(body: object) -> bytes:
    return b"data: " + encode(body) + b"\n\n"
