"""OpenAI's first format, for callers of `/v1/completions`: one prompt becomes one message of a chat, and its answer the completion."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from typing import Any, Final

from routerkit.gateway import wire
from routerkit.gateway.chat import comment
from routerkit.gateway.chat_shape import checked
from routerkit.gateway.exchange import encode
from routerkit.gateway.formats import Format
from routerkit.gateway.openai_chat import DONE, finish_of, usage_of
from routerkit.gateway.refusal import Refusal, bad, refuse_unknown
from routerkit.messages import Chunk, Json, Reply, Request, Usage

_OF_CHATS: Final = frozenset(
    {
        "audio",
        "messages",
        "modalities",
        "parallel_tool_calls",
        "prediction",
        "response_format",
        "tool_choice",
        "tools",
        "top_logprobs",
        "web_search_options",
    }
)
_NOT_WITH_CHATS: Final[Mapping[str, tuple[Json, ...]]] = {
    "best_of": (None, 1),
    "echo": (None, False),
    "logprobs": (None,),
    "suffix": (None, ""),
}
"""Fields that only a model which continues texts can heed, and what they may say nevertheless."""
KNOWN: Final = (wire.KNOWN - _OF_CHATS) | {"prompt", *_NOT_WITH_CHATS}


def chat_body(body: Mapping[str, Json]) -> Mapping[str, Json]:
    """The same request as a chat.

    Raises:
        Refusal: a field is wrong, or chats have nothing like it.
    """
    refuse_unknown(body, KNOWN)
    for name, harmless in _NOT_WITH_CHATS.items():
        if body.get(name) not in harmless:
            raise bad(f"{name} is not possible: targets are chat models, which answer a prompt and do not continue it", param=name)
    same = {name: value for name, value in body.items() if name != "prompt" and name not in _NOT_WITH_CHATS}
    return checked({**same, "messages": [{"role": "user", "content": _prompt(body.get("prompt"))}]})


def completion(reply: Reply, _: Mapping[str, Json]) -> dict[str, Any]:
    """Body of a whole answer."""
    choice = _choice(reply.text or reply.refusal, finish_of(reply.finish_reason))
    return {**_head(f"cmpl-{reply.record_id}", reply.model), "choices": [choice], "usage": usage_of(reply.usage)}


class CompletionEvents:
    """Writes chunks as events; the finish reason waits for the end, as in chats."""

    _finish, _usage, _last = "stop", Usage(), Chunk()

    def __init__(self, body: Mapping[str, Json], _: Request) -> None:
        options = body.get("stream_options")
        self._with_usage = isinstance(options, Mapping) and bool(options.get("include_usage"))
        self._head: dict[str, Any] = {}

    def of(self, chunk: Chunk) -> bytes:
        """Event of a chunk."""
        self._finish = chunk.finish_reason or self._finish
        self._usage = chunk.usage or self._usage
        if chunk.record_id:
            self._last = chunk
        self._head = self._head or _head(f"cmpl-{os.urandom(12).hex()}", chunk.model)
        said = chunk.text or chunk.refusal
        return self._event([_choice(said, None)]) if said else b""

    def end(self) -> bytes:
        """The finish reason, usage if it was asked for, the record, the end mark."""
        usage = self._event([], usage=usage_of(self._usage)) if self._with_usage else b""
        return self._event([_choice("", finish_of(self._finish))]) + usage + comment(self._last) + DONE

    def broken(self, refused: Refusal) -> bytes:
        """An error event; the missing end mark tells everybody else."""
        return b"data: " + encode(refused.body()) + b"\n\n"

    def _event(self, choices: list[dict[str, Any]], **more: Json) -> bytes:
        return b"data: " + encode({**self._head, "choices": choices, **more}) + b"\n\n"


def _prompt(value: Json) -> str:
    only = value[0] if isinstance(value, list) and len(value) == 1 else value
    if not isinstance(only, str) or not only:
        raise bad("prompt must be one text; send several one by one, and no token numbers, which differ between models", param="prompt")
    return only


def _head(completion_id: str, model: str) -> dict[str, Any]:
    return {"id": completion_id, "object": "text_completion", "created": int(time.time()), "model": model}


def _choice(text: str, finish: str | None) -> dict[str, Any]:
    return {"text": text, "index": 0, "logprobs": None, "finish_reason": finish}


COMPLETIONS: Final = Format(chat_body, completion, CompletionEvents)
