"""The fault matrix on the litellm path: upstreams of OpenAI's and of Anthropic's format, asked through one front of each kind.

Guards P1, P2, P10 and P14 where litellm stands between: it retries, renames and invents unless held to one request and a proper end.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Final

import pytest

from routerkit import AllAttemptsFailedError, Policy, Pool, Router, RouterState, Target
from routerkit.providers.litellm import LiteLLM
from routerkit.providers.timers import Timers
from routerkit.testing import Recorder
from tests.contracts.provider import ask
from tests.faults.fronts import GATEWAY, LANGCHAIN, LIBRARY, LLAMAINDEX, Front, Seen
from tests.faults.test_matrix import ROWS, STREAM_ROWS
from tests.servers.fault import Fault
from tests.servers.strict_anthropic import StrictAnthropic
from tests.servers.strict_openai import StrictOpenAI

pytestmark = pytest.mark.slow  # litellm takes seconds to import

FRONTS: Final = [LIBRARY[3], LANGCHAIN[0], LLAMAINDEX[2], GATEWAY[4]]
"""One of each kind, both drivers, whole and streamed; all forms over our own connections are in `test_matrix.py`."""
_SILENT: Final = {"U12 silence", "U13 silence after the head"}


def said(kind: str, message: str = "m") -> bytes:
    return json.dumps({"type": "error", "error": {"type": kind, "message": message}}).encode()


ANTHROPIC: Final[dict[str, Fault]] = {
    "U1 overloaded": Fault(status=529, body=said("overloaded_error", "Overloaded")),
    "U2 limited": Fault(status=429, body=said("rate_limit_error"), headers={"retry-after": "90"}),
    "U5 out of credit": Fault(status=400, body=said("invalid_request_error", "Your credit balance is too low to access the API")),
    "U6 wrong key": Fault(status=401, body=said("authentication_error", "invalid x-api-key")),
    "U6 no permission": Fault(status=403, body=said("permission_error")),
    "U7 overloaded, said with a 500": Fault(status=500, body=said("overloaded_error", "Overloaded")),
    "U8 page of a proxy": Fault(status=502, body=b"<html>Bad gateway</html>"),
    "U8 nothing but a 500": Fault(status=500, body=b""),
    "unknown model": Fault(status=404, body=said("not_found_error", "model: m")),
    "U9 reset before the head": Fault(reset=True),
    "U9 hung up before the head": Fault(hang_up=True),
    "U16 cut before content": Fault(cut_after=2),
    "U16 reset before content": Fault(cut_after=2, cut_by="rst"),
    "U20 half a body": Fault(body=b'{"content": [{"ty'),
    "U20 page with a 200": Fault(body=b"<html>Welcome</html>"),
    "U20 list": Fault(body=b"[]"),
    "error with a 200": Fault(body=said("overloaded_error", "Overloaded")),
    "U21 blank": Fault(text=" \n "),
    "U21 empty": Fault(text=""),
    "U29 redirect": Fault(status=307, body=b"", headers={"location": "http://127.0.0.1:1/v1/messages"}),
}
_OVERLOADED: Final = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
ANTHROPIC_STREAM: Final[dict[str, Fault]] = {
    "U17 ends cleanly before content": Fault(end_after=2),
    "U17 ends cleanly within nothing": Fault(end_after=0),
    "U19 error as the first event": Fault(error_after=0, error_event=_OVERLOADED),
    "U19 error after the first event": Fault(error_after=1, error_event=_OVERLOADED),
}


def failing(kind: type[StrictOpenAI]) -> StrictOpenAI:
    """A server that answers every request with its `fault`."""

    class Failing(kind):  # type: ignore[misc,valid-type]  # a base that is chosen at run time
        fault = Fault()

        def _note(self, path: str, headers: dict[str, str], raw: bytes) -> Fault:
            super()._note(path, headers, raw)
            return self.fault

    return Failing()


@pytest.fixture(scope="module")
def servers() -> Iterator[dict[str, StrictOpenAI]]:
    with failing(StrictOpenAI) as openai, failing(StrictAnthropic) as anthropic, StrictOpenAI() as good:
        yield {"openai": openai, "anthropic": anthropic, "good": good}


@pytest.fixture(scope="module")
def providers(servers: dict[str, StrictOpenAI]) -> Iterator[dict[str, LiteLLM]]:
    def over(kind: str) -> LiteLLM:
        server, spoken = servers[kind], kind.replace("good", "openai")
        timers = Timers() if kind == "good" else Timers(first_token_s=0.5, between_chunks_s=0.5)
        return LiteLLM(api_key=server.api_key, base_url=server.base_url, custom_llm_provider=spoken, timers=timers)

    made = {kind: over(kind) for kind in servers}
    for kind, provider in made.items():  # litellm's imports come before all timers
        provider.complete(ask("Hi.", model="claude-sonnet-4-5" if kind == "anthropic" else "m", timeout_s=90.0))
    yield made
    for provider in made.values():
        provider.close()


TEXT: Final = "one two three four"
Make = Callable[[str, Fault], tuple[Router, Recorder]]


@pytest.fixture
def make(servers: dict[str, StrictOpenAI], providers: dict[str, LiteLLM]) -> Make:
    """Makes a router that tries the faulty target of that format first."""

    def router(kind: str, fault: Fault) -> tuple[Router, Recorder]:
        servers[kind].fault = fault  # type: ignore[attr-defined]  # of `failing`
        named = {"bad": providers[kind], "good": providers["good"]}
        models = {"bad": "claude-sonnet-4-5" if kind == "anthropic" else "m", "good": "m"}
        pool = Pool("pool", tuple(Target(name, name, models[name]) for name in named), "fallback")
        recorder = Recorder()
        return Router(RouterState({"pool": pool}, named, {"fallback": Policy("fallback", "fallback")}), observers=[recorder]), recorder

    return router


def cases() -> list[object]:
    rows = [("openai", row, fault, False) for row, fault in ROWS.items()] + [("openai", row, f, True) for row, f in STREAM_ROWS.items()]
    rows += [("anthropic", row, fault, False) for row, fault in ANTHROPIC.items()]
    rows += [("anthropic", row, fault, True) for row, fault in ANTHROPIC_STREAM.items()]
    return [
        pytest.param(kind, fault, front, id=f"{kind}-{row}-{front.name}")
        for kind, row, fault, is_streamed in rows
        for front in (FRONTS[:2] if row in _SILENT else FRONTS)
        if front.is_stream or not is_streamed
    ]


@pytest.mark.parametrize(("kind", "fault", "front"), cases())
def test_caller_gets_the_answer_of_the_other_target(
    kind: str, fault: Fault, front: Front, make: Make, servers: dict[str, StrictOpenAI]
) -> None:
    router, recorder = make(kind, fault)
    before = sum(server.hits for server in servers.values())
    assert Seen("You said: hi", is_whole=True) == front.ask(router, 2.0 if fault.hang or fault.hang_after_head else 10.0)
    (record,) = recorder.records
    assert [("bad", True), ("good", False)] == [(a.target, a.error is not None) for a in record.attempts]
    assert 2 == sum(server.hits for server in servers.values()) - before
    assert all(server.wait_until_idle() for server in servers.values()), "an upstream was left open"


@pytest.mark.parametrize("front", [LIBRARY[3], LLAMAINDEX[2], GATEWAY[3]], ids=lambda front: front.name)
@pytest.mark.parametrize(
    ("kind", "fault"),
    [
        pytest.param("openai", Fault(text=TEXT, stall_after=4), id="openai U15 stall"),
        pytest.param("openai", Fault(text=TEXT, cut_after=4), id="openai U16 cut"),
        pytest.param("openai", Fault(text=TEXT, end_after=4), id="openai U17 clean end"),
        pytest.param("openai", Fault(text=TEXT, end_after=4, with_done=True), id="openai U17 end mark"),
        pytest.param("openai", Fault(text=TEXT, error_after=4), id="openai U19 error"),
        pytest.param("anthropic", Fault(text=TEXT, stall_after=4), id="anthropic U15 stall"),
        pytest.param("anthropic", Fault(text=TEXT, cut_after=4), id="anthropic U16 cut"),
        pytest.param("anthropic", Fault(text=TEXT, cut_after=4, cut_by="rst"), id="anthropic U16 reset"),
        pytest.param("anthropic", Fault(text=TEXT, end_after=4), id="anthropic U17 clean end"),
        pytest.param("anthropic", Fault(text=TEXT, error_after=4, error_event=_OVERLOADED), id="anthropic U19 error"),
    ],
)
def test_stream_that_breaks_after_content_ends_with_an_error(kind: str, fault: Fault, front: Front, make: Make) -> None:
    router, recorder = make(kind, fault)
    seen = front.ask(router, 10.0)
    assert not seen.is_whole
    assert seen.text
    assert TEXT.startswith(seen.text)
    (record,) = recorder.records
    assert ("error", 1) == (record.status, len(record.attempts))
    assert 0 < record.usage.output_tokens


@pytest.mark.parametrize("front", LIBRARY, ids=lambda front: front.name)
def test_call_ends_on_time_while_litellm_keeps_its_thread_busy(front: Front, make: Make, providers: dict[str, LiteLLM]) -> None:
    """P9: a hundred calls at once keep it busy for seconds, and its timers are as late."""
    router, recorder = make("openai", Fault())
    until, is_busy = threading.Event(), threading.Event()

    async def work() -> None:
        is_busy.set()
        until.wait(10)

    busy = threading.Thread(target=lambda: providers["good"]._joined().run(work()))
    busy.start()
    assert is_busy.wait(5)
    began = time.monotonic()
    with pytest.raises(AllAttemptsFailedError):
        front.ask(router, 0.3)
    took_s = time.monotonic() - began
    until.set()
    busy.join(5)
    assert took_s < 0.3 + 5.0
    assert "timeout" == recorder.records[0].attempts[-1].error_code
