"""`[cache]` as callers of the gateway see it."""

from __future__ import annotations

import http.client
import json
from urllib.parse import urlsplit

import openai
import pytest

from routerkit.config import load
from routerkit.errors import ConfigError
from tests.gateway.conftest import CONFIG

ASK = {"model": "coding", "temperature": 0, "messages": [{"role": "user", "content": "Say hello."}]}


@pytest.fixture
def served(make_served):
    found = make_served()
    found.config.write_text(found.config.read_text() + "\n[cache]\n")
    found.start()
    return found


@pytest.fixture
def client(served):
    with openai.OpenAI(base_url=served.base_url, api_key="unused", max_retries=0) as client:
        yield client


def test_hit_is_marked_costs_nothing_and_is_in_the_ledger(served, client):
    first, second = (client.chat.completions.with_raw_response.create(**ASK) for _ in range(2))
    assert first.parse().choices[0].message.content == second.parse().choices[0].message.content
    assert (None, first.headers["x-routerkit-record"]) == (
        first.headers.get("x-routerkit-cached-from"),
        second.headers["x-routerkit-cached-from"],
    )
    assert ("0.000000000", "0") == (second.headers["x-routerkit-cost-usd"], second.headers["x-routerkit-attempts"])
    assert 1 == served.first.hits
    seen = client.get(f"/decisions/{second.headers['x-routerkit-record']}", cast_to=dict[str, object])
    assert "policy=cache" in seen["explain"]


@pytest.mark.parametrize("is_first_streamed", [False, True])
def test_streams_and_whole_answers_stand_for_each_other(served, client, is_first_streamed):
    """H6: the SDK's own parser reads both."""
    texts = []
    for is_streamed in (is_first_streamed, not is_first_streamed):
        if is_streamed:
            with client.chat.completions.stream(**ASK) as stream:
                texts.append(stream.get_final_completion().choices[0].message.content)
        else:
            texts.append(client.chat.completions.create(**ASK).choices[0].message.content)
    assert texts[0] == texts[1]
    assert 1 == served.first.hits


def test_all_formats_share_answers(served, client):
    whole = client.chat.completions.create(**ASK).choices[0].message.content
    assert whole == client.responses.create(model="coding", temperature=0, input="Say hello.").output_text
    assert 1 == served.first.hits


def test_cache_control_is_obeyed(served, client):
    for control in ("no-store", "no-cache", "max-age=0"):
        client.chat.completions.create(**ASK, extra_headers={"cache-control": control})
    assert 3 == served.first.hits
    client.chat.completions.create(**ASK)
    assert 3 == served.first.hits


def test_stream_of_a_hit_ends_with_its_mark(served, client):
    client.chat.completions.create(**ASK)
    place = urlsplit(served.url)
    connection = http.client.HTTPConnection(place.hostname, place.port, timeout=10)
    connection.request("POST", "/v1/chat/completions", json.dumps({**ASK, "stream": True}))
    text = connection.getresponse().read().decode()
    connection.close()
    assert ": routerkit record=" in text
    assert "cached-from=" in text
    assert text.endswith("data: [DONE]\n\n")


def test_answers_of_one_key_are_not_another_ones(make_served):
    """H1."""
    from routerkit.gateway.keys import KeyStore, Scope
    from routerkit.gateway.server import keys_path

    found = make_served()
    found.config.write_text(found.config.read_text() + "\n[cache]\n")
    store = KeyStore(keys_path(found.config))
    keys = [store.create(name, Scope())[1] for name in ("one", "two")]
    found.start()
    for key in keys:
        for _ in range(2):
            with openai.OpenAI(base_url=found.base_url, api_key=key, max_retries=0) as client:
                client.chat.completions.create(**ASK)
    assert 2 == found.first.hits


def test_answers_survive_a_restart_of_the_gateway(make_served):
    for n_hits in (1, 1):
        found = make_served()
        found.config.write_text(found.config.read_text() + "\n[cache]\n")
        found.start()
        with openai.OpenAI(base_url=found.base_url, api_key="x", max_retries=0) as client:
            client.chat.completions.create(**ASK)
        found.stop()
        assert n_hits == found.first.hits


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ('url = "redis://:hunter2@host/0"', "literal secrets are refused"),
        ('url = "postgres://x"', "should be"),
        ('url = "sqlite:routerkit.toml"', "another file"),
        ("ttl_s = 0", "ttl_s"),
        ("ttl = 5", "unknown key"),
    ],
)
def test_wrong_section_is_one_line(tmp_path, monkeypatch, section, message):
    monkeypatch.setenv("FIRST_KEY", "x")
    monkeypatch.setenv("SECOND_KEY", "x")
    path = tmp_path / "routerkit.toml"
    path.write_text(CONFIG.format(first="http://127.0.0.1:1/v1", second="http://127.0.0.1:1/v1") + f"\n[cache]\n{section}\n")
    with pytest.raises(ConfigError, match=message) as caught:
        load(path)
    assert "hunter2" not in str(caught.value)
