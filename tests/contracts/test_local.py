"""Local keeps the provider contract, and its server process never outlives its user."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from routerkit.errors import ConfigError, ProviderError
from routerkit.providers.local import Local
from routerkit.providers.local_models import CATALOG, default_folder, state
from routerkit.providers.local_process import Servers, ServerSettings
from tests.contracts.colours import Call
from tests.contracts.provider import ProviderContract, ask
from tests.servers.fake_llama import write_fake_llama

CHAT = b"GGUF....tokenizer.chat_template...."
BASE = b"GGUF...."
SQUARE = 'def square(n: int) -> int:\n    """Return n squared."""\n'


@pytest.fixture(autouse=True)
def _fake_llama(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    if "real_llm" not in request.keywords:
        write_fake_llama(tmp_path)
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "tuned.gguf"
    path.write_bytes(CHAT)
    return path


@pytest.fixture
def provider(model: Path) -> Iterator[Local]:
    provider = Local(str(model))
    yield provider
    provider.close()


def starts(model: Path) -> list[dict[str, Any]]:
    """What each start of the model's server was asked for."""
    log = model.with_suffix(".log")
    return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


class TestLocal(ProviderContract):
    """Over a stand-in for llama.cpp, in a real child process."""

    @pytest.fixture(scope="class")
    def provider(self, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Local]:
        """One for all, whose server starts with the first call."""
        folder = tmp_path_factory.mktemp("contract")
        (folder / "tuned.gguf").write_bytes(CHAT)
        provider = Local(str(folder / "tuned.gguf"))
        yield provider
        provider.close()


def test_nothing_is_started_before_the_first_call(model: Path) -> None:
    Local(str(model)).close()
    assert [] == starts(model)


def test_server_gets_settings_that_suit_a_busy_machine(provider: Local, model: Path) -> None:
    provider.complete(ask("Hi."))
    (facts,) = starts(model)
    assert (2048, 2, 1, 0, ["127.0.0.1"]) == (facts["n_ctx"], facts["n_parallel"], facts["threads"], facts["port"], facts["hostnames"])
    assert 20 < len(facts["api_keys"][0]), "other users of the machine are kept out"


def test_same_model_is_served_by_one_process_until_its_last_user_leaves(model: Path) -> None:
    one, other = Local(str(model)), Local(str(model))
    one.complete(ask("Hi."))
    other.complete(ask("Hi."))
    one.close()
    assert other.complete(ask("Hi.")).text
    assert 1 == len(starts(model))
    other.close()
    assert not is_alive(starts(model)[0]["pid"])


def test_concurrent_first_calls_start_one_process(provider: Local, model: Path) -> None:
    async def together() -> None:
        await asyncio.gather(*(provider.acomplete(ask("Hi.")) for _ in range(8)))

    asyncio.run(together())
    assert 1 == len(starts(model))


def test_crashed_server_is_started_again_at_the_next_call(call: Call, provider: Local, model: Path) -> None:
    call(provider, ask("Hi."))
    pid = starts(model)[0]["pid"]
    os.kill(pid, signal.SIGKILL)
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)  # it is over, and still to be noticed by its owner
    assert call(provider, ask("Hi.")).text
    assert 2 == len(starts(model))


def test_server_that_does_not_start_says_why(call: Call, tmp_path: Path) -> None:
    path = tmp_path / "broken.gguf"
    path.write_bytes(CHAT)
    provider = Local(str(path))
    with pytest.raises(ProviderError, match="did not start: RuntimeError: cannot load tensor 7") as caught:
        call(provider, ask("Hi."))
    provider.close()
    assert "connect" == caught.value.code


def test_program_that_is_no_server_is_named(call: Call, model: Path) -> None:
    provider = Local(str(model), command=(sys.executable, "-c", "raise SystemExit(3)"))
    with pytest.raises(ProviderError, match="exit status 3"):
        call(provider, ask("Hi."))
    provider.close()


def test_loading_counts_against_the_deadline(call: Call, tmp_path: Path) -> None:
    path = tmp_path / "slow.gguf"
    path.write_bytes(CHAT)
    provider = Local(str(path))
    with pytest.raises(ProviderError, match=r"still loading after 0\.2 s") as caught:
        call(provider, ask("Hi.", timeout_s=0.2))
    provider.close()
    assert ("timeout", False) == (caught.value.code, caught.value.maybe_billed)


def test_model_that_was_not_pulled_is_not_found(call: Call, tmp_path: Path) -> None:
    with pytest.raises(ProviderError, match="routerkit local pull smollm2") as caught:
        call(Local("smollm2", folder=tmp_path), ask("Hi."))
    assert "not_found" == caught.value.code


def test_unknown_model_is_refused_when_the_provider_is_made() -> None:
    with pytest.raises(ConfigError, match="unknown local model 'gpt-9'"):
        Local("gpt-9")


def test_reply_names_the_model_and_not_the_file(call: Call, provider: Local, model: Path) -> None:
    assert str(model) == call(provider, ask("Hi.", model="anything")).model


def test_secrets_of_the_environment_are_not_handed_to_the_server(monkeypatch: pytest.MonkeyPatch, model: Path, tmp_path: Path) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    with (tmp_path / "xllamacpp.py").open("a") as module:
        module.write("\nif 'OPENAI_API_KEY' in os.environ: raise RuntimeError('a key leaked')\n")
    provider = Local(str(model))
    assert provider.complete(ask("Hi.")).text
    provider.close()


def test_base_model_continues_the_callers_code(call: Call, tmp_path: Path) -> None:
    path = tmp_path / "base.gguf"
    path.write_bytes(BASE)
    provider = Local(str(path))
    text = call(provider, ask(f"Complete this Python function.\n```python\n{SQUARE}```", max_tokens=5)).text
    provider.close()
    assert text.startswith(f"```python\n{SQUARE}    ")
    assert text.endswith("\n```")
    assert "content" in starts(path)[0]["chat_template"], "its server hands the prompt over as it is"


PARENT = """
import signal

signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background of a shell inherits "ignore"
import sys
from routerkit.messages import Request
from routerkit.providers.local import Local
provider = Local(sys.argv[1])
provider.complete(Request("m", ({"role": "user", "content": "hi"},)))
print("up", flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT, None])
def test_server_ends_with_its_parent_however_that_ends(model: Path, how: signal.Signals | None) -> None:
    pipe = subprocess.PIPE
    parent = subprocess.Popen([sys.executable, "-c", PARENT, str(model)], stdin=pipe, stdout=pipe, stderr=pipe)
    try:
        assert parent.stdout is not None
        assert b"up\n" == parent.stdout.readline()
        with connect_to(starts(model)[0]["pid"]) as connection:
            if how is None:
                parent.communicate(timeout=10)
            else:
                parent.send_signal(how)
            assert ends(connection), "the server is gone"
    finally:
        parent.kill()
        parent.communicate(timeout=10)


def ends(connection: socket.socket) -> bool:
    """Wait until the other side is gone."""
    try:
        return b"" == connection.recv(1)
    except ConnectionResetError:
        return True


def connect_to(pid: int) -> socket.socket:
    """A connection that ends when the process does."""
    inodes = {m[1] for fd in Path(f"/proc/{pid}/fd").iterdir() if (m := re.fullmatch(r"socket:\[(\d+)\]", link_of(fd)))}
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    port = next(int(row[1].split(":")[1], 16) for row in rows if row[9] in inodes and row[3] == "0A")
    connection = socket.create_connection(("127.0.0.1", port), timeout=10)
    connection.settimeout(10)
    return connection


def link_of(fd: Path) -> str:
    try:
        return str(fd.readlink())
    except OSError:  # closed while we look
        return ""


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_forked_process_does_not_end_its_parents_server(model: Path) -> None:
    servers = Servers()
    settings = ServerSettings(str(model), is_base=False, context_tokens=2048, n_parallel=1, n_threads=1)
    server = servers.get(settings)
    server.url(10.0)
    server._owner = os.getpid() + 1  # what a fork would see
    server.stop()
    assert is_alive(server.pid)
    server._owner = os.getpid()
    server.stop()
    assert not is_alive(server.pid)


@pytest.mark.real_llm
@pytest.mark.parametrize("name", list(CATALOG))
def test_real_model_writes_code_that_runs(call: Call, name: str) -> None:
    if state(CATALOG[name], default_folder()) != "ready":
        pytest.skip(f"run: routerkit local pull {name}")
    provider = Local(name)
    prompt = f"Complete this Python function. Reply with only the code.\n```python\n{SQUARE}```"
    reply = call(provider, ask(prompt, temperature=0.0, max_tokens=120, timeout_s=55.0))
    provider.close()
    namespace: dict[str, Any] = {}
    exec(re.findall(r"```python\n(.*?)```", reply.text, re.DOTALL)[0], namespace)
    assert 49 == namespace["square"](-7)
    assert 0 < reply.usage.output_tokens
