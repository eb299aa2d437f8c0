"""OpenAI's format to values and back, without a server."""

from __future__ import annotations

import json
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routerkit.errors import ProviderError
from routerkit.messages import Chunk, Request, Usage
from routerkit.providers import openai_format, openai_request, openai_usage
from routerkit.providers.openai_errors import Upstream
from routerkit.providers.openai_stream import StreamDecoder
from routerkit.providers.plain_answer import plain_answer
from routerkit.providers.sse import SseDecoder
from tests.contracts.colours import joined

REQUEST = Request(model="m", messages=({"role": "user", "content": "hi"},))
TOOL: Any = {"type": "function", "function": {"name": "f"}}


def body(request: Request, **options: Any) -> Any:
    return json.loads(openai_request.payload(request, **options))


def whole(message: dict[str, Any], finish: str | None = "stop", **top: Any) -> dict[str, Any]:
    return {"model": "m-1", "choices": [{"index": 0, "message": message, "finish_reason": finish}], **top}


def event(delta: dict[str, Any], finish: str | None = None, **top: Any) -> bytes:
    return b"data: " + json.dumps({"choices": [{"index": 0, "delta": delta, "finish_reason": finish}], **top}).encode() + b"\n\n"


def streamed(*parts: bytes) -> list[Chunk]:
    decoder = StreamDecoder(REQUEST, Upstream("up"))
    return [chunk for part in (*parts, b"") if not decoder.is_done for chunk in decoder.feed(part)]


class TestPayload:
    def test_unset_fields_are_left_out(self) -> None:
        assert {"model": "m", "messages": [{"role": "user", "content": "hi"}]} == body(REQUEST)

    def test_every_field_has_its_place(self) -> None:
        request = Request("m", REQUEST.messages, (TOOL,), "auto", {"type": "text"}, 0.0, 5, ("a", "b"), {"seed": 1})
        assert {
            "model": "m",
            "messages": [{"role": "user", "content": "hi"}],
            "tools": [TOOL],
            "tool_choice": "auto",
            "response_format": {"type": "text"},
            "temperature": 0.0,
            "max_tokens": 5,
            "stop": ["a", "b"],
            "seed": 1,
        } == body(request)

    def test_token_limit_can_have_another_name(self) -> None:
        request = Request("m", REQUEST.messages, max_tokens=5)
        assert 5 == body(request, max_tokens_field="max_completion_tokens")["max_completion_tokens"]

    def test_extra_changes_neither_model_nor_messages_nor_streaming(self) -> None:
        request = Request("m", REQUEST.messages, extra={"model": "evil", "messages": [], "stream": True, "temperature": 1.0})
        assert {"model": "m", "messages": [{"role": "user", "content": "hi"}], "temperature": 1.0} == body(request)

    def test_tool_choice_goes_only_with_tools(self) -> None:
        assert "tool_choice" not in body(Request("m", REQUEST.messages, tool_choice="auto"))

    def test_streams_ask_for_usage_and_keep_other_stream_options(self) -> None:
        request = Request("m", REQUEST.messages, extra={"stream_options": {"include_usage": False, "x": 1}})
        sent = json.loads(openai_request.stream_payload(request))
        assert {"stream": True, "stream_options": {"include_usage": True, "x": 1}} == {k: sent[k] for k in ("stream", "stream_options")}

    def test_any_mapping_and_half_a_surrogate_pair_can_be_sent(self) -> None:
        request = Request("m", (MappingProxyType({"role": "user", "content": "\ud83d"}),))
        assert "\ud83d" == body(request)["messages"][0]["content"]

    @pytest.mark.parametrize("value", [float("nan"), object(), {1, 2}])
    def test_what_is_not_json_is_refused_as_invalid(self, value: Any) -> None:
        with pytest.raises(ProviderError) as caught:
            openai_request.payload(Request("m", ({"role": "user", "content": value},)))
        assert "invalid_request" == caught.value.code


class TestReply:
    def test_tool_arguments_stay_the_text_the_model_wrote(self) -> None:
        call = {"id": "c", "function": {"name": "f", "arguments": '{"a" : 1,}'}}
        (found,) = openai_format.reply(whole({"tool_calls": [call]}, "tool_calls"), REQUEST).tool_calls
        assert ("c", "f", '{"a" : 1,}') == (found.id, found.name, found.arguments)

    def test_missing_tool_call_ids_are_minted_and_differ(self) -> None:
        call = {"function": {"name": "f", "arguments": {"a": 1}}}
        first, second = openai_format.reply(whole({"tool_calls": [call, call]}, None), REQUEST).tool_calls
        assert first.id
        assert first.id != second.id
        assert {"a": 1} == json.loads(first.arguments)

    @pytest.mark.parametrize("name", ["reasoning", "reasoning_content"])
    def test_reasoning_is_read_under_both_names(self, name: str) -> None:
        assert "hm" == openai_format.reply(whole({"content": "x", name: "hm"}), REQUEST).reasoning

    def test_unknown_message_fields_are_kept(self) -> None:
        message = {"role": "assistant", "content": "x", "thinking_blocks": [{"signature": "s"}], "audio": None}
        assert {"thinking_blocks": [{"signature": "s"}]} == openai_format.reply(whole(message), REQUEST).extra

    def test_text_parts_are_joined_and_kept(self) -> None:
        parts = [{"type": "thinking", "thinking": []}, {"type": "text", "text": "a"}, {"type": "text", "text": "b"}]
        reply = openai_format.reply(whole({"content": parts}), REQUEST)
        assert ("ab", parts) == (reply.text, reply.extra["content"])

    @pytest.mark.parametrize(
        ("raw", "word"),
        [
            ("stop", "stop"),
            ("max_tokens", "length"),
            ("STOP", "stop"),
            ("MAX_TOKENS", "length"),
            ("model_context_window_exceeded", "length"),
            ("RECITATION", "content_filter"),
            ("tool_calls", "stop"),
            ("new_word", "new_word"),
            (None, "unknown"),
        ],
    )
    def test_finish_reasons_are_put_in_openais_words(self, raw: str | None, word: str) -> None:
        assert word == openai_format.reply(whole({"content": "x"}, raw), REQUEST).finish_reason

    def test_calls_under_one_id_get_their_own(self) -> None:
        """Results are told apart by nothing else."""
        calls = [{"id": "c", "function": {"name": n, "arguments": "{}"}} for n in ("f", "g")]
        first, second = openai_format.reply(whole({"tool_calls": calls}, "tool_calls"), REQUEST).tool_calls
        assert ("c", "f", "g") == (first.id, first.name, second.name)
        assert second.id not in {"", "c"}

    def test_call_of_a_tool_without_a_name_is_malformed(self) -> None:
        with pytest.raises(ProviderError, match="no name") as caught:
            openai_format.reply(whole({"tool_calls": [{"id": "c", "function": {"arguments": "{}"}}]}, "tool_calls"), REQUEST)
        assert "malformed" == caught.value.code

    def test_finish_reason_error_is_a_failure(self) -> None:
        with pytest.raises(ProviderError) as caught:
            openai_format.reply(whole({"content": "half"}, "error"), REQUEST)
        assert "server" == caught.value.code

    @pytest.mark.parametrize("parsed", [[], "x", None, {"choices": [{}]}, {"choices": [{"message": None}]}])
    def test_other_shapes_are_malformed(self, parsed: Any) -> None:
        with pytest.raises(ProviderError) as caught:
            openai_format.reply(parsed, REQUEST)
        assert "malformed" == caught.value.code

    @pytest.mark.usefixtures("no_collection")
    @pytest.mark.parametrize("data", [b"", b"{", b"\xff", b"[" * 100_000])
    def test_what_is_not_json_is_malformed(self, data: bytes) -> None:
        with pytest.raises(ProviderError) as caught:
            openai_format.decode(data)
        assert "malformed" == caught.value.code


class TestUsage:
    def test_details_are_read(self) -> None:
        raw: Any = {
            "prompt_tokens": 10,
            "completion_tokens": 5,
            "prompt_tokens_details": {"cached_tokens": 4},
            "completion_tokens_details": {"reasoning_tokens": 3},
        }
        assert Usage(10, 5, 4, 0, 3) == openai_usage.usage(raw)

    @pytest.mark.parametrize(("total", "output"), [(18, 8), (15, 5), (None, 5)])
    def test_reasoning_that_a_server_counts_beside_the_completion_is_part_of_the_output(self, total: int | None, output: int) -> None:
        """xAI bills it as such, and only the total tells."""
        details = {"completion_tokens_details": {"reasoning_tokens": 3}}
        raw: Any = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": total, **details}
        assert Usage(10, output, reasoning_tokens=3) == openai_usage.usage(raw)
        answer = json.dumps(whole({"content": "x"}) | {"usage": raw}).encode()
        plain = plain_answer(answer, REQUEST)
        assert plain is not None
        assert Usage(10, output, reasoning_tokens=3) == plain.usage

    def test_other_servers_names_are_read(self) -> None:
        raw = {"prompt_tokens": 10, "completion_tokens": 5, "prompt_cache_hit_tokens": 4, "cache_creation_input_tokens": 2}
        assert Usage(10, 5, 4, 2, 0) == openai_usage.usage(raw)

    def test_negative_counts_become_zero_and_mark_the_rest(self) -> None:
        assert Usage(0, 5, is_estimated=True) == openai_usage.usage({"prompt_tokens": -1, "completion_tokens": 5})

    @pytest.mark.parametrize("odd", [0, None, "7", 10**12, 10**16, float("nan")])
    @pytest.mark.parametrize("side", ["prompt_tokens", "completion_tokens"])
    def test_side_that_nobody_counted_is_estimated_and_marked(self, side: str, odd: Any) -> None:
        """A prompt of no tokens does not exist, and a count of billions would empty every budget."""
        answer = whole({"content": "x" * 400}) | {"usage": {"prompt_tokens": 7, "completion_tokens": 7, side: odd}}
        used = openai_format.reply(answer, Request("m", ({"role": "user", "content": "y" * 400},))).usage
        found = (used.input_tokens, used.output_tokens) if side == "prompt_tokens" else (used.output_tokens, used.input_tokens)
        assert used.is_estimated
        assert 85 <= found[0] <= 115
        assert 7 == found[1]

    @pytest.mark.parametrize("raw", [None, [], {}, {"prompt_tokens": 0, "completion_tokens": 0}])
    def test_absent_usage_is_none(self, raw: Any) -> None:
        assert openai_usage.usage(raw) is None

    @settings(deadline=None)
    @given(
        st.dictionaries(
            st.sampled_from(["prompt_tokens", "completion_tokens", "cached_tokens"]), st.floats() | st.integers() | st.just("7")
        )
    )
    def test_no_report_breaks_it_or_yields_negative_counts(self, raw: dict[str, Any]) -> None:
        found = openai_usage.usage(raw) or Usage()
        assert min(found.input_tokens, found.output_tokens, found.cached_input_tokens) >= 0


class TestStream:
    def test_growing_usage_is_reported_once_with_its_last_value(self) -> None:
        parts = [event({"content": "a"}, usage={"prompt_tokens": 3, "completion_tokens": n}) for n in (1, 2)]
        chunks = streamed(*parts, event({}, "stop", usage={"prompt_tokens": 3, "completion_tokens": 2}), b"data: [DONE]\n\n")
        assert Usage(3, 2) == joined(chunks).usage

    def test_tool_calls_that_share_index_zero_are_told_apart_by_id(self) -> None:
        deltas = [{"index": 0, "id": i, "function": {"name": i, "arguments": "{}"}} for i in ("a", "b")]
        reply = joined(streamed(*[event({"tool_calls": [d]}) for d in deltas], event({}, "tool_calls")))
        assert [("a", "a"), ("b", "b")] == [(c.id, c.name) for c in reply.tool_calls]

    def test_calls_under_one_id_get_their_own(self) -> None:
        deltas = [{"index": n, "id": "c", "function": {"name": "f", "arguments": "{}"}} for n in (0, 1)]
        first, second = joined(streamed(*[event({"tool_calls": [d]}) for d in deltas], event({}, "tool_calls"))).tool_calls
        assert "c" == first.id
        assert second.id not in {"", "c"}

    @pytest.mark.parametrize("pieces", [['{"a": 1}', '{"a": 2}'], ['{"a"', ": 1}", '{"a": 2}', ""]])
    def test_calls_of_one_tool_without_ids_and_indexes_are_told_apart_by_their_arguments(self, pieces: list[str]) -> None:
        """Servers that call whole, and servers that say the name again with every piece."""
        deltas = [{"function": {"name": "f", "arguments": piece}} for piece in pieces]
        reply = joined(streamed(*[event({"tool_calls": [d]}) for d in deltas], event({}, "tool_calls")))
        assert [("f", '{"a": 1}'), ("f", '{"a": 2}')] == [(c.name, c.arguments) for c in reply.tool_calls]
        assert 2 == len({c.id for c in reply.tool_calls})

    def test_id_that_comes_with_a_late_name_is_kept(self) -> None:
        deltas = [{"index": 0, "function": {"arguments": "{"}}, {"index": 0, "id": "a", "function": {"name": "f", "arguments": "}"}}]
        (call,) = joined(streamed(*[event({"tool_calls": [d]}) for d in deltas], event({}, "tool_calls"))).tool_calls
        assert ("a", "f", "{}") == (call.id, call.name, call.arguments)

    def test_finish_reason_tool_calls_without_one_is_stop(self) -> None:
        assert "stop" == joined(streamed(event({"content": "x"}), event({}, "tool_calls"))).finish_reason

    def test_tool_call_without_id_gets_exactly_one(self) -> None:
        deltas = [{"index": 0, "function": {"name": "f", "arguments": piece}} for piece in ("{", "}")]
        (call,) = joined(streamed(*[event({"tool_calls": [d]}) for d in deltas], event({}, "tool_calls"))).tool_calls
        assert ("f", "{}") == (call.name, call.arguments)
        assert 29 == len(call.id)

    def test_unknown_delta_fields_are_kept(self) -> None:
        assert {"signature": "s"} == joined(streamed(event({"signature": "s", "content": "x"}, "stop"))).extra

    def test_finish_reason_that_is_said_twice_is_delivered_once(self) -> None:
        assert "stop" == joined(streamed(event({"content": "x"}, "stop"), event({}, "stop"))).finish_reason

    def test_other_choices_are_ignored(self) -> None:
        other = b'data: {"choices": [{"index": 1, "delta": {"content": "no"}, "finish_reason": "stop"}]}\n\n'
        assert "yes" == joined(streamed(other, event({"content": "yes"}, "stop"))).text

    def test_word_of_the_server_is_not_repeated(self) -> None:
        """It may be anything, the key it was sent included."""
        with pytest.raises(ProviderError) as caught:
            streamed(event({}, "plain-secret-0123"))
        assert ("empty_answer", False) == (caught.value.code, "plain-secret" in str(caught.value))

    @pytest.mark.parametrize(
        ("parts", "code"),
        [
            ([], "truncated"),
            ([event({"tool_calls": [{"index": 0, "id": "c", "function": {"arguments": "{}"}}]}), event({}, "tool_calls")], "malformed"),
            ([b"data: [DONE]\n\n"], "truncated"),
            ([event({"content": "x"})], "truncated"),
            ([event({"content": "x"}), b'data: {"choi'], "truncated"),
            ([event({"content": "x"}), b"data: [DONE]\n\n"], "truncated"),
            ([b'data: {"choices": []}\n\n', b"data: [DONE]\n\n"], "empty_answer"),
            ([event({}, "stop")], "empty_answer"),
            ([event({"reasoning": "hm"}, "stop")], "empty_answer"),
            ([b"data: {\n\n"], "malformed"),
            ([b"data: [1]\n\n"], "malformed"),
            ([b"<html>\n<body>\n"], "malformed"),
            ([b'data: {"error": {"code": "rate_limit_exceeded", "message": "slow"}}\n\n'], "rate_limit"),
            ([b'data: {"error": {"code": 529, "message": "x"}}\n\n'], "overloaded"),
            ([b'data: {"error": "something broke"}\n\n'], "server"),
            ([b'data: {"error": {"type": "invalid_request_error", "message": "prompt is too long"}}\n\n'], "context_length"),
        ],
    )
    def test_streams_that_go_wrong_are_named(self, parts: list[bytes], code: str) -> None:
        with pytest.raises(ProviderError) as caught:
            streamed(*parts)
        assert code == caught.value.code

    def test_loss_of_the_connection_after_the_finish_reason_is_no_failure(self) -> None:
        decoder = StreamDecoder(REQUEST, Upstream("up"))
        chunks = decoder.feed(event({"content": "all"}, "stop")) + decoder.broken(ProviderError("gone", code="disconnected"))
        assert "all" == joined(chunks).text

    def test_loss_of_the_connection_before_it_is_raised(self) -> None:
        decoder = StreamDecoder(REQUEST, Upstream("up"))
        decoder.feed(event({"content": "half"}))
        with pytest.raises(ProviderError, match="gone"):
            decoder.broken(ProviderError("gone", code="disconnected"))


class TestSse:
    @pytest.mark.parametrize(
        "text",
        [
            "data: é1\n\ndata: 2\n\n",
            "data: é1\r\n\r\ndata: 2\r\n\r\n",
            "data: é1\r\rdata: 2\r\r",
            "\ufeffdata: é1\n\ndata: 2\n\n",
            ": hello\n\ndata:é1\n\n:\n\ndata:2\n\n",
            "event: x\nid: 1\nretry: 5\ndata: é1\n\ndata: 2\nid: 2\n\n",
        ],
    )
    @pytest.mark.parametrize("size", [1, 2, 3, 1000])
    def test_every_framing_in_pieces_of_every_size_gives_the_same_events(self, text: str, size: int) -> None:
        raw, decoder = text.encode(), SseDecoder()
        events = [e for i in range(0, len(raw), size) for e in decoder.feed(raw[i : i + size])]
        assert ["é1", "2"] == [e.decode() for e in events]
        assert not decoder.foreign

    def test_lines_of_one_event_are_joined(self) -> None:
        assert [b"a\n\nb"] == SseDecoder().feed(b"data: a\ndata\ndata: b\n\n")

    def test_last_event_may_lack_its_blank_line(self) -> None:
        decoder = SseDecoder()
        assert [] == decoder.feed(b"data: [DONE]")
        assert [b"[DONE]"] == decoder.flush()

    @pytest.mark.parametrize("raw", [b"data: " + b"x" * 200, b"data: " + b"x" * 200 + b"\n", b"data: xxxxxxxxxx\n" * 20])
    def test_events_are_limited_in_size(self, raw: bytes) -> None:
        with pytest.raises(ProviderError) as caught:
            SseDecoder(max_event_bytes=100).feed(raw)
        assert "malformed" == caught.value.code

    @settings(deadline=None)
    @given(st.lists(st.text("aé你🙂 :{}\\\t\u2028\x85", min_size=1)), st.integers(1, 7), st.sampled_from(["\n", "\r\n", "\r"]))
    def test_any_text_survives_any_split(self, texts: list[str], size: int, end: str) -> None:
        raw, decoder = "".join(f"data: {t}{end}{end}" for t in texts).encode(), SseDecoder()
        assert texts == [e.decode() for i in range(0, len(raw), size) for e in decoder.feed(raw[i : i + size])]
