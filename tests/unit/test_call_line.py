"""A row's line says the same whether or not calls like it were written before."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from routerkit import Policy, PolicySettings, Pool, Request, Usage, fastjson, features
from routerkit.call_line import CallLines
from routerkit.call_row import call_row
from routerkit.case import Snapshot
from routerkit.decision import Decision
from routerkit.experiment import Arm
from routerkit.features import Features
from routerkit.policy import Ticket
from routerkit.record import Attempt, Finding, Record
from routerkit.routes import Match
from routerkit.signals import Signals
from routerkit.testing import Recorder, ScriptedProvider, make_reply, make_request, make_router, make_target

TEXTS = ("a", "100%", 'q"é\\', "x\n\x00", "_0_", "", "\ud800")
NUMBERS = (0.0, -1.5, 1e-300, 1 / 3, float("nan"), float("inf"))
AT = datetime(2026, 11, 27, 21, 0, 0, 1, UTC)
VALUES: dict[str, tuple[Any, ...]] = {
    "str": TEXTS,
    "str | None": (None, *TEXTS),
    "int": (0, 7, 2**63, 2**70),
    "int | None": (None, 0, 7, 2**40),
    "float": NUMBERS,
    "float | None": (None, *NUMBERS),
    "bool": (False, True),
    "tuple[str, ...]": ((), ("a",), TEXTS, ["given as a list"]),
    "frozenset[str]": (frozenset(), frozenset("ab")),
    "datetime": (AT, AT + timedelta(days=1), AT.astimezone(timezone(timedelta(hours=2)))),
    "Usage": (Usage(), Usage(10, 5), Usage(10, 5, 2, 1, 3, True)),
    "Usage | None": (None, Usage(), Usage(10, 5)),
    "tuple[Finding, ...]": ((), (Finding("c", True, "secret"),)),
    "tuple[Match, ...]": ((), (Match("r", "utterances", 0.5, 0.4),)),
    "Arm | None": (None, Arm("e", "v", 0.5, "u")),
    "Callable[[], Signals]": (Signals, lambda: Signals("python", n_files=3)),
    "Status": ("ok", "error", "cancelled"),
    "Purpose": ("answer", "classify"),
    "ErrorKind | None": (None, "transient"),
    "ErrorCode | None": (None, "server"),
}
"""What fields may hold, by their types; others stay as they are."""


PARTS: dict[type, Callable[[Record, dict[str, Any]], Record]] = {
    Decision: lambda record, facts: replace(record, decision=replace(record.decision, **facts)),
    Features: lambda record, facts: replace(record, decision=replace(record.decision, features=replace(record.decision.features, **facts))),
    Request: lambda record, facts: replace(record, request=replace(record.request, **facts)),
    Attempt: lambda record, facts: replace(record, attempts=(replace(record.attempts[0], **facts),)),
}
"""A call with something else in one of its parts."""


def changed(value: Any, rng: random.Random, share: float) -> Any:
    """The value with some of its fields set to something else."""
    found = [f.name for f in fields(value) if f.init and str(f.type) in VALUES and rng.random() < share]
    types = {f.name: str(f.type) for f in fields(value)}
    return replace(value, **{name: rng.choice(VALUES[types[name]]) for name in found})


def variant(record: Record, rng: random.Random) -> Record:
    """A call much like another: mostly the same but for numbers, sometimes in one thing, seldom in many."""
    share = rng.choice((0.0, 0.02, 0.02, 0.1, 0.5))
    decision = replace(record.decision, features=changed(record.decision.features, rng, share))
    if rng.random() < 0.5:
        return replace(changed(record, rng, share), decision=changed(decision, rng, share), request=changed(record.request, rng, share))
    attempts = tuple([changed(a, rng, share) for a in record.attempts]) * rng.choice((1, 1, 1, 0, 2))
    return changed(replace(record, decision=decision, attempts=attempts, latency_s=rng.random()), rng, share)


def called() -> Iterator[Record]:
    """Calls by several policies, some of them with ill, unpriced or dropped targets, and explored ones."""
    explored = PolicySettings(explore_share=0.5)
    policies = [Policy(kind, kind) for kind in ("cheapest_adequate", "bang_for_buck", "weighted", "fallback")]
    for policy in [*policies, Policy("curious", "cheapest_adequate", explored)]:
        for last in (make_target("c", usd=3.0), make_target("c", usd=None), make_target("c", context_tokens=1)):
            recorder = Recorder()
            script = {name: ScriptedProvider([make_reply(), make_reply(output_tokens=9)]) for name in "abc"}
            targets = [make_target("a", usd=1.0), make_target("b", usd=2.0), last]
            router = make_router(script, targets=targets, policy=policy, observers=[recorder])
            for text in ("explain it", "Port this\n```python\nx = 1\n```", "hello"):
                router.complete(replace(make_request(text), agent="planner", max_tokens=100))
                router.complete(replace(make_request(text), session="s1", tags=("legacy",)))
            yield from recorder.records


def decided() -> Iterator[Decision]:
    """Decisions that differ in nothing but the terms of their scores, or the ranking behind an order that was drawn."""
    pool, facts = Pool("pool", tuple([make_target(name) for name in "abc"]), "p"), features(make_request())
    policies = [Policy("p", kind) for kind in ("cheapest", "best", "fallback", "fastest")]
    shares = ({"a": 3, "b": 2, "c": 1}, {"a": 2, "b": 3, "c": 1})
    policies += [Policy("p", "weighted", PolicySettings(weights=weights)) for weights in shares]
    snapshot = Snapshot()
    for policy in policies:
        for seed in range(20):
            yield policy.decide(facts, pool, snapshot, ticket=Ticket("id", AT, seed, ""))


def outcome(write: Callable[[Record], bytes], record: Record) -> object:
    """What a reader sees of the row, or why there is none."""
    try:
        return json.loads(write(record))
    except Exception as exc:  # some of these calls cannot be
        return type(exc)


def agree(lines: CallLines, record: Record) -> bool:
    """Whether the row reads the same both ways."""
    return outcome(lambda r: fastjson.dumps(call_row(r)), record) == outcome(lines.line, record)


def test_line_reads_as_the_row_does_whatever_was_written_before() -> None:
    rng, lines, known = random.Random(7), CallLines(), list(called())
    n_of_a_form = 0
    for _ in range(2_000):
        record, n_forms = variant(rng.choice(known), rng), len(lines._forms)
        assert agree(lines, record)
        n_of_a_form += len(lines._forms) == n_forms
    assert 20 < len(lines._forms)
    assert 1_000 < n_of_a_form


def test_a_line_tells_of_every_single_difference() -> None:
    lines, record = CallLines(), next(called())
    assert agree(lines, record)
    assert agree(lines, record)  # a form is made when it is needed for the second time
    for f, values in ((f, VALUES.get(str(f.type), ())) for f in fields(Record)):
        assert all(agree(lines, replace(record, **{f.name: value})) for value in values), f.name
    for cls, put in PARTS.items():
        for f, values in ((f, VALUES.get(str(f.type), ())) for f in fields(cls) if f.init):
            assert all(agree(lines, put(record, {f.name: value})) for value in values), (cls, f.name)


def test_a_line_tells_of_the_terms_and_the_ranking() -> None:
    lines, record = CallLines(), next(called())
    assert all(agree(lines, replace(record, id=d.id, at=d.at, decision=d)) for d in [*decided()] * 2)


def test_every_sort_of_field_is_varied() -> None:
    """Else a column could come from the first call of a form unseen."""
    steady = {"Request", "Decision", "Features", "Callable[[], Sequence[CandidateRow]]", "tuple[Attempt, ...]"}
    steady |= {"list[tuple[Candidate, ...]]"}
    for cls in (Record, Decision, Features, Attempt):
        assert {str(f.type) for f in fields(cls)} <= set(VALUES) | steady


def test_forms_are_let_go_when_there_are_too_many(monkeypatch) -> None:
    monkeypatch.setattr("routerkit.call_line._MOST_FORMS", 2)
    lines, (record, *_) = CallLines(), called()
    for n in range(5):
        lines.line(replace(record, model=f"m{n}"))
        assert len(lines._forms) <= 2
