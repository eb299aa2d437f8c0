"""Answers recorded earlier, served again: real runs without their cost, the same every time.

File format `rk-replay/1`: JSON lines, gzipped if the name ends in `.gz`, one line per recorded answer, in any order. Files can be
concatenated. Fields of a line:

    format         "rk-replay/1"
    key            SHA-256 of what was asked, see `request_key`
    model          model asked
    sample         which of several answers to the same question, from 0
    latency_s      seconds until the end of the answer; null = unknown
    first_token_s  seconds until its first piece; left out = unknown

and either an answer: text, finish_reason, and where there are any tool_calls, reasoning, refusal, usage, extra;
or a failure: error (one line), code, status, retry_after_s, maybe_billed.
"""

from __future__ import annotations

import gzip
import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TextIO, cast, get_args

from routerkit.errors import ConfigError, ErrorCode, ProviderError
from routerkit.messages import Json, Reply, Request, ToolCall, Usage

FORMAT: Final = "rk-replay/1"
_CODES: Final = frozenset(get_args(ErrorCode))
Line = Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class Recorded:
    """One line: an answer, or a failure."""

    reply: Reply | None
    """Its `model` is empty if the answering model named itself as it was asked; its `usage` is empty if unknown."""
    failure: ProviderError | None
    latency_s: float | None
    first_token_s: float | None


def request_key(request: Request) -> str:
    """What was asked, as 64 hexadecimal digits: model, messages, tools and response format.

    Sampling settings (`temperature`, `max_tokens`, `extra`) do not count: a recording belongs to the question.
    """
    asked: dict[str, Json] = {"model": request.model, "messages": request.messages}
    if request.tools:
        asked["tools"] = request.tools
    if request.response_format is not None:
        asked["response_format"] = request.response_format
    text = json.dumps(asked, sort_keys=True, separators=(",", ":"), default=_plain)
    return hashlib.sha256(text.encode()).hexdigest()


def _plain(value: object) -> object:
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Sequence):
        return list(value)
    raise ProviderError(f"request cannot be written as JSON: {type(value).__name__}; use plain values", code="invalid_request")


@dataclass(slots=True)
class Recording:
    """Writes a recording, a line at a time; an existing file is continued. Use it as a context manager."""

    path: Path
    _samples: Counter[str]
    _file: TextIO

    def __init__(self, path: Path | str) -> None:
        """Open a recording for writing.

        Raises:
            ConfigError: there is such a file, but it is no recording.
        """
        self.path = Path(path)
        known = load(self.path) if self.path.exists() else {}
        self._samples = Counter({key: max(samples) + 1 for key, samples in known.items()})
        self._file = _open(self.path, "at")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Finish the file."""
        self._file.close()

    def add(
        self, request: Request, reply: Reply, *, latency_s: float | None, first_token_s: float | None = None, sample: int | None = None
    ) -> None:
        """Record an answer.

        Args:
            request: What was asked, with the model's name at its provider.
            reply: The answer. Its usage is stored unless it is an estimate.
            latency_s: Seconds until the end of the answer; None = unknown.
            first_token_s: Seconds until its first piece; None = unknown.
            sample: Which of several answers to the same question, each a number of its own; None = the next.
        """
        line: dict[str, Json] = {"text": reply.text, "finish_reason": reply.finish_reason}
        optional: dict[str, Json] = {
            "answered_by": reply.model,
            "tool_calls": [asdict(call) for call in reply.tool_calls],
            "reasoning": reply.reasoning,
            "refusal": reply.refusal,
            "usage": None if reply.usage.is_estimated or reply.usage == Usage() else asdict(reply.usage),
            "extra": dict(reply.extra),
            "first_token_s": first_token_s,
        }
        line.update((name, value) for name, value in optional.items() if value)
        self._write(request, line, latency_s, sample)

    def add_failure(self, request: Request, failure: ProviderError, *, latency_s: float | None) -> None:
        """Record a failure as the next sample of its question."""
        line: dict[str, Json] = {
            "error": str(failure),
            "code": failure.code,
            "status": failure.status,
            "retry_after_s": failure.retry_after_s,
            "maybe_billed": failure.maybe_billed,
        }
        self._write(request, line, latency_s)

    def _write(self, request: Request, line: dict[str, Json], latency_s: float | None, sample: int | None = None) -> None:
        key = request_key(request)
        number = self._samples[key] if sample is None else sample
        self._samples[key] = max(self._samples[key], number + 1)
        head: dict[str, Json] = {
            "format": FORMAT,
            "key": key,
            "model": request.model,
            "sample": number,
            "latency_s": latency_s,
        }
        try:
            self._file.write(json.dumps(head | line, ensure_ascii=False, default=_plain) + "\n")
        except UnicodeEncodeError:  # half of a surrogate pair, which only an escape can carry
            self._file.write(json.dumps(head | line, default=_plain) + "\n")


def _open(path: Path, mode: str) -> TextIO:
    if path.suffix == ".gz":
        return cast("TextIO", gzip.open(path, mode, encoding="utf-8"))  # a text mode always gives a text file
    return cast("TextIO", path.open(mode, encoding="utf-8"))


def load(path: Path) -> dict[str, dict[int, Recorded]]:
    """Recorded lines by key and sample.

    Raises:
        ConfigError: the file cannot be read, or a line is wrong; the message names the line.
    """
    answers: dict[str, dict[int, Recorded]] = {}
    n_lines = 0
    try:
        with _open(path, "rt") as file:
            for text in file:
                n_lines += 1
                if text.strip():
                    _put(answers, json.loads(text))
    except (ValueError, TypeError, KeyError, EOFError) as exc:
        raise ConfigError(f"recording {str(path)!r}, line {max(1, n_lines)}: {exc}") from exc
    except OSError as exc:
        raise ConfigError(f"recording {str(path)!r} cannot be read: {exc.strerror or exc}") from exc
    return answers


def _put(answers: dict[str, dict[int, Recorded]], line: Line) -> None:
    if not isinstance(line, dict) or line.get("format") != FORMAT:
        raise ValueError(f"not a line of format {FORMAT}")
    key, sample = line.get("key"), line.get("sample")
    if not isinstance(key, str) or not isinstance(sample, int):
        raise TypeError("needs a text 'key' and a whole number 'sample'")
    samples = answers.setdefault(key, {})
    if sample in samples:
        raise ValueError(f"sample {sample} of key {key[:12]} is there twice")
    samples[sample] = _recorded(line)


def _recorded(line: Line) -> Recorded:
    failure = _failure(line) if "error" in line else None
    reply = _reply(line) if failure is None else None
    return Recorded(reply, failure, _number(line.get("latency_s")), _number(line.get("first_token_s")))


def _reply(line: Line) -> Reply:
    extra, calls, used = line.get("extra"), line.get("tool_calls"), line.get("usage")
    if not isinstance(line.get("text"), str):
        raise TypeError("needs a 'text' or an 'error'")
    return Reply(
        text=str(line["text"]),
        tool_calls=tuple(ToolCall(**call) for call in cast("list[dict[str, str]]", calls or [])),  # other fields are a TypeError
        finish_reason=str(line.get("finish_reason") or "stop"),
        usage=_usage(used) if isinstance(used, Mapping) else Usage(),
        model=str(line.get("answered_by") or ""),
        reasoning=str(line.get("reasoning") or ""),
        refusal=str(line.get("refusal") or ""),
        extra=extra if isinstance(extra, Mapping) else {},
    )


def _usage(raw: Mapping[str, Json]) -> Usage:
    counts = {name: raw.get(name, 0) for name in Usage.__slots__ if name != "is_estimated"}
    if any(not isinstance(n, int) or n < 0 for n in counts.values()):
        raise ValueError(f"usage holds something else than counts: {dict(raw)}")
    return Usage(**cast("dict[str, int]", counts), is_estimated=False)  # just checked


def _failure(line: Line) -> ProviderError:
    status, code = line.get("status"), line.get("code")
    if code not in _CODES:
        raise ValueError(f"unknown error code {code!r}")
    return ProviderError(
        str(line["error"]),
        code=cast("ErrorCode", code),  # just checked
        status=status if isinstance(status, int) else None,
        retry_after_s=_number(line.get("retry_after_s")),
        maybe_billed=bool(line.get("maybe_billed")),
    )


def _number(raw: Json) -> float | None:
    return float(raw) if isinstance(raw, (int, float)) else None
