"""Simulated keeps the provider contract, says what it is, and is as right and as reliable as it was told to be."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from routerkit.errors import ConfigError, ProviderError
from routerkit.messages import Request
from routerkit.providers.paced import Pacer
from routerkit.providers.simulated import Simulated
from tests.contracts.colours import Call
from tests.contracts.provider import ProviderContract, ask

N = 2000


class TestSimulated(ProviderContract):
    """It calls no tools and follows no form."""

    lacks = frozenset({"tools", "parallel_tools", "json_schema", "stop", "max_tokens", "echo"})

    @pytest.fixture
    def provider(self) -> Simulated:
        return Simulated()


def test_answer_and_provider_say_that_they_are_simulated(call: Call) -> None:
    provider = Simulated(quality=0.5)
    reply = call(provider, ask("Hi.", model="big"))
    assert "simulated/big" == reply.model
    assert "simulated" in reply.text
    assert "simulated" in repr(provider)
    assert reply.usage.is_estimated


def test_share_of_right_answers_is_the_quality() -> None:
    provider = Simulated(quality=0.7, seed=3)
    right = sum(provider.is_right(ask(f"question {n}")) for n in range(N))
    assert 0.67 < right / N < 0.73


def test_same_question_is_answered_the_same_and_another_seed_differently(call: Call) -> None:
    questions = [ask(f"question {n}") for n in range(40)]
    answers = [call(Simulated(quality=0.5, seed=1), q).text for q in questions]
    assert answers == [call(Simulated(quality=0.5, seed=1), q).text for q in questions]
    assert answers != [call(Simulated(quality=0.5, seed=2), q).text for q in questions]


def test_samples_of_one_question_differ() -> None:
    provider = Simulated(quality=0.5)
    assert 2 == len({provider.complete(ask("Hi.", extra={"sample": n})).text for n in range(40)})


def test_better_model_is_right_wherever_a_worse_one_is() -> None:
    questions = [ask(f"question {n}") for n in range(200)]
    weak, strong = Simulated(quality=0.3), Simulated(quality=0.8)
    assert all(strong.is_right(q) for q in questions if weak.is_right(q))


def test_answer_function_is_told_whether_to_be_right(call: Call) -> None:
    def answer(request: Request, is_right: bool) -> str:
        return f"{request.model}:{is_right}"

    assert "m:True" == call(Simulated(answer=answer), ask("Hi.", model="m")).text
    assert "m:False" == call(Simulated(answer=answer, quality=0.0), ask("Hi.", model="m")).text


def test_share_of_failing_calls_is_the_error_rate_and_trying_again_can_help(call: Call) -> None:
    provider = Simulated(error_rate=0.5)
    outcomes = []
    for _ in range(20):
        try:
            call(provider, ask("Hi."))
            outcomes.append("ok")
        except ProviderError as exc:
            outcomes.append(exc.code)
    assert {"ok", "overloaded"} == set(outcomes)


def test_latency_is_reported_and_not_slept(call: Call) -> None:
    assert 3600.0 == call(Simulated(latency_s=3600.0), ask("Hi.")).extra["simulated_latency_s"]


class Waits:
    """Pauses that only count."""

    def __init__(self) -> None:
        self.total_s = 0.0
        self.pacer = Pacer(self.pause, self.apause)

    def pause(self, wait_s: float) -> None:
        self.total_s += wait_s

    async def apause(self, wait_s: float) -> None:
        self.total_s += wait_s


def test_latency_is_waited_for_when_asked(call: Call) -> None:
    waits = Waits()
    call(Simulated(latency_s=3.0, sleep=waits.pacer), ask("Hi."))
    assert 3.0 == pytest.approx(waits.total_s)


def test_deadline_ends_the_wait(call: Call) -> None:
    waits = Waits()
    with pytest.raises(ProviderError, match="total timer of 2 s") as caught:
        call(Simulated(latency_s=3.0, sleep=waits.pacer), ask("Hi.", timeout_s=2.0))
    assert "timeout" == caught.value.code
    assert 2.0 == pytest.approx(waits.total_s)


def test_first_piece_has_a_deadline_of_its_own(stream_call: Call) -> None:
    waits = Waits()
    with pytest.raises(ProviderError, match="first token timer"):
        stream_call(Simulated(latency_s=90.0, sleep=waits.pacer), ask("Hi.", timeout_s=60.0, first_token_s=1.0))
    assert 1.0 == waits.total_s


def test_stream_comes_in_words() -> None:
    def answer(_request: Request, _is_right: bool) -> str:
        return "three little words"

    assert ["three", " little", " words"] == [c.text for c in Simulated(answer=answer).stream(ask("Hi.")) if c.text]


async def test_streams_can_be_closed_early() -> None:
    chunks: AsyncIterator[object] = Simulated().astream(ask("Hi."))
    await anext(chunks)
    await chunks.aclose()  # type: ignore[attr-defined]  # a generator, declared as an iterator
    with pytest.raises(StopAsyncIteration):
        await anext(chunks)


@pytest.mark.parametrize(("option", "value"), [("quality", 1.2), ("error_rate", -0.1), ("latency_s", -1.0), ("quality", float("nan"))])
def test_impossible_settings_are_refused(option: str, value: float) -> None:
    with pytest.raises(ConfigError, match=option):
        Simulated(**{option: value})  # type: ignore[arg-type]  # all three are numbers
