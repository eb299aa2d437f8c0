"""A provider that quotes our key in its error, or sends terminal codes, finds neither in what we log, keep, answer or count (LLM02)."""

from __future__ import annotations

import http.client
import json
import logging
import traceback
from urllib.parse import urlsplit

import pytest

from routerkit import AllAttemptsFailedError
from routerkit.gateway.keys import KeyStore, Scope
from routerkit.messages import Request
from routerkit.store import query
from tests.contracts.colours import Call
from tests.gateway.conftest import Served
from tests.gateway.test_refusals import OK, post
from tests.servers.fault import Fault

ASK = Request(model="coding", messages=({"role": "user", "content": "hi"},), timeout_s=5.0)
CODES = "\x1b[2J\x1b]0;pwned\x07\r\nINFO:root:all is well\u2028"


def quoting(key: str) -> Fault:
    """A provider whose refusal quotes a key, with terminal codes and a forged log line after it."""
    said = {"error": {"message": f"Incorrect API key provided: {key}. {CODES} Authorization: Bearer {key}", "type": "auth"}}
    return Fault(status=401, body=json.dumps(said).encode())


@pytest.fixture
def betrayed(make_served) -> Served:
    """A running gateway whose providers both quote its keys."""
    found = make_served()
    found.start()
    found.first.script(*[quoting(found.first.api_key)] * 8)
    found.second.script(*[quoting(found.second.api_key)] * 8)
    return found


def test_error_record_and_row_hold_neither_key_nor_terminal_codes(call: Call, betrayed: Served, caplog) -> None:
    caplog.set_level(logging.DEBUG)
    with pytest.raises(AllAttemptsFailedError) as caught:
        call(betrayed.router, ASK)
    record = caught.value.record
    betrayed.router.close()
    rows = json.dumps(query(betrayed.config.parent / "data", "SELECT * FROM calls").rows, default=str)
    shown = ["".join(traceback.format_exception(caught.value)), repr(record), record.decision.explain(), rows, caplog.text]
    assert ["auth", "auth"] == [attempt.error_code for attempt in record.attempts]
    for text in shown:
        assert betrayed.first.api_key not in text
        assert betrayed.second.api_key not in text
        assert "\x1b" not in text
        assert "\u2028" not in text
    assert "\n" not in record.attempts[0].error


@pytest.mark.parametrize("stream", [False, True])
def test_answer_decision_and_metrics_hold_no_key(betrayed: Served, stream: bool) -> None:
    status, answer, headers = post(betrayed, json.dumps({**OK, "stream": stream}).encode())
    assert 502 == status
    record_id = headers.get("x-routerkit-record", "")
    shown = [json.dumps(answer), str(headers), fetched(betrayed, "/metrics"), fetched(betrayed, f"/v1/decisions/{record_id}")]
    for text in shown:
        assert betrayed.first.api_key not in text
        assert betrayed.second.api_key not in text


def fetched(served: Served, path: str) -> str:
    place = urlsplit(served.url)
    connection = http.client.HTTPConnection(place.hostname, place.port, timeout=10)
    connection.request("GET", path)
    text = connection.getresponse().read().decode()
    connection.close()
    return text


def test_keys_of_callers_are_kept_as_hashes(make_served) -> None:
    """Who steals the file gets no key, and no part of one but its public id."""
    found = make_served()
    path = found.config.parent / "data" / "keys.sqlite"
    key, text = KeyStore(path).create("ci", Scope())
    assert 0o600 == path.stat().st_mode & 0o777
    stored = path.read_bytes()
    assert key.sha256.encode() in stored
    assert text.encode() not in stored
    assert text.removeprefix(f"rk-{key.id}-")[:12].encode() not in stored


def test_files_of_the_ledger_are_their_owners_alone(served) -> None:
    post(served, json.dumps(OK).encode())
    folder = served.config.parent / "data"
    modes = {path.relative_to(folder).as_posix(): path.stat().st_mode & 0o077 for path in [folder, *folder.rglob("*")]}
    assert {} == {name: oct(mode) for name, mode in modes.items() if mode}
