"""Answers put together at random from odd but honest parts, and then perhaps spoiled; the same dice give the same answer."""

from __future__ import annotations

import gzip
import json
import random
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

from tests.faults.test_bytes import head

WORDS: Final = (
    "grüß",
    "日本",
    "😀",
    "\u2028",
    "a\nb",
    "\r\n",
    "\t",
    '"q"',
    "\\",
    "data: x",
    "[DONE]",
    "event: error",
    "null",
    "{}",
    "</html>",
)
USAGE: Final = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
TOP: Final = {"id": "c1", "object": "chat.completion", "created": 1, "model": "m"}
CODINGS: Final[dict[str, Callable[[bytes], bytes]]] = {"gzip": gzip.compress, "deflate": zlib.compress}
FAILURES: Final = (b"429 Limited", b"500 X", b"502 Bad", b"503 Busy", b"529 Over", b"408 Late", b"302 Found", b"599 X")


@dataclass(frozen=True)
class Composed:
    """Bytes of one answer, and what they say."""

    raw: bytes
    text: str
    calls: tuple[tuple[str, str], ...]
    """Names and arguments."""
    is_honest: bool
    """Whether it is all there, so that nothing but this may be delivered."""

    @property
    def says(self) -> tuple[str, list[tuple[str, str]]]:
        """Its text and its calls."""
        return self.text, list(self.calls)


def composed(dice: random.Random, *, is_stream: bool) -> Composed:
    """An answer to a whole or a streamed request."""
    words = "So " + " ".join(dice.choices(WORDS, k=dice.randint(0, 9)))
    calls = tuple((f"f{i}", json.dumps({"w": dice.choice(WORDS), "i": i}, ensure_ascii=False)) for i in range(dice.choice([0, 0, 1, 3])))
    body = _streamed(dice, words, calls) if is_stream else _whole(dice, words, calls)
    raw = _headed(dice, body)
    match dice.choice(["honest", "honest", "cut", "failed"]):
        case "honest":
            return Composed(raw, words, calls, is_honest=True)
        case "cut":
            return Composed(raw[: dice.randrange(len(raw))], words, calls, is_honest=False)
        case _:
            failure = head(b"retry-after: %d" % dice.randint(0, 9), b"content-length: 90", status=dice.choice(FAILURES))
            return Composed(failure + body[: dice.randint(0, 90)], words, calls, is_honest=False)


def _whole(dice: random.Random, text: str, calls: Sequence[tuple[str, str]]) -> bytes:
    made = [{"id": f"id{i}", "type": "function", "function": {"name": n, "arguments": a}} for i, (n, a) in enumerate(calls)]
    message = {"role": "assistant", "content": text, **({"tool_calls": made} if made else {})}
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls" if calls else "stop"}
    body = json.dumps({**TOP, "choices": [choice], "usage": USAGE}, ensure_ascii=dice.random() < 0.3).encode()
    return dice.choice([b"", b"\n \n", b"\xef\xbb\xbf"]) + body + dice.choice([b"", b"\n"])


def _streamed(dice: random.Random, text: str, calls: Sequence[tuple[str, str]]) -> bytes:
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}, *({"content": piece} for piece in _pieces(dice, text))]
    deltas += [{"tool_calls": [piece]} for piece in _call_pieces(dice, calls)]
    events = [{**TOP, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]} for delta in deltas]
    events.append({**TOP, "choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls" if calls else "stop"}]})
    usage = {**TOP, "choices": [], "usage": USAGE}
    data = [json.dumps(event, ensure_ascii=dice.random() < 0.3) for event in [*events, usage]]
    for _ in range(dice.randint(0, 2)):
        data.insert(dice.randint(0, len(data)), dice.choice(['{"choices": []}', '{"type": "ping"}']))
    return b"".join(_framed(dice, one) for one in data) + dice.choice([b"data: [DONE]\n\n", b"data:[DONE]\r\n\r\n", b""])


def _call_pieces(dice: random.Random, calls: Sequence[tuple[str, str]]) -> list[dict[str, Any]]:
    """Pieces of the calls, one call after the other or by turns. They begin in order: others would be put in the order they begin."""
    queues = [
        [{"index": i, "id": f"id{i}", "function": {"name": name, "arguments": ""}}]
        + [{"index": i, "function": {"arguments": piece}} for piece in _pieces(dice, arguments)]
        for i, (name, arguments) in enumerate(calls)
    ]
    by_turns, n_begun, made = dice.random() < 0.5, 0, []
    while rest := [queue for queue in queues[: n_begun + 1] if queue]:
        piece = (dice.choice(rest) if by_turns else rest[0]).pop(0)
        n_begun += "id" in piece
        made.append(piece)
    return made


def _framed(dice: random.Random, data: str) -> bytes:
    end = dice.choice(["\n", "\n", "\r\n", "\r"])
    before = dice.choice(["", "", f": comment{end}", f"id: 7{end}", f"event: message{end}"])
    return f"{before}data:{dice.choice([' ', ''])}{data}{end}{end}".encode()


def _headed(dice: random.Random, body: bytes) -> bytes:
    """The answer with a head, in one of the ways to say how long it is, compressed or not."""
    lines = [b"connection: close", dice.choice([b"content-type: application/json", b"content-type: text/plain", b"X-Big: " + b"y" * 9_000])]
    if (coding := dice.choice([None, None, None, *CODINGS])) is not None:
        lines.append(b"Content-Encoding: " + coding.encode())
        body = CODINGS[coding](body)
    early = dice.choice([b"", b"", head(status=b"100 Continue"), head(b"link: <x>", status=b"103 Early Hints")])
    match dice.choice(["length", "chunks", "end"]):
        case "length":
            return early + head(*lines, b"content-length: %d" % len(body)) + body
        case "chunks":
            last = dice.choice([b"0\r\n\r\n", b"0;a=b\r\nx-trailer: 1\r\n\r\n"])
            chunks = b"".join(b"%x;a=b\r\n%b\r\n" % (len(piece), piece) for piece in _pieces(dice, body))
            return early + head(*lines, b"transfer-encoding: chunked") + chunks + last
        case _:
            return head(*lines, version=dice.choice([b"HTTP/1.1", b"HTTP/1.0"])) + body


def _pieces(dice: random.Random, whole: Any) -> list[Any]:
    """A text or bytes, cut at random places."""
    cuts = sorted({0, len(whole), *(dice.randint(0, len(whole)) for _ in range(dice.randint(0, 6)))})
    return [whole[a:b] for a, b in pairwise(cuts)]
