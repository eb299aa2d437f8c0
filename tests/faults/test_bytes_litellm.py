"""The answers of `test_bytes.py` once more, read by litellm: it may give up on more of them, but never deliver another text.

Guards P1 (a lie fails over, so it is never the caller's fault), P2 and P13 on the litellm path. Two forms of four: all run on one loop.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from routerkit.errors import ProviderError
from routerkit.providers.litellm import LiteLLM
from tests.contracts.colours import Call, Colour
from tests.contracts.provider import ask
from tests.faults.test_bytes import ANSWERS, Answer
from tests.servers.fault import Fault
from tests.servers.strict_openai import StrictOpenAI

pytestmark = pytest.mark.slow  # litellm takes seconds to import


@pytest.fixture(scope="module")
def upstream() -> Iterator[tuple[StrictOpenAI, LiteLLM]]:
    with StrictOpenAI() as server:
        provider = LiteLLM(api_key=server.api_key, base_url=server.base_url, custom_llm_provider="openai")
        provider.complete(ask("Hi.", timeout_s=60.0))
        yield server, provider
        provider.close()


@pytest.mark.usefixtures("no_collection")
@pytest.mark.parametrize("colour", ["complete", "astream"])
@pytest.mark.parametrize("answer", ANSWERS, ids=lambda a: a.name)
def test_odd_answer_is_the_right_text_or_a_failure_that_fails_over(
    upstream: tuple[StrictOpenAI, LiteLLM], colour: Colour, answer: Answer
) -> None:
    server, provider = upstream
    call, hits = Call(colour), server.hits
    server.script(Fault(raw=answer.stream if call.is_stream else answer.whole))
    try:
        outcome = call(provider, ask("Hi.")).text
    except ProviderError as failure:
        outcome = failure.kind
    assert outcome in {"grüß dich", "transient"}
    assert hits + 1 == server.hits
    assert server.wait_until_idle()
