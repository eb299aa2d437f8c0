"""Keys: shown once, stored as hashes, held to their scope."""

from __future__ import annotations

import itertools
import json

import pytest

from routerkit.errors import ConfigError
from routerkit.gateway.keys import Gate, KeyStore, Scope
from routerkit.gateway.server import Address, check, keys_path
from tests.gateway.test_refusals import OK, post

BODY = json.dumps(OK).encode()


@pytest.fixture
def keyed(make_served):
    served = make_served()
    served.store = KeyStore(keys_path(served.config))
    return served


def bearer(text: str) -> dict[str, str]:
    return {"authorization": f"Bearer {text}"}


def test_good_key_opens_and_others_do_not(keyed):
    _, text = keyed.store.create("ci", Scope())
    keyed.start()
    assert 200 == post(keyed, BODY, bearer(text))[0]
    assert 200 == post(keyed, BODY, {"x-api-key": text})[0]
    for wrong in ({}, bearer("rk-00000000-no"), bearer(text[:-1]), {"authorization": text}):
        status, body, _ = post(keyed, BODY, wrong)
        assert (401, "authentication_error") == (status, body["error"]["type"])
    assert 400 == post(keyed, BODY, {**bearer(text), "x-api-key": text})[0]
    assert 2 == keyed.first.hits


def test_key_is_stored_only_as_a_hash(keyed):
    _, text = keyed.store.create("ci", Scope())
    keyed.start()
    post(keyed, BODY, bearer(text))
    stored = b"".join(f.read_bytes() for f in keyed.config.parent.rglob("*") if f.is_file())
    assert text.rpartition("-")[2].encode() not in stored


def test_scope_limits_pools_and_pace_and_names_the_agent(keyed):
    _, other = keyed.store.create("other", Scope(pools=("elsewhere",)))
    _, slow = keyed.store.create("slow", Scope(requests_per_minute=1))
    _, poor = keyed.store.create("poor", Scope(agents=("poor",)))
    keyed.start()
    assert 403 == post(keyed, BODY, bearer(other))[0]
    assert 200 == post(keyed, BODY, bearer(slow))[0]
    status, _, headers = post(keyed, BODY, bearer(slow))
    assert (429, True) == (status, 1 <= int(headers["retry-after"]) <= 61)
    assert "insufficient_quota" == post(keyed, BODY, {**bearer(poor), "x-routerkit-agent": "rich"})[1]["error"]["code"]


def test_revoked_and_expired_keys_stop_working(tmp_path):
    now, ticks = [0.0], itertools.count(0, 10)
    store = KeyStore(tmp_path / "keys.sqlite")
    key, text = store.create("ci", Scope(expires_at=100.0))
    gate = Gate(store, clock=lambda: next(ticks), now=lambda: now[0])
    exchange = type("Sent", (), {"headers": {"x-api-key": text}, "repeated": set()})()
    assert key.id == gate.check(exchange).id
    now[0] = 101.0
    with pytest.raises(Exception, match="expired"):
        gate.check(exchange)
    now[0] = 50.0
    assert store.revoke(key.id)
    assert not store.revoke(key.id)
    with pytest.raises(Exception, match="revoked"):
        gate.check(exchange)


def test_open_address_needs_a_key(keyed):
    with pytest.raises(ConfigError, match="routerkit keys create"):
        check(keyed.config, Address(host="0.0.0.0"))
    keyed.start()
