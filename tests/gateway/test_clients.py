"""Clients as they are, on the wire: asynchronous SDKs, structured output, coding agents' own requests, curl, Aider's litellm."""

from __future__ import annotations

import http.client
import json
import shutil
import subprocess
from urllib.parse import urlsplit

import anthropic
import openai
import pydantic
import pytest

from tests.gateway.test_messages import TOOL
from tests.servers.fault import Fault

HELLO = [{"role": "user", "content": "Say hello."}]
CLAUDE_CODE = {
    "model": "coding",
    "max_tokens": 32_000,
    "stream": True,
    "temperature": 1,
    "system": [
        {"type": "text", "text": "You are Claude Code.", "cache_control": {"type": "ephemeral"}},
        {"type": "text", "text": "Working directory: /src", "cache_control": {"type": "ephemeral"}},
    ],
    "tools": [{**TOOL, "cache_control": {"type": "ephemeral"}}],
    "tool_choice": {"type": "any"},
    "thinking": {"type": "enabled", "budget_tokens": 31_999},
    "metadata": {"user_id": "user_1_account__session_2"},
    "messages": [{"role": "user", "content": [{"type": "text", "text": "weather?", "cache_control": {"type": "ephemeral"}}]}],
}
"""What Claude Code sends, cut down to one tool."""
CODEX = {
    "model": "coding",
    "instructions": "You are a coding agent.",
    "input": [
        {"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "sandbox: read-only"}]},
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "list the files"}]},
    ],
    "tools": [
        {
            "type": "function",
            "name": "shell",
            "description": "Runs a command.",
            "strict": False,
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
        }
    ],
    "tool_choice": "auto",
    "parallel_tool_calls": False,
    "reasoning": {"effort": "medium", "summary": "auto"},
    "store": False,
    "stream": True,
    "include": ["reasoning.encrypted_content"],
    "prompt_cache_key": "0199-session",
}
"""What Codex sends."""


class Weather(pydantic.BaseModel):
    city: str


def events(served, path: str, body: dict, headers: dict[str, str] | None = None) -> list[tuple[str, dict]]:
    """Names and data of a stream's events, as they came over the wire."""
    place = urlsplit(served.url)
    connection = http.client.HTTPConnection(place.hostname, place.port, timeout=20)
    try:
        connection.request("POST", path, json.dumps(body), {"content-type": "application/json", **(headers or {})})
        answer = connection.getresponse()
        text = answer.read().decode()
        assert 200 == answer.status, text
    finally:
        connection.close()
    blocks = [block for block in text.split("\n\n") if block.startswith("event: ")]
    return [(block.split("\n")[0].removeprefix("event: "), json.loads(block.split("\ndata: ")[1])) for block in blocks]


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


def test_claude_codes_request_streams_in_the_order_of_the_format(served):
    told = events(
        served, "/v1/messages?beta=true", CLAUDE_CODE, {"anthropic-beta": "claude-code-20250219", "anthropic-version": "2023-06-01"}
    )
    names = [name for name, _ in told]
    assert ["message_start", "content_block_start"] == names[:2]
    assert ["content_block_stop", "message_delta", "message_stop"] == names[-3:]
    assert names.count("content_block_start") == names.count("content_block_stop")
    assert "tool_use" == told[-2][1]["delta"]["stop_reason"]
    arguments = "".join(data["delta"]["partial_json"] for name, data in told if name == "content_block_delta")
    assert {"city"} == set(json.loads(arguments))


def test_codexs_request_streams_a_call_of_its_tool(served):
    asked = {**CODEX, "tool_choice": "required"}
    told = events(served, "/v1/responses", asked)
    assert ("response.created", "response.completed") == (told[0][0], told[-1][0])
    done = next(data["item"] for name, data in told if name == "response.output_item.done" and data["item"]["type"] == "function_call")
    assert ("shell", {"city"}) == (done["name"], set(json.loads(done["arguments"])))
    assert list(range(len(told))) == [data["sequence_number"] for _, data in told]
    output = {"type": "function_call_output", "call_id": done["call_id"], "output": '{"output": "a.py"}'}
    again = events(served, "/v1/responses", {**CODEX, "input": [*CODEX["input"], done, output]})
    assert "completed" == again[-1][1]["response"]["status"]
    assert "tool" == served.first.bodies[-1]["messages"][-1]["role"]


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
