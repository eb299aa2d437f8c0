"""Facts about a request that a policy may look at. Pure, fast on long prompts, no tokenizer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Final, Self

from routerkit.errors import ProviderError
from routerkit.kinds import guess_kind
from routerkit.messages import TASK_KINDS, Json, Message, Request
from routerkit.quick import maker, quick
from routerkit.signals import NOTHING_SEEN, Sight, Signals
from routerkit.sizes import CHARS_PER_TOKEN, measure
from routerkit.turns import turns_of

__all__ = ["CHARS_PER_TOKEN", "Features", "features", "last_user_text"]

_NO_NEEDS: Final[frozenset[str]] = frozenset()
_NUMBER: Final = int | float
_DICTS: Final = frozenset({dict})
"""What most tools are; seen in a fifth of the time that it takes to see that they are Mappings."""


@quick
@dataclass(frozen=True, slots=True)
class Features:
    """What a policy knows about a request."""

    input_chars: int
    """Characters of all messages and tool definitions."""
    input_tokens: int
    """Expected prompt tokens, for cost."""
    input_tokens_bound: int
    """Upper bound of prompt tokens, for fitting context windows."""
    output_tokens_limit: int | None
    """The caller's `max_tokens`."""
    needs: frozenset[str]
    """Capabilities the request cannot do without, see `catalog.CAPABILITIES`."""
    kind: str | None
    """Task kind; None = unknown."""
    kind_source: str
    """`hint` (the caller said so), `route NAME` (it sounds like that route), `guess` (from the last user message) or `unknown`."""
    n_messages: int
    is_tool_loop_open: bool
    """Whether the last assistant turn called tools whose results are being returned now."""
    tags: tuple[str, ...]
    agent: str | None
    session: str | None
    pin: str | None = None
    """Target that should continue because its tool loop is open; None when the policy is free to choose."""
    see: Callable[[], Signals] = field(default=lambda: NOTHING_SEEN, repr=False, compare=False)
    """Reads the conversation for `signals`, when first called."""

    @property
    def caller(self) -> tuple[str | None, str | None, int]:
        """Who asks for what, as far as it can be told for nothing: agent, session and size tell most requests apart."""
        return self.agent, self.session, self.input_chars

    @property
    def signals(self) -> Signals:
        """What is seen of the code. Read when first asked for: most decisions do not need it, explanations and the ledger do."""
        return self.see()

    def to_dict(self) -> dict[str, Json]:
        """JSON-ready form."""
        return {  # spelled out, because rows are made for every call, and whatever goes through the fields takes three times as long
            "input_chars": self.input_chars,
            "input_tokens": self.input_tokens,
            "input_tokens_bound": self.input_tokens_bound,
            "output_tokens_limit": self.output_tokens_limit,
            "needs": sorted(self.needs),
            "kind": self.kind,
            "kind_source": self.kind_source,
            "n_messages": self.n_messages,
            "is_tool_loop_open": self.is_tool_loop_open,
            "tags": list(self.tags),
            "agent": self.agent,
            "session": self.session,
            "pin": self.pin,
            "signals": self.see().to_dict(),
        }

    @classmethod
    def from_dict(cls, stored: Mapping[str, Any]) -> Self:
        """The features that `to_dict` wrote; what a newer version added is passed over, what an older one lacked is unknown.

        Raises:
            KeyError: something essential is missing.
        """
        facts = {name: stored[name] for name in _FACTS if name in stored}
        signals = Signals.from_dict(stored.get("signals") or {})
        return cls(**facts | {"needs": frozenset(stored["needs"]), "tags": tuple(stored["tags"]), "see": lambda: signals})


_FACTS: Final = tuple(f.name for f in fields(Features) if f.name != "see")


_made: Final = maker(Features)


def features(request: Request) -> Features:
    """Read off what routing needs to know about a request.

    Raises:
        ProviderError: `invalid_request`, when the messages are not in OpenAI's chat format at all.
    """
    try:
        _check(request)
        turns, kind = turns_of(request.messages), request.kind
        size, asked_at = measure(request, turns), turns.asked_at()
        if kind in TASK_KINDS and not request.inputs:
            source = "hint"
        else:
            kind = None if request.inputs else guess_kind(turns.text_at(asked_at))
            source = "guess" if kind else "unknown"
        return _made(
            size.chars,
            size.tokens,
            size.tokens_bound,
            request.max_tokens,
            _needs(request, size.media) if size.media or request.tools or request.response_format or request.inputs else _NO_NEEDS,
            kind,
            source,
            len(request.messages),
            is_open := turns.roles[-1:] == ["tool"],
            request.tags,
            request.agent,
            request.session,
            request.pin if is_open else None,
            Sight(turns, asked_at),
        )
    except (AttributeError, TypeError, ValueError) as exc:
        form = '({"role": "user", "content": "..."},)'
        raise ProviderError(f"request is not in OpenAI's chat format ({exc}); give messages like {form}", code="invalid_request") from exc


def _check(request: Request) -> None:
    """Refuse what else nobody would notice (no rule is about the letters of a tag), or only a target, which would be blamed for it."""
    if request.tags and (isinstance(request.tags, str) or not all(isinstance(tag, str) for tag in request.tags)):
        raise _wrong("tags", request.tags, "a tuple of strings")
    if request.tools and not (_DICTS.issuperset(map(type, request.tools)) or all(isinstance(tool, Mapping) for tool in request.tools)):
        raise _wrong("tools", request.tools, "definitions in OpenAI's chat format")
    if request.max_tokens is not None and not isinstance(request.max_tokens, _NUMBER):
        raise _wrong("max_tokens", request.max_tokens, "a number of tokens")
    if type(request.extra) is not dict and not isinstance(request.extra, Mapping):  # the first is ten times as fast
        raise _wrong("extra", request.extra, "a mapping of body parameters")


def _wrong(name: str, value: object, wanted: str) -> ProviderError:
    return ProviderError(f"{name} is {str(value)[:80]!r}; give {wanted}", code="invalid_request")


def _needs(request: Request, media: Mapping[str, int]) -> frozenset[str]:
    needs = set(media)
    if request.inputs:
        needs.add("embeddings")
    if request.tools:
        needs.add("tools")
    if request.response_format is not None:
        kind = request.response_format.get("type")
        needs |= {"json_schema"} if kind == "json_schema" else {"json_mode"} if kind == "json_object" else set()
    return frozenset(needs)


def last_user_text(messages: Sequence[Message]) -> str:
    """Text of the newest user message, which holds the instruction; empty when there is none."""
    turns = turns_of(messages)
    return turns.text_at(turns.asked_at())
