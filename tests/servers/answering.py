"""How the strict server answers one request: healthily, with a refusal, or as scripted."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tests.servers import embeddings, wire
from tests.servers.brain import Answer, limit, think
from tests.servers.fault import Fault
from tests.servers.rules import violation

if TYPE_CHECKING:
    from tests.servers.strict_openai import StrictOpenAI

_PLACES = {("POST", "/v1/chat/completions"), ("POST", "/v1/embeddings"), ("GET", "/v1/models")}
_WRONG_KEY = "Incorrect API key provided: {}. You can find your API key in your account settings."


class Answering:
    """One answer on its way."""

    def __init__(self, server: StrictOpenAI, writer: asyncio.StreamWriter, fault: Fault) -> None:
        self._server, self._writer, self._fault = server, writer, fault
        self._n = server.hits

    async def run(self, start: str, headers: dict[str, str], raw: bytes) -> None:
        fault = self._fault
        await asyncio.sleep(fault.delay_s)
        if fault.hang:
            await asyncio.Event().wait()
        if fault.reset or fault.hang_up:
            return self._cut("rst" if fault.reset else "fin")
        if fault.raw is not None:
            return await self._raw(fault.raw)
        if fault.body is not None or fault.status != 200:
            return await self._send(fault.status, fault.body or b"")
        return await self._healthy(start, headers, raw)

    async def _healthy(self, start: str, headers: dict[str, str], raw: bytes) -> None:
        """Refuse or answer in the format; servers of other formats do it in theirs."""
        fault = self._fault
        refusal = self._refusal(start, headers, raw)
        if refusal is not None:
            return await self._send(*refusal)
        if start.startswith("GET"):
            return await self._send(
                200, json.dumps({"object": "list", "data": [{"id": m, "object": "model"} for m in self._server.models]}).encode()
            )
        body = json.loads(raw)
        if start.startswith("POST /v1/embeddings"):
            return await self._send(200, json.dumps(embeddings.answer(body, fault)).encode())
        answer, model = self._answer(body), fault.model or body["model"]
        if not body.get("stream"):
            return await self._send(200, json.dumps(wire.whole(answer, fault, model, self._n), ensure_ascii=False).encode())
        with_usage = bool((body.get("stream_options") or {}).get("include_usage"))
        return await self._stream(wire.events(answer, fault, model, self._n, with_usage=with_usage))

    def _refusal(self, start: str, headers: dict[str, str], raw: bytes) -> tuple[int, bytes] | None:
        server, key = self._server, headers.get("authorization", "").removeprefix("Bearer ")
        if key != server.api_key:
            return 401, wire.error(_WRONG_KEY.format(key), "invalid_request_error", code="invalid_api_key")
        method, path, _ = start.split(" ")
        if (method, path.partition("?")[0]) not in _PLACES:
            return 404, wire.error(f"Invalid URL ({method} {path})", "invalid_request_error")
        if method == "GET":
            return None
        try:
            body = json.loads(raw)
        except ValueError:
            body = None
        broken = embeddings.violation(body) if path == "/v1/embeddings" else violation(body)
        if broken is not None:
            return 400, wire.error(broken[0], "invalid_request_error", param=broken[1])
        if (server.models and body["model"] not in server.models) or body["model"].startswith("unknown"):
            return 404, wire.error(f"The model `{body['model']}` does not exist", "invalid_request_error", code="model_not_found")
        return None

    def _answer(self, body: dict[str, Any]) -> Answer:
        fault = self._fault
        if fault.text is None and fault.tool_calls is None and fault.refusal is None:
            answer = think(body)
        else:
            calls = list(fault.tool_calls or ())
            answer = Answer(fault.text, calls, fault.refusal, finish_reason="tool_calls" if calls else "stop")
            limit(answer, body)
        answer = replace(answer, reasoning=fault.reasoning, finish_reason=fault.finish_reason or answer.finish_reason)
        return replace(answer, usage=dict(fault.usage)) if isinstance(fault.usage, Mapping) else answer

    async def _send(self, status: int, body: bytes) -> None:
        fault = self._fault
        if fault.gzip:
            body = wire.compressed(body, fault.gzip)
        await self._head(status, {"content-type": "application/json", "content-length": str(len(body))})
        if fault.cut_after is not None or fault.stall_after is not None:
            self._writer.write(body[: fault.cut_after if fault.cut_after is not None else fault.stall_after])
            await self._break_off()
        else:
            await self._body(body)

    async def _stream(self, events: list[str]) -> None:
        fault = self._fault
        await self._head(200, {"content-type": "text/event-stream; charset=utf-8", "transfer-encoding": "chunked"})
        ends = [n for n in (fault.cut_after, fault.stall_after, fault.end_after, fault.error_after) if n is not None]
        sent = events[: min(ends)] if ends else events
        sent += [wire.DONE] if fault.with_done else []
        sent += [json.dumps(fault.error_event)] if fault.error_after is not None else []
        for n, event in enumerate(sent):
            data = wire.framed(event, fault.framing, is_first=n == 0, is_last=n == len(sent) - 1)
            for piece in [data[i : i + 1] for i in range(len(data))] if fault.framing == "bytes" or fault.trickle_s else [data]:
                await self._body(b"%x\r\n%b\r\n" % (len(piece), piece), is_framing=True)
        if fault.cut_after is not None or fault.stall_after is not None:
            await self._break_off()
        else:
            self._writer.write(b"0\r\n\r\n")
            await self._writer.drain()

    async def _head(self, status: int, headers: dict[str, str]) -> None:
        fault = self._fault
        coding = {"content-encoding": "gzip" if fault.gzip == "gzip" else "deflate"} if fault.gzip else {}
        lines = [f"{name}: {value}" for name, value in {**headers, **coding, "x-request-id": f"req_{self._n}", **fault.headers}.items()]
        self._writer.write("\r\n".join([f"HTTP/1.1 {status} X", *lines, "\r\n"]).encode("latin-1"))
        await self._writer.drain()
        if fault.hang_after_head:
            await asyncio.Event().wait()
        while fault.keep_alive_s is not None:
            sign = b": keep-alive\n\n" if "transfer-encoding" in headers else b"\n"
            await self._body(b"%x\r\n%b\r\n" % (len(sign), sign) if "transfer-encoding" in headers else sign, is_framing=True)
            await asyncio.sleep(fault.keep_alive_s)

    async def _body(self, data: bytes, *, is_framing: bool = False) -> None:
        if self._fault.trickle_s is None or is_framing:
            self._writer.write(data)
            await self._writer.drain()
            await asyncio.sleep(self._fault.trickle_s or 0)
            return
        for i in range(len(data)):
            self._writer.write(data[i : i + 1])
            await self._writer.drain()
            await asyncio.sleep(self._fault.trickle_s)

    async def _raw(self, data: bytes) -> None:
        await self._body(data)
        if self._fault.raw_end == "stall":
            await asyncio.Event().wait()
        if self._fault.raw_end != "keep":
            self._cut(self._fault.raw_end)

    async def _break_off(self) -> None:
        await self._writer.drain()
        if self._fault.stall_after is not None:
            await asyncio.Event().wait()
        self._cut(self._fault.cut_by)

    def _cut(self, how: str) -> None:
        if how == "rst":
            sock = self._writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._writer.transport.abort()
        else:
            self._writer.close()
