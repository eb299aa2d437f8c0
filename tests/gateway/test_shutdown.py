"""The end of the drain (X1): who still waits is told so in its own format, the upstream is closed and the row is written."""

from __future__ import annotations

import asyncio
import json
import threading
from pathlib import Path

import httpx
import pytest

from routerkit.gateway.listener import listening
from routerkit.gateway.server import Address, build, listen
from routerkit.testing import Recorder
from tests.gateway.conftest import Served
from tests.gateway.test_refusals import OK
from tests.servers.fault import Fault

ANTHROPIC = {"model": "coding", "max_tokens": 50, "messages": [{"role": "user", "content": "hi"}]}
RESPONSES = {"model": "coding", "input": "hi"}


class Ending(Served):
    """A gateway that may be told to end without waiting for anybody."""

    def start(self) -> None:
        self.recorder = Recorder()
        gateway, self.router = build(self.config, more=[self.recorder])
        sock = listen(Address(port=0))
        self.url = f"http://127.0.0.1:{sock.getsockname()[1]}"
        begun = threading.Event()

        async def serve() -> None:
            self._loop, self._told, insisted = asyncio.get_running_loop(), asyncio.Event(), asyncio.Event()
            async with listening(gateway.serve, sock) as listener:
                begun.set()
                await self._told.wait()
                insisted.set()
                await listener.drain(20, insisted)
            self.router.close()

        self._thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
        self._thread.start()
        assert begun.wait(10)


@pytest.fixture
def ending(served: Served, tmp_path: Path) -> Ending:
    """Beside the usual one, over the same servers."""
    folder = tmp_path / "ending"
    folder.mkdir()
    made = Ending(folder, served.first, served.second)
    made.start()
    return made


@pytest.mark.parametrize(
    ("path", "body", "kind"),
    [
        ("/v1/chat/completions", OK, '"code":"shutting_down"'),
        ("/v1/messages", ANTHROPIC, '"type":"overloaded_error"'),
        ("/v1/responses", RESPONSES, '"type":"response.failed"'),
    ],
)
def test_stream_open_at_the_end_gets_an_error_event_and_no_end_mark(ending: Ending, path: str, body: dict[str, object], kind: str) -> None:
    ending.first.script(Fault(text="some longer text", stall_after=3))
    with httpx.Client(timeout=10) as client, client.stream("POST", ending.url + path, json={**body, "stream": True}) as answer:
        lines = answer.iter_text()
        seen = ""
        while "some" not in seen:
            seen += next(lines)
        ending.stop()
        seen += "".join(lines)
    assert kind in seen
    assert "shutting down" in seen
    assert "[DONE]" not in seen
    assert "message_stop" not in seen
    assert ending.first.wait_until_idle()
    (record,) = ending.recorder.records
    assert ("cancelled", True) == (record.status, record.usage.is_estimated)


def test_whole_answer_open_at_the_end_is_refused(ending: Ending) -> None:
    ending.first.script(Fault(hang=True))
    answers: list[httpx.Response] = []
    asking = threading.Thread(target=lambda: answers.append(httpx.post(f"{ending.url}/v1/chat/completions", json=OK, timeout=10)))
    asking.start()
    assert ending.first.wait_for_live(1)
    ending.stop()
    asking.join(10)
    (answer,) = answers
    assert (503, "shutting_down") == (answer.status_code, json.loads(answer.content)["error"]["code"])
    assert ("true", "close") == (answer.headers["x-should-retry"], answer.headers["connection"])
    assert ["cancelled"] == [record.status for record in ending.recorder.records]


@pytest.mark.parametrize("is_streamed", [False, True])
def test_answers_under_way_are_waited_for_also_where_there_was_a_time_without_any(served: Served, *, is_streamed: bool) -> None:
    """As after each look at `/readyz`."""
    httpx.get(f"{served.url}/readyz", timeout=10)
    served.first.script(Fault(text="an answer that takes its time", delay_s=1.0))
    answers: list[httpx.Response] = []
    body = {**OK, "stream": is_streamed}
    asking = threading.Thread(target=lambda: answers.append(httpx.post(f"{served.url}/v1/chat/completions", json=body, timeout=10)))
    asking.start()
    assert served.first.wait_for_live(1)
    served.stop()
    asking.join(10)
    (answer,) = answers
    assert 200 == answer.status_code
    assert answer.text.rstrip().endswith("[DONE]" if is_streamed else "}")
