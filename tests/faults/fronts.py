"""Every way to ask a router, as one: the library's four forms, LangChain, LlamaIndex, and the gateway's three formats on real sockets."""

from __future__ import annotations

import asyncio
import http.client
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, NamedTuple

from llama_index.core.llms import ChatMessage

from langchain_routerkit import ChatRouter
from llama_index.llms.routerkit import RouterLLM
from routerkit import Request, Router
from routerkit.gateway.app import Gateway
from routerkit.gateway.listener import listening
from routerkit.gateway.server import Address, listen
from tests.contracts.colours import COLOURS, Call


class Seen(NamedTuple):
    """What a caller sees of an answer."""

    text: str
    is_whole: bool
    """Whether it ended as answers do, rather than with an error."""


@dataclass(frozen=True)
class Front:
    """One way to ask the pool `pool` "hi"."""

    name: str
    is_stream: bool
    ask: Callable[[Router, float], Seen]
    """Given a router and a deadline in seconds. A caller that never had any text gets the failure raised."""


def _library(call: Call, router: Router, timeout_s: float) -> Seen:
    request = Request("pool", ({"role": "user", "content": "hi"},), timeout_s=timeout_s)
    if not call.is_stream:
        return Seen(call(router, request).text, is_whole=True)
    texts = asyncio.run(_read(c.text async for c in router.astream(request))) if call.colour == "astream" else None
    return texts or _drain(c.text for c in router.stream(request))


def _langchain(way: str, router: Router, timeout_s: float) -> Seen:
    model = ChatRouter(router=router, model="pool", timeout=timeout_s)
    match way:
        case "invoke":
            return Seen(str(model.invoke("hi").content), is_whole=True)
        case "ainvoke":
            return Seen(str(asyncio.run(model.ainvoke("hi")).content), is_whole=True)
        case "stream":
            return _drain(str(m.content) for m in model.stream("hi"))
        case _:
            return asyncio.run(_read(str(m.content) async for m in model.astream("hi")))


def _llamaindex(way: str, router: Router, timeout_s: float) -> Seen:
    model, messages = RouterLLM(router=router, model="pool", timeout_s=timeout_s), [ChatMessage(role="user", content="hi")]
    match way:
        case "chat":
            return Seen(str(model.chat(messages).message.content), is_whole=True)
        case "achat":
            return Seen(str(asyncio.run(model.achat(messages)).message.content), is_whole=True)
        case "stream_chat":
            return _drain(r.delta or "" for r in model.stream_chat(messages))
        case _:
            return asyncio.run(_achat_stream(model, messages))


async def _achat_stream(model: RouterLLM, messages: list[ChatMessage]) -> Seen:
    return await _read(r.delta or "" async for r in await model.astream_chat(messages))


def _drain(pieces: Iterator[str]) -> Seen:
    text = ""
    try:
        for piece in pieces:
            text += piece
    except Exception:
        if not text:
            raise
        return Seen(text, is_whole=False)
    return Seen(text, is_whole=True)


async def _read(pieces: Any) -> Seen:
    text = ""
    try:
        async for piece in pieces:
            text += piece
    except Exception:
        if not text:
            raise
        return Seen(text, is_whole=False)
    return Seen(text, is_whole=True)


class Format(NamedTuple):
    """How a gateway's format is asked and read."""

    path: str
    body: dict[str, Any]
    whole: Callable[[Any], str]
    delta: Callable[[Any], str]
    end: str
    """What stands in a stream that ended well, and in no other."""


_SAID: Final = [{"role": "user", "content": "hi"}]
FORMATS: Final = {
    "chat": Format(
        "/v1/chat/completions",
        {"messages": _SAID},
        lambda body: body["choices"][0]["message"]["content"],
        lambda event: "".join(choice["delta"].get("content") or "" for choice in event.get("choices", ())),
        "data: [DONE]",
    ),
    "responses": Format(
        "/v1/responses",
        {"input": "hi"},
        lambda body: body["output"][0]["content"][0]["text"],
        lambda event: event["delta"] if event.get("type") == "response.output_text.delta" else "",
        "event: response.completed",
    ),
    "messages": Format(
        "/v1/messages",
        {"messages": _SAID, "max_tokens": 10_000},
        lambda body: body["content"][0]["text"],
        lambda event: event["delta"].get("text", "") if event.get("type") == "content_block_delta" else "",
        "event: message_stop",
    ),
}


def _gateway(spoken: Format, router: Router, timeout_s: float, *, is_stream: bool) -> Seen:
    with served(router) as port, closing(http.client.HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
        body = {"model": "pool", "stream": is_stream, **spoken.body}
        connection.request("POST", spoken.path, json.dumps(body), {"x-routerkit-deadline": str(timeout_s)})
        answer = connection.getresponse()
        said = answer.read().decode()
    assert 200 == answer.status, said
    if not is_stream:
        return Seen(spoken.whole(json.loads(said)), is_whole=True)
    events = [json.loads(line[6:]) for line in said.split("\n") if line.startswith("data: {")]
    is_whole = spoken.end in said
    assert is_whole != ('"error":' in said.replace('"error":null', "")), said
    return Seen("".join(map(spoken.delta, events)), is_whole)


@contextmanager
def served(router: Router) -> Iterator[int]:
    """The router behind a gateway on real sockets; gives the port."""
    sock, begun = listen(Address(port=0)), threading.Event()
    told: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    async def serve() -> None:
        told.append((asyncio.get_running_loop(), asyncio.Event()))
        async with listening(Gateway(router).serve, sock) as listener:
            begun.set()
            await told[0][1].wait()
            await listener.drain(5, asyncio.Event())

    thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    assert begun.wait(5)
    try:
        yield sock.getsockname()[1]
    finally:
        loop, event = told[0]
        loop.call_soon_threadsafe(event.set)
        thread.join(10)
    assert not thread.is_alive()


LIBRARY: Final = [Front(colour, Call(colour).is_stream, partial(_library, Call(colour))) for colour in COLOURS]
LANGCHAIN: Final = [
    Front(f"langchain {way}", "stream" in way, partial(_langchain, way)) for way in ("invoke", "ainvoke", "stream", "astream")
]
LLAMAINDEX: Final = [
    Front(f"llamaindex {way}", "stream" in way, partial(_llamaindex, way)) for way in ("chat", "achat", "stream_chat", "astream_chat")
]
GATEWAY: Final = [
    Front(f"gateway {name} {'stream' if is_stream else 'whole'}", is_stream, partial(_gateway, spoken, is_stream=is_stream))
    for name, spoken in FORMATS.items()
    for is_stream in (False, True)
]
FRONTS: Final = [*LIBRARY, *LANGCHAIN, *LLAMAINDEX, *GATEWAY]
