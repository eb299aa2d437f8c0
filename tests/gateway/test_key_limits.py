"""What a key may spend, how fast it may ask, and that it sees nothing of others."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import replace

import pytest

from routerkit.cli import main
from routerkit.gateway.keys import Gate, KeyStore, Scope
from routerkit.gateway.refusal import Refusal
from routerkit.gateway.repeats import MOST_BODIES, Repeats
from routerkit.gateway.server import keys_path
from routerkit.gateway.turnstile import USUAL_ANSWER_TOKENS, Turnstile
from routerkit.messages import Usage
from routerkit.state.interface import Pace
from routerkit.state.sqlite import SqliteStore
from routerkit.testing import FakeClock, Recorder, ScriptedProvider, make_reply, make_request, make_router
from tests.gateway.test_keys import BODY, bearer
from tests.gateway.test_refusals import post
from tests.servers.fault import Fault


def test_key_spends_its_own_budget_and_no_more(keyed):
    """Once less is left than the next call could cost, it is not sent."""
    _, small = keyed.store.create("small", Scope(usd_per_day=0.00005))
    _, other = keyed.store.create("other", Scope())
    keyed.start()
    body = json.dumps({**json.loads(BODY), "max_tokens": 200}).encode()
    statuses = [post(keyed, body, bearer(small)) for _ in range(40)]
    assert 200 == statuses[0][0]
    status, error, headers = statuses[-1]
    assert (429, "insufficient_quota", "false") == (status, error["error"]["code"], headers["x-should-retry"])
    assert "that key" in error["error"]["message"]
    assert 0 < int(headers["retry-after"]) <= 86_401
    assert 200 == post(keyed, body, bearer(other))[0]


def test_key_sees_and_uses_only_its_pools_and_calls(keyed):
    _, mine = keyed.store.create("mine", Scope())
    _, theirs = keyed.store.create("theirs", Scope(pools=("elsewhere",), agents=("a", "b")))
    keyed.start()
    record = post(keyed, BODY, bearer(mine))[2]["x-routerkit-record"]
    assert [] == post(keyed, b"", bearer(theirs), "/v1/models", "GET")[1]["data"]
    assert "coding" == post(keyed, b"", bearer(mine), "/v1/models", "GET")[1]["data"][0]["id"]
    seen = [post(keyed, b"", bearer(key), f"/v1/decisions/{record}", "GET")[0] for key in (mine, theirs)]
    feedback = json.dumps({"record_id": record, "success": True}).encode()
    told = [post(keyed, feedback, bearer(key), "/v1/feedback")[0] for key in (mine, theirs)]
    assert ([200, 404], [202, 404]) == (seen, told)
    assert 403 == post(keyed, b"", bearer(theirs), "/metrics", "GET")[0]


def test_key_may_call_as_its_agents_only(tmp_path):
    store = KeyStore(tmp_path / "keys.sqlite")
    key, _ = store.create("ci", Scope(agents=("planner", "coder")))
    gate = Gate(tmp_path / "keys.sqlite")
    asked = [replace(make_request(), agent=agent) for agent in (None, "coder")]
    for request in asked:
        gate.admit(key, request)
    assert ["planner", "coder"] == [request.agent for request in asked]
    with pytest.raises(Refusal, match="may not call as 'boss'; it may call as planner, coder"):
        gate.admit(key, replace(make_request(), agent="boss"))


def test_requests_of_a_key_matter_no_more_than_it_may(tmp_path):
    store = KeyStore(tmp_path / "keys.sqlite")
    night, _ = store.create("night", Scope(priority="batch"))
    people, _ = store.create("people", Scope())
    gate = Gate(store)
    for key, wanted in ((night, ["batch", "batch"]), (people, ["interactive", "batch"])):
        asked = [replace(make_request(), priority=p) for p in ("interactive", "batch")]
        for request in asked:
            gate.admit(key, request)
        assert wanted == [request.priority for request in asked]


def test_program_in_a_loop_is_refused(keyed):
    """LLM10: the very same request is answered so often a minute and no more; other requests, and other keys, are."""
    _, looping = keyed.store.create("loop", Scope(same_per_minute=3))
    _, free = keyed.store.create("free", Scope())
    keyed.start()
    assert [200, 200, 200, 429] == [post(keyed, BODY, bearer(looping))[0] for _ in range(4)]
    status, error, headers = post(keyed, BODY, bearer(looping))
    assert (429, "repeated_request", "false") == (status, error["error"]["code"], headers["x-should-retry"])
    assert 1 <= int(headers["retry-after"]) <= 21
    other = json.dumps({**json.loads(BODY), "max_tokens": 7}).encode()
    assert [200, 200] == [post(keyed, body, bearer(key))[0] for body, key in ((other, looping), (BODY, free))]
    assert 5 == keyed.first.hits


def test_bodies_are_forgotten_in_time_and_before_they_fill_the_memory():
    clock = FakeClock()
    repeats = Repeats(clock)
    for _ in range(2):
        repeats.check("k", b"same", 2)
    with pytest.raises(Refusal, match="the very same request more than 2 times within a minute"):
        repeats.check("k", b"same", 2)
    clock.now_s += 31
    repeats.check("k", b"same", 2)
    for n in range(MOST_BODIES + 5):
        repeats.check("k", b"%d" % n, 2)
    assert MOST_BODIES == len(repeats._seen)


def test_full_target_refuses_at_once_what_it_could_not_serve_in_time(make_served):
    """One place, taken by a call that hangs; the next caller's deadline is shorter than an answer usually takes."""
    served = make_served()
    served.config.write_text(served.config.read_text().replace('model = "cheap-1"\n', 'model = "cheap-1"\nat_once = 1\n'))
    served.start()
    body = json.dumps({**json.loads(BODY), "model": "coding/cheap"}).encode()
    served.first.script(Fault(text="slow", delay_s=2.2), Fault(hang=True))
    assert 200 == post(served, body)[0]
    hanging = threading.Thread(target=post, args=(served, body, {"x-routerkit-deadline": "3"}))
    hanging.start()
    assert served.first.wait_for_hits(2)
    began = time.monotonic()
    status, error, headers = post(served, body, {"x-routerkit-deadline": "2", "x-routerkit-priority": "interactive"})
    assert time.monotonic() - began < 1.9  # not when its two seconds are over
    assert (503, "shed", "true") == (status, error["error"]["code"], headers["x-should-retry"])
    assert 1 <= int(headers["retry-after"]) <= 10  # some times what the one answer took
    assert 400 == post(served, body, {"x-routerkit-priority": "urgent"})[0]
    hanging.join(5)
    assert 2 == served.first.hits


def test_keys_of_earlier_versions_still_work(tmp_path):
    """Their scope has one agent and no budget."""
    store = KeyStore(tmp_path / "keys.sqlite")
    key, _ = store.create("old", Scope())
    with store._open() as db:
        old = json.dumps({"pools": ["a"], "agent": "planner", "requests_per_minute": 3, "expires_at": None})
        db.execute("UPDATE keys SET scope = ?", (old,))
    assert (replace(key, scope=Scope(("a",), ("planner",), 3)),) == store.all()


@pytest.fixture
def passing():
    """A router whose answers use 30 tokens, and a turnstile that watches it."""
    turnstile = Turnstile()
    usage = Usage(20, 10)
    router = make_router({"a": ScriptedProvider([replace(make_reply(), usage=usage)])}, observers=[turnstile, Recorder()])

    def pass_through(pace, max_tokens=100):
        request = replace(make_request(), max_tokens=max_tokens)
        with turnstile.passage("k", request, pace):
            router.complete(request)

    return pass_through


def test_tokens_are_settled_to_what_was_used(passing):
    """Each may use 102 tokens but uses 30, so four fit into 200 and the fifth does not."""
    for _ in range(4):
        passing(Pace(tokens_per_minute=200))
    with pytest.raises(Refusal, match="this key's tokens per minute are used up") as caught:
        passing(Pace(tokens_per_minute=200))
    assert (429, True) == (caught.value.status, caught.value.again)


def test_request_that_can_never_fit_is_told_so(passing):
    """Asking again would not help, so clients are told not to."""
    with pytest.raises(Refusal, match=f"may use {USUAL_ANSWER_TOKENS + 2:,} tokens, more than the 200 a minute") as caught:
        passing(Pace(tokens_per_minute=200), max_tokens=None)
    assert not caught.value.again


def test_requests_under_way_are_limited_and_leave_on_failure(keyed):
    _, text = keyed.store.create("one", Scope(at_once=1))
    keyed.start()
    assert [200, 200] == [post(keyed, BODY, bearer(text))[0] for _ in range(2)]
    assert 404 == post(keyed, BODY.replace(b"coding", b"nothing"), bearer(text))[0]
    busy = Turnstile()
    second = busy.passage("k", make_request(), Pace(at_once=1))
    with busy.passage("k", make_request(), Pace(at_once=1)), pytest.raises(Refusal, match="has 1 requests under way, as many as it may"):
        second.__enter__()
    with busy.passage("k", make_request(), Pace(at_once=1)):
        pass


def test_fifty_at_once_spend_no_more_than_the_budget(keyed):
    """Reserved before it is sent: what is answered fits, whatever comes at the same time."""
    _, text = keyed.store.create("storm", Scope(usd_per_day=0.001))
    keyed.start()
    body = json.dumps({**json.loads(BODY), "model": "coding/cheap", "max_tokens": 500}).encode()  # up to $0.0001
    statuses: list[int] = []
    threads = [threading.Thread(target=lambda: statuses.append(post(keyed, body, bearer(text))[0])) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert {200, 429} >= set(statuses)
    assert 50 == len(statuses)
    store = SqliteStore(keys_path(keyed.config).parent / "state.sqlite")
    keyed.router._budgets.leases.tick()
    (line,) = [line for line in store.accounts(keyed.router._now().date().isoformat()) if line.account.name.startswith("key:")]
    store.close()
    assert line.spent + line.leased <= line.limit == 1_000
    assert 200 in statuses


def test_ready_says_when_the_state_is_away(keyed):
    with keyed.config.open("a") as file:
        file.write('\n[state]\nurl = "redis://127.0.0.1:1/0"\n')
    _, text = keyed.store.create("slow", Scope(requests_per_minute=2))
    keyed.start()
    assert [200, 200, 429] == [post(keyed, BODY, bearer(text))[0] for _ in range(3)]
    status, body, _ = post(keyed, b"", path="/readyz", method="GET")
    assert 200 == status
    assert "redis://127.0.0.1:1 is away (ConnectionError); limits and budgets are kept by this process alone" == body["state"]


def test_create_and_list_speak_of_limits(keyed, monkeypatch, capsys):
    limits = [
        "--usd-per-day",
        "5",
        "--rpm",
        "60",
        "--tpm",
        "90000",
        "--concurrency",
        "4",
        "--same-per-minute",
        "9",
        "--priority",
        "batch",
        "--agents",
        "planner,coder",
    ]
    for arguments in (["create", "ci", *limits], ["list"]):
        monkeypatch.setattr("sys.argv", ["routerkit", "keys", *arguments, "--config", str(keyed.config)])
        with pytest.raises(SystemExit) as ended:
            main()
        assert 0 == ended.value.code
    paces = "60 requests a minute, 90,000 tokens a minute, 4 at once, the same 9 times a minute"
    words = f"ci  all pools, as planner or coder, $5 a day, {paces}, batch at most"
    assert words in capsys.readouterr().out
    keyed.start()
