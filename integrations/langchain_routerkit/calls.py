"""From what a chat model was constructed and called with to one routerkit `Request`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from os import PathLike, fspath
from typing import Any, Final, cast

from langchain_core.messages import BaseMessage

from langchain_routerkit.binding import offer, response_format
from langchain_routerkit.blocks import refuse
from langchain_routerkit.convert import last_target, to_messages
from routerkit import TASK_KINDS, Json, Request

_SYNONYMS: Final = {
    "model_name": "model",
    "max_completion_tokens": "max_tokens",
    "request_timeout": "timeout",
    "stop_sequences": "stop",
    "api_base": "base_url",
    "openai_api_key": "api_key",
    "openai_api_base": "base_url",
}
"""Other models' names for our options, so that their constructor calls keep working."""
_BODY_PARAMETERS: Final = frozenset(
    {
        "frequency_penalty",
        "logit_bias",
        "logprobs",
        "parallel_tool_calls",
        "presence_penalty",
        "reasoning_effort",
        "seed",
        "service_tier",
        "top_logprobs",
        "top_p",
        "user",
    }
)
"""Constructor arguments of other chat models that are parameters of the body."""
_NOT_SENT: Final = frozenset(
    {
        "api_key",
        "base_url",
        "callbacks",
        "extra_body",
        "extra_headers",
        "max_retries",
        "stream",
        "stream_options",
        "stream_usage",
        "streaming",
        "strict",
    }
)
"""Call options that concern a client, which here is configured per target."""


@dataclass(frozen=True, slots=True)
class CallSettings:
    """What every call of a chat model starts from."""

    model: str
    temperature: float | None
    max_tokens: int | None
    stop: Sequence[str] | str | None
    timeout_s: float | None
    kind: str | None
    agent: str | None
    session: str | None
    tags: tuple[str, ...]
    extra: Mapping[str, Json] = field(default_factory=dict)

    def identity(self) -> dict[str, object]:
        """The part that answers depend on; not the conversation they belong to."""
        return {
            "model": self.model,
            "temperature": self.temperature,
            "max_tokens": self.max_tokens,
            "stop": self.stop,
            "kind": self.kind,
            "agent": self.agent,
            "tags": list(self.tags),
        }


def spelled_out(values: dict[str, Any]) -> dict[str, Any]:
    """Constructor arguments under our names, body parameters gathered in `model_kwargs`."""
    named = {_SYNONYMS.get(name, name): value for name, value in values.items()}
    if isinstance(named.get("config"), PathLike):
        named["config"] = fspath(named["config"])
    body = {name: named.pop(name) for name in _BODY_PARAMETERS & named.keys()}
    body |= named.pop("extra_body", None) or {}
    if body:
        named["model_kwargs"] = {**body, **named.get("model_kwargs", {})}
    return named


def to_request(settings: CallSettings, messages: Sequence[BaseMessage], options: Mapping[str, Any]) -> Request:
    """One call.

    Args:
        settings: Where the call starts from.
        messages: The conversation.
        options: What this call sets anew; names we do not know become parameters of the body.

    Raises:
        ProviderError: `invalid_request` for a message that cannot be sent or an unknown task kind.
        ValueError: for what is not a tool, or a choice of one that is not there.
    """
    given = {_SYNONYMS.get(name, name): value for name, value in options.items() if value is not None}
    timeout_s = given.pop("timeout", settings.timeout_s)
    shape = given.pop("response_format", None)
    offered = offer(given.pop("tools", ()), given.pop("tool_choice", None), strict=given.get("strict"))
    return Request(
        model=given.pop("model", settings.model),
        messages=to_messages(messages),
        tools=tuple(offered.tools),
        tool_choice=offered.choice,
        response_format=None if shape is None else response_format(shape),
        temperature=given.pop("temperature", settings.temperature),
        max_tokens=given.pop("max_tokens", settings.max_tokens),
        stop=_texts(given.pop("stop", None) or settings.stop),
        kind=_checked_kind(given.pop("kind", settings.kind)),
        agent=given.pop("agent", settings.agent),
        session=given.pop("session", settings.session),
        tags=(*settings.tags, *_texts(given.pop("route_tags", None))),
        pin=last_target(messages),
        timeout_s=60.0 if timeout_s is None else float(timeout_s),
        extra=_body({**settings.extra, **given}, has_tools=bool(offered.tools)),
    )


def _body(options: Mapping[str, Any], *, has_tools: bool) -> dict[str, Json]:
    """Parameters of the body, those within `extra_body` too; without tools nothing is said about them."""
    unsent = _NOT_SENT if has_tools else _NOT_SENT | {"parallel_tool_calls"}
    flat = {**options, **(options.get("extra_body") or {})}
    return {name: cast("Json", value) for name, value in flat.items() if name not in unsent and not name.startswith("ls_")}


def _texts(given: Sequence[str] | str | None) -> tuple[str, ...]:
    return (given,) if isinstance(given, str) else tuple(given or ())


def _checked_kind(kind: str | None) -> str | None:
    if kind is not None and kind not in TASK_KINDS:
        raise refuse(f"unknown task kind {kind!r}; use one of {', '.join(TASK_KINDS)}")
    return kind
