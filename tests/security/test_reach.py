"""No caller decides where a request goes: upstreams come from the configuration alone, and their names lead nowhere forbidden (SSRF)."""

from __future__ import annotations

import json
import socket
from contextlib import ExitStack

import pytest

from routerkit.errors import ProviderError
from routerkit.gateway.app import Gateway
from routerkit.gateway.server import build
from routerkit.messages import Request
from routerkit.providers.openai_compatible import OpenAICompatible
from routerkit.providers.reach import check_reach
from routerkit.providers.timers import Timers
from tests.contracts.colours import Call
from tests.gateway.test_refusals import post
from tests.servers.strict_openai import StrictOpenAI

ASK = Request(model="m", messages=({"role": "user", "content": "hi"},), timeout_s=5.0)
EVIL = "http://169.254.169.254/latest"
BODIES = {
    "/v1/chat/completions": {"model": "coding", "messages": [{"role": "user", "content": "hi"}]},
    "/v1/completions": {"model": "coding", "prompt": "hi"},
    "/v1/responses": {"model": "coding", "input": "hi"},
    "/v1/messages": {"model": "coding", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]},
    "/v1/messages/count_tokens": {"model": "coding", "messages": [{"role": "user", "content": "hi"}]},
}
FIELDS = (
    "api_base",
    "base_url",
    "api_key",
    "api_version",
    "custom_llm_provider",
    "extra_headers",
    "extra_body",
    "organization",
    "azure_endpoint",
)
HEADERS = ("x-portkey-custom-host", "x-base-url", "x-api-base", "x-forwarded-host", "x-upstream", "forwarded", "x-original-url")


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254",
        "169.254.0.1",
        "::ffff:169.254.169.254",
        "fe80::1",
        "fe80::1%2",
        "fd00:ec2::254",
        "100.100.100.200",
        "192.0.0.192",
        "168.63.129.16",
    ],
)
def test_metadata_and_link_local_addresses_are_out_of_reach(address: str) -> None:
    with pytest.raises(ProviderError, match="where machines keep credentials, so nothing was sent") as caught:
        check_reach("models.example:80", address)
    assert ("connect", False) == (caught.value.code, caught.value.maybe_billed)


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "10.0.0.7", "192.168.1.2", "100.64.0.1", "8.8.8.8", "2606:4700::1"])
def test_models_on_this_machine_in_its_network_and_beyond_are_in_reach(address: str) -> None:
    check_reach("models.example:80", address)


def test_name_that_leads_to_the_metadata_service_is_refused_when_it_is_dialled(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever serves the name may change it at any time; what was checked when the configuration was read proves nothing."""
    found = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("169.254.169.254", 80))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [found])
    provider = OpenAICompatible("http://models.example/v1", "k")
    with pytest.raises(ProviderError, match=r"models\.example: its name leads to 169\.254\.169\.254"):
        call(provider, ASK)
    provider.close()


def test_name_whose_first_address_is_dead_is_reached_at_its_next(call: Call, openai_server: StrictOpenAI, monkeypatch) -> None:
    port = int(openai_server.base_url.rpartition(":")[2].partition("/")[0])
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, port)) for host in ("127.0.0.77", "127.0.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    provider = OpenAICompatible(openai_server.base_url.replace("127.0.0.1", "models.example"), openai_server.api_key)
    assert call(provider, ASK).text
    provider.close()


def test_name_whose_first_address_never_answers_is_reached_at_its_next(call: Call, openai_server: StrictOpenAI, monkeypatch) -> None:
    """As with an IPv6 address whose packets are dropped on the way: the next one gets its share of the time."""
    port = int(openai_server.base_url.rpartition(":")[2].partition("/")[0])
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, port)) for host in ("127.0.0.77", "127.0.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    provider = OpenAICompatible(
        openai_server.base_url.replace("127.0.0.1", "models.example"), openai_server.api_key, timers=Timers(connect_s=0.4)
    )
    with socket.create_server(("127.0.0.77", port), backlog=0), ExitStack() as crowd:
        for _ in range(3):  # they fill the queue of a server that accepts nobody, and further ones are dropped
            waiting = crowd.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(("127.0.0.77", port))
        assert call(provider, ASK).text
    provider.close()


def posts(gateway: Gateway) -> set[str]:
    """Every address that takes a request for a model."""
    return {path for method, path in gateway._work if method == "POST"} - {"/v1/feedback"}


def test_no_route_is_forgotten_here(make_served) -> None:
    """A guard that one route has not got is how Portkey's was bypassed (Portkey-AI/gateway#1718)."""
    gateway, router = build(make_served().config)
    assert BODIES.keys() <= posts(gateway)
    unknown = posts(gateway) - BODIES.keys()
    router.close()
    assert unknown <= {"/v1/embeddings"}, f"say in BODIES what {unknown} takes"


@pytest.mark.parametrize("path", BODIES)
@pytest.mark.parametrize("field", FIELDS)
def test_field_that_names_an_endpoint_or_a_key_never_reaches_a_provider(served, n_sent, path: str, field: str) -> None:
    status, answer, _ = post(served, json.dumps({**BODIES[path], field: EVIL}).encode(), path=path)
    assert 400 <= status < 500 or path.endswith("count_tokens")
    assert EVIL not in json.dumps(answer)
    assert 0 == n_sent()


@pytest.mark.parametrize("path", [path for path in BODIES if not path.endswith("count_tokens")])
def test_header_that_names_an_endpoint_or_a_key_is_not_heard(served, n_sent, path: str) -> None:
    status, _, _ = post(served, json.dumps(BODIES[path]).encode(), dict.fromkeys(HEADERS, EVIL), path=path)
    assert (200, 1) == (status, n_sent())
