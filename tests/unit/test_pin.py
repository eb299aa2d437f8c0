"""An open tool loop stays with the target that opened it, as long as that target can go on."""

from __future__ import annotations

from dataclasses import replace

from routerkit import Policy, PolicySettings, ProviderError, Request, replay
from routerkit.testing import Recorder, ScriptedProvider, make_reply, make_router

CALL = {"id": "functions.f:0", "type": "function", "function": {"name": "f", "arguments": "{}"}}
LOOP = (
    {"role": "user", "content": "go"},
    {"role": "assistant", "content": None, "tool_calls": [CALL], "origin": "b", "thinking_blocks": ["signed"]},
    {"role": "tool", "tool_call_id": "functions.f:0", "content": "42"},
)
REQUEST = Request("pool", LOOP, pin="b")


def two(**options):
    providers = {name: ScriptedProvider([make_reply(name)]) for name in "ab"}
    return providers, make_router(providers, **options)


def test_open_tool_loop_stays_with_the_target_that_opened_it():
    """Although the policy prefers another."""
    _, router = two()
    reply = router.complete(REQUEST)
    assert "b" == reply.target
    assert "stays with b" in reply.reason


def test_finished_turn_is_routed_anew():
    """Pinning for ever would be no routing."""
    _, router = two()
    assert "a" == router.complete(replace(REQUEST, messages=(*LOOP, {"role": "user", "content": "next"}))).target


def test_pin_overrides_exploration_and_can_be_replayed():
    """A coin toss in mid loop would break it."""
    _, router = two(policy=Policy("p", "weighted", PolicySettings(explore_share=1.0)))
    decisions = [router.decide(REQUEST) for _ in range(20)]
    assert {("b", "b", 1.0)} == {(d.picked, replay(d), d.propensity) for d in decisions}


def test_pinned_target_that_fails_is_replaced_and_the_history_normalised():
    """The record names what was changed for whom."""
    recorder = Recorder()
    providers, router = two(observers=[recorder])
    providers["b"].script = [ProviderError("busy", code="overloaded")]
    assert "a" == router.complete(REQUEST).target
    assert "thinking_blocks" in providers["b"].requests[0].messages[1]
    assert "thinking_blocks" not in providers["a"].requests[0].messages[1]
    first, second = recorder.records[0].attempts
    assert () == first.normalised
    assert "dropped foreign thinking_blocks" in second.normalised


def test_pin_to_a_target_that_is_gone_lets_the_policy_choose():
    """The configuration may have changed since the checkpoint."""
    _, router = two()
    reply = router.complete(replace(REQUEST, pin="gone"))
    assert "a" == reply.target
    assert "gone cannot go on" in reply.reason


def test_reply_and_last_chunk_say_how_many_attempts_and_why():
    """So that a caller need not look into the ledger."""
    providers, router = two()
    providers["a"].script = [ProviderError("slow down", code="rate_limit", status=429)]
    request = Request("pool", ({"role": "user", "content": "hi"},))
    reply = router.complete(request)
    assert 2 == reply.attempts
    assert "'a' failed: rate_limit" in reply.reason
    assert 1 == list(router.stream(request))[-1].attempts
