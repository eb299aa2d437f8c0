"""Ledger: rows tell the call, and nothing that was not asked for."""

import json
from contextlib import suppress
from dataclasses import fields, replace
from datetime import UTC, datetime

import pytest

from routerkit import Decision, fastjson
from routerkit.errors import ProviderError, RouterKitError
from routerkit.ledger import Ledger, call_row, remark, report_row
from routerkit.record import Attempt, Report
from routerkit.store import CALLS, REPORTS, Pace
from routerkit.testing import Recorder, ScriptedProvider, make_reply, make_request, make_router

SERVER_ERROR = ProviderError("upstream\x1b[31m died\n" + "x" * 600, code="server", status=500)


def record_of(*script, text="explain my secret plan"):
    recorder = Recorder()
    providers = {"a": ScriptedProvider([script[0]]), "b": ScriptedProvider([script[-1]])}
    router = make_router(providers, observers=[recorder])
    with suppress(RouterKitError):
        router.complete(replace(make_request(text), agent="planner", session="s1", tags=("legacy",)))
    return recorder.records[0]


def row_of(record):
    """Row as a reader of the segment sees it."""
    return json.loads(fastjson.dumps(call_row(record)))


def test_row_has_exactly_the_columns_of_its_table():
    row = call_row(record_of(make_reply()))
    assert set(CALLS.columns) - {"prompt", "output"} == set(row)
    assert set(REPORTS.columns) == set(report_row(Report("r", datetime.now(UTC), success=True)))


def test_row_tells_the_call():
    record = record_of(SERVER_ERROR, make_reply(input_tokens=10, output_tokens=5))
    row = row_of(record)
    want = {"record_id": record.id, "agent": "planner", "session": "s1", "tags": ["legacy"], "kind": "explain", "target": "b"}
    want |= {"status": "ok", "error_code": None, "n_attempts": 2, "input_tokens": 10, "output_tokens": 5, "usage_estimated": False}
    assert want == {k: row[k] for k in want}
    assert ["server", None] == [a["error_code"] for a in row["attempts"]]


def test_instants_are_utc_without_offset():
    at = datetime.fromisoformat("2026-11-23T12:00:00+02:00")
    assert "2026-11-23T10:00:00" == report_row(Report("r", at, success=True))["reported_at"]


def test_failed_call_names_the_code_of_its_last_attempt():
    row = call_row(record_of(SERVER_ERROR))
    assert ("error", "server") == (row["status"], row["error_code"])


def test_error_text_loses_control_characters_and_is_cut():
    (error, *_) = [a["error"] for a in row_of(record_of(SERVER_ERROR))["attempts"]]
    assert error.startswith("upstream [31m died ")
    assert 500 == len(error)


def test_attempt_is_stored_whole_whether_or_not_it_failed():
    failed, fine = row_of(record_of(SERVER_ERROR, make_reply()))["attempts"]
    assert [f.name for f in fields(Attempt)] == list(failed) == list(fine)
    assert {"input_tokens", "output_tokens"} < set(failed["usage"]) == set(fine["usage"])


def test_remark_is_one_printable_line():
    assert "a b c" == remark("a\nb\x00c")


def test_texts_are_not_stored_by_default(tmp_path):
    with Ledger(tmp_path) as ledger:
        ledger.observe(record_of(make_reply("the secret answer")))
    (path,) = (tmp_path / "hot").iterdir()
    assert "secret" not in path.read_text()


def test_texts_are_stored_on_request(tmp_path):
    record = record_of(make_reply("the answer"))
    with Ledger(tmp_path, store_text=True) as ledger:
        ledger.observe(record)
    (path,) = (tmp_path / "hot").iterdir()
    row = json.loads(path.read_text())
    assert "the answer" == row["output"]
    assert [{"role": "user", "content": "explain my secret plan"}] == json.loads(row["prompt"])


def test_hash_depends_on_the_messages_and_not_on_the_order_of_their_keys():
    record = record_of(make_reply())
    swapped = replace(record, request=replace(record.request, messages=({"content": "explain my secret plan", "role": "user"},)))
    other = replace(record, request=make_request("something else"))
    assert call_row(record)["prompt_sha256"] == call_row(swapped)["prompt_sha256"] != call_row(other)["prompt_sha256"]


def test_stored_decision_explains_itself_like_the_original():
    decision = record_of(make_reply()).decision
    stored = Decision.from_dict(fastjson.loads(fastjson.dumps(decision.to_dict())))
    assert decision == stored
    assert decision.explain() == stored.explain()


def test_decision_of_a_newer_version_is_read():
    stored = record_of(make_reply()).decision.to_dict() | {"novelty": 1}
    assert "a" == Decision.from_dict(stored).picked


@pytest.mark.parametrize("stored", [{}, {"features": 1}, {"candidates": [], "features": {}}, {"candidates": [1]}, [], None, "x"])
def test_what_is_no_decision_is_a_value_error(stored):
    with pytest.raises(ValueError, match="not a stored decision"):
        Decision.from_dict(stored)


def test_dropped_counts_calls_and_reports(tmp_path):
    ledger = Ledger(tmp_path, pace=Pace(tick_s=3600))
    ledger.close()
    ledger.observe(record_of(make_reply()))
    ledger.observe(Report("r", datetime.now(UTC), success=True))
    assert 2 == ledger.dropped
