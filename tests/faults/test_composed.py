"""A first target that answers at random, oddly but honestly or spoiled, before a healthy one: callers get one of the two answers, whole.

Guards P1 (no call lost), P2 (nothing silently wrong), P13 (text and tool calls equal to the upstream's) and P14 (attempts are requests).
It is the combinations that matter here; each oddity by itself is in `test_bytes.py`. The seed of what failed is in the message.
"""

from __future__ import annotations

import http.client
import json
import random
from collections.abc import Iterator
from contextlib import closing

import pytest

from routerkit import Policy, Pool, Router, RouterState, Target
from routerkit.errors import StreamBrokenError
from routerkit.providers.openai_compatible import OpenAICompatible
from routerkit.testing import Recorder
from tests.contracts.colours import Call
from tests.contracts.provider import ask
from tests.faults.composing import composed
from tests.faults.fronts import FORMATS, served
from tests.servers.fault import Fault
from tests.servers.strict_openai import StrictOpenAI

N = 60
Said = tuple[str, list[tuple[str, str]]]
HEALTHY: Said = ("You said: hi", [])


class World:
    """Two servers and a router that asks the odd one first, whatever that did before."""

    def __init__(self, odd: StrictOpenAI, good: StrictOpenAI) -> None:
        self.odd, self.recorder, self._good = odd, Recorder(), good
        self._providers = {name: OpenAICompatible(server.base_url, server.api_key) for name, server in (("odd", odd), ("good", good))}

    def router(self) -> Router:
        """A fresh one, which knows nothing of earlier failures."""
        pool = Pool("pool", tuple(Target(name, name, "m") for name in self._providers), "fallback")
        state = RouterState({"pool": pool}, self._providers, {"fallback": Policy("fallback", "fallback")})
        return Router(state, observers=[self.recorder])

    def check_books(self) -> None:
        """Every request is an attempt of a record, and nothing is left open."""
        assert self.odd.hits + self._good.hits == sum(len(record.attempts) for record in self.recorder.records)
        assert N == len(self.recorder.records)
        assert self.odd.wait_until_idle()
        assert self._good.wait_until_idle()

    def close(self) -> None:
        for provider in self._providers.values():
            provider.close()


@pytest.fixture
def world() -> Iterator[World]:
    with StrictOpenAI() as odd, StrictOpenAI() as good:
        made = World(odd, good)
        yield made
        made.close()


def test_library_gives_one_of_the_two_answers(call: Call, world: World) -> None:
    for seed in range(N):
        answer = composed(random.Random(seed), is_stream=call.is_stream)
        world.odd.script(Fault(raw=answer.raw))
        try:
            reply = call(world.router(), ask("hi", model="pool"))
        except StreamBrokenError:
            assert not answer.is_honest, seed
            continue
        said = reply.text, [(made.name, made.arguments) for made in reply.tool_calls]
        assert said in ([answer.says] if answer.is_honest else [answer.says, HEALTHY]), seed
    world.check_books()


@pytest.mark.parametrize("is_stream", [False, True])
def test_gateway_gives_one_of_the_two_answers(world: World, is_stream: bool) -> None:
    for seed in range(N):
        answer = composed(random.Random(seed), is_stream=is_stream)
        world.odd.script(Fault(raw=answer.raw))
        with served(world.router()) as port:
            said = _asked(port, is_stream=is_stream)
        if said is None:
            assert not answer.is_honest, seed
            continue
        assert said in ([answer.says] if answer.is_honest else [answer.says, HEALTHY]), seed
    world.check_books()


def _asked(port: int, *, is_stream: bool) -> Said | None:
    """What a caller of `/v1/chat/completions` puts together; None from a stream that ends with an error."""
    spoken = FORMATS["chat"]
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
        connection.request("POST", spoken.path, json.dumps({"model": "pool", "stream": is_stream, **spoken.body}))
        answer = connection.getresponse()
        body = answer.read().decode()
    assert 200 == answer.status, body
    if is_stream and spoken.end not in body:
        return None
    events = [json.loads(line[6:]) for line in body.split("\n") if line.startswith("data: {")] if is_stream else [json.loads(body)]
    parts = [choice["delta" if is_stream else "message"] for event in events for choice in event["choices"]]
    calls: dict[int, tuple[str, str]] = {}
    for position, piece in ((n, call) for part in parts for n, call in enumerate(part.get("tool_calls") or ())):
        index = piece.get("index", position)
        name, arguments = calls.get(index, ("", ""))
        calls[index] = name + piece["function"].get("name", ""), arguments + piece["function"]["arguments"]
    return "".join(part.get("content") or "" for part in parts), [calls[index] for index in sorted(calls)]
