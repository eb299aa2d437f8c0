"""Replay keeps the provider contract with what was recorded, and never answers what was not."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from routerkit.errors import ConfigError, ProviderError
from routerkit.messages import Reply, Request, ToolCall, Usage
from routerkit.providers.paced import Pacer
from routerkit.providers.replay import Recording, Replay, request_key
from tests.contracts.colours import Call
from tests.contracts.provider import ProviderContract, ask

USAGE = Usage(11, 7, cached_input_tokens=3)


def recorded(path: Path, *answers: tuple[Request, Reply]) -> Replay:
    with Recording(path) as recording:
        for request, reply in answers:
            recording.add(request, reply, latency_s=1.5)
    return Replay(path)


class TestReplay(ProviderContract):
    """Of a recording that has an answer to each of these questions."""

    lacks = frozenset({"tools", "parallel_tools", "json_schema", "stop", "max_tokens", "echo"})

    @pytest.fixture
    def provider(self, tmp_path: Path) -> Replay:
        questions = ("Say something.", "Hello.", "One.", "Two.", "Three.")
        return recorded(tmp_path / "runs.jsonl", *((ask(q), Reply(f"answer to {q}", usage=USAGE)) for q in questions))


@pytest.mark.parametrize("name", ["runs.jsonl", "runs.jsonl.gz"])
def test_everything_of_an_answer_comes_back(call: Call, tmp_path: Path, name: str) -> None:
    reply = Reply(
        text="Größe 🙂",
        tool_calls=(ToolCall("call_1", "f", '{"a": 1}'),),
        finish_reason="tool_calls",
        usage=USAGE,
        model="big-2026",
        reasoning="because",
        refusal="not that",
        extra={"signed": ["x"]},
    )
    again = call(recorded(tmp_path / name, (ask("Hi."), reply)), ask("Hi."))
    assert {"signed": ["x"], "recorded_latency_s": 1.5} == again.extra
    for field in ("text", "tool_calls", "finish_reason", "usage", "model", "reasoning", "refusal"):
        assert getattr(reply, field) == getattr(again, field), field


def test_unknown_usage_is_estimated_and_marked(call: Call, tmp_path: Path) -> None:
    usage = call(recorded(tmp_path / "r.jsonl", (ask("y" * 400), Reply("x" * 400))), ask("y" * 400)).usage
    assert usage.is_estimated
    assert 85 <= usage.output_tokens <= 115


def test_estimated_usage_is_not_recorded_as_measured(tmp_path: Path) -> None:
    recorded(tmp_path / "r.jsonl", (ask("Hi."), Reply("x", usage=Usage(1, 2, is_estimated=True))))
    assert "usage" not in json.loads((tmp_path / "r.jsonl").read_text())


@pytest.mark.parametrize(
    "fields", [{"model": "other"}, {"messages": ({"role": "user", "content": "Ho."},)}, {"response_format": {"type": "json_object"}}]
)
def test_what_was_not_recorded_is_not_found(call: Call, tmp_path: Path, fields: dict[str, Any]) -> None:
    replay = recorded(tmp_path / "runs.jsonl", (ask("Hi."), Reply("x")))
    with pytest.raises(ProviderError, match=r"recording 'runs\.jsonl' has no answer") as caught:
        call(replay, ask("Hi.", **fields))
    assert "not_found" == caught.value.code


def test_sampling_settings_do_not_belong_to_the_question(tmp_path: Path) -> None:
    replay = recorded(tmp_path / "r.jsonl", (ask("Hi.", temperature=0.2, max_tokens=9, extra={"seed": 1}), Reply("x")))
    assert "x" == replay.complete(ask("Hi.", temperature=0.9)).text


def test_key_does_not_depend_on_the_order_of_fields() -> None:
    one = ask("", messages=({"role": "user", "content": "é"},), tools=({"type": "function", "function": {"name": "f"}},))
    other = ask("", messages=({"content": "é", "role": "user"},), tools=({"function": {"name": "f"}, "type": "function"},))
    assert request_key(one) == request_key(other)
    assert 64 == len(request_key(one))


def test_key_is_stable_over_versions() -> None:
    """Recordings are kept for years; a changed key would lose them all."""
    request = Request("m", ({"role": "user", "content": "hi"},))
    assert "6d139f1403cd84518768857efed6c375c0e3fe1af3f250cd3a5c59ea87a0323c" == request_key(request)


def test_asked_sample_is_served_and_a_missing_one_is_named(call: Call, tmp_path: Path) -> None:
    replay = recorded(tmp_path / "r.jsonl", *((ask("Hi."), Reply(f"answer {n}")) for n in range(3)))
    assert "answer 2" == call(replay, ask("Hi.", extra={"sample": 2})).text
    with pytest.raises(ProviderError, match=r"no sample 3 .* only \[0, 1, 2\]"):
        call(replay, ask("Hi.", extra={"sample": 3}))


def test_samples_take_turns_when_none_is_asked_for(call: Call, tmp_path: Path) -> None:
    replay = recorded(tmp_path / "r.jsonl", *((ask("Hi."), Reply(f"answer {n}")) for n in range(2)))
    assert ["answer 0", "answer 1", "answer 0"] == [call(replay, ask("Hi.")).text for _ in range(3)]


def test_threads_share_the_turns_evenly(tmp_path: Path) -> None:
    replay = recorded(tmp_path / "r.jsonl", *((ask("Hi."), Reply(f"answer {n}")) for n in range(4)))
    with ThreadPoolExecutor(4) as threads:
        texts = threads.map(lambda _: replay.complete(ask("Hi.")).text, range(400))
    assert {f"answer {n}": 100 for n in range(4)} == Counter(texts)


def test_recorded_failure_fails_again_with_all_it_said(call: Call, tmp_path: Path) -> None:
    failure = ProviderError("slow down", code="rate_limit", status=429, retry_after_s=7.0, maybe_billed=True)
    with Recording(tmp_path / "r.jsonl") as recording:
        recording.add_failure(ask("Hi."), failure, latency_s=0.2)
        recording.add(ask("Hi."), Reply("now it works"), latency_s=None)
    replay = Replay(tmp_path / "r.jsonl")
    with pytest.raises(ProviderError, match="slow down") as caught:
        call(replay, ask("Hi."))
    again = caught.value
    assert ("rate_limit", "rate_limit", 429, 7.0, True) == (again.code, again.kind, again.status, again.retry_after_s, again.maybe_billed)
    reply = call(replay, ask("Hi."))
    assert ("now it works", None) == (reply.text, reply.extra["recorded_latency_s"])


def test_recording_is_continued_with_the_next_sample(tmp_path: Path) -> None:
    recorded(tmp_path / "r.jsonl", (ask("Hi."), Reply("first")))
    replay = recorded(tmp_path / "r.jsonl", (ask("Hi."), Reply("second")))
    assert "second" == replay.complete(ask("Hi.", extra={"sample": 1})).text


def test_recorded_latency_is_waited_for_only_when_asked(call: Call, tmp_path: Path) -> None:
    waits: list[float] = []

    async def apause(wait_s: float) -> None:
        waits.append(wait_s)

    recorded(tmp_path / "r.jsonl", (ask("Hi."), Reply("a few words more")))
    call(Replay(tmp_path / "r.jsonl", sleep=Pacer(waits.append, apause)), ask("Hi."))
    assert 1.5 == pytest.approx(sum(waits))


def test_first_piece_comes_after_its_recorded_wait(tmp_path: Path) -> None:
    waits: list[float] = []

    async def apause(wait_s: float) -> None:
        waits.append(wait_s)

    with Recording(tmp_path / "r.jsonl") as recording:
        recording.add(ask("Hi."), Reply("a b"), latency_s=3.0, first_token_s=2.0)
    list(Replay(tmp_path / "r.jsonl", sleep=Pacer(waits.append, apause)).stream(ask("Hi.")))
    assert [2.0, 0.5, 0.5] == waits


def line(**fields: Any) -> str:
    return json.dumps({"format": "rk-replay/1", "key": "k", "model": "m", "sample": 0, "text": "x", **fields})


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ('{"format": "rk-replay/2"}', "not a line of format rk-replay/1"),
        ("[]", "not a line of format"),
        ("{", "line 1"),
        (line(key=None), "'key'"),
        (line(sample="one"), "'sample'"),
        (line(text=None), "'text' or an 'error'"),
        (line(error="e", code="strange"), "unknown error code 'strange'"),
        (line(usage={"input_tokens": "many"}), "usage"),
        (line(tool_calls=[{"name": "f"}]), "missing"),
        (line() + "\n\n" + line(), "line 3: sample 0 of key k is there twice"),
    ],
)
def test_broken_recording_is_refused_with_its_line(tmp_path: Path, content: str, complaint: str) -> None:
    (tmp_path / "r.jsonl").write_text(content)
    with pytest.raises(ConfigError, match=complaint):
        Replay(tmp_path / "r.jsonl")


def test_missing_and_truncated_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        Replay(tmp_path / "none.jsonl")
    (tmp_path / "cut.jsonl.gz").write_bytes(gzip.compress(line().encode())[:-9])
    with pytest.raises(ConfigError, match="line 1"):
        Replay(tmp_path / "cut.jsonl.gz")
