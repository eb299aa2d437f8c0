"""Events of a stream that say a text, as most do, are those that would be written for any other piece."""

from __future__ import annotations

import json
import random

import pytest

from routerkit.gateway.anthropic_answer import MESSAGES
from routerkit.gateway.formats import Format
from routerkit.gateway.responses_events import RESPONSES
from routerkit.messages import Chunk, Request, ToolCallDelta, Usage

ASKED = {"thinking": {"type": "enabled"}, "tools": [{"type": "function", "name": "f"}]}
REQUEST = Request("pool", ({"role": "user", "content": "hi"},))
PIECES = [
    *[Chunk(text) for text in ("one ", "ü 😀", 'a "b" \\ \n\x00\x7f\u2028', "half \ud800", "", "%d %b")] * 2,
    Chunk(reasoning="hm"),
    Chunk("x", reasoning="hm"),
    Chunk(refusal="no"),
    Chunk("x", refusal="no"),
    Chunk(tool_calls=(ToolCallDelta(0, "c1", "f", '{"a":'),)),
    Chunk("x", (ToolCallDelta(0, None, None, "1}"),)),
    Chunk(tool_calls=(ToolCallDelta(1, "c2", "f", "{}"),)),
    Chunk("x", usage=Usage(3, 4)),
    Chunk("x", finish_reason="length"),
]


def events_of(spoken: Format, pieces: list[Chunk]) -> list[bytes]:
    events = spoken.events(ASKED, REQUEST)
    return [*map(events.of, pieces), events.of(Chunk(record_id="r", target="t")), events.end()]


@pytest.mark.parametrize("spoken", [MESSAGES, RESPONSES], ids=["messages", "responses"])
@pytest.mark.parametrize("seed", range(100))
def test_texts_are_told_as_other_pieces_are(spoken, seed, monkeypatch):
    rng = random.Random(seed)
    pieces = [rng.choice(PIECES) for _ in range(rng.randrange(12))]
    monkeypatch.setattr("os.urandom", lambda n: b"\0" * n)
    monkeypatch.setattr("time.time", lambda: 7.0)
    found = events_of(spoken, pieces)
    monkeypatch.setattr(Chunk, "is_text", lambda _: False)
    assert events_of(spoken, pieces) == found
    for data in found:
        for event in data.decode().split("\n\n"):
            kind, _, body = event.partition("\ndata: ")
            assert not body or body == written(json.loads(body))
            assert not body or kind == f"event: {json.loads(body)['type']}"


def written(body: object) -> str:
    """JSON as it is written everywhere."""
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"))
