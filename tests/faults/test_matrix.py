"""U rows of the fault matrix, end to end: one of two targets has the fault for every call, the caller gets the other's answer.

Guards P1 (no call lost), P2 (nothing silently wrong) and P14 (every attempt in the record), on every front (`fronts.py`). LangChain and
LlamaIndex have their suites over all formats in `tests/integrations`; `test_matrix_litellm.py` has the litellm path.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Final

import pytest

from routerkit import Policy, Pool, Router, RouterState, Target
from routerkit.providers.openai_compatible import OpenAICompatible
from routerkit.providers.timers import Timers
from routerkit.testing import Recorder
from tests.faults.fronts import FRONTS, GATEWAY, LIBRARY, Front, Seen
from tests.servers.fault import Fault
from tests.servers.strict_openai import StrictOpenAI
from tests.servers.wire import error

IN_90_S: Final = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
LIMITED: Final = error("slow down", "requests", code="rate_limit_exceeded")
ROWS: Final[dict[str, Fault]] = {
    "U1 overloaded": Fault(status=503, body=error("busy", "server_error")),
    "U2 limited, in seconds": Fault(status=429, body=LIMITED, headers={"retry-after": "90"}),
    "U3 limited, by date": Fault(status=429, body=LIMITED, headers={"retry-after": IN_90_S}),
    "U3 limited, in milliseconds": Fault(status=429, body=LIMITED, headers={"retry-after-ms": "90000"}),
    "U4 limited, without a time": Fault(status=429, body=LIMITED),
    "U5 out of quota": Fault(status=429, body=error("pay", "insufficient_quota", code="insufficient_quota")),
    "U6 wrong key": Fault(status=401, body=error("who?", "invalid_request_error", code="invalid_api_key")),
    "U7 overloaded, said with a 500": Fault(status=500, body=error("Overloaded", "overloaded_error")),
    "U7 overloaded, said with a 529": Fault(status=529, body=b""),
    "U8 page of a proxy": Fault(status=502, body=b"<html>Bad gateway</html>"),
    "U8 nothing but a 500": Fault(status=500, body=b""),
    "U8 error that is a text": Fault(status=500, body=b'{"error": "text"}'),
    "U9 reset before the head": Fault(reset=True),
    "U9 hung up before the head": Fault(hang_up=True),
    "U12 silence": Fault(hang=True),
    "U13 silence after the head": Fault(hang_after_head=True),
    "U16 cut before content": Fault(cut_after=1),
    "U16 reset before content": Fault(cut_after=1, cut_by="rst"),
    "U20 half a body": Fault(body=b'{"choices": [{"mess'),
    "U20 page with a 200": Fault(body=b"<html>Welcome</html>"),
    "U20 list": Fault(body=b"[]"),
    "U21 no choices": Fault(no_choices=True),
    "U21 blank": Fault(text=" \n "),
    "U21 empty": Fault(text=""),
    "U29 redirect": Fault(status=307, body=b"", headers={"location": "http://127.0.0.1:1/v1/chat/completions"}),
}
"""What every answer of the first target looks like, whole or streamed."""
STREAM_ROWS: Final[dict[str, Fault]] = {
    "U17 ends cleanly without a finish reason": Fault(end_after=1),
    "U17 end mark without a finish reason": Fault(end_after=1, with_done=True),
    "U19 error as the first event": Fault(error_after=0),
    "U19 error after an empty event": Fault(error_after=1),
}
TIMERS: Final = Timers(first_token_s=0.3, between_chunks_s=0.3)
SHORT: Final = [*LIBRARY, *GATEWAY[:2]]
"""For what takes its time: the others stand on these."""


class Failing(StrictOpenAI):
    """Every answer has the fault."""

    fault = Fault()

    def _note(self, path: str, headers: dict[str, str], raw: bytes) -> Fault:
        super()._note(path, headers, raw)
        return self.fault


@pytest.fixture(scope="module")
def servers() -> Iterator[tuple[Failing, StrictOpenAI]]:
    with Failing() as bad, StrictOpenAI() as good:
        yield bad, good


Make = Callable[[Fault], tuple[Router, Recorder]]


@pytest.fixture
def make(servers: tuple[Failing, StrictOpenAI]) -> Iterator[Make]:
    """Makes a router that tries the faulty target first."""
    made: list[Router] = []

    def router(fault: Fault) -> tuple[Router, Recorder]:
        bad, good = servers
        bad.fault = fault
        providers = {server: OpenAICompatible(server.base_url, server.api_key, timers=TIMERS) for server in servers}
        named = {"bad": providers[bad], "good": providers[good]}
        pool = Pool("pool", tuple(Target(name, name, "m") for name in named), "fallback")
        recorder = Recorder()
        made.append(Router(RouterState({"pool": pool}, named, {"fallback": Policy("fallback", "fallback")}), observers=[recorder]))
        return made[-1], recorder

    yield router
    for each in made:
        each.close()


def is_as_promised(recorder: Recorder, servers: tuple[Failing, StrictOpenAI], hits_before: int) -> None:
    (record,) = recorder.records
    assert ("ok", "good") == (record.status, record.target)
    assert ["bad", "good"] == [attempt.target for attempt in record.attempts]
    assert 2 == sum(server.hits for server in servers) - hits_before
    assert all(server.wait_until_idle() for server in servers), "an upstream was left open"


def cases() -> list[object]:
    pairs = [(row, front) for row in ROWS for front in (SHORT if "silence" in row else FRONTS)]
    pairs += [(row, front) for row in STREAM_ROWS for front in FRONTS if front.is_stream]
    return [pytest.param({**ROWS, **STREAM_ROWS}[row], front, id=f"{row}-{front.name}") for row, front in pairs]


@pytest.mark.parametrize(("fault", "front"), cases())
def test_caller_gets_the_answer_of_the_other_target(fault: Fault, front: Front, make: Make, servers: tuple[Failing, StrictOpenAI]) -> None:
    router, recorder = make(fault)
    before = sum(server.hits for server in servers)
    timeout_s = 1.0 if fault.hang or fault.hang_after_head else 10.0  # a whole answer may be silent for 0.6 of its time
    assert Seen("You said: hi", is_whole=True) == front.ask(router, timeout_s)
    is_as_promised(recorder, servers, before)


@pytest.mark.parametrize("front", [front for front in SHORT if not front.is_stream], ids=lambda front: front.name)
def test_whole_answer_that_trickles_leaves_time_for_another_target(front: Front, make: Make, servers: tuple[Failing, StrictOpenAI]) -> None:
    """U14: until its last byte it is worth as much as silence."""
    router, recorder = make(Fault(trickle_s=0.05))
    before = sum(server.hits for server in servers)
    assert Seen("You said: hi", is_whole=True) == front.ask(router, 1.0)
    is_as_promised(recorder, servers, before)


LONG: Final = "one two three four " * 400
"""So many events that they do not arrive at once, with what ends them: then nothing would have been delivered, and the call fails over."""


@pytest.mark.parametrize("front", [front for front in FRONTS if front.is_stream], ids=lambda front: front.name)
@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(Fault(text="one two three four", stall_after=4), id="U15 stall"),
        pytest.param(Fault(text="one two three four", cut_after=4), id="U16 cut"),
        pytest.param(Fault(text=LONG, end_after=1_500), id="U17 clean end"),
        pytest.param(Fault(text=LONG, end_after=1_500, with_done=True), id="U17 end mark"),
        pytest.param(Fault(text=LONG, error_after=1_500), id="U19 error"),
    ],
)
def test_stream_that_breaks_after_content_ends_with_an_error(
    fault: Fault, front: Front, make: Make, servers: tuple[Failing, StrictOpenAI]
) -> None:
    """Never with an end mark, and never with another target's text."""
    router, recorder = make(fault)
    seen = front.ask(router, 10.0)
    assert not seen.is_whole
    assert seen.text
    assert LONG.startswith(seen.text)
    (record,) = recorder.records
    assert ("error", 1) == (record.status, len(record.attempts))
    assert record.usage.is_estimated
    assert 0 < record.usage.output_tokens
    assert all(server.wait_until_idle() for server in servers), "an upstream was left open"
