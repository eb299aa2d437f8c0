"""What every provider does when its upstream does not behave; for providers that can be pointed at the strict server."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from routerkit.errors import ProviderError
from routerkit.provider import Provider
from tests.contracts.colours import Call
from tests.contracts.provider import Contract, ask, needs
from tests.servers.strict_openai import Fault, StrictOpenAI
from tests.servers.wire import error

BETWEEN_CHUNKS_S = 0.25
"""The provider under test is built with this limit, unless it lacks `between_chunks`."""
_SLACK_S = 5.0
"""What a call may take beyond its limit on a busy machine; limits that nobody sets are far longer."""


def failure(call: Call, provider: Provider, **fields: Any) -> ProviderError:
    """The error that the call ends with."""
    with pytest.raises(ProviderError) as caught:
        call(provider, ask("Say something.", **fields))
    return caught.value


class ProviderFaultContract(Contract):
    """Behaviour under faults; subclasses give `provider`, which asks `server`."""

    @pytest.fixture
    def server(self, openai_server: StrictOpenAI) -> StrictOpenAI:
        """The upstream."""
        return openai_server

    @pytest.fixture
    def provider(self, server: StrictOpenAI) -> Provider:
        """The provider under test."""
        raise NotImplementedError

    def test_stream_without_a_finish_reason_is_truncated(self, stream_call: Call, provider: Provider, server: StrictOpenAI) -> None:
        server.script(Fault(text="some longer text", end_after=3))
        assert "truncated" == failure(stream_call, provider).code

    def test_end_mark_without_a_finish_reason_is_truncated(self, stream_call: Call, provider: Provider, server: StrictOpenAI) -> None:
        server.script(Fault(text="some longer text", end_after=3, with_done=True))
        assert "truncated" == failure(stream_call, provider).code

    def test_finish_reason_without_an_end_mark_is_success(self, stream_call: Call, provider: Provider, server: StrictOpenAI) -> None:
        server.script(Fault(text="all of it", no_done=True))
        assert "all of it" == stream_call(provider, ask("Hi.")).text

    @pytest.mark.parametrize("text", ["half of", ""])
    @pytest.mark.parametrize("word", ["error", "insufficient_system_resource", "network_error", "abort"])
    def test_finish_reason_that_says_the_upstream_broke_is_a_failure(
        self, call: Call, provider: Provider, server: StrictOpenAI, word: str, text: str
    ) -> None:
        """Of OpenRouter, DeepSeek, Zhipu, vLLM and SGLang. Another target may answer, so it is none that ends the call."""
        server.script(Fault(text=text, finish_reason=word))
        error = failure(call, provider)
        assert ("server", "transient", True) == (error.code, error.kind, error.maybe_billed)

    @pytest.mark.parametrize("how", ["fin", "rst"])
    def test_cut_connection_is_noticed(self, call: Call, provider: Provider, server: StrictOpenAI, how: Any) -> None:
        server.script(Fault(text="some longer text", cut_after=3, cut_by=how))
        error = failure(call, provider)
        assert error.code in {"truncated", "disconnected"}
        assert error.maybe_billed

    @pytest.mark.parametrize("fault", [Fault(text=""), Fault(text="  \n "), Fault(text="x", no_choices=True)])
    def test_answer_that_says_nothing_is_empty(self, call: Call, provider: Provider, server: StrictOpenAI, fault: Fault) -> None:
        server.script(fault)
        assert "empty_answer" == failure(call, provider).code

    @pytest.mark.parametrize("body", [b'{"choices": [{"mess', b"<html>Bad gateway</html>", b"[]", b"\xff\xfe"])
    def test_answer_that_is_not_json_is_malformed(self, whole_call: Call, provider: Provider, server: StrictOpenAI, body: bytes) -> None:
        server.script(Fault(body=body))
        assert "malformed" == failure(whole_call, provider).code

    @needs("refusal")
    def test_refusal_is_delivered(self, call: Call, provider: Provider, server: StrictOpenAI) -> None:
        server.script(Fault(refusal="I cannot help with that."))
        assert "I cannot help with that." == call(provider, ask("Hi.")).refusal

    @pytest.mark.parametrize("reason", ["length", "content_filter"])
    def test_cut_short_answers_are_delivered_as_they_are(self, call: Call, provider: Provider, server: StrictOpenAI, reason: str) -> None:
        server.script(Fault(text="part", finish_reason=reason))
        reply = call(provider, ask("Hi."))
        assert ("part", reason) == (reply.text, reply.finish_reason)

    def test_missing_usage_is_estimated_and_marked(self, call: Call, provider: Provider, server: StrictOpenAI) -> None:
        server.script(Fault(text="x" * 400, usage="missing"))
        usage = call(provider, ask("y" * 400)).usage
        assert usage.is_estimated
        assert 85 <= usage.input_tokens <= 115
        assert 85 <= usage.output_tokens <= 115

    @needs("negative_usage")
    def test_negative_usage_is_clamped_and_marked(self, call: Call, provider: Provider, server: StrictOpenAI) -> None:
        server.script(Fault(text="x", usage={"prompt_tokens": -5, "completion_tokens": 7, "total_tokens": 2}))
        usage = call(provider, ask("Hi.")).usage
        assert (0, 7, True) == (usage.input_tokens, usage.output_tokens, usage.is_estimated)

    @pytest.mark.parametrize(
        ("status", "body", "code"),
        [
            (400, error("bad", "invalid_request_error"), "invalid_request"),
            (400, error("too long", "invalid_request_error", code="context_length_exceeded"), "context_length"),
            (400, error("no", "invalid_request_error", code="content_policy_violation"), "content_filter"),
            (401, error("who?", "invalid_request_error", code="invalid_api_key"), "auth"),
            (403, error("not you", "permission_error"), "auth"),
            (404, error("no such model", "invalid_request_error", code="model_not_found"), "not_found"),
            (422, error("odd", "invalid_request_error"), "invalid_request"),
            (429, error("slow down", "requests", code="rate_limit_exceeded"), "rate_limit"),
            (429, error("pay", "insufficient_quota", code="insufficient_quota"), "quota"),
            (500, b"", "server"),
            (502, b"<html>Bad gateway</html>", "server"),
            (503, error("busy", "server_error"), "overloaded"),
        ],
    )
    def test_status_is_named_after_one_single_request(
        self, call: Call, provider: Provider, server: StrictOpenAI, status: int, body: bytes, code: str
    ) -> None:
        server.script(*[Fault(status=status, body=body)] * 5)
        error = failure(call, provider)
        assert (code, 1) == (error.code, server.hits)

    def test_retry_after_is_read_and_not_slept(self, call: Call, provider: Provider, server: StrictOpenAI) -> None:
        server.script(Fault(status=429, headers={"retry-after": "7"}, body=error("slow down", "requests")))
        began = time.monotonic()
        assert 7.0 == failure(call, provider).retry_after_s
        assert time.monotonic() - began < _SLACK_S
        assert 1 == server.hits

    def test_error_within_a_stream_is_named_by_its_code(self, stream_call: Call, provider: Provider, server: StrictOpenAI) -> None:
        server.script(Fault(text="some longer text", error_after=3))
        assert failure(stream_call, provider).code in {"overloaded", "server"}

    def test_key_is_in_no_error(self, call: Call, provider: Provider, server: StrictOpenAI) -> None:
        body = error(f"Incorrect API key provided: {server.api_key}", "invalid_request_error", code="invalid_api_key")
        server.script(Fault(status=401, body=body))
        shown = failure(call, provider)
        assert server.api_key not in f"{shown!s} {shown!r} {shown.__cause__!r} {provider!r}"

    def test_gateways_passed_are_counted(self, call: Call, provider: Provider, server: StrictOpenAI) -> None:
        for hops in (0, 2):
            call(provider, ask("Hi.", hops=hops))
        assert ["1", "3"] == [headers["x-routerkit-hops"] for headers in server.headers]

    def test_redirect_is_not_followed(self, call: Call, provider: Provider, server: StrictOpenAI) -> None:
        with StrictOpenAI() as second:
            server.script(Fault(status=307, headers={"location": f"{second.base_url}/chat/completions"}, body=b""))
            assert failure(call, provider).code in {"server", "invalid_request"}
            assert (1, 0) == (server.hits, second.hits)

    @pytest.mark.parametrize("fault", [Fault(hang=True), Fault(hang_after_head=True), Fault(stall_after=2), Fault(trickle_s=0.05)])
    def test_total_deadline_holds(self, call: Call, provider: Provider, server: StrictOpenAI, fault: Fault) -> None:
        server.script(fault)
        began = time.monotonic()
        assert "timeout" == failure(call, provider, timeout_s=0.2).code
        assert time.monotonic() - began < 0.2 + _SLACK_S
        assert server.wait_until_idle(_SLACK_S)

    @pytest.mark.parametrize("fault", [Fault(hang=True), Fault(hang_after_head=True)])
    def test_first_token_limit_holds(self, stream_call: Call, provider: Provider, server: StrictOpenAI, fault: Fault) -> None:
        server.script(fault)
        began = time.monotonic()
        assert "timeout" == failure(stream_call, provider, first_token_s=0.2).code
        assert time.monotonic() - began < 0.2 + _SLACK_S
        assert server.wait_until_idle(_SLACK_S)

    def test_signs_of_life_do_not_lengthen_the_wait_for_content(self, call: Call, provider: Provider, server: StrictOpenAI) -> None:
        server.script(Fault(keep_alive_s=0.02))
        assert self._is_given_up_early(call, provider, server)

    def test_blank_pieces_do_not_lengthen_the_wait_for_content(self, stream_call: Call, provider: Provider, server: StrictOpenAI) -> None:
        server.script(Fault(text=" " * 500, trickle_s=0.0002))
        assert self._is_given_up_early(stream_call, provider, server)

    def _is_given_up_early(self, call: Call, provider: Provider, server: StrictOpenAI) -> bool:
        began = time.monotonic()
        assert "timeout" == failure(call, provider, first_token_s=0.2).code
        assert time.monotonic() - began < 0.2 + _SLACK_S
        return server.wait_until_idle(_SLACK_S)

    @needs("between_chunks")
    def test_silence_between_chunks_is_limited(self, call: Call, provider: Provider, server: StrictOpenAI) -> None:
        server.script(Fault(text="some longer text", stall_after=3))
        began = time.monotonic()
        assert "timeout" == failure(call, provider).code
        assert BETWEEN_CHUNKS_S - 0.05 < time.monotonic() - began < BETWEEN_CHUNKS_S + _SLACK_S

    def test_closing_a_stream_closes_the_upstream(self, provider: Provider, server: StrictOpenAI) -> None:
        server.script(Fault(text="some longer text", stall_after=3))
        chunks = provider.stream(ask("Hi."))
        next(chunks)
        chunks.close()  # type: ignore[attr-defined]  # the contract asks for it, the Iterator type does not have it
        assert server.wait_until_idle(_SLACK_S)

    async def test_closing_an_async_stream_closes_the_upstream(self, provider: Provider, server: StrictOpenAI) -> None:
        server.script(Fault(text="some longer text", stall_after=3))
        chunks = provider.astream(ask("Hi."))
        await anext(chunks)
        await chunks.aclose()  # type: ignore[attr-defined]  # as above
        assert await asyncio.to_thread(server.wait_until_idle, 1.0)

    @pytest.mark.parametrize("fault", [Fault(hang=True), Fault(text="some longer text", stall_after=3)])
    @pytest.mark.parametrize("colour", ["acomplete", "astream"])
    async def test_cancelling_a_call_closes_the_upstream(self, provider: Provider, server: StrictOpenAI, colour: str, fault: Fault) -> None:
        async def read() -> None:
            if colour == "acomplete":
                await provider.acomplete(ask("Hi."))
            else:
                _ = [chunk async for chunk in provider.astream(ask("Hi."))]

        server.script(fault)
        task = asyncio.create_task(read())
        assert await asyncio.to_thread(server.wait_for_live, 1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await asyncio.to_thread(server.wait_until_idle, 1.0)
