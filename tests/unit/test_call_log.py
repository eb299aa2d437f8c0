"""The log of calls: one line each, with facts and without texts."""

from __future__ import annotations

import io
import json
from dataclasses import replace

import pytest

pytest.importorskip("msgspec")

from routerkit import ProviderError
from routerkit.gateway.call_log import CallLog
from routerkit.testing import ScriptedProvider, make_reply, make_request, make_router


def test_call_is_one_line_of_json_without_texts():
    stream = io.StringIO()
    script = [ProviderError("about sk-canary", code="auth")]
    router = make_router({"a": ScriptedProvider(script), "b": ScriptedProvider([make_reply("secret")])}, observers=[CallLog(stream)])
    reply = router.complete(replace(make_request("a secret"), agent="ci"))
    router.report(reply.record_id, success=True)
    (line,) = stream.getvalue().splitlines()
    told = json.loads(line)
    assert (reply.record_id, "ci", "b", "ok", ["a:auth", "b:ok"]) == (
        told["record"],
        told["agent"],
        told["target"],
        told["status"],
        told["attempts"],
    )
    assert "secret" not in line
    assert "canary" not in line


def test_failed_call_says_why():
    stream = io.StringIO()
    router = make_router({"a": ScriptedProvider([ProviderError("no", code="invalid_request")])}, observers=[CallLog(stream)])
    with pytest.raises(ProviderError):
        router.complete(make_request())
    assert ("error", "invalid_request") == (json.loads(stream.getvalue())["status"], json.loads(stream.getvalue())["error"])
