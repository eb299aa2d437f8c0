"""Requests of unknown usage on a bill: which line is whose, and what a bill says nothing about."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from routerkit.errors import ConfigError
from routerkit.settlement import Asked, settle
from routerkit.usage_export import Billed, Used

NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def line(seconds: float, tokens_in: int = 10, tokens_out: int = 5, usd: float | None = 0.01, model: str = "m") -> Billed:
    return Billed(at(seconds), model, Used(tokens_in, tokens_out, usd))


def asked(
    record: str, seconds: float, tokens_in: int = 10, usd: float | None = 0.05, *, lasted: float | None = None, model: str = "m"
) -> Asked:
    """One of unknown usage."""
    return Asked(
        record, 0, model, at(seconds), None if lasted is None else at(seconds + lasted), Used(tokens_in, 0, usd), is_reported=False
    )


def reported(seconds: float, tokens_in: int = 10, tokens_out: int = 5) -> Asked:
    return Asked("known", 0, "m", at(seconds), at(seconds + 1), Used(tokens_in, tokens_out, 0.01), is_reported=True)


def test_what_the_bill_names_costs_what_it_says_and_the_rest_nothing() -> None:
    found = settle([asked("a", 0), asked("b", 30)], [line(0.0, usd=0.02), line(200.0, model="other")])
    assert [("a", 0.02), ("b", 0.0)] == [(s.asked.record_id, s.billed.cost_usd) for s in found.settled]
    assert ["other"] == [stranger.model for stranger in found.strangers]


def test_lines_of_reported_requests_are_theirs() -> None:
    """Also if a request of unknown usage is nearer."""
    found = settle([asked("a", 10), reported(0)], [line(10), line(20, tokens_in=11)])
    assert [11] == [s.billed.input_tokens for s in found.settled]


def test_reported_requests_get_as_many_lines_as_they_can() -> None:
    """One that began earlier, and may have ended much later, leaves the first line to the one that ended before the second."""
    late = Asked("late", 0, "m", at(-1), None, Used(10, 5, 0.01), is_reported=True)
    assert () == settle([late, reported(0)], [line(0), line(200)]).strangers


def test_of_several_lines_the_one_with_the_most_similar_prompt_counts() -> None:
    found = settle([asked("a", 0, 100), asked("b", 1, 900)], [line(0, 880), line(1, 90)])
    assert [90, 880] == [s.billed.input_tokens for s in found.settled]


@pytest.mark.parametrize(
    ("seconds", "lasted", "is_found"), [(0, 1, True), (-119, 60, True), (-121, 60, False), (-600, None, True), (61, 1, False)]
)
def test_line_is_that_of_an_attempt_within_a_minute(seconds: float, lasted: float | None, is_found: bool) -> None:
    """Of one that was never seen to end, also within ten minutes more."""
    bill = [line(0), line(-700, 1), line(700, 1)]
    taken = [asked("x", -700, 1, lasted=1), asked("y", 700, 1, lasted=1)]
    found = settle([asked("a", seconds, lasted=lasted), *taken], bill)
    assert is_found == (10 in [s.billed.input_tokens for s in found.settled])


def test_what_was_certainly_not_processed_is_asked_for_last() -> None:
    """What nobody knows anything of may have been."""
    found = settle([asked("refused", 0, usd=0.0), asked("lost", 1), asked("unknown", 2, usd=None)], [line(0), line(1)])
    assert {"refused": 0.0, "lost": 0.01, "unknown": 0.01} == {s.asked.record_id: s.billed.cost_usd for s in found.settled}


def test_bill_says_nothing_about_other_times_and_models() -> None:
    found = settle([asked("early", -61), asked("late", 161), asked("other", 50, model="n")], [line(0), line(100)])
    assert () == found.settled


def test_what_was_settled_stays() -> None:
    done = asked("a", 0)._replace(is_settled=True)
    assert () == settle([done], [line(0)]).settled


def test_bill_whose_lines_are_no_requests_settles_nothing() -> None:
    with pytest.raises(ConfigError, match="of 2 requests to m whose usage is known the export lists 0 by minute and tokens"):
        settle([reported(0), reported(10), asked("a", 20)], [line(0, 20, 10), line(60, 1)])


def test_bill_of_one_of_two_providers_that_serve_a_model_settles_nothing() -> None:
    """What went to the other would seem to have cost nothing; another model that is complete does not make up for it."""
    complete = [reported(n)._replace(model="n") for n in range(40)]
    bill = [line(0), *[line(n, model="n") for n in range(40)]]
    with pytest.raises(ConfigError, match=r"of 2 requests to m .* lists 1 .* of every provider and account that served m"):
        settle([reported(0), reported(0), asked("a", 0), *complete], bill)


def test_bill_without_costs_settles_nothing() -> None:
    with pytest.raises(ConfigError, match="does not say what each line cost"):
        settle([asked("a", 0)], [line(0, usd=None)])
