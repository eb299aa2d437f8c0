"""What a caller of the router lives through, in all four forms of a call."""

from __future__ import annotations

import contextlib
import math
import random
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from routerkit import (
    AllAttemptsFailedError,
    NoCandidateError,
    Policy,
    PolicySettings,
    Pool,
    Price,
    ProviderError,
    Reply,
    Request,
    Retry,
    Router,
    RouterState,
    Rule,
    Target,
    ToolCall,
    UnknownModelError,
    Usage,
    When,
)
from routerkit.testing import FakeClock, Recorder, ScriptedProvider, make_reply, make_request, make_target
from tests.unit.lab import AUTH_CODES, INVALID_CODES, TRANSIENT_CODES, Acting, bad, fault, good, lab


def test_answer_comes_with_target_record_and_cost(call):
    """The caller learns who answered, under which record, and what it cost."""
    here = lab(
        {"a": ScriptedProvider([make_reply("fine words", input_tokens=1_000, output_tokens=500)])}, targets=[make_target("a", usd=2.0)]
    )
    answer = call(here.router, make_request())
    assert ("fine words", "stop", "a") == (answer.text, answer.finish_reason, answer.target)
    assert here.record.id == answer.record_id
    assert pytest.approx(1_500 * 2.0 / 1e6) == answer.cost_usd == here.record.cost_usd


def test_record_holds_what_happened(call):
    """One ok record: decision, one attempt, usage, finish reason."""
    here = lab({"a": good()})
    call(here.router, make_request())
    record = here.record
    assert ("ok", "a", "test-model", "stop") == (record.status, record.target, record.model, record.finish_reason)
    assert Usage(10, 5) == record.usage
    assert "a" == record.decision.picked
    assert len("a good answer") == record.output_chars
    (attempt,) = record.attempts
    assert ("a", None, None) == (attempt.target, attempt.error, attempt.error_code)


@pytest.mark.parametrize("code", [*TRANSIENT_CODES, *AUTH_CODES, "rate_limit"])
def test_other_target_answers_when_the_first_fails(call, code):
    """Promise P1: no request is lost while one target is well; nothing is sent twice and nobody sleeps."""
    here = lab({"a": bad(code), "b": good()})
    answer = call(here.router, make_request())
    assert ("b", "a good answer") == (answer.target, answer.text)
    assert [("a", code), ("b", None)] == [(x.target, x.error_code) for x in here.record.attempts]
    assert (1, 1) == (here.hits("a"), here.hits("b"))
    assert [] == here.clock.slept_s


@pytest.mark.parametrize("code", INVALID_CODES)
def test_request_that_is_wrong_is_sent_once(call, code):
    """A request the provider calls wrong is wrong everywhere: one attempt, no failover, no retry."""
    here = lab({"a": bad(code), "b": good()})
    with pytest.raises(AllAttemptsFailedError, match=f"injected {code}") as caught:
        call(here.router, make_request())
    assert (1, 0) == (here.hits("a"), here.hits("b"))
    assert "invalid" == caught.value.kind
    assert here.record is caught.value.record
    assert "error" == here.record.status


@pytest.mark.parametrize("code", AUTH_CODES)
def test_target_with_a_wrong_credential_is_not_used_again(call, code):
    """U5, U6: one request reveals it, then the target stays out for ten minutes."""
    here = lab({"a": bad(code), "b": good()})
    for _ in range(3):
        call(here.router, make_request())
    assert (1, 3) == (here.hits("a"), here.hits("b"))
    assert "disabled" == here.router.decide(make_request()).candidate("a").drop.by
    here.clock.now_s += 601
    assert "a" == here.router.decide(make_request()).picked


def test_rate_limited_target_is_left_alone_as_long_as_it_asked(call):
    """U2: Retry-After 2 keeps the target untouched for two seconds, and nobody sleeps while another is free."""
    here = lab({"a": bad("rate_limit", retry_after_s=2.0), "b": good()})
    call(here.router, make_request())
    here.clock.now_s += 1.9
    call(here.router, make_request())
    assert 1 == here.hits("a")
    here.clock.now_s += 0.2
    call(here.router, make_request())
    assert (2, 3) == (here.hits("a"), here.hits("b"))
    assert [] == here.clock.slept_s


def test_rate_limited_target_alone_is_waited_for(call):
    """With nowhere else to go the call sleeps what the provider asked for, and at most a quarter more."""
    here = lab({"a": ScriptedProvider([fault("rate_limit", retry_after_s=2.0), make_reply()])})
    assert "a good answer" == call(here.router, make_request()).text
    assert 2.0 <= sum(here.clock.slept_s) <= 2.5


def test_wait_beyond_the_deadline_is_not_begun(call):
    """A Retry-After longer than the time left ends the call at once."""
    here = lab({"a": bad("rate_limit", retry_after_s=90.0)})
    with pytest.raises(AllAttemptsFailedError) as caught:
        call(here.router, make_request())
    assert [] == here.clock.slept_s
    assert ("rate_limit", 90.0) == (caught.value.kind, caught.value.retry_after_s)


def test_next_call_does_not_touch_a_target_limited_beyond_its_deadline(call):
    """The wait outlives the call that caused it: the second call sends nothing and says for how long."""
    here = lab({"a": bad("rate_limit", retry_after_s=90.0)})
    for _ in range(2):
        with pytest.raises(AllAttemptsFailedError):
            call(here.router, make_request())
    assert 1 == here.hits("a")
    assert [1, 0] == [len(r.attempts) for r in here.recorder.records]


def test_target_limited_meanwhile_is_not_waited_for_while_another_is_free(call):
    """A target that another call ran into its limit after our decision is skipped, not slept on."""
    clock = FakeClock()

    def slow_failure(_: Request):
        here.router.health.failed("b", fault("rate_limit", retry_after_s=5.0))
        return fault("server")

    here = lab({"a": Acting(slow_failure), "b": good(), "c": good()}, clock=clock)
    assert "c" == call(here.router, make_request()).target
    assert [] == clock.slept_s
    assert ["a", "c"] == [x.target for x in here.record.attempts]


def test_single_target_that_is_down_is_tried_three_times(call):
    """U4: at most three attempts; a pause lies between them and none after the last."""
    here = lab({"a": bad("overloaded")})
    with pytest.raises(AllAttemptsFailedError):
        call(here.router, make_request())
    assert 3 == here.hits("a") == len(here.record.attempts)
    assert 2 == len(here.clock.slept_s)


def test_pauses_have_full_jitter(call):
    """Every pause n lies in [0, min(cap, base * 2^n)], and both ends of the range occur."""
    firsts, seconds = [], []
    for seed in range(25):
        here = lab({"a": bad("server")}, seed=seed)
        with pytest.raises(AllAttemptsFailedError):
            call(here.router, make_request())
        first, second = here.clock.slept_s
        firsts.append(first)
        seconds.append(second)
    assert 0 <= min(firsts) < 0.15
    assert 0.35 < max(firsts) <= 0.5
    assert 0 <= min(seconds) < 0.3
    assert 0.7 < max(seconds) <= 1.0


@pytest.mark.parametrize("code", ["timeout", "empty_answer", "auth"])
def test_failure_that_would_repeat_is_not_repeated(call, code):
    """A target that hung, said nothing or refused our key is not asked again within the call."""
    here = lab({"a": bad(code)})
    with pytest.raises(AllAttemptsFailedError):
        call(here.router, make_request())
    assert 1 == here.hits("a")


def test_deadline_covers_all_attempts_and_waits(call):
    """P9: what one attempt used up is missing from the next one's time; when nothing is left, nothing is sent."""
    clock = FakeClock()

    def slow(_: Request):
        clock.now_s += 25.0
        return fault("server")

    provider = Acting(slow)
    here = lab(dict.fromkeys("abcd", provider), clock=clock, targets=[replace(make_target(n), provider=n) for n in "abcd"])
    with pytest.raises(AllAttemptsFailedError):
        call(here.router, make_request())
    assert [60.0, 35.0, 10.0] == [r.timeout_s for r in provider.requests]
    assert 3 == len(here.record.attempts)


def test_silence_is_bounded_while_others_are_waiting(call):
    """A hanging target must leave time for the next; the last one may use all that is left."""
    here = lab({"a": bad("timeout"), "b": good()})
    call(here.router, make_request())
    assert [36.0, None] == [p.requests[0].first_token_s for p in here.providers.values()]


def test_overflow_escalates_to_larger_windows_only(call):
    """B21: a prompt that was too long for 8,000 tokens is not tried on as many or fewer; unknown windows are."""
    windows = {"a": 8_000, "b": 4_000, "c": 8_000, "d": 32_000}
    here = lab(
        {"a": bad("context_length"), "b": good(), "c": good(), "d": good()},
        targets=[make_target(n, context_tokens=w) for n, w in windows.items()],
    )
    assert "d" == call(here.router, make_request()).target
    assert (1, 0, 0, 1) == tuple(here.hits(n) for n in "abcd")


def test_overflow_of_an_unknown_window_does_not_forget_a_known_one(call):
    """After 32,000 tokens overflowed, an overflow of an unknown window does not make 16,000 look long enough."""
    windows = {"a": 32_000, "b": None, "c": 16_000}
    here = lab(
        {"a": bad("context_length"), "b": bad("context_length"), "c": good()},
        targets=[make_target(n, context_tokens=w) for n, w in windows.items()],
    )
    with pytest.raises(AllAttemptsFailedError):
        call(here.router, make_request())
    assert (1, 1, 0) == tuple(here.hits(n) for n in "abc")


def test_breaker_opens_after_five_failures(call):
    """U1: five hits on the bad target, then none; every call is answered."""
    here = lab({"a": bad("server"), "b": good()})
    for _ in range(12):
        assert "b" == call(here.router, make_request()).target
    assert (5, 12) == (here.hits("a"), here.hits("b"))
    assert "health" == here.router.decide(make_request()).candidate("a").drop.by


def test_recovered_target_is_back_after_one_probe(call):
    """U10, U34: after the ejection one real request probes it, and its success closes the breaker."""
    here = lab({"a": ScriptedProvider([*[fault("server")] * 5, make_reply()]), "b": good()})
    for _ in range(5):
        call(here.router, make_request())
    here.clock.now_s += 15
    assert ["a", "a"] == [call(here.router, make_request()).target for _ in range(2)]


def test_only_one_probe_runs_at_a_time(call):
    """While the probe of a half-open target is under way, others go elsewhere."""
    elsewhere = []

    def probed(_: Request):
        if here.clock.now_s > 1_010:
            elsewhere.append(here.router.decide(make_request()).picked)
        return fault("server")

    here = lab({"a": Acting(probed), "b": good()})
    for _ in range(5):
        call(here.router, make_request())
    here.clock.now_s += 15
    call(here.router, make_request())
    assert ["b"] == elsewhere


def test_all_down_is_answered_at_once_with_one_probe(call):
    """U34: with every breaker open, one target is tried against its health and the failure is typed and immediate."""
    here = lab({"a": bad("server"), "b": bad("server")}, retry=Retry(extra_attempts=0))
    for _ in range(5):
        with pytest.raises(AllAttemptsFailedError):
            call(here.router, make_request())
    before = here.hits("a") + here.hits("b")
    with pytest.raises(AllAttemptsFailedError):
        call(here.router, make_request())
    assert before + 1 == here.hits("a") + here.hits("b")
    assert "panic" in here.recorder.records[-1].decision.notes[0]


def test_no_candidate_is_typed_and_recorded(call):
    """Nothing is sent when no target fits; the error carries the decision and the record says so."""
    here = lab({"a": good()}, targets=[make_target("a", context_tokens=10)])
    with pytest.raises(NoCandidateError, match="a dropped by context: needs about") as caught:
        call(here.router, make_request())
    assert ("error", (), None) == (here.record.status, here.record.attempts, here.record.target)
    assert here.record.decision is caught.value.decision
    assert 0.0 == here.record.cost_usd
    assert 0 == here.hits("a")


def test_error_of_a_failed_call_names_every_target_and_carries_its_record(call):
    """The message of the error is the story of the call."""
    here = lab({"a": bad("auth"), "b": bad("timeout")})
    with pytest.raises(AllAttemptsFailedError, match=r"a: injected auth; b: injected timeout") as caught:
        call(here.router, make_request())
    assert here.record is caught.value.record
    assert "timeout" == caught.value.last.code
    assert caught.value.last is caught.value.__cause__


def test_recorded_attempts_equal_upstream_hits(call):
    """Only we retry: under random faults every request a provider saw is in exactly one record."""
    rng = random.Random(7)
    outcomes = [make_reply(), make_reply(), *(fault(c) for c in (*TRANSIENT_CODES, "rate_limit", "invalid_request"))]
    here = lab({n: Acting(lambda _: rng.choice(outcomes)) for n in "abc"})
    for _ in range(40):
        here.clock.now_s += 1.0
        with contextlib.suppress(AllAttemptsFailedError, NoCandidateError):
            call(here.router, make_request())
    assert 40 == len(here.recorder.records)
    assert len({r.id for r in here.recorder.records}) == 40
    for name in "abc":
        assert here.hits(name) == sum(a.target == name for r in here.recorder.records for a in r.attempts)


def test_failed_attempt_that_may_be_billed_counts_toward_cost(call):
    """Cut off after it was sent: its prompt is charged as an estimate and marked so."""
    broken = ScriptedProvider([fault("disconnected", maybe_billed=True)])
    here = lab({"a": broken, "b": good()}, targets=[make_target("a", usd=1.0), make_target("b", usd=2.0)])
    answer = call(here.router, make_request("x" * 4_000))
    prompt_tokens = here.record.decision.features.input_tokens
    first, second = here.record.attempts
    assert (True, True, prompt_tokens) == (first.maybe_billed, first.usage.is_estimated, first.usage.input_tokens)
    assert pytest.approx((prompt_tokens * 1.0 + 15 * 2.0) / 1e6) == answer.cost_usd == here.record.cost_usd
    assert first.usage + second.usage == here.record.usage


def test_unknown_price_gives_unknown_cost(call):
    """Unknown is never free."""
    here = lab({"a": good()}, targets=[make_target("a", usd=None)])
    assert call(here.router, make_request()).cost_usd is None
    assert here.record.cost_usd is None


def test_unbilled_failure_on_an_unpriced_target_does_not_hide_the_cost(call):
    """A refused connection cost nothing, whatever its price."""
    here = lab({"a": bad("connect"), "b": good()}, targets=[make_target("a", usd=None), make_target("b", usd=1.0)])
    assert pytest.approx(15 / 1e6) == call(here.router, make_request()).cost_usd


def test_missing_usage_is_estimated_and_marked(call):
    """U26: a provider that reports no tokens is not free; sizes are counted instead."""
    here = lab({"a": ScriptedProvider([Reply("y" * 400)])})
    answer = call(here.router, make_request("x" * 4_000))
    assert here.record.usage.is_estimated
    assert (1_001, 100) == (here.record.usage.input_tokens, here.record.usage.output_tokens)
    assert pytest.approx(1_101 / 1e6) == answer.cost_usd


def test_tool_call_without_text_is_an_answer(call):
    """A tool call is content: it is delivered and counted."""
    reply = replace(make_reply(""), tool_calls=(ToolCall("1", "search", '{"q": 1}'),), finish_reason="tool_calls")
    here = lab({"a": ScriptedProvider([reply])})
    assert "tool_calls" == call(here.router, make_request()).finish_reason
    assert "tool_calls" == here.record.finish_reason
    assert len('{"q": 1}') == here.record.output_chars


def test_observer_that_raises_hurts_nobody(call, caplog):
    """A broken listener is logged and skipped; the others are told."""

    class Broken:
        def observe(self, event):
            raise RuntimeError("disk full")

    here = lab({"a": good()}, observers=[Broken()])
    assert "a good answer" == call(here.router, make_request()).text
    assert "ok" == here.record.status
    assert "observer Broken failed on Record" in caplog.text


def test_target_may_be_asked_for_by_name(call):
    """`pool/target` and a bare target name pin the target and say so in the decision."""
    here = lab({"a": good("from a"), "b": good("from b")})
    assert "from b" == call(here.router, make_request(model="pool/b")).text
    assert "from b" == call(here.router, make_request(model="b")).text
    assert "b was asked for" == here.recorder.records[0].decision.rule
    assert 0 == here.hits("a")


def test_pinned_target_does_not_fail_over(call):
    """Who names a target gets that one or an error."""
    here = lab({"a": good(), "b": bad("auth")})
    with pytest.raises(AllAttemptsFailedError):
        call(here.router, make_request(model="pool/b"))
    assert 0 == here.hits("a")


def test_unknown_model_names_the_nearest(call):
    """A typo is answered with what was probably meant, and nothing is recorded."""
    here = lab({"a": good()})
    with pytest.raises(UnknownModelError, match=r"no pool or target named 'pol'; did you mean 'pool'\?"):
        call(here.router, make_request(model="pol"))
    assert [] == here.recorder.records


@pytest.mark.parametrize("messages", ["hi", ("hi",), None, 3])
def test_messages_in_another_form_are_refused_in_one_line(call, messages):
    """What newcomers try first is told what is expected, before anything is sent or recorded."""
    here = lab({"a": good()})
    with pytest.raises(ProviderError, match="give messages like") as caught:
        call(here.router, replace(make_request(), messages=messages))
    assert ("invalid_request", 0) == (caught.value.code, here.hits("a"))


@pytest.mark.parametrize(
    "wrong", [{"tags": "legacy"}, {"tags": (5,)}, {"tools": (len,)}, {"max_tokens": "many"}, {"extra": None}], ids=lambda wrong: str(*wrong)
)
def test_fields_of_a_wrong_type_are_refused(call, wrong):
    """Of the tag "legacy" no rule would ever see more than letters, and a target would be blamed for a wrong tool."""
    here = lab({"a": good()})
    with pytest.raises(ProviderError, match=rf"{next(iter(wrong))} is .*; give ") as caught:
        call(here.router, replace(make_request(), **wrong))
    assert ("invalid_request", 0) == (caught.value.code, here.hits("a"))


@pytest.mark.parametrize("timeout_s", [math.nan, "3", None])
def test_deadline_that_is_no_number_is_refused(call, timeout_s):
    """Every comparison with NaN is false, so such a call would have no deadline at all."""
    here = lab({"a": good()})
    with pytest.raises(ProviderError, match=r"timeout_s is .*; give a number of seconds"):
        call(here.router, replace(make_request(), timeout_s=timeout_s))
    assert 0 == here.hits("a")


def test_endless_deadline_is_one_that_systems_can_wait_for(call):
    """`settimeout(inf)` is an OverflowError."""
    here = lab({"a": good()})
    call(here.router, replace(make_request(), timeout_s=math.inf))
    assert pytest.approx(1e6) == here.providers["a"].requests[0].timeout_s


def test_repeated_failure_is_told_once_with_its_count(call):
    here = lab({"a": bad("connect")})
    with pytest.raises(AllAttemptsFailedError, match=r"\(a: injected connect \(3 times\)\)$"):
        call(here.router, make_request())


def test_call_finishes_on_the_state_it_began_with(call):
    """A swap during a call changes the next one, not this one."""

    def swaps(_: Request):
        here.router.swap(RouterState({"pool": Pool("pool", (make_target("c"),), "fallback")}, {"c": good("from c")}))
        return fault("server")

    here = lab({"a": Acting(swaps), "b": good("from b")})
    assert "from b" == call(here.router, make_request()).text
    assert "from c" == call(here.router, make_request()).text


class Closable(Acting):
    """Provider that notes being closed."""

    closed = 0

    def close(self) -> None:
        self.closed += 1


def test_swap_closes_providers_that_nobody_uses_any_more(call):
    """Not those of the new state, and not before the last call on the old one has ended."""
    closed_during_call = []

    def swaps(_: Request):
        here.router.swap(RouterState({"pool": Pool("pool", (make_target("b"),), "fallback")}, {"b": kept}))
        closed_during_call.append(left.closed)
        return make_reply()

    left, kept = Closable(swaps), Closable(lambda _: make_reply())
    here = lab({"a": left, "b": kept})
    call(here.router, make_request())
    assert ([0], 1, 0) == (closed_during_call, left.closed, kept.closed)


def test_provider_that_cannot_be_closed_keeps_no_other_open(caplog):
    """A broken `close` is logged; the swap succeeds."""

    class Broken(Closable):
        def close(self) -> None:
            raise RuntimeError("no")

    left = Closable(lambda _: make_reply())
    here = lab({"a": Broken(lambda _: make_reply()), "b": left})
    here.router.swap(RouterState({}, {}))
    assert (1, ["Broken could not be closed"]) == (left.closed, caplog.messages)


@pytest.mark.parametrize(("model", "names"), [("pool", ["a", "b"]), ("pool/b", ["b"]), ("a", ["a"])])
def test_targets_are_those_that_may_answer(model, names):
    """A pool's targets, or the one that is named."""
    here = lab({"a": good(), "b": good()})
    assert names == [t.name for t in here.router.targets(model)]


def test_budget_of_an_agent_ends_its_calls_until_the_next_day(call):
    """What an agent spent today is missing from what it may spend; others are not affected."""
    days = [datetime(2026, 1, 1, 23, tzinfo=UTC)]
    pricey = ScriptedProvider([make_reply(input_tokens=1_000, output_tokens=1_000)])
    here = lab({"a": pricey}, targets=[make_target("a", usd=1_000.0)], budgets={"planner": 2.3}, now=lambda: days[-1])
    planner = replace(make_request(), agent="planner", max_tokens=1_000)
    call(here.router, planner)
    with pytest.raises(NoCandidateError, match="agent 'planner' has left today"):
        call(here.router, planner)
    call(here.router, replace(planner, agent="coder"))
    days.append(datetime(2026, 1, 2, tzinfo=UTC))
    assert pytest.approx(2.0) == call(here.router, planner).cost_usd


def test_caller_settings_win_over_target_extras(call):
    """The target's own body parameters are sent unless the caller says otherwise."""
    target = replace(make_target("a"), extra={"top_p": 0.5, "seed": 1})
    here = lab({"a": good()}, targets=[target])
    call(here.router, replace(make_request(), extra={"seed": 2}))
    (sent,) = here.providers["a"].requests
    assert ("a-model", {"top_p": 0.5, "seed": 2}) == (sent.model, sent.extra)


def test_callers_request_is_not_changed(call):
    """What the caller handed in is what is recorded."""
    request = make_request()
    here = lab({"a": good()}, targets=[replace(make_target("a"), extra={"seed": 1})])
    call(here.router, request)
    assert make_request() == request
    assert here.record.request is request


def _outer(inner: Router, *, spare: ScriptedProvider):
    return lab({"inner": inner, "spare": spare}, targets=[replace(make_target("inner"), model="pool"), make_target("spare")])


def test_router_serves_as_target_of_a_router(call):
    """Routers nest: the inner one answers, and both keep a record."""
    inner = lab({"a": good()})
    outer = _outer(inner.router, spare=good("spare"))
    answer = call(outer.router, make_request())
    assert ("inner", "a good answer") == (answer.target, answer.text)
    assert outer.record.id == answer.record_id
    assert ("ok", "ok") == (inner.record.status, outer.record.status)


def test_inner_router_that_fails_is_failed_over(call):
    """AllAttemptsFailedError of the inner router is one failed attempt of the outer one."""
    outer = _outer(lab({"a": bad("timeout")}).router, spare=good("spare"))
    assert "spare" == call(outer.router, make_request()).text
    assert ["all_failed", None] == [a.error_code for a in outer.record.attempts]


def test_inner_router_without_candidate_is_failed_over(call):
    """What no target of the inner pool can take, a target outside it may."""
    inner = lab({"a": good()}, targets=[make_target("a", context_tokens=10)])
    outer = _outer(inner.router, spare=good("spare"))
    assert "spare" == call(outer.router, make_request()).text
    assert ["no_candidate", None] == [a.error_code for a in outer.record.attempts]


def test_prompt_too_long_for_an_inner_router_goes_elsewhere(call):
    """The windows of the inner pool say nothing about the target after it; any other wrong request ends the call."""
    outer = _outer(lab({"a": bad("context_length")}).router, spare=good("spare"))
    assert "spare" == call(outer.router, make_request()).text
    assert ["all_failed", None] == [a.error_code for a in outer.record.attempts]


def test_wrong_requests_do_not_make_an_inner_router_ill(call):
    """Five requests that are wrong say nothing about the router that passed the refusal on."""
    outer = _outer(lab({"a": bad("invalid_request")}).router, spare=good())
    for _ in range(6):
        with pytest.raises(AllAttemptsFailedError):
            call(outer.router, make_request())
    assert "inner" == outer.router.decide(make_request()).picked


def test_one_wrong_key_inside_does_not_disable_the_inner_router(call):
    """The inner router takes its own target out; the outer one only sees a failure."""
    outer = _outer(lab({"a": bad("server"), "b": bad("auth")}, retry=Retry(extra_attempts=0)).router, spare=good())
    call(outer.router, make_request())
    assert "inner" == outer.router.decide(make_request()).picked


def test_cost_known_to_an_inner_router_is_not_lost(call):
    """A target without a price whose provider states the cost has that cost."""
    inner = lab({"a": good()}, targets=[make_target("a", usd=3.0)])
    outer = lab({"inner": inner.router}, targets=[replace(make_target("inner", usd=None), model="pool")])
    assert pytest.approx(15 * 3.0 / 1e6) == call(outer.router, make_request()).cost_usd


def test_rule_and_cap_hold_during_failover(call):
    """A target that a rule or the price cap dropped is not tried when the others fail."""
    rule = Rule("in the house", When(), only=("a", "c"))
    policy = Policy("capped", "cheapest", PolicySettings(max_usd_per_call=0.01))
    here = lab(
        {"a": bad("server"), "b": good(), "c": good()},
        targets=[make_target("a", usd=1.0), make_target("b", usd=1.0), make_target("c", usd=1_000.0)],
        policy=policy,
        rules=(rule,),
    )
    with pytest.raises(AllAttemptsFailedError):
        call(here.router, make_request())
    assert (3, 0, 0) == tuple(here.hits(n) for n in "abc")


def test_report_reaches_observers():
    """Later truth about a call is passed on with its record id."""
    here = lab({"a": good()})
    reply = here.router.complete(make_request())
    here.router.report(reply.record_id, success=False, evidence="reverted")
    (report,) = here.recorder.reports
    assert (reply.record_id, False, "reverted") == (report.record_id, report.success, report.evidence)


def test_closing_the_router_closes_what_can_be_closed():
    """Providers and observers with a `close` are closed once; others are left alone."""
    closed = []

    class Closing(Recorder):
        def close(self) -> None:
            closed.append(self)

    observer = Closing()
    target = Target("a", "a", "m", price=Price(1, 1))
    with Router(RouterState({"pool": Pool("pool", (target,), "fallback")}, {"a": good()}), observers=[observer]) as router:
        router.complete(make_request())
        assert [] == closed
    assert [observer] == closed
