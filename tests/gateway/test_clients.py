"""Clients as they are, on the wire: asynchronous SDKs, structured output, coding agents' own requests, curl, Aider's litellm."""

from __future__ import annotations

import http.client
import json
import shutil
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import anthropic
import openai
import pydantic
import pytest

from tests.gateway.test_messages import TOOL
from tests.servers.fault import Fault

HELLO = [{"role": "user", "content": "Say hello."}]
RECORDED = {path.stem: json.loads(path.read_text()) for path in (Path(__file__).parent / "recorded").glob("*.json")}
"""One request of each client as it came over the wire: texts and lists of tools cut down, ids and folders replaced."""


class Weather(pydantic.BaseModel):
    city: str


def events(served, client: str, **changed) -> list[tuple[str, dict]]:
    """Names and data of the events that answer a client's recorded request; of a chat, which names none, they are `data`."""
    asked, place = RECORDED[client], urlsplit(served.url)
    connection = http.client.HTTPConnection(place.hostname, place.port, timeout=20)
    try:
        connection.request("POST", asked["path"], json.dumps(asked["body"] | changed), asked["headers"])
        answer = connection.getresponse()
        text = answer.read().decode()
        assert 200 == answer.status, text
    finally:
        connection.close()
    blocks = [dict(line.split(": ", 1) for line in block.split("\n")) for block in text.split("\n\n") if block]
    return [(b.get("event", "data"), json.loads(b["data"])) for b in blocks if b.get("data", "[DONE]") != "[DONE]"]


async def test_asynchronous_openai_sdk_whole_streamed_and_parsed(served):
    async with openai.AsyncOpenAI(base_url=served.base_url, api_key="x", max_retries=0) as client:
        served.first.script(Fault(text="one two"), Fault(text="one two"), Fault(text='{"city": "Paris"}'))
        assert "one two" == (await client.chat.completions.create(model="coding", messages=HELLO)).choices[0].message.content
        stream = await client.chat.completions.create(model="coding", messages=HELLO, stream=True)
        assert "one two" == "".join([chunk.choices[0].delta.content or "" async for chunk in stream])
        parsed = await client.chat.completions.parse(model="coding", messages=HELLO, response_format=Weather)
        assert Weather(city="Paris") == parsed.choices[0].message.parsed


async def test_asynchronous_anthropic_sdk_streams_tools(served):
    async with (
        anthropic.AsyncAnthropic(base_url=served.url, api_key="x", max_retries=0) as client,
        client.messages.stream(model="coding", max_tokens=99, messages=HELLO, tools=[TOOL], tool_choice={"type": "any"}) as stream,
    ):
        final = await stream.get_final_message()
    assert ("tool_use", {"city"}) == (final.stop_reason, set(final.content[-1].input))


@pytest.mark.parametrize("client", sorted(RECORDED))
def test_recorded_request_is_answered_and_every_one_of_its_messages_reaches_a_strict_provider(served, client):
    served.first.script(Fault(text="Fixed it."))
    told = events(served, client)
    said = "".join(_text_of(data) for _, data in told)
    assert ("Fixed it.", 1, 0) == (said, served.first.hits, served.second.hits)
    sent = json.dumps(served.first.bodies[0])
    assert all(text in sent for text in _texts(RECORDED[client]["body"]))


@pytest.mark.parametrize(("client", "session"), [("claude_code", "00000000"), ("codex", "00000000"), ("opencode", "ses_0000")])
def test_session_is_the_clients_own(served, client, session):
    events(served, client)
    served.stop()
    rows = [json.loads(line) for path in (served.config.parent / "data").rglob("*.jsonl") for line in path.read_text().splitlines()]
    assert rows[0]["session"].startswith(session)


def test_claude_codes_stream_has_the_order_of_the_format_and_shows_thinking(served):
    served.first.script(Fault(tool_calls=[("Bash", '{"command": "ls"}')], reasoning="Let me look."))
    told = events(served, "claude_code")
    names = [name for name, _ in told]
    assert ["message_start", "content_block_start"] == names[:2]
    assert ["content_block_stop", "message_delta", "message_stop"] == names[-3:]
    assert ["thinking", "tool_use"] == [data["content_block"]["type"] for name, data in told if name == "content_block_start"]
    assert names.count("content_block_start") == names.count("content_block_stop")
    assert "tool_use" == told[-2][1]["delta"]["stop_reason"]
    arguments = "".join(data["delta"].get("partial_json", "") for name, data in told if name == "content_block_delta")
    assert {"command": "ls"} == json.loads(arguments)


def test_codex_gets_calls_of_its_namespaces_and_reasoning_back_as_it_named_them(served):
    calls = [("exec_command", '{"cmd": "ls"}'), ("multi_agent_v1__close_agent", '{"target": "a"}')]
    served.first.script(Fault(tool_calls=calls, reasoning="Let me look."))
    told = events(served, "codex")
    assert ("response.created", "response.completed") == (told[0][0], told[-1][0])
    done = [data["item"] for name, data in told if name == "response.output_item.done"]
    assert [("exec_command", None), ("close_agent", "multi_agent_v1")] == [(i["name"], i.get("namespace")) for i in done[1:]]
    assert "Let me look." == done[0]["summary"][0]["text"]
    assert done == told[-1][1]["response"]["output"]
    assert list(range(len(told))) == [data["sequence_number"] for _, data in told]
    assert ["exec_command", "multi_agent_v1__wait_agent"] == _called(served.first.bodies[0]["messages"])[1:]


@pytest.mark.skipif(shutil.which("curl") is None, reason="no curl here")
def test_curl_reads_a_stream_to_its_end(served):
    body = json.dumps({"model": "coding", "stream": True, "messages": HELLO})
    done = subprocess.run(["curl", "-sN", f"{served.base_url}/chat/completions", "-d", body], capture_output=True, timeout=30, check=True)
    assert done.stdout.endswith(b"data: [DONE]\n\n")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_aiders_call_through_litellm_streams(served):
    """Aider asks litellm for `openai/…` with this base, streamed, at temperature 0."""
    litellm = pytest.importorskip("litellm")
    served.first.script(Fault(text="<<<<<<< SEARCH one >>>>>>> REPLACE"))
    ask = {"model": "openai/coding", "messages": HELLO, "stream": True, "temperature": 0, "api_base": served.base_url, "api_key": "x"}
    pieces = [chunk.choices[0].delta.content or "" for chunk in litellm.completion(**ask, num_retries=0)]
    assert "<<<<<<< SEARCH one >>>>>>> REPLACE" == "".join(pieces)
    assert 1 == served.first.hits


def _text_of(data: dict) -> str:
    """Text that one event of any format adds."""
    if data.get("type") == "response.output_text.delta":
        return data["delta"]
    if data.get("type") == "content_block_delta":
        return data["delta"]["text"]
    return (data.get("choices") or [{}])[0].get("delta", {}).get("content") or ""


def _texts(body: dict) -> list[str]:
    """Texts of a request in any format, as they stand in JSON."""
    found: list[str] = []

    def look(value) -> None:
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            if key in ("text", "content", "output", "instructions") and isinstance(inner, str):
                found.append(json.dumps(inner)[1:-1])
            elif isinstance(inner, dict | list) and key not in ("tools", "summary", "text"):
                look(inner)

    look(body)
    return found


def _called(messages: list[dict]) -> list[str]:
    return [call["function"]["name"] for message in messages for call in message.get("tool_calls") or ()]
