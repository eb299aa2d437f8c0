"""What goes in (Request), what comes out (Reply), piecewise (Chunk), and what it consumed (Usage)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter, is_
from typing import Final, Literal, NamedTuple, TypeAlias, get_args

from routerkit.as_written import PassOn, Written, WrittenAnswer
from routerkit.fair_queue import USUAL, Priority
from routerkit.quick import copier, quick

Json: TypeAlias = "bool | int | float | str | Sequence[Json] | Mapping[str, Json] | None"
"""Anything JSON can say."""

Message: TypeAlias = Mapping[str, Json]
"""One message in OpenAI's chat format: `role`, `content`, and where they apply `name`, `tool_calls`, `tool_call_id`."""

TaskKind = Literal[
    "explain", "document", "review", "bug_fix", "synthesize", "refactor", "migrate", "translate", "test_write", "multi_file", "plan", "chat"
]
"""What kind of work a request is; scorecards are measured per kind."""

TASK_KINDS: Final[tuple[TaskKind, ...]] = get_args(TaskKind)


_parts: Final = attrgetter("messages", "tools", "tool_choice", "response_format", "temperature", "max_tokens", "stop", "extra", "inputs")


class Allowance(NamedTuple):
    """An account that pays for a request, and its limit."""

    account: str
    """As in budgets: `key:ID`."""
    usd_per_day: float


@quick
@dataclass(frozen=True, slots=True)
class Request:
    """One chat completion to be routed, in OpenAI's chat format."""

    model: str
    """A pool, or one of its targets as `pool/target`; for a provider, the model id it knows."""
    messages: tuple[Message, ...]
    tools: tuple[Mapping[str, Json], ...] = ()
    tool_choice: Json = None
    response_format: Mapping[str, Json] | None = None
    temperature: float | None = None
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    extra: Mapping[str, Json] = field(default_factory=dict)
    """Further body parameters, passed through unchanged (`seed`, `top_p`, `reasoning_effort`, …)."""
    kind: str | None = None
    """Task kind, if the caller knows it; one of `TASK_KINDS`."""
    agent: str | None = None
    session: str | None = None
    tags: tuple[str, ...] = ()
    timeout_s: float = 60.0
    """Total deadline over all attempts and waits, in seconds."""
    first_token_s: float | None = None
    """Longest wait for the first piece of one attempt's answer, in seconds; None = the provider's own timer. The router sets it so that
    one hanging target cannot use up the whole deadline."""
    pin: str | None = None
    """Target that wrote the assistant's turns so far, if one did. While its tool loop is open it keeps the conversation if it is fit."""
    allowances: tuple[Allowance, ...] = ()
    """Accounts that pay besides those of the configuration; the gateway adds its caller's key. Not passed on to targets."""
    key: str | None = None
    """Id of the gateway's key that asked; set by the gateway, never by a caller. Not passed on to targets."""
    cache_control: str = ""
    """What the caller allows a cache, as in HTTP: `no-store`, `no-cache`, `max-age=60`. Not passed on to targets."""
    priority: Priority = USUAL
    """How much it matters when there is not enough for all: `interactive`, `agent` or `batch`."""
    hops: int = 0
    """Gateways it has passed before this one."""
    inputs: tuple[Json, ...] = ()
    """Texts, or lists of token numbers, whose embeddings are wanted instead of a chat answer; see `embedding.embedding_request`."""
    written: Written | None = field(default=None, compare=False, repr=False)
    """The body this was read from, if it may be sent on as it is."""
    pass_on: PassOn | None = field(default=None, compare=False, repr=False)
    """Where plain pieces of a stream that has begun may go past all chunks, straight to the caller; see `provider.lets_pass`."""

    @property
    def parts(self) -> tuple[object, ...]:
        """Everything of it that reaches a provider, but for the model."""
        return _parts(self)

    @property
    def total_s(self) -> float:
        """The total deadline, in seconds; endless ones end in eleven days, because systems cannot wait for longer at once."""
        return min(self.timeout_s, 1e6)

    @property
    def first_s(self) -> float:
        """Longest wait for the first piece of a stream, or for all of a whole answer, in seconds."""
        return self.total_s if self.first_token_s is None else min(self.first_token_s, self.total_s)

    def is_as_written(self) -> bool:
        """Whether `written` still says what this request asks for."""
        return self.written is not None and all(map(is_, _parts(self), self.written.parts))

    def with_deadline(self, model: str, timeout_s: float, first_token_s: float | None) -> Request:
        """Copy for one attempt on one target."""
        return _for_attempt(self, model, timeout_s, first_token_s)


_for_attempt: Final = copier(Request, "model", "timeout_s", "first_token_s", allowances=(), key=None, cache_control="", pass_on=None)


@quick
@dataclass(frozen=True, slots=True)
class ToolCall:
    """A function the model wants called."""

    id: str
    name: str
    arguments: str
    """JSON text exactly as the model wrote it; may be invalid."""


@quick
@dataclass(frozen=True, slots=True)
class ToolCallDelta:
    """A piece of a tool call; pieces with the same `index` belong together and their arguments concatenate."""

    index: int
    id: str | None = None
    name: str | None = None
    arguments: str = ""


@quick
@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens one answer consumed. Cached, cache-write and audio input tokens are parts of `input_tokens`, the others of `output_tokens`."""

    input_tokens: int = 0
    output_tokens: int = 0
    cached_input_tokens: int = 0
    cache_write_tokens: int = 0
    reasoning_tokens: int = 0
    is_estimated: bool = False
    """True when the provider did not report usage and we counted characters instead."""
    audio_input_tokens: int = 0
    audio_output_tokens: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            self.cached_input_tokens + other.cached_input_tokens,
            self.cache_write_tokens + other.cache_write_tokens,
            self.reasoning_tokens + other.reasoning_tokens,
            self.is_estimated or other.is_estimated,
            self.audio_input_tokens + other.audio_input_tokens,
            self.audio_output_tokens + other.audio_output_tokens,
        )


@quick
@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer. A provider fills what it knows; the router adds target, record id and cost."""

    text: str
    tool_calls: tuple[ToolCall, ...] = ()
    finish_reason: str = "stop"
    """`stop`, `length`, `tool_calls`, `content_filter`, a server's own word, or `unknown` where it said none and nobody knows."""
    usage: Usage = field(default_factory=Usage)
    model: str = ""
    """Model that answered, as the provider names it."""
    reasoning: str = ""
    """Plain-text reasoning, where the provider shows it."""
    refusal: str = ""
    extra: Mapping[str, Json] = field(default_factory=dict)
    """Provider-specific parts of the message, unchanged (signed thinking, citations, …)."""
    target: str = ""
    record_id: str = ""
    cost_usd: float | None = None
    """Cost of the whole call, failed attempts included; None when a price is unknown."""
    attempts: int = 0
    """Requests sent upstream for this answer; filled by the router."""
    reason: str = ""
    """Why this target answered, in one line; filled by the router."""
    verified: bool | None = None
    """Whether the checks of a cascade accepted this answer; None = it was not checked, or a check could not look."""
    written: WrittenAnswer | None = field(default=None, compare=False, repr=False)
    """The body this was read from; only for requests that have a written body of their own."""
    cached_from: str | None = None
    """Record whose answer this repeats; None = it was made for this call."""
    cached_likeness: float | None = None
    """How alike the prompt of that record is, 0.95..1; None = it is the same one."""

    @property
    def chars(self) -> int:
        """Length of its text and its tool calls' arguments."""
        return len(self.text) + (sum([len(call.arguments) for call in self.tool_calls]) if self.tool_calls else 0)

    def as_written(self) -> bytes | None:
        """The body this was read from, if it still says the same."""
        written = self.written
        return written.body if written is not None and written.text is self.text and written.tool_calls is self.tool_calls else None


@quick
@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of a streamed answer.

    The router ends each stream with one chunk that carries `record_id`, `target`, `cost_usd`, `attempts`, `reason`, `verified`,
    `cached_from` and `cached_likeness`.
    """

    text: str = ""
    tool_calls: tuple[ToolCallDelta, ...] = ()
    finish_reason: str | None = None
    usage: Usage | None = None
    """On at most one chunk of a stream."""
    model: str = ""
    reasoning: str = ""
    refusal: str = ""
    extra: Mapping[str, Json] = field(default_factory=dict)
    target: str = ""
    record_id: str = ""
    cost_usd: float | None = None
    attempts: int = 0
    reason: str = ""
    verified: bool | None = None
    written: WrittenAnswer | None = field(default=None, compare=False, repr=False)
    """The events this was read from; only for requests that have a written body of their own."""
    cached_from: str | None = None
    cached_likeness: float | None = None

    def as_written(self) -> bytes | None:
        """The events this was read from, if they still say the same."""
        written = self.written
        return written.body if written is not None and written.text is self.text and written.tool_calls is self.tool_calls else None

    def has_content(self) -> bool:
        """Whether it holds anything of the answer."""
        return bool(self.text or self.tool_calls or self.reasoning or self.refusal)

    def is_text(self) -> bool:
        """Whether a text is all there is to it."""
        return bool(self.text) and not (
            self.tool_calls or self.reasoning or self.refusal or self.finish_reason or self.usage or self.record_id
        )

    def says_something(self) -> bool:
        """Whether a caller could see something of the answer in it; from then on no other target may continue the stream.

        Blank text is not enough: what begins with a line break may still turn out to say nothing.
        """
        return bool((self.text and not self.text.isspace()) or self.tool_calls or self.reasoning or self.refusal)


def text_of(content: Json) -> str:
    """Text of a message's `content`: the string itself, or its text parts joined; empty for None and other media."""
    if isinstance(content, str):
        return content
    if not isinstance(content, Sequence):
        return ""
    return "".join(
        str(part.get("text") or "")
        for part in content
        if isinstance(part, Mapping) and part.get("type") in ("text", "input_text", None)  # no set: a type may be anything
    )
