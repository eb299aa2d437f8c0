"""`/v1/embeddings` over a pool, as OpenAI's SDK sees it and as the engine records it."""

from __future__ import annotations

import json

import openai
import pytest

import routerkit
from routerkit.embedding import embedding_request, vectors
from routerkit.errors import ConfigError, NoCandidateError, ProviderError
from routerkit.testing import Recorder
from tests.gateway.test_refusals import post
from tests.servers.fault import Fault

POOL = """
[targets.near]
provider = "first"
model = "text-embedding-3"
usd_per_mtok = {{ input = 0.02, output = 0.0 }}
context_tokens = 100
can = ["embeddings"]

[targets.far]
provider = "{other}"
model = "{model}"
usd_per_mtok = {{ input = 0.02, output = 0.0 }}
context_tokens = 100
can = ["embeddings"]

[pools.vectors]
targets = ["near", "far"]
policy = "fallback"
"""


def with_pool(make_served, *, other: str = "second", model: str = "text-embedding-3", more: str = ""):
    found = make_served()
    found.config.write_text(found.config.read_text() + POOL.format(other=other, model=model) + more)
    return found


@pytest.fixture
def served(make_served):
    found = with_pool(make_served)
    found.start()
    return found


@pytest.mark.parametrize("encoding", [{}, {"encoding_format": "float"}, {"encoding_format": "base64"}])
def test_vectors_come_in_the_order_of_the_texts_for_the_sdk(served, client, encoding):
    raw = client.embeddings.with_raw_response.create(model="vectors", input=["abc", "z"], dimensions=2, **encoding)
    rows = sorted(raw.parse().data, key=lambda row: row.index)
    if encoding.get("encoding_format") != "base64":
        assert [[3.0, 97.0], [1.0, 122.0]] == [row.embedding for row in rows]
    assert ("near", "1") == (raw.headers["x-routerkit-target"], raw.headers["x-routerkit-attempts"])
    assert pytest.approx(4 * 0.02 / 1e6) == float(raw.headers["x-routerkit-cost-usd"])


@pytest.mark.parametrize("texts", ["one", [1, 2, 3], [[1, 2], [3]], ["a"] * 300])
def test_texts_and_tokens_are_taken_alone_and_in_lists(client, texts):
    """300 texts are far beyond the window of 100 tokens together, and none is alone."""
    n = len(texts) if isinstance(texts, list) and not isinstance(texts[0], int) else 1
    assert n == len(client.embeddings.create(model="vectors", input=texts).data)


@pytest.mark.parametrize("fault", [Fault(status=503), Fault(status=429), Fault(no_choices=True), Fault(hang_up=True)], ids=str)
def test_failing_target_is_replaced_by_one_of_the_same_model(served, client, fault):
    """A vector too few is a failure, too."""
    served.first.script(fault, fault, fault)
    raw = client.embeddings.with_raw_response.create(model="vectors", input=["a", "b"])
    assert ("far", 2) == (raw.headers["x-routerkit-target"], len(raw.parse().data))


def test_decision_attempts_and_hints_are_recorded(served, client):
    raw = client.embeddings.with_raw_response.create(model="vectors", input="a", extra_headers={"x-routerkit-agent": "indexer"})
    seen = client.get(f"/decisions/{raw.headers['x-routerkit-record']}", cast_to=dict[str, object])
    assert "pool=vectors kind=unknown policy=fallback picked=near" in seen["explain"]
    assert ["near"] == [a["target"] for a in seen["attempts"]]
    with pytest.raises(openai.RateLimitError, match="agent 'poor'"):
        client.embeddings.create(model="vectors", input="a", extra_headers={"x-routerkit-agent": "poor"})


def test_chat_models_are_not_asked_for_vectors(served, client):
    with pytest.raises(openai.BadRequestError, match="cannot do embeddings"):
        client.embeddings.create(model="coding/cheap", input="a")
    assert 0 == served.first.hits


def test_vectors_of_different_models_are_never_mixed(make_served):
    served = with_pool(make_served, model="embed-4")
    served.start()
    with openai.OpenAI(base_url=served.base_url, api_key="unused", max_retries=0) as client:
        with pytest.raises(openai.BadRequestError, match=r"several models \(embed-4, text-embedding-3\).*vectors/NAME"):
            client.embeddings.create(model="vectors", input="a")
        assert "embed-4" == client.embeddings.create(model="vectors/far", input="a").model


@pytest.mark.parametrize(
    ("wrong", "param"),
    [
        ({"input": []}, "input"),
        ({"input": ""}, "input"),
        ({"input": ["a", ""]}, "input"),
        ({"input": [1, "a"]}, "input"),
        ({"input": [[]]}, "input"),
        ({"input": None}, "input"),
        ({"input": ["a"] * 2_049}, "input"),
        ({"model": None}, "model"),
        ({"dimensions": 0}, "dimensions"),
        ({"dimensions": True}, "dimensions"),
        ({"encoding_format": "int8"}, "encoding_format"),
        ({"api_base": "http://evil"}, "api_base"),
    ],
)
def test_wrong_body_names_the_field_and_is_never_sent(served, wrong, param):
    status, body, headers = post(served, json.dumps({"model": "vectors", "input": "a", **wrong}).encode(), path="/v1/embeddings")
    assert (400, param, "false") == (status, body["error"]["param"], headers["x-should-retry"])
    assert 0 == served.first.hits


@pytest.mark.slow  # it imports litellm
def test_library_does_the_same_whole_and_through_litellm(make_served):
    pytest.importorskip("litellm")
    served = with_pool(make_served)
    lite = f'[providers.lite]\nkind = "litellm"\nbase_url = "{served.second.base_url}"\napi_key = "env:SECOND_KEY"\n\n[targets.far]'
    text = served.config.read_text().replace("[targets.far]", lite)
    served.config.write_text(
        text.replace('provider = "second"\nmodel = "text-embedding-3"', 'provider = "lite"\nmodel = "openai/text-embedding-3"')
    )
    recorder = Recorder()
    with routerkit.config.load(served.config, observers=[recorder]) as router:
        for name in ("vectors/near", "vectors/far"):
            reply = router.complete(embedding_request(name, ["abc", "z"], extra={"dimensions": 2}))
            assert ([3.0, 97.0], [1.0, 122.0]) == vectors(reply)
            assert (4, False) == (reply.usage.input_tokens, reply.usage.is_estimated)
    assert ["near", "far"] == [record.target for record in recorder.records]
    assert {"/v1/embeddings"} == {*served.first.paths, *served.second.paths}


def test_pool_that_checks_answers_is_refused(make_served):
    served = with_pool(make_served)
    text = served.config.read_text().replace(
        'targets = ["near", "far"]\npolicy = "fallback"', 'targets = ["near", "far"]\npolicy = "cascade"'
    )
    served.config.write_text(text + '\n[policies.cascade]\nverify = ["non_empty"]\n')
    with routerkit.load(served.config) as router, pytest.raises((ProviderError, NoCandidateError)):
        router.complete(embedding_request("vectors", ["a"]))
    assert 0 == served.first.hits


def test_provider_without_embeddings_is_found_by_the_configuration(make_served):
    served = with_pool(
        make_served, more='\n[providers.lab]\nkind = "simulated"\n[targets.fake]\nprovider = "lab"\nmodel = "x"\ncan = ["embeddings"]\n'
    )
    with pytest.raises(ConfigError, match="kind 'simulated' have no embeddings"):
        routerkit.load(served.config)
