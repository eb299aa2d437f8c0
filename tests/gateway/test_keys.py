"""Keys: shown once, stored as hashes, held to their scope."""

from __future__ import annotations

import itertools
import json
import sqlite3
from contextlib import closing

import pytest

from routerkit.errors import ConfigError
from routerkit.gateway.head import Head
from routerkit.gateway.keys import Gate, KeyStore, Scope
from routerkit.gateway.server import Address, check
from tests.gateway.test_refusals import OK, post

BODY = json.dumps(OK).encode()


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
    assert text.split("-", 2)[2].encode() not in stored


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
    gate = Gate(tmp_path / "keys.sqlite", clock=lambda: next(ticks), now=lambda: now[0])
    head = Head("POST", "/", {"x-api-key": text})
    assert key.id == gate.check(head).id
    now[0] = 101.0
    with pytest.raises(Exception, match="expired"):
        gate.check(head)
    now[0] = 50.0
    assert store.revoke(key.id)
    assert not store.revoke(key.id)
    with pytest.raises(Exception, match="revoked"):
        gate.check(head)


def _run(path, statement):
    with closing(sqlite3.connect(path)) as db, db:
        db.execute(statement)


def test_first_key_closes_a_running_gateway_and_an_emptied_file_does_not_open_it(tmp_path):
    ticks, path = itertools.count(0, 10), tmp_path / "data" / "keys.sqlite"
    gate = Gate(path, clock=lambda: next(ticks))
    nothing = Head("POST", "/")
    assert gate.check(nothing) is None
    assert not path.exists()
    KeyStore(path)
    assert gate.check(nothing) is None
    KeyStore(path).create("ci", Scope())
    with pytest.raises(Exception, match="no key was sent"):
        gate.check(nothing)
    for empty in (lambda: _run(path, "DELETE FROM keys"), path.unlink):
        empty()
        with pytest.raises(Exception, match="no key was sent"):
            gate.check(nothing)


def test_key_made_while_the_gateway_runs_is_asked_for(keyed, monkeypatch):
    monkeypatch.setattr("routerkit.gateway.keys.FRESH_S", 0.0)
    keyed.start()
    assert 200 == post(keyed, BODY)[0]
    _, text = keyed.store.create("ci", Scope())
    assert (401, 200) == (post(keyed, BODY)[0], post(keyed, BODY, bearer(text))[0])


def test_open_address_needs_a_key(keyed):
    with pytest.raises(ConfigError, match="routerkit keys create"):
        check(keyed.config, Address(host="0.0.0.0"))
    keyed.start()
