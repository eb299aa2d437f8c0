"""Bodies in OpenAI's chat format, checked, to Requests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple, cast

from routerkit import hops
from routerkit.fair_queue import PRIORITIES, USUAL, Priority
from routerkit.gateway.head import Head
from routerkit.gateway.limits import Limits
from routerkit.gateway.refusal import Refusal, bad, refuse_unknown
from routerkit.known import KnownMessages, KnownTools
from routerkit.messages import TASK_KINDS, Json, Request

Body = Mapping[str, Json]
_LONGEST_COUNT: Final = 6
MOST_TOKENS: Final = 1_000_000_000
"""More than any model writes; numbers without end would be written into messages and books."""
HOTTEST: Final = 100
"""OpenAI ends at 2, others do not say."""
_OWN: Final = frozenset(
    {
        "model",
        "messages",
        "tools",
        "tool_choice",
        "response_format",
        "temperature",
        "max_tokens",
        "max_completion_tokens",
        "stop",
        "stream",
        "stream_options",
        "metadata",
        "n",
    }
)
_PASSED: Final = frozenset(
    {
        "audio",
        "chat_template_kwargs",
        "frequency_penalty",
        "logit_bias",
        "logprobs",
        "min_p",
        "modalities",
        "parallel_tool_calls",
        "prediction",
        "presence_penalty",
        "prompt_cache_key",
        "prompt_cache_options",
        "prompt_cache_retention",
        "reasoning",
        "reasoning_effort",
        "repetition_penalty",
        "safety_identifier",
        "seed",
        "service_tier",
        "store",
        "thinking",
        "top_k",
        "top_logprobs",
        "top_p",
        "user",
        "verbosity",
        "web_search_options",
    }
)
"""Fields that reach a provider as they are. Anything else is refused, so that no caller can name an endpoint or a key."""
KNOWN: Final = _OWN | _PASSED
_HINTS: Final = ("agent", "session", "kind", "tags", "deadline", "priority")
_HINT_HEADERS: Final = {"x-session-id": "session", **{f"x-routerkit-{name}": name for name in _HINTS}}
"""The first is opencode's; later ones win."""


class Hints(NamedTuple):
    """What a request says of itself besides what it asks: the fields of `Request` from `kind` to `hops`, in their order there."""

    kind: str | None
    agent: str | None
    session: str | None
    tags: tuple[str, ...]
    timeout_s: float
    first_token_s: None
    """This and the next three are not for callers to say."""
    pin: None
    allowances: tuple[()]
    key: None
    cache_control: str
    priority: Priority
    hops: int


def hints_of(head: Head, limits: Limits, metadata: Mapping[str, Json] | None = None) -> Hints:
    """Hints of `x-routerkit-*` headers, or of a body's metadata; headers come first.

    Raises:
        Refusal: one is not what it should be.
    """
    told = {name: value for name in _HINTS if isinstance(value := metadata.get(name), str)} if metadata else {}
    if not _HINT_HEADERS.keys().isdisjoint(head.headers):
        told |= {name: value for header, name in _HINT_HEADERS.items() if (value := head.headers.get(header))}
    return Hints(
        _kind(told.get("kind")),
        told.get("agent"),
        told.get("session"),
        _tags(told.get("tags")),
        _deadline(told.get("deadline"), limits),
        None,
        None,
        (),
        None,
        head.headers.get("cache-control", ""),
        _priority(told.get("priority")),
        _hops(head.headers.get(hops.HEADER)),
    )


def request_of(body: Body, head: Head, limits: Limits) -> Request:
    """Request a body stands for; hints come from `x-routerkit-*` headers or from `metadata`, headers first.

    The insides of messages and tools are taken as they are: the formats have looked at them (`chat_shape`, `anthropic_shape`, …).

    Raises:
        Refusal: the body is not a chat request; names the field.
    """
    _check_fields(body)
    metadata = _object(body, "metadata")
    return Request(
        model=_text(body, "model"),
        messages=_messages(body, limits),
        tools=_objects(body, "tools"),
        tool_choice=body.get("tool_choice"),
        response_format=_object(body, "response_format"),
        temperature=_number(body, "temperature"),
        max_tokens=_limit(body),
        stop=_stops(body),
        extra={name: value for name, value in body.items() if name in _PASSED and value is not None},
        **hints_of(head, limits, metadata)._asdict(),  # last, so that what is wrong with the rest is told first
    )


def is_streamed(body: Body) -> bool:
    """Whether the caller wants the answer in pieces.

    Raises:
        Refusal: `stream` is neither true nor false.
    """
    wanted = body.get("stream")
    if wanted is None:
        return False
    if not isinstance(wanted, bool):
        raise bad(f"stream is {wanted!r}; it must be true or false", param="stream")
    return wanted


def _check_fields(body: Body) -> None:
    if not KNOWN.issuperset(body):
        refuse_unknown(body, KNOWN)
    if body.get("n", 1) not in (None, 1):
        raise bad("n must be 1; send the request several times for several answers", param="n")


def _messages(body: Body, limits: Limits) -> tuple[Mapping[str, Json], ...]:
    messages = body.get("messages")
    if isinstance(messages, KnownMessages):
        return messages
    if not messages or not isinstance(messages, list):
        raise bad("messages is missing or empty; send at least one message", param="messages")
    if len(messages) > limits.messages:
        raise bad(f"there are {len(messages)} messages; at most {limits.messages} are accepted", param="messages")
    return tuple(cast("list[Mapping[str, Json]]", messages))  # as the formats have seen


def _kind(value: str | None) -> str | None:
    if value is not None and value not in TASK_KINDS:
        raise bad(f"kind is {value[:80]!r}; it must be one of {', '.join(TASK_KINDS)}", param="kind")
    return value


def _tags(value: str | None) -> tuple[str, ...]:
    return () if value is None else tuple([tag.strip() for tag in value.split(",") if tag.strip()])


def _hops(value: str | None) -> int:
    if value is None:
        return 0
    if not value.isascii() or not value.isdigit() or len(value) > _LONGEST_COUNT:
        raise bad(f"{hops.HEADER} is {value[:80]!r}; it must be a small whole number")
    if int(value) >= hops.MOST:
        text = f"this request has passed {value} gateways, so one is probably its own upstream; correct base_url of its provider"
        raise Refusal(508, text, code="loop")
    return int(value)


def _priority(value: str | None) -> Priority:
    if value is None:
        return USUAL
    if value not in PRIORITIES:
        raise bad(f"priority is {value[:80]!r}; it must be one of {', '.join(PRIORITIES)}", param="priority")
    return value


def _deadline(value: str | None, limits: Limits) -> float:
    if value is None:
        return limits.deadline_s
    try:
        seconds = float(value)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= limits.deadline_s:
        raise bad(f"deadline is {value[:80]!r}; it must be seconds above 0 and at most {limits.deadline_s:g}", param="deadline")
    return seconds


def _stops(body: Body) -> tuple[str, ...]:
    value = body.get("stop")
    if isinstance(value, str):
        return (value,)
    if value is not None and not (isinstance(value, list) and all(isinstance(v, str) for v in value)):
        raise bad("stop must be a text or a list of texts", param="stop")
    return tuple(str(v) for v in value) if isinstance(value, list) else ()


def _text(body: Body, name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str) or not value:
        raise bad(f"{name} is missing; it must be a text", param=name, code="missing_required_parameter")
    return value


def _limit(body: Body) -> int | None:
    """Most tokens of the answer; the newer name wins."""
    found = None
    for name in ("max_tokens", "max_completion_tokens"):
        value = body.get(name)
        if value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MOST_TOKENS:
            raise bad(f"{name} must be a whole number from 1 to {MOST_TOKENS:,}", param=name)
        found = value
    return found


def _number(body: Body, name: str) -> float | None:
    value = body.get(name)
    if value is not None and (isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= HOTTEST):
        raise bad(f"{name} must be a number from 0 to {HOTTEST}", param=name)
    return value


def _object(body: Body, name: str) -> Mapping[str, Json] | None:
    value = body.get(name)
    if value is not None and not isinstance(value, Mapping):
        raise bad(f"{name} must be an object", param=name)
    return value


def _objects(body: Body, name: str) -> tuple[Mapping[str, Json], ...]:
    value = body.get(name)
    if value is None:
        return ()
    if isinstance(value, KnownTools):
        return value
    if not isinstance(value, list):
        raise bad(f"{name} must be a list of objects", param=name)
    # Parsed JSON holds dicts, never other Mappings, for which checking takes ten times as long.
    objects = tuple([v for v in value if isinstance(v, dict)])
    if len(objects) != len(value):
        raise bad(f"{name} must be a list of objects", param=name)
    return objects
