"""A failure is named by the status and the headers of its answer, whatever becomes of its body.

Guards P1: a target that says 429 and then nothing more must neither hold the call nor be asked again before its time.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from typing import Final

import pytest

from routerkit import Policy, Pool, Router, RouterState, Target
from routerkit.errors import ProviderError
from routerkit.providers.openai_compatible import OpenAICompatible
from routerkit.providers.timers import Timers
from tests.contracts.colours import Call
from tests.contracts.provider import ask
from tests.faults.test_bytes import head
from tests.servers.fault import Fault
from tests.servers.strict_openai import StrictOpenAI

_SAID: Final = b'{"error": {"message": "slow down", "code": "rate_limit_exceeded"}}'
_LIMITED: Final = {"retry-after": "7"}


def limited(*lines: bytes, body: bytes = _SAID) -> bytes:
    return head(b"retry-after: 7", *lines, status=b"429 Too Many Requests") + body


BODIES: Final = {
    "cut by the end of the connection": Fault(raw=limited(b"content-length: 900")),
    "cut by a reset": Fault(raw=limited(b"content-length: 900"), raw_end="rst"),
    "silent after some of it": Fault(raw=limited(b"content-length: 900"), raw_end="stall"),
    "missing altogether": Fault(raw=limited(b"content-length: 900", body=b""), raw_end="stall"),
    "in chunks that are none": Fault(raw=limited(b"transfer-encoding: chunked", body=b"zz\r\n" + _SAID), raw_end="stall"),
    "compressed and cut": Fault(raw=limited(b"content-encoding: gzip", b"content-length: 40", body=gzip.compress(_SAID)[:40])),
    "compressed and broken": Fault(raw=limited(b"content-encoding: gzip", b"content-length: 40", body=b"x" * 40)),
    "larger than any answer": Fault(raw=limited(b"content-length: 300000", body=b"x" * 300_000)),
}


@pytest.fixture
def provider(openai_server: StrictOpenAI) -> Iterator[OpenAICompatible]:
    timers = Timers(between_chunks_s=0.2)
    made = OpenAICompatible(openai_server.base_url, openai_server.api_key, timers=timers, max_body_bytes=200_000)
    yield made
    made.close()


@pytest.mark.parametrize("fault", BODIES.values(), ids=BODIES)
def test_limit_is_understood_though_its_body_is_broken(
    call: Call, provider: OpenAICompatible, openai_server: StrictOpenAI, fault: Fault
) -> None:
    openai_server.script(fault)
    with pytest.raises(ProviderError) as caught:
        call(provider, ask("Hi."))
    assert ("rate_limit", 429, 7.0) == (caught.value.code, caught.value.status, caught.value.retry_after_s)
    assert openai_server.wait_until_idle()


@pytest.mark.parametrize("colour", ["acomplete", "stream"])
def test_failure_that_trickles_holds_nobody(colour: str, openai_server: StrictOpenAI) -> None:
    """Its status has said all that matters, and another target is waiting."""
    with StrictOpenAI() as good:
        openai_server.script(Fault(status=503, body=b"x" * 10_000, trickle_s=0.05))
        providers = {"bad": OpenAICompatible(openai_server.base_url, "k"), "good": OpenAICompatible(good.base_url, good.api_key)}
        pool = Pool("pool", tuple(Target(name, name, "m") for name in providers), "fallback")
        with Router(RouterState({"pool": pool}, providers, {"fallback": Policy("fallback", "fallback")})) as router:
            reply = Call(colour)(router, ask("Hi.", model="pool", timeout_s=5.0))  # type: ignore[arg-type]  # parametrize gives str
    assert "You said: Hi." == reply.text
