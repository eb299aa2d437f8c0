"""A router that is a target of another one keeps the promises of a provider: time, money, and one end of a stream."""

from __future__ import annotations

from dataclasses import replace

import pytest

from routerkit import AllAttemptsFailedError, Reply, Request, Retry, Router, StreamBrokenError
from routerkit.errors import ProviderError
from routerkit.provider import Provider
from routerkit.testing import FakeClock, ScriptedProvider, make_reply, make_request, make_target
from tests.unit.conftest import Call
from tests.unit.lab import Acting, Lab, fault, good, lab


def outer_of(inner: Router, clock: FakeClock | None = None, **more: Provider) -> Lab:
    """A router that asks the inner one first; only the inner one knows prices."""
    targets = [replace(make_target("inner", usd=None), model="pool"), *(make_target(name) for name in more)]
    return lab({"inner": inner, **more}, targets=targets, clock=clock, retry=Retry(extra_attempts=0))


def silent(clock: FakeClock) -> Acting:
    """A provider that says nothing for as long as it may."""

    def wait(request: Request) -> ProviderError:
        clock.now_s += min(request.timeout_s, request.first_token_s or request.timeout_s)
        return fault("timeout")

    return Acting(wait)


@pytest.mark.parametrize("n_silent", [1, 2])
def test_silent_targets_of_an_inner_router_leave_time_for_the_next_target(call: Call, n_silent: int) -> None:
    clock = FakeClock()
    inner = lab({f"silent{n}": silent(clock) for n in range(n_silent)}, clock=clock)
    outer = outer_of(inner.router, clock, spare=good("spare"))
    began = clock.now_s
    assert "spare" == call(outer.router, make_request()).text
    assert 36.0 == pytest.approx(clock.now_s - began)  # 0.6 of the minute


def test_stream_of_an_inner_router_may_go_on_after_the_time_for_its_first_piece(stream_call: Call) -> None:
    clock = FakeClock()
    asked = ScriptedProvider([make_reply()])
    outer = outer_of(lab({"a": asked, "b": good()}, clock=clock).router, clock, spare=good("spare"))
    stream_call(outer.router, make_request())
    (request,) = asked.requests
    assert (60.0, pytest.approx(0.6 * 36.0)) == (request.timeout_s, request.first_token_s)


def test_stream_ends_with_one_signature() -> None:
    """That of the router that was asked; readers take the chunk with a record id for the last one."""
    outer = outer_of(lab({"a": good()}).router)
    chunks = list(outer.router.stream(make_request()))
    assert [outer.record.id] == [chunk.record_id for chunk in chunks if chunk.record_id]
    assert chunks[-1].record_id


def test_what_an_inner_router_paid_for_a_failure_is_part_of_the_cost(call: Call) -> None:
    def bills(request: Request) -> Reply | ProviderError:
        return fault("disconnected", maybe_billed=True)

    inner = lab({"a": Acting(bills)}, targets=[make_target("a", usd=3.0)], retry=Retry(extra_attempts=0))
    outer = outer_of(inner.router)
    with pytest.raises(AllAttemptsFailedError):
        call(outer.router, make_request())
    assert outer.record.cost_usd is not None
    assert 0 < outer.record.cost_usd == inner.record.cost_usd
    assert inner.record.usage == outer.record.usage


def test_failure_that_cost_an_inner_router_nothing_costs_nothing(call: Call) -> None:
    outer = outer_of(lab({"a": Acting(lambda _: fault("overloaded"))}).router, spare=good())
    call(outer.router, make_request())
    assert 0.0 == outer.record.attempts[0].cost_usd


def test_what_an_inner_router_paid_for_a_broken_stream_is_part_of_the_cost(stream_call: Call) -> None:
    broken = ScriptedProvider([fault("truncated", maybe_billed=True)], break_after=3)
    inner = lab({"a": broken}, targets=[make_target("a", usd=3.0)])
    outer = outer_of(inner.router)
    with pytest.raises(StreamBrokenError):
        stream_call(outer.router, make_request())
    assert outer.record.cost_usd is not None
    assert 0 < outer.record.cost_usd == inner.record.cost_usd
