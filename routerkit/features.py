"""Facts about a request that a policy may look at. Pure, fast on long prompts, no tokenizer."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from routerkit.errors import ProviderError
from routerkit.messages import TASK_KINDS, Json, Message, Request, text_of

CHARS_PER_TOKEN: Final = 4.0
"""Mean of English prose and source code for current tokenizers; used for expected cost."""
MIN_BYTES_PER_TOKEN: Final = 3.5
"""Safe lower end for prose and code: bytes / 3.5 bounds the token count from above for all but unusual text."""
_TOKENS_PER_MEDIA: Final = 1_500
"""About one high-detail image; providers charge 258 to 2,000."""
_GUESS_CHARS: Final = 2_000
"""How much of the last user message is read to guess its kind."""

_EXACT_CHARS: Final = 64_000
"""Texts up to this length are encoded whole to count their bytes."""
_BLOCK_CHARS: Final = 1_000
_STRIDE_CHARS: Final = 7_919
"""Distance of the blocks that are counted of longer texts; a prime, so that it falls into step with nothing that repeats."""

_MEDIA_NEEDS: Final = {
    "image_url": "vision",
    "image": "vision",
    "input_audio": "audio",
    "audio": "audio",
    "file": "pdf",
    "input_file": "pdf",
}

_LANGUAGES: Final = r"(python|java|javascript|typescript|go|rust|c\+\+|c#|kotlin|ruby|cobol)"
_KIND_SIGNS: Final = tuple(
    (kind, frozenset(words.split()), re.compile(pattern) if pattern else None)
    for kind, words, pattern in (
        ("test_write", "test tests", r"\b(write|add|create|generate)\b[^.\n]{0,40}\btests?\b"),
        (
            "translate",
            "translate port convert rewrite",
            r"\b(translate|port|convert|rewrite)\b[^.\n]{0,60}\b(from|to|into|in) " + _LANGUAGES,
        ),
        ("migrate", "migrate migration upgrade modernize modernise", ""),
        ("refactor", "refactor refactoring restructure rename", ""),
        ("bug_fix", "fix debug bug traceback failing broken", ""),
        ("review", "review critique", ""),
        ("document", "docstring docstrings documentation readme", ""),
        (
            "explain",
            "explain describe summarize summarise what how why",
            r"\b(explain|describe|summari[sz]e|what does|what will|how does|why does)\b",
        ),
        ("plan", "plan outline design", ""),
        (
            "synthesize",
            "write implement create complete generate",
            r"\b(write|implement|create|complete|generate)\b[^.\n]{0,60}\b(function|class|method|script|code|module|program)\b",
        ),
    )
)
"""Task kind, words of which one must occur, and a pattern that must then match. Checked in this order: the narrow kinds first."""
_ALL_SIGNS: Final = frozenset[str]().union(*(signs for _, signs, _ in _KIND_SIGNS))
_WORD: Final = re.compile(r"[a-z]+")


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
    """`hint` (the caller said so), `guess` (from the last user message) or `unknown`."""
    n_messages: int
    is_tool_loop_open: bool
    """Whether the last assistant turn called tools whose results are being returned now."""
    tags: tuple[str, ...]
    agent: str | None
    session: str | None
    pin: str | None = None
    """Target that should go on because its tool loop is open; None when the policy is free to choose."""

    def to_dict(self) -> dict[str, Json]:
        """JSON-ready form."""
        facts: dict[str, Json] = {name: getattr(self, name) for name in self.__slots__}
        return facts | {"needs": sorted(self.needs), "tags": list(self.tags)}


def features(request: Request) -> Features:
    """Read off what routing needs to know about a request.

    Raises:
        ProviderError: `invalid_request`, when the messages are not in OpenAI's chat format at all.
    """
    try:
        return _features(request)
    except (AttributeError, TypeError, ValueError) as exc:
        form = '({"role": "user", "content": "..."},)'
        raise ProviderError(f"request is not in OpenAI's chat format ({exc}); give messages like {form}", code="invalid_request") from exc


def _features(request: Request) -> Features:
    chars, bytes_, media = _measure(request)
    n_media = sum(media.values())
    kind, source = _kind(request)
    is_tool_loop_open = bool(request.messages) and request.messages[-1].get("role") == "tool"
    return Features(
        input_chars=chars,
        input_tokens=int(chars / CHARS_PER_TOKEN) + n_media * _TOKENS_PER_MEDIA + 1,
        input_tokens_bound=int(bytes_ / MIN_BYTES_PER_TOKEN) + n_media * _TOKENS_PER_MEDIA + 1,
        output_tokens_limit=request.max_tokens,
        needs=_needs(request, media),
        kind=kind,
        kind_source=source,
        n_messages=len(request.messages),
        is_tool_loop_open=is_tool_loop_open,
        tags=request.tags,
        agent=request.agent,
        session=request.session,
        pin=request.pin if is_tool_loop_open else None,
    )


def guess_kind(text: str) -> str | None:
    """Task kind that the wording of an instruction suggests; None when nothing does."""
    head = text[:_GUESS_CHARS].lower()
    words = _ALL_SIGNS.intersection(_WORD.findall(head))
    if not words:
        return None
    for kind, signs, pattern in _KIND_SIGNS:
        if not words.isdisjoint(signs) and (pattern is None or pattern.search(head)):
            return kind
    return None


def _measure(request: Request) -> tuple[int, int, dict[str, int]]:
    chars = bytes_ = 0
    media: dict[str, int] = {}
    for message in request.messages:
        content = message.get("content")
        texts = [content if isinstance(content, str) else text_of(content)]
        if not isinstance(content, str):
            _count_media(content, media)
        if calls := message.get("tool_calls"):
            texts.extend(_call_texts(calls))
        for text in texts:
            chars += len(text)
            bytes_ += _utf8_bytes(text)
    tools = len(str(request.tools)) if request.tools else 0
    return chars + tools, bytes_ + tools, media


def _utf8_bytes(text: str) -> int:
    """Length in UTF-8; of long texts outside ASCII an estimate from every eighth block, because encoding them takes a millisecond."""
    if text.isascii():
        return len(text)
    if len(text) <= _EXACT_CHARS:
        return len(text.encode("utf-8", "surrogatepass"))
    sample = "".join([text[i : i + _BLOCK_CHARS] for i in range(0, len(text), _STRIDE_CHARS)])
    return len(text) * len(sample.encode("utf-8", "surrogatepass")) // len(sample) + 1


def _call_texts(calls: Json) -> list[str]:
    """What tool calls add to the prompt: names and arguments, read out, because `str` of long ones takes milliseconds."""
    if not isinstance(calls, (list, tuple)):
        return [str(calls)]
    functions = [call.get("function") if isinstance(call, Mapping) else None for call in calls]
    parts = [
        (f.get("name"), f.get("arguments")) if isinstance(f, Mapping) else (str(call),) for f, call in zip(functions, calls, strict=True)
    ]
    return [part if isinstance(part, str) else str(part) for texts in parts for part in texts if part]


def _count_media(content: Json, media: dict[str, int]) -> None:
    if not isinstance(content, (list, tuple)):
        return
    for part in content:
        need = _MEDIA_NEEDS.get(str(part.get("type"))) if isinstance(part, Mapping) else None
        if need:
            media[need] = media.get(need, 0) + 1


def _needs(request: Request, media: Mapping[str, int]) -> frozenset[str]:
    needs = set(media)
    if request.tools:
        needs.add("tools")
    if request.response_format is not None:
        kind = request.response_format.get("type")
        needs |= {"json_schema"} if kind == "json_schema" else {"json_mode"} if kind == "json_object" else set()
    return frozenset(needs)


def _kind(request: Request) -> tuple[str | None, str]:
    if request.kind in TASK_KINDS:
        return request.kind, "hint"
    guess = guess_kind(last_user_text(request.messages))
    return guess, "guess" if guess else "unknown"


def last_user_text(messages: tuple[Message, ...]) -> str:
    """Text of the last message of the user, where the instruction usually stands; empty when there is none."""
    for message in reversed(messages):
        if message.get("role") == "user":
            content = message.get("content")
            return content if isinstance(content, str) else text_of(content)
    return ""
