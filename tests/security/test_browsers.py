"""A gateway without keys serves programs on this machine, not the web pages that its browser shows."""

from __future__ import annotations

import json

import pytest

from routerkit.gateway.keys import KeyStore, Scope
from tests.gateway.test_refusals import OK, post

ASKED = json.dumps(OK).encode()


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8080", "localhost.evil.example", "127.0.0.1.evil.example", "10.0.0.1", "[", ""]
)
def test_foreign_name_that_leads_here_is_refused(served, n_sent, host: str) -> None:
    """DNS rebinding: the page's own name, with our address behind it."""
    status, answer, _ = post(served, ASKED, {"host": host})
    assert (403, "untrusted_host", 0) == (status, answer["error"]["code"], n_sent())


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://localhost.evil.example:80", "http://["])
def test_page_of_another_site_is_refused(served, n_sent, origin: str) -> None:
    """A browser lets any page post text here, as long as it does not read the answer; the money would be gone all the same."""
    status, answer, headers = post(served, ASKED, {"origin": origin, "content-type": "text/plain"})
    assert (403, "untrusted_origin", 0) == (status, answer["error"]["code"], n_sent())
    assert not [name for name in headers if name.lower().startswith("access-control")]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost:8080", "[::1]:8080", "127.1.2.3"])
def test_names_of_this_machine_are_served(served, host: str) -> None:
    assert 200 == post(served, ASKED, {"host": host, "origin": f"http://{host}"})[0]


def test_key_makes_the_name_irrelevant(make_served) -> None:
    """Behind a proxy the name is the proxy's, and no page knows a key."""
    found = make_served()
    _, text = KeyStore(found.config.parent / "data" / "keys.sqlite").create("ci", Scope())
    found.start()
    headers = {"host": "models.example", "authorization": f"Bearer {text}"}
    assert 200 == post(found, ASKED, headers)[0]
    assert 401 == post(found, ASKED, {"host": "localhost"})[0]


@pytest.mark.parametrize("path", ["/v1/models", "/metrics", "/v1/decisions/x"])
def test_pages_cannot_look_around_either(served, path: str) -> None:
    assert 403 == post(served, b"", {"host": "evil.example"}, path=path, method="GET")[0]


def test_no_answer_invites_other_sites(served) -> None:
    """CORS is off: what a browser asks first is refused."""
    status, _, headers = post(served, b"", {"origin": "http://localhost", "access-control-request-method": "POST"}, method="OPTIONS")
    assert 405 == status
    assert not [name for name in headers if name.lower().startswith("access-control")]
