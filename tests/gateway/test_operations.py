"""Running it: callers that go away, a configuration that changes, the command line."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

import openai
import pytest

from tests.gateway.conftest import CONFIG
from tests.gateway.test_refusals import OK, post
from tests.servers.fault import Fault

COMMAND = str(Path(sys.executable).with_name("routerkit"))


def wait_until(is_true, seconds: float = 15.0) -> None:
    end = time.monotonic() + seconds
    while not is_true():
        assert time.monotonic() < end, "never came true"
        time.sleep(0.01)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("fault", [Fault(hang=True), Fault(stall_after=2)], ids=["before", "within"])
def test_caller_that_goes_away_ends_the_upstream_call(served, fault, stream):
    served.first.script(fault)
    place = urlsplit(served.url)
    body = json.dumps({**OK, "stream": stream}).encode()
    with socket.create_connection((place.hostname, place.port), 10) as sock:
        sock.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body))
        wait_until(lambda: served.first.live == 1)
    wait_until(lambda: served.first.live == 0)
    assert 200 == post(served, json.dumps(OK).encode())[0]


def test_stream_that_breaks_after_content_is_an_error_of_the_sdk(served):
    served.first.script(Fault(text="one two three four five six", cut_after=4))
    with openai.OpenAI(base_url=served.base_url, api_key="x", max_retries=0) as client, pytest.raises(openai.APIError, match="broke after"):
        list(client.chat.completions.create(**OK, stream=True))


def test_command_serves_reloads_and_drains(served, tmp_path):
    """As a user runs it: a process, a changed file, SIGTERM."""
    config = tmp_path / "own" / "routerkit.toml"
    config.parent.mkdir()
    config.write_text(CONFIG.format(first=served.first.base_url, second=served.second.base_url))
    command = [COMMAND, "serve", "--config", str(config), "--port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=os.environ) as process:
        try:
            line = process.stderr.readline()
            assert "routerkit listens on http://127.0.0.1:" in line
            served.url = line.split()[3].removesuffix("/v1")
            wait_until(lambda: 200 == post(served, b"", path="/readyz", method="GET")[0])
            assert 200 == post(served, json.dumps(OK).encode())[0]
            config.write_text(config.read_text().replace('targets = ["cheap", "strong"]', 'targets = ["strong"]'))
            wait_until(lambda: "coding/cheap" not in str(post(served, b"", path="/v1/models", method="GET")[1]))
            config.write_text("nonsense")
            assert "not reloaded" in "".join(process.stderr.readline() for _ in range(2))
            assert 200 == post(served, json.dumps(OK).encode())[0]
        finally:
            process.send_signal(signal.SIGTERM)
        assert 0 == process.wait(20)
    rows = [json.loads(line) for path in (config.parent / "data").rglob("*.jsonl") for line in path.read_text().splitlines()]
    assert 2 == sum(row.get("status") == "ok" for row in rows)


def test_missing_secret_is_one_line_before_anything_listens(served, tmp_path, monkeypatch):
    monkeypatch.delenv("SECOND_KEY")
    command = [COMMAND, "serve", "--config", str(tmp_path / "routerkit.toml"), "--port", "0", "--workers", "3"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (2, 1) == (done.returncode, len(done.stderr.splitlines()))
    assert "SECOND_KEY is not set" in done.stderr


def test_taken_port_and_open_address_are_one_line(served, tmp_path):
    config = tmp_path / "routerkit.toml"
    port = str(urlsplit(served.url).port)
    for arguments, message in ([["--port", port], "cannot listen there"], [["--host", "0.0.0.0", "--port", "0"], "routerkit keys create"]):
        command = [COMMAND, "serve", "--config", str(config), *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert (2, True) == (done.returncode, message in done.stderr.splitlines()[-1])


@pytest.mark.parametrize(("kind", "is_loaded"), [("litellm", True), ("openai", False)])
def test_litellm_is_imported_before_the_first_call_and_only_where_it_is_used(tmp_path, kind, is_loaded):
    """Its import takes seconds, which the first caller's deadline should not pay for."""
    config = tmp_path / "routerkit.toml"
    config.write_text(
        f'[providers.p]\nkind = "{kind}"\nbase_url = "http://127.0.0.1:9/v1"\n[targets.t]\nprovider = "p"\nmodel = "openai/m"\n'
        '[pools.coding]\ntargets = ["t"]\n'
    )
    code = (
        "import pathlib, sys; from routerkit.gateway.server import build; build(pathlib.Path(sys.argv[1])); print('litellm' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code, config], capture_output=True, text=True, timeout=120, check=True)
    assert f"{is_loaded}\n" == done.stdout
