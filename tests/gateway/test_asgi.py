"""The gateway mounted under somebody else's ASGI server."""

from __future__ import annotations

import asyncio
import threading

import openai
import pytest
import uvicorn

from routerkit.gateway.server import Address, build, listen
from tests.gateway.test_refusals import OK
from tests.servers.fault import Fault


@pytest.fixture
def served(make_served):
    """Under uvicorn."""
    found = make_served()
    gateway, _ = build(found.config)
    sock = listen(Address(port=0))
    found.url = f"http://127.0.0.1:{sock.getsockname()[1]}"
    server = uvicorn.Server(uvicorn.Config(gateway, loop="asyncio", log_level="error", access_log=False, lifespan="on"))
    thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[sock])), daemon=True)
    thread.start()
    yield found
    server.should_exit = True
    thread.join(20)
    assert not thread.is_alive()


def test_answers_whole_streamed_and_refused_and_follows_callers_that_go(served):
    with openai.OpenAI(base_url=served.base_url, api_key="x", max_retries=0) as client:
        assert client.chat.completions.create(**OK).choices[0].message.content
        assert [c.choices[0].finish_reason for c in client.chat.completions.create(**OK, stream=True)][-1] == "stop"
        with pytest.raises(openai.NotFoundError):
            client.chat.completions.create(**{**OK, "model": "nonsense"})
        served.first.script(Fault(hang=True))
        with pytest.raises(openai.APITimeoutError):
            client.chat.completions.create(**OK, timeout=0.5)
        assert served.first.wait_until_idle(10)
